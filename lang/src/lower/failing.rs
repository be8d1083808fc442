//! What outside text may make fail. A failure stops a run, and then the text kept it from acting; where something goes on after it,
//! behind `on-error=skip` or in `on-failure`, the text decided that, too.

use super::context::Context;
use super::control::{Steering, leading_to, stops};
use super::flow::{FlowDraft, Lowered};
use super::step::Place;
use crate::ast::Node;
use crate::expr::Checked;
use crate::plan::{OnError, StepKind};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::{Field, Marks, Record, Ty};

/// What a step's expressions read of outside text, and whether they may fail.
#[derive(Debug, Default, Clone)]
pub(crate) struct Failing {
    /// Outside text over which it may fail.
    pub(crate) over: Vec<Steering>,
    /// The same before anybody is told anything.
    alone: Vec<Steering>,
    /// Outside text that it reads at all.
    outside: Vec<Steering>,
    /// Whether it may fail over anything.
    pub(crate) possible: bool,
    /// Whether a policy or a person may deny it, and the run with it.
    pub(crate) deniable: bool,
}

impl Failing {
    /// Notes an expression.
    pub(crate) fn note(&mut self, checked: &Checked) {
        let fallible = checked.expr.root.may_fail();
        self.possible |= fallible;
        let Some((path, span)) = checked.blamed().filter(|_| checked.marks.choosing().steered) else { return };
        let steering = Steering { span: *span, path: path.clone() };
        if fallible {
            self.over.push(steering.clone());
        }
        self.outside.push(steering);
    }

    /// Notes a list that may be too long, or a key that two items may have: the step fails over either.
    pub(crate) fn bounds(&mut self, marks: Marks, reads: &[(String, Span)], span: Span) {
        self.possible = true;
        if marks.choosing().steered && !planted(Hole::Bound) {
            self.over.push(Steering { span, path: reads.first().map(|(path, _)| path.clone()).unwrap_or_default() });
        }
    }

    /// Notes what a model or a template is told.
    pub(crate) fn tell(&mut self, marks: Marks, span: Span) {
        if marks.choosing().steered {
            self.outside.push(Steering { span, path: String::new() });
        }
    }

    /// What is said of the whole step. Whoever is called may refuse what he is told, and a model may write what fits nothing.
    pub(crate) fn of(mut self, kind: &StepKind, marks: Marks, span: Span) -> Self {
        self.alone.clone_from(&self.over);
        if matches!(kind, StepKind::Let { .. } | StepKind::Rules { .. } | StepKind::Choose { .. } | StepKind::Each(_)) {
            return self;
        }
        self.possible = true;
        self.over.append(&mut self.outside);
        // What an act is given was noted, and its own marks are also those of the fields that it has.
        if self.over.is_empty() && marks.choosing().steered && !matches!(kind, StepKind::Act { .. }) {
            self.over.push(Steering { span, path: String::new() });
        }
        self
    }
}

impl Place<'_, '_> {
    /// Whether outside text decides that a step inside the one at hand fails.
    pub(crate) fn items_fail(&self) -> bool {
        let inside = |at: &usize| {
            let within = self.draft.drafts.get(*at).and_then(|step| step.within);
            self.draft.arms(within).iter().any(|(outer, _)| *outer == self.at)
        };
        self.draft.lowered.keys().filter(|at| inside(at)).any(|at| !failing(self.draft, *at).is_empty())
    }
}

/// The record of what failed, in which a flow's `on-failure` reads it. Its name is no operator's.
pub(crate) const FAILURE: &str = "on-failure.failure";

/// Whether the message of a step's failure may hold words of somebody else: a provider's answer, or what a model wrote.
fn quotes(kind: &StepKind) -> bool {
    !matches!(
        kind,
        StepKind::Let { .. }
            | StepKind::Rules { .. }
            | StepKind::Reflect { .. }
            | StepKind::Choose { .. }
            | StepKind::Each(_)
            | StepKind::Wait(_)
            | StepKind::Ask { .. }
            | StepKind::Emit(_)
            | StepKind::Recall { .. }
            | StepKind::Remember { .. }
            | StepKind::Facts(_)
    )
}

impl Context<'_> {
    /// The type of `failure`. `decided`: outside text may make the flow fail. Which step it was and of which kind is then what outside
    /// text chose; the message holds what a provider answered or what could not be read, and is outside text itself.
    pub(crate) fn failure(&mut self, flow: &FlowDraft<'_>, decided: bool) -> Ty {
        let untrusted = decided || flow.lowered.values().any(|lowered| quotes(&lowered.step.kind));
        let field = |name: &str, untrusted: bool| Field {
            name: name.to_owned(),
            ty: Ty::String,
            marks: Marks { untrusted, steered: decided, ..Marks::default() },
            default: None,
            min: None,
            max: None,
            pattern: None,
            label: None,
        };
        let fields = vec![field("step", false), field("kind", false), field("message", untrusted)];
        self.plan.types.records.insert(FAILURE.to_owned(), Record { version: 1, subject: None, fields });
        Ty::Record(FAILURE.to_owned())
    }
}

/// Whether the run goes on wherever this step fails, which is then left out. One that stops on purpose, or is denied, ends the run all the
/// same; and of a loop an item is left out, and not what fails before it begins.
fn goes_on(lowered: &Lowered) -> bool {
    let step = &lowered.step;
    let denied = lowered.failing.deniable && !step.skip_denied;
    step.on_error == OnError::Skip && !denied && !stops(&step.kind) && !matches!(step.kind, StepKind::Each(_))
}

/// Outside text over which a step may fail, with what it stands in; none where it is then left out.
pub(crate) fn failing(draft: &FlowDraft<'_>, at: usize) -> Vec<Steering> {
    let Some(lowered) = draft.lowered.get(&at).filter(|lowered| !goes_on(lowered)) else { return Vec::new() };
    let mut found = lowered.failing.over.clone();
    if lowered.failing.possible {
        found.extend(leading_to(draft, at));
    }
    found
}

/// Outside text over which a step is left out while its run goes on: it fails itself, or another step of its item does. `around`: the arms
/// that it stands in.
pub(crate) fn left_out(draft: &FlowDraft<'_>, at: usize, around: &[(usize, u16)]) -> Vec<Steering> {
    let skips = |of: usize| draft.drafts.get(of).is_some_and(|step| skips(step.node));
    let is_loop = |of: usize| draft.drafts.get(of).is_some_and(|step| step.node.name.text == "each");
    // Of a loop, items are left out. What fails in an arm fails the run, whatever the arm says.
    let item = around.iter().map(|(outer, _)| *outer).find(|outer| is_loop(*outer) && skips(*outer));
    let mut found = Vec::new();
    if planted(Hole::LeftOut) {
        return found;
    }
    if (item.is_some() || skips(at)) && !is_loop(at) {
        found.extend(draft.lowered.get(&at).map(|lowered| lowered.failing.alone.clone()).unwrap_or_default());
    }
    let Some(item) = item else { return found };
    // A list that is too long, or two items of one key, and the whole loop is left out.
    found.extend(draft.lowered.get(&item).map(|lowered| lowered.failing.over.clone()).unwrap_or_default());
    let ends = |other: usize, lowered: &Lowered| !(goes_on(lowered) || is_loop(other) && skips(other));
    for other in (item + 1..draft.end_of(item)).filter(|other| *other != at) {
        let Some(lowered) = draft.lowered.get(&other).filter(|lowered| ends(other, lowered)) else { continue };
        found.extend(lowered.failing.over.iter().cloned());
        let within = draft.drafts.get(other).and_then(|step| step.within);
        let inner = draft.arms(within).into_iter().map(|(outer, _)| outer).skip_while(|outer| *outer <= item);
        for of in inner.chain([other]).filter(|_| lowered.failing.possible) {
            found.extend(draft.lowered.get(&of).map(|lowered| lowered.control.clone()).unwrap_or_default());
        }
    }
    found
}

/// Whether a step says that it is left out where it fails.
fn skips(node: &Node) -> bool {
    let word = node.property("on-error").or_else(|| node.setting("on-error"));
    word.is_some_and(|word| word.text() == Some("skip"))
}

/// Outside text over which a flow may fail.
pub(crate) fn failing_flow(draft: &FlowDraft<'_>, output: &[(String, Checked)]) -> Vec<Steering> {
    let skipped = |at: &usize| {
        let within = draft.drafts.get(*at).and_then(|step| step.within);
        // What fails in an arm fails the run, whatever its `choose` says.
        let is_loop = |lowered: &Lowered| matches!(lowered.step.kind, StepKind::Each(_));
        let skips =
            |outer: usize| draft.lowered.get(&outer).is_some_and(|lowered| is_loop(lowered) && lowered.step.on_error == OnError::Skip);
        draft.arms(within).iter().any(|(outer, _)| skips(*outer))
    };
    let mut answer = Failing::default();
    output.iter().for_each(|(_, checked)| answer.note(checked));
    let mut found: Vec<Steering> = Vec::new();
    let steps = draft.lowered.keys().filter(|at| !skipped(at)).flat_map(|at| failing(draft, *at));
    for steering in steps.chain(answer.over) {
        if !found.contains(&steering) {
            found.push(steering);
        }
    }
    found
}
