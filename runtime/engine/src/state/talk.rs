//! Folding what a step says to models and what they say: its conversation, what it took of it, and the tools that it called.

use super::{Phase, RunState, StepState};
use crate::event::EventKind;
use crate::question::{Answer, Answered, Called, Label, Purpose, Question, Turn};
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::StepId;
use tradewind_lang::value::Value;

/// The longest text of an answer that is said back to a model: enough to see what was wrong with it.
const SAID_BACK: usize = 4_000;

/// What a step says to models.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Talk {
    /// The conversation.
    pub turns: Vec<Turn>,
    /// The newest question.
    pub question: Option<Arc<Question>>,
    /// Its answer; none while it is open.
    pub answer: Option<Arc<Answered>>,
    /// When that came.
    pub answered_at: i64,
    /// How many questions there were.
    pub asked: u32,
    /// What the questions of this ladder have cost, or may.
    pub task: Option<Money>,
    /// Judgements of the version at hand.
    pub judged: Vec<Value>,
    /// The version at hand, where it is not the first.
    pub version: Option<Value>,
    /// How often the draft was written anew.
    pub revision: u32,
    /// Tool calls so far, by the name of the tool.
    pub called: Vec<Arc<str>>,
    /// The calls of the newest turn, each with the step that it became.
    pub calls: Vec<(Called, Option<StepId>)>,
    /// What the tools of earlier turns answered, by their names.
    pub answers: Vec<(Arc<str>, Value)>,
    /// How many turns there were.
    pub turn: u32,
}

impl RunState {
    /// The most that questions under way may cost.
    #[must_use]
    pub fn outstanding(&self) -> Option<Money> {
        let open = self.steps.iter().filter(|step| matches!(step.phase, Phase::Talking));
        let reserved = open.filter_map(|step| step.talk.as_ref()?.question.as_ref()?.reserved);
        reserved.fold(None, |sum: Option<Money>, more| sum.map_or(Some(more), |sum| sum.plus(more).or(Some(sum))))
    }

    fn talk_of(&mut self, id: StepId) -> Option<&mut Talk> {
        let step = self.steps.get_mut(usize::from(id.0))?;
        Some(Arc::make_mut(step.talk.get_or_insert_default()))
    }

    /// Who answered, for people: no decision looks at it.
    pub(super) fn note_label(&mut self, id: StepId, label: &Label) {
        if let Some(step) = self.steps.get_mut(usize::from(id.0)) {
            step.label = Some(Arc::new(label.clone()));
        }
    }

    /// What a step and its models say to each other.
    pub(super) fn fold_talk(&mut self, id: StepId, kind: &EventKind, at: i64) {
        match kind {
            EventKind::ModelAsked(question) => self.ask_model(id, question),
            EventKind::ModelAnswered(answered) => self.model_answered(id, answered, at),
            EventKind::AnswerTaken(purpose, value) => self.take_answer(id, *purpose, value),
            EventKind::ToolsCalled(called) => self.call_tools(id, called),
            _ => {}
        }
    }

    fn ask_model(&mut self, id: StepId, question: &Arc<Question>) {
        let Some(talk) = self.talk_of(id) else { return };
        if question.anew {
            talk.turns.clear();
        }
        talk.turns.extend(question.says.iter().cloned());
        let begins = talk.question.as_ref().is_none_or(|last| last.since != question.since || last.purpose != question.purpose);
        talk.task = if begins { question.reserved } else { sum(talk.task, question.reserved) };
        talk.question = Some(question.clone());
        talk.answer = None;
        talk.asked = question.number;
        self.set_phase(id, Phase::Talking);
        self.open += 1;
        self.moving += 1;
    }

    fn model_answered(&mut self, id: StepId, answered: &Arc<Answered>, at: i64) {
        if !matches!(self.step(id).map(|step| &step.phase), Some(Phase::Talking)) {
            return;
        }
        self.open = self.open.saturating_sub(1);
        self.moving = self.moving.saturating_sub(1);
        let Some(talk) = self.talk_of(id) else { return };
        let reserved = talk.question.as_ref().and_then(|question| question.reserved);
        if let (Some(task), Some(reserved), Some(spent)) = (talk.task, reserved, answered.spent) {
            talk.task = task.minus(reserved).and_then(|rest| rest.plus(spent));
        }
        if let Answer::Said(reply) = &answered.answer {
            if !reply.text.is_empty() {
                talk.turns.push(Turn::Model(reply.text.chars().take(SAID_BACK).collect::<String>().into()));
            }
            if !reply.calls.is_empty() {
                talk.turns.push(Turn::Calls(reply.calls.clone()));
            }
        }
        talk.answer = Some(answered.clone());
        talk.answered_at = at;
        self.set_phase(id, Phase::Heard);
    }

    fn take_answer(&mut self, id: StepId, purpose: Purpose, value: &Value) {
        let Some(talk) = self.talk_of(id) else { return };
        talk.question = None;
        match purpose {
            Purpose::Judge(_) => talk.judged.push(value.clone()),
            Purpose::Revision(number) => {
                talk.revision = number;
                talk.version = Some(value.clone());
                talk.judged.clear();
            }
            Purpose::Draft | Purpose::Label | Purpose::Turn(_) => {}
        }
        self.set_phase(id, Phase::Heard);
    }

    /// Each call that is let through becomes a step within the agent's own; they go one after the other.
    fn call_tools(&mut self, id: StepId, called: &[Called]) {
        let before = self.step(id).and_then(|step| step.talk.as_ref()).map_or(0, |talk| talk.called.len());
        let first = self.steps.len();
        let (graph, steps) = self.graph.with_tool_calls(id, called, before);
        self.graph = Arc::new(graph);
        let added = self.graph.nodes.iter().skip(first);
        self.steps.extend(added.map(|node| StepState::new(node.blockers)));
        let earlier = self.step(id).and_then(|step| step.talk.as_ref()).map(|talk| talk.calls.clone()).unwrap_or_default();
        let answered = earlier.into_iter().filter_map(|(called, step)| {
            let step = self.step(step?)?;
            matches!(step.phase, Phase::Completed(_)).then(|| (called.name, step.value.clone()))
        });
        let answered: Vec<(Arc<str>, Value)> = answered.collect();
        let Some(talk) = self.talk_of(id) else { return };
        talk.answers.extend(answered);
        talk.question = None;
        talk.turn += 1;
        talk.called.extend(called.iter().map(|call| call.name.clone()));
        talk.calls = called.iter().cloned().zip(steps).collect();
        self.take_arm(id, 0);
    }
}

fn sum(one: Option<Money>, other: Option<Money>) -> Option<Money> {
    match (one, other) {
        (Some(one), Some(other)) => one.plus(other).or(Some(one)),
        (one, other) => one.or(other),
    }
}
