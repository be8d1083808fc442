//! What an agent of the document hears outlives the run that tells it: its session is kept by its key, and whoever addresses it next gets an
//! answer that rests on all of it. Which tools of it outside text moves, and by which of them it says whom. It lowers nothing.

use super::context::Context;
use super::control::Steering;
use super::step::Place;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::select::inner_marks;
use crate::expr::{Checked, Expr};
use crate::plan::{Actor, EffectKind, Tool};
use crate::source::Span;
use crate::ty::{Marks, Ty};
use std::sync::Arc;

/// Whether an expression reads something of a name.
fn reads(expr: &Expr, name: &str) -> bool {
    expr.root.paths().iter().any(|path| path.split('.').next() == Some(name))
}

impl Context<'_> {
    /// Notes what an agent is told, for all who address it.
    pub(crate) fn note_heard(&mut self, agent: &str, told: Marks) {
        let told = Marks { secret: false, model: false, ..told };
        if told != Marks::default() {
            self.known.kept.tell(agent.to_owned(), told);
        }
    }

    /// What an agent was told before, by whomever, and what others left in its memories.
    pub(crate) fn heard(&self, agent: &Actor) -> Marks {
        let said = self.known.recalled.told.get(&agent.name).copied().unwrap_or_default();
        let records = agent.memories.iter().filter_map(|memory| self.plan.memories.get(memory)).map(|memory| &memory.record);
        records.fold(said, |marks, record| {
            let steered = self.known.recalled.whole(record);
            marks.with(inner_marks(&Ty::Record(record.clone()), &self.plan.types)).with(Marks { steered, ..Marks::default() })
        })
    }

    /// Whether what an agent says rests on what other runs told it, or left in its memories.
    pub(crate) fn rests_on_heard(&self, agent: &str) -> bool {
        let memories = self.plan.agents.get(agent).map(|agent| agent.memories.as_slice()).unwrap_or_default();
        let mut records = memories.iter().filter_map(|memory| self.plan.memories.get(memory)).map(|memory| &memory.record);
        self.known.recalled.told.contains_key(agent) || records.any(|record| self.known.recalled.concerns(record))
    }

    /// Notes in the plan which agents hear outside text: a person looks at what those write, whatever the policies say by then.
    pub(crate) fn note_listeners(&mut self) {
        let told = self.known.kept.told.iter().filter(|(_, marks)| marks.untrusted);
        for name in told.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            if let Some(agent) = self.plan.agents.get_mut(&name).filter(|agent| !agent.acting.reads_outside) {
                Arc::make_mut(agent).acting.reads_outside = true;
            }
        }
    }

    /// Notes that outside text chose what an agent was told, and so may move the tools that write. What an agent does that was told outside
    /// text itself is seen by a person, or refused.
    pub(crate) fn note_moved(&self, tools: &[Tool], marks: Marks, span: Span, place: &mut Place<'_, '_>) {
        if marks.steered && !marks.untrusted && tools.iter().any(|tool| self.writes(tool)) {
            place.control.push(Steering { span, path: String::new() });
        }
    }

    fn writes(&self, tool: &Tool) -> bool {
        self.plan.operations.get(&tool.operation).is_some_and(|operation| operation.effect != EffectKind::Read)
    }

    /// Whom and how much the tools of an agent are given by its key, or by what another tool found: words from outside may not say it, and
    /// where they chose it a cap must not count by it.
    pub(crate) fn check_key_of_agent(&mut self, agent: &Actor, key: &Checked, marks: Marks, place: &mut Place<'_, '_>) {
        let steered = key.marks.choosing().steered;
        let mut says = None;
        for tool in agent.acting.tools.iter().filter(|tool| self.writes(tool)) {
            let choosing = self.choosing.get(&tool.operation).cloned().unwrap_or_default();
            for (name, expr) in tool.fixed.iter().chain(&tool.one_of).filter(|(name, _)| choosing.contains(name)) {
                let by_key = steered && reads(expr, "key");
                let by_tool = marks.choosing().steered && agent.acting.tools.iter().any(|other| reads(expr, &other.name));
                if by_key || by_tool {
                    place.chosen.insert(name.clone());
                }
                if by_key && key.speaks() {
                    says.get_or_insert((name, &tool.operation));
                }
            }
        }
        let Some((path, span)) = key.blamed().filter(|_| steered) else { return };
        match says {
            Some((name, operation)) => {
                let message = format!("text from outside (`{path}`) chooses `{name}` of `{operation}`, which the agent takes from its key");
                let diagnostic = Diagnostic::new(&meaning::TAINTED, *span, message).label("outside text chooses it");
                self.report(diagnostic.help("take it from a trusted record, or bound it with `among(x, own_list)`"));
            }
            // Which of them it is, and so what it does at all.
            None if !marks.untrusted => place.control.push(Steering { span: *span, path: path.clone() }),
            None => {}
        }
    }
}
