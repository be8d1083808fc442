//! The acts beside `call`: running another flow, taking effects back, emitting an event.

use super::carried::Over;
use super::connector::{object_of, with_fields};
use super::context::{Context, name_of, suggest};
use super::control::Steering;
use super::step::{Place, Verb};
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Checked;
use crate::plan::{Begin, Bindings, EffectKind, Emit, Stage, StepKind, Undo};
use crate::planted::{Hole, planted};
use crate::shape::{Shaped, given};
use crate::ty::{Marks, Ty};

impl Context<'_> {
    /// `stage` and `evidence` belong to an effect: nothing else is looked at.
    fn only_of_effects(&mut self, node: &Node, verb: &str) {
        for name in ["stage", "evidence"] {
            let Some(child) = node.first(name) else { continue };
            let message = format!("`{name}` belongs to an effect, and `{verb}` has none of its own");
            let diagnostic = Diagnostic::new(&meaning::WRONG_VERB, child.name.span, message).label("nothing to look at");
            self.report(diagnostic.help("remove it: the acts that follow have their own"));
        }
    }

    /// Fields of a record, none of which forgets a mark.
    fn labelled_bindings(&mut self, verb: &Node, record: &str, place: &mut Place<'_, '_>) -> Option<Vec<(String, Checked)>> {
        let fields = self.plan.types.records.get(record)?.fields.clone();
        let bound = self.typed_bindings(verb, &fields, &place.scope, record, "field");
        for (name, checked) in &bound {
            let Some(field) = fields.iter().find(|field| field.name == *name) else { continue };
            self.check_labels(checked, field, given::place(verb, name), &place.scope);
        }
        Some(bound.into_iter().map(|(name, checked)| (name, place.note(checked))).collect())
    }

    pub(crate) fn lower_begin(&mut self, node: &Node, verb: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        self.only_of_effects(node, "flow");
        let value = verb.argument(0)?.clone();
        let flow = self.reference(&value, "flow")?;
        // A flow with a mistake, or one that starts this one: reported there.
        let found = self.plan.flows.get(&flow)?.clone();
        let answer = self.known.outputs.get(&flow).cloned()?;
        let bound = self.labelled_bindings(verb, &found.input, place)?;
        self.note_carried(Over::Input, &flow, &bound);
        let input = bound.iter().map(|(name, checked)| (name.clone(), checked.expr.clone())).collect();
        // What it reads itself may make it fail, whatever it is given.
        if self.known.failing.contains(&flow) {
            place.failing.tell(Marks { steered: true, ..Marks::default() }, verb.name.span);
        }
        let begin = Begin { flow, input };
        let steered = self.prove_called(&begin, verb, &bound, place.draft.routes);
        let of = |name: &String| steered.iter().find(|(of, _)| of == name).map_or(Marks::default(), |(_, marks)| *marks);
        let known = |marks: Marks| if planted(Hole::Answer) { Marks::default() } else { marks };
        let marks = known(steered.iter().fold(answer.marks, |marks, (_, steered)| marks.with(*steered)));
        place.parts = answer.parts.iter().map(|(name, own)| (name.clone(), known(own.with(of(name))))).collect();
        // What it was given says nothing of what it reads itself.
        if place.came.is_empty() && marks.choosing().steered {
            place.came.take((begin.flow.clone(), value.span), marks.untrusted);
        }
        Some((StepKind::Begin(Box::new(begin)), answer.ty, marks))
    }

    pub(crate) fn lower_emit(&mut self, node: &Node, verb: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        self.only_of_effects(node, "emit");
        let value = verb.argument(0)?.clone();
        let event = self.reference(&value, "type")?;
        let fields = self.labelled_bindings(verb, &event, place)?;
        self.note_emitted(verb, &event, &fields, place);
        let fields: Bindings = fields.into_iter().map(|(name, checked)| (name, checked.expr)).collect();
        Some((StepKind::Emit(Box::new(Emit { event, fields })), Ty::Object(Vec::new()), Marks::default()))
    }

    pub(crate) fn lower_undo(&mut self, node: &Node, verb: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let flow = self.setting_reference(verb, "flow", "flow")?;
        let Some(step) = verb.setting("step").cloned() else {
            self.missing(verb, "step", "write `step=\"publish\"`: the act whose effects are taken back");
            return None;
        };
        let step_name = self.text(&step, "a step's name")?;
        let acts = self.known.acts.get(&flow).cloned().unwrap_or_default();
        let Some((_, operation)) = acts.iter().find(|(name, _)| *name == step_name).cloned() else {
            let known: Vec<String> = acts.into_iter().map(|(name, _)| name).collect();
            let message = format!("the flow `{flow}` has no act `{step_name}`");
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, step.span, message).label("no such act");
            self.report(suggest(diagnostic, &step_name, &known, step.span, "act"));
            return None;
        };
        let own = self.plan.operations.get(&operation)?.clone();
        let Some(by) = own.terms.undo.as_ref().map(|undo| undo.operation.clone()).filter(|_| own.effect != EffectKind::Irreversible) else {
            let message = format!("`{operation}` cannot be taken back");
            let diagnostic = Diagnostic::new(&meaning::NOT_UNDOABLE, step.span, message).label("has no `undo`");
            self.report(diagnostic.help("give the operation an `undo`, or make up for it with an act of its own"));
            return None;
        };
        let effect = object_of(&own.request);
        let condition = match verb.setting("where").cloned() {
            Some(condition) => {
                let scope = with_fields(place.scope.clone(), "effect", &own.request);
                let checked = self.condition(&condition, &scope)?;
                self.prove_picks(&scope, "this `undo`", condition.span, &checked.expr);
                place.steer(&checked, condition.span);
                if checked.marks.untrusted {
                    let diagnostic = Diagnostic::new(&meaning::TAINTED, condition.span, "text from outside chooses what is taken back");
                    let diagnostic = self.with_way(diagnostic.label("derived from outside text"), &checked, place);
                    self.report(diagnostic.help("bound it with `among(x, own_list)`"));
                }
                place.reads.extend(checked.reads.iter().filter(|(path, _)| path.split('.').next() != Some("effect")).cloned());
                Some(checked.expr)
            }
            None => None,
        };
        // What there is to take back, other runs did.
        if self.known.recalled.acted(&flow, &step_name) && !planted(Hole::Undone) {
            place.control.push(Steering { span: step.span, path: String::new() });
        }
        let last = self.bound(verb, "last", 100_000, "write `last=1`: at most so many effects, the newest first");
        let since = verb.setting("since").is_some().then(|| self.span_of_time(verb, "since")).flatten();
        let back = self.plan.operations.get(&by)?.clone();
        let stage = node.first("stage").map(|stage| self.lower_stage(stage, &back, place));
        // It is judged as an effect of the flow that did what is taken back.
        let evidence = self.lower_evidence(node, &back, &flow, place);
        let guard = node.first("stage").zip(stage.as_ref()).map(|(node, stage)| (node.name.span, stage.as_ref().is_none_or(Stage::always)));
        self.check_guards(&step, &back, guard, &flow);
        let stage = match stage {
            Some(stage) => Some(stage?),
            None => None,
        };
        place.failing.deniable = self.is_deniable(&by, stage.as_ref(), &flow);
        let undo = Undo { flow, step: step_name, operation, by, condition, last: last?, since, evidence, stage };
        let ty = Ty::Object(vec![("effects".to_owned(), Ty::List(Box::new(effect)))]);
        // The requests of what was taken back are part of its value, and the type of that forgets the marks of their fields.
        let secret = own.request.iter().any(|field| field.marks.secret);
        let marks = Marks { steered: !place.control.is_empty(), secret, ..Marks::default() };
        Some((StepKind::Undo(Box::new(undo)), ty, marks))
    }

    /// Every `act { call }` of every flow, as written: what an `undo` may name.
    pub(crate) fn note_acts(&mut self, nodes: &[Node]) {
        fn acts(node: &Node, found: &mut Vec<(String, String)>) {
            for child in &node.children {
                if child.name.text == "act"
                    && let (Some(name), Some(operation)) = (name_of(child), child.first("call").and_then(name_of))
                {
                    found.push((name.text, operation.text));
                }
                acts(child, found);
            }
        }
        for flow in nodes.iter().filter(|node| node.name.text == "flow") {
            let Some(name) = name_of(flow) else { continue };
            let mut found = Vec::new();
            acts(flow, &mut found);
            self.known.acts.insert(name.text, found);
        }
    }
}
