//! Flows: collecting steps, the scope of each, and the order in which they run.

use super::context::{Context, name_of};
use super::control::Steering;
use super::failing::{Failing, failing_flow};
use super::index::Index;
use super::known::Answer;
use super::mixture::{Mixture, endorsements};
use super::model::WrittenRoute;
use super::policy::run_type;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Held, Scope, Tree};
use crate::plan::{Endorsement, Flow, Step, StepId};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::{Marks, Record, Ty};
use std::collections::{BTreeMap, BTreeSet};

/// The verbs.
pub(crate) const VERBS: &[&str] = &["let", "observe", "decide", "reflect", "ask", "agent", "act", "remember", "choose", "each", "wait"];

/// A step as written.
pub(crate) struct Draft<'n> {
    pub(crate) node: &'n Node,
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) within: Option<(usize, u16)>,
}

/// A step's type and marks once it is lowered.
#[derive(Clone)]
pub(crate) struct Lowered {
    pub(crate) step: Step,
    pub(crate) marks: Marks,
    /// What is said of what becomes of it.
    pub(crate) told: Marks,
    /// Fields of its value whose marks are their own.
    pub(crate) parts: Vec<(String, Marks)>,
    /// What other steps see: optional where it may not run.
    pub(crate) seen: Ty,
    pub(crate) reads: BTreeSet<usize>,
    /// What of outside text decides whether it, or what it gates, is done.
    pub(crate) control: Vec<Steering>,
    /// Parameters of its call that outside text chose.
    pub(crate) chosen: BTreeSet<String>,
    /// What it endorses.
    pub(crate) endorsed: Vec<Endorsement>,
    /// Where it tells a model both outside text and private data.
    pub(crate) mixture: Mixture,
    /// What it may fail over.
    pub(crate) failing: Failing,
    /// How large its value may be, where more is known of that than its type says.
    pub(crate) held: Option<Held>,
}

/// One flow under construction.
pub(crate) struct FlowDraft<'n> {
    pub(crate) name: String,
    /// What every place of it may name beside its steps.
    pub(crate) base: Scope,
    /// The record type of its input; absent where it could not be read, which hides no mistake of a step.
    pub(crate) input: Option<String>,
    pub(crate) drafts: Vec<Draft<'n>>,
    /// What of outside text leads to all of it: of `on-failure`, what the flow may fail over; of a flow, what stands in its key.
    pub(crate) reached: Vec<Steering>,
    /// Events of which outside text decides which one a wait takes, so that another one is left for the next wait.
    pub(crate) taken: BTreeSet<String>,
    /// Whether outside text decides how long it waits, so that the time of what follows is its choice.
    pub(crate) delayed: bool,
    pub(crate) lowered: BTreeMap<usize, Lowered>,
    pub(crate) routes: &'n BTreeMap<String, WrittenRoute>,
    /// Made once all drafts are there.
    pub(crate) index: Index,
}

impl<'n> FlowDraft<'n> {
    /// A place outside any flow, such as a critic's, that tells a model something.
    pub(crate) fn alone(name: &str, base: Scope, routes: &'n BTreeMap<String, WrittenRoute>) -> Self {
        let (drafts, reached, lowered) = (Vec::new(), Vec::new(), BTreeMap::new());
        let (taken, delayed, index) = (BTreeSet::new(), false, Index::default());
        Self { name: name.to_owned(), base, input: None, drafts, reached, taken, delayed, lowered, routes, index }
    }
}

impl FlowDraft<'_> {
    /// The arms around a step, outermost first.
    pub(crate) fn arms(&self, within: Option<(usize, u16)>) -> Vec<(usize, u16)> {
        self.index.around(within)
    }

    /// One past the last step inside a step.
    pub(crate) fn end_of(&self, outer: usize) -> usize {
        let inside = |at: &usize| {
            let within = self.drafts.get(*at).and_then(|step| step.within);
            self.arms(within).iter().any(|(around, _)| *around == outer)
        };
        // Those inside stand right behind it.
        (outer + 1..self.drafts.len()).take_while(inside).last().map_or(outer + 1, |last| last + 1)
    }

    /// Steps that may be named from a place: those of the same arm and of the arms around it.
    pub(crate) fn visible(&self, from: Option<(usize, u16)>) -> Vec<usize> {
        self.index.visible(from)
    }

    /// The places in `drafts` of the steps that a list of reads names.
    pub(crate) fn steps_read(&self, reads: &[(String, Span)], from: Option<(usize, u16)>) -> BTreeSet<usize> {
        let names = reads.iter().map(|(path, _)| {
            let mut parts = path.split('.');
            let root = parts.next().unwrap_or("");
            if root == "steps" { parts.next().unwrap_or("") } else { root }
        });
        self.index.named(names, from)
    }
}

/// The names of steps whose verb is mistyped, so that a mistake there is not one in every step that reads them.
fn with_mistyped(scope: Scope, nodes: &[Node]) -> Scope {
    nodes.iter().fold(scope, |scope, node| {
        let verb = node.name.text.as_str();
        let inside = matches!(verb, "choose" | "each" | "when" | "otherwise");
        let mistyped = !VERBS.contains(&verb) && crate::diagnostic::nearest(verb, VERBS.iter().copied()).is_some();
        let scope = match name_of(node).filter(|_| mistyped) {
            Some(name) => scope.with(&name.text, Ty::Unknown, Marks::default()),
            None => scope,
        };
        if inside { with_mistyped(scope, &node.children) } else { scope }
    })
}

impl Context<'_> {
    pub(crate) fn lower_flow(&mut self, node: &Node, name: &str, routes: &BTreeMap<String, WrittenRoute>) -> Option<Flow> {
        self.locate(format!("flow:{name}"), node.span);
        let input = self.lower_input(node, name);
        self.mark_carried(name);
        let base = with_mistyped(self.input_scope(input.as_deref()), &node.children);
        let mut draft = FlowDraft { input, ..FlowDraft::alone(name, base, routes) };
        self.collect(&node.children, None, &mut draft.drafts, &mut BTreeMap::new());
        draft.index = Index::of(&draft);
        if draft.drafts.is_empty() {
            let diagnostic = Diagnostic::new(&meaning::EMPTY, node.name.span, format!("the flow `{name}` has no step"));
            self.report(diagnostic.label("does nothing").help("write a step, such as `let \"greeting\" \"hello\"`"));
        }
        if draft.drafts.len() > usize::from(u16::MAX) {
            return None;
        }
        draft.reached = self.keyed_by(node, draft.input.as_deref());
        self.lower_steps(&mut draft);
        self.check_control(&draft);
        let scope = self.flow_scope(&draft, None, None);
        let key = node
            .setting("key")
            .cloned()
            .and_then(|key| self.plain_key(&key, &self.input_scope(draft.input.as_deref()), "the key of a run"));
        if let (Some(Tree::Constant(_)), Some(value)) = (key.as_ref().map(|key| &key.root), node.setting("key")) {
            let message = format!("the key of `{name}` is the same for every input, so it runs once and never again");
            let diagnostic = Diagnostic::new(&meaning::ONE_RUN, value.span, message).label("always the same");
            self.report(diagnostic.help("write what makes two starts the same run, such as `key=\"=input.id\"`, or leave it out"));
        }
        let output = self.lower_output(node, &scope);
        self.know_output(name, &output);
        let reached = failing_flow(&draft, &output);
        if !reached.is_empty() {
            self.known.failing.insert(name.to_owned());
        }
        let mut endorsed: Vec<Endorsement> = draft.lowered.values().flat_map(|lowered| lowered.endorsed.iter().cloned()).collect();
        endorsed.extend(output.iter().flat_map(|(_, checked)| endorsements("output", &checked.endorsed)));
        let output = output.into_iter().map(|(name, checked)| (name, checked.expr)).collect();
        let summary = self.setting_text(node, "summary").unwrap_or_default();
        let deadline = node.setting("deadline").is_some().then(|| self.span_of_time(node, "deadline")).flatten();
        let cost_cap = node.setting("cost-cap").cloned().and_then(|cap| self.money(&cap));
        let depends = super::order::depends(&draft);
        let cyclic = self.report_cycles(&draft, &depends);
        if cyclic || draft.lowered.len() < draft.drafts.len() {
            return None;
        }
        let terms = self.lower_terms(node, &draft, reached, &mut endorsed);
        let FlowDraft { input, lowered, .. } = draft;
        let steps = finished(lowered, depends);
        Some(Flow { name: name.to_owned(), summary, input: input?, key, deadline, cost_cap, terms, steps, output, endorsed })
    }

    fn know_output(&mut self, name: &str, output: &[(String, crate::expr::Checked)]) {
        let marks = output.iter().fold(Marks::default(), |marks, (_, checked)| marks.with(checked.marks));
        let ty = Ty::Object(output.iter().map(|(name, checked)| (name.clone(), checked.expr.ty.clone())).collect());
        let parts = output.iter().map(|(name, checked)| (name.clone(), checked.marks)).collect();
        self.known.outputs.insert(name.to_owned(), Answer { ty, marks, parts });
    }

    /// Lowers every step, and once more where waits turn out to leave an event, or another one, for each other, or to take as long as
    /// outside text says.
    pub(crate) fn lower_steps(&mut self, draft: &mut FlowDraft<'_>) {
        self.known.through.clear();
        self.known.marked.clear();
        self.known.truths.clear();
        let before = self.diagnostics.len();
        loop {
            self.lower_in_order(draft);
            let (taken, delayed) = (super::wait::taken(draft), super::wait::delayed(draft));
            // There are no more events than waits.
            if taken.is_subset(&draft.taken) && delayed <= draft.delayed {
                return;
            }
            draft.taken.extend(taken);
            draft.delayed |= delayed;
            self.diagnostics.truncate(before);
        }
    }

    /// Lowers every step after those that it reads. Which those are is only known afterwards, so the first order is a guess;
    /// where a step read one that was not lowered yet, its types and marks were unknown, and all is lowered again in the order
    /// of what was really read.
    fn lower_in_order(&mut self, draft: &mut FlowDraft<'_>) {
        let mut order = super::order::lowering_order(draft);
        let before = self.diagnostics.len();
        loop {
            draft.lowered.clear();
            draft.index.forget();
            let mut early = false;
            for at in &order {
                if let Some(lowered) = self.lower_narrowly(*at, draft) {
                    early |= lowered.reads.iter().any(|read| !draft.lowered.contains_key(read));
                    draft.lowered.insert(*at, lowered);
                    draft.index.forget();
                }
            }
            let next = super::order::order_of_reads(draft);
            // The same order again: steps wait for each other, or for one with a mistake, and both are reported.
            if !early || next == order {
                return;
            }
            order = next;
            self.diagnostics.truncate(before);
        }
    }

    /// A step needs no more in scope than the words it is written with. Where that leads to a mistake it is lowered again with
    /// everything in scope, so that names that are near can be suggested.
    fn lower_narrowly(&mut self, at: usize, draft: &mut FlowDraft<'_>) -> Option<Lowered> {
        let (length, reports) = (self.diagnostics.len(), self.diagnostics.reports());
        draft.index.narrow(at);
        let lowered = self.lower_step(at, draft);
        draft.index.widen();
        let fine = lowered.is_some() && self.diagnostics.reports() == reports;
        if fine || !self.diagnostics.affords(draft.drafts.len()) {
            return lowered;
        }
        self.diagnostics.truncate(length);
        self.lower_step(at, draft)
    }

    fn lower_input(&mut self, node: &Node, flow: &str) -> Option<String> {
        // A clock has nothing to give: a flow that only a clock starts has no input.
        let Some(input) = node.first("input") else {
            let timed = |trigger: &Node| trigger.property("every").is_some() || trigger.property("cron").is_some();
            if node.first("trigger").is_none() || !node.all("trigger").all(timed) {
                self.missing(node, "input", "write `input \"TYPE\"`, or `input { field \"id\" string }`");
                return None;
            }
            let name = format!("{flow}.input");
            self.plan.types.records.insert(name.clone(), Record { version: 1, subject: None, fields: Vec::new() });
            return Some(name);
        };
        if let Some(name) = input.argument(0).cloned() {
            return self.reference(&name, "type");
        }
        let fields = self.lower_fields(input, flow);
        let name = format!("{flow}.input");
        self.know_fields(input, &name);
        self.plan.types.records.insert(name.clone(), Record { version: 1, subject: None, fields });
        Some(name)
    }

    pub(crate) fn collect<'n>(
        &mut self,
        nodes: &'n [Node],
        within: Option<(usize, u16)>,
        drafts: &mut Vec<Draft<'n>>,
        named: &mut BTreeMap<String, Span>,
    ) {
        for node in nodes.iter().filter(|node| VERBS.contains(&node.name.text.as_str())) {
            let Some(name) = name_of(node) else { continue };
            self.step_name_allowed(&name.text, name.span);
            if let Some(first) = named.get(&name.text).copied() {
                let diagnostic =
                    Diagnostic::new(&meaning::DUPLICATE_NAME, name.span, format!("there are two steps named `{}` in this flow", name.text));
                self.report(
                    diagnostic.label("again").also(first, "first here").help("a step's name is its name in expressions: rename one"),
                );
            }
            let at = drafts.len();
            named.entry(name.text.clone()).or_insert(name.span);
            drafts.push(Draft { node, name: name.text, span: name.span, within });
            if node.name.text == "each" {
                self.collect(&node.children, Some((at, 0)), drafts, named);
            }
            if node.name.text == "choose" {
                let arms = node.children.iter().filter(|child| matches!(child.name.text.as_str(), "when" | "otherwise"));
                for (arm, child) in arms.enumerate() {
                    self.collect(&child.children, Some((at, u16::try_from(arm).unwrap_or(u16::MAX))), drafts, named);
                }
            }
        }
    }

    pub(crate) fn input_scope(&self, input: Option<&str>) -> Scope {
        let ty = input.map_or(Ty::Unknown, |record| Ty::Record(record.to_owned()));
        Scope::default().with("input", ty, Marks::default())
    }

    /// What a place of a flow may name. `own`: the step that stands there, which may not name itself.
    pub(crate) fn flow_scope(&self, draft: &FlowDraft<'_>, within: Option<(usize, u16)>, own: Option<usize>) -> Scope {
        let around = self.surroundings(draft, within);
        let scope = around.loops.iter().fold(self.steps_scope(draft, within, own), |scope, variables| variables.add(scope));
        scope.knowing(around.known.iter().cloned())
    }

    /// The same without the variables of the loops around it.
    pub(crate) fn steps_scope(&self, draft: &FlowDraft<'_>, within: Option<(usize, u16)>, own: Option<usize>) -> Scope {
        let plain = Marks::default();
        // The instant at which something is looked at is as free as what is waited for before it.
        let moved = Marks { steered: draft.delayed, ..plain };
        let mut scope = draft.base.clone().with("run", run_type(), moved).with("settings", self.settings_type(), plain);
        scope = ["id", "flow"].into_iter().fold(scope, |scope, name| scope.part(format!("run.{name}"), plain));
        let mut states = Vec::new();
        // What became of a step may be decided outside, though what is said of it is not outside text.
        let mut known = plain;
        for at in draft.index.in_scope(within).into_iter().filter(|at| Some(*at) != own) {
            let Some(step) = draft.drafts.get(at) else { continue };
            let (ty, marks) = draft.lowered.get(&at).map_or((Ty::Unknown, plain), |lowered| (lowered.seen.clone(), lowered.marks));
            let steered = draft.lowered.get(&at).is_some_and(|lowered| !lowered.control.is_empty());
            let told = draft.lowered.get(&at).map_or(plain, |lowered| lowered.told);
            let own = if planted(Hole::State) { plain } else { told.choosing().with(Marks { steered, ..plain }) };
            known = known.with(own);
            scope = scope.part(format!("steps.{}", step.name), own);
            let parts = draft.lowered.get(&at).map(|lowered| lowered.parts.as_slice()).unwrap_or_default();
            scope = parts.iter().fold(scope, |scope, (path, marks)| scope.part(format!("{}.{path}", step.name), *marks));
            scope = scope.with(&step.name, ty, marks).holding(draft.lowered.get(&at).and_then(|lowered| lowered.held));
            let flags = ["ran", "denied", "failed"].into_iter().map(|flag| (flag.to_owned(), Ty::Bool));
            let settled = ("settled_by".to_owned(), Ty::String);
            states.push((step.name.clone(), Ty::Object(flags.chain([settled]).collect())));
        }
        scope.with("steps", Ty::Object(states), known)
    }

    pub(crate) fn report_cycles(&mut self, draft: &FlowDraft<'_>, depends: &[BTreeSet<usize>]) -> bool {
        let cycles = super::order::cycles(&super::order::with_inner(draft, depends));
        for cycle in &cycles {
            let mut steps = cycle.iter().filter_map(|at| draft.drafts.get(*at));
            let Some(first) = steps.next() else { continue };
            let names: Vec<String> = cycle.iter().filter_map(|at| draft.drafts.get(*at)).map(|step| format!("`{}`", step.name)).collect();
            let mut diagnostic =
                Diagnostic::new(&meaning::CYCLE, first.span, format!("these steps wait for each other: {}", names.join(", ")))
                    .label("waits");
            for other in steps {
                diagnostic = diagnostic.also(other.span, "waits");
            }
            self.report(diagnostic.help("acts, asks and remembers run in document order: a step cannot use the value of a later one"));
        }
        !cycles.is_empty()
    }
}

/// Steps with what they wait for. Where one could not be lowered, those behind it move up, and what names a step by its place moves with it: a
/// step that seemed to stand in itself would be followed without end.
pub(crate) fn finished(lowered: BTreeMap<usize, Lowered>, depends: Vec<BTreeSet<usize>>) -> Vec<Step> {
    let places: BTreeMap<usize, u16> = lowered.keys().copied().zip(0_u16..).collect();
    let place = |before: usize| places.get(&before).copied().map(StepId);
    let of = |(at, lowered): (usize, Lowered)| {
        let depends = depends.get(at).into_iter().flatten().filter_map(|at| place(*at)).collect();
        let within = lowered.step.within.and_then(|(holder, arm)| Some((place(usize::from(holder.0))?, arm)));
        Step { depends, within, ..lowered.step }
    };
    lowered.into_iter().map(of).collect()
}
