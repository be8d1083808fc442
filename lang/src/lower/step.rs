//! A step: its common settings, and its one verb. The verbs that only compute or look are here.

use super::came::Came;
use super::context::Context;
use super::control::Steering;
use super::failing::Failing;
use super::flow::{FlowDraft, Lowered};
use super::marked::Paths;
use super::mixture::Mixture;
use super::model::{WrittenRoute, WrittenRung};
use super::prove::Written;
use crate::ast::{Node, Scalar};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Endorsed, Held, Scope};
use crate::plan::{EffectKind, OnError, Origin, Route, Rule, Rung, Step, StepKind};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::{Marks, Ty};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What lowering a verb yields: the kind, the type of its value where it ran, and the marks of that value.
pub(crate) type Verb = (StepKind, Ty, Marks);

/// The place of a step: its scope, and everything its expressions have read so far.
pub(crate) struct Place<'d, 'n> {
    pub(crate) draft: &'d FlowDraft<'n>,
    pub(crate) at: usize,
    pub(crate) scope: Scope,
    pub(crate) reads: Vec<(String, Span)>,
    /// Conditions that rest on outside text.
    pub(crate) control: Vec<Steering>,
    /// Parameters of a call that outside text chose, and its evidence as `evidence.NAME`.
    pub(crate) chosen: BTreeSet<String>,
    /// What it tells others, where its value says more: what becomes of it rests on that alone.
    pub(crate) told: Option<Marks>,
    /// Fields of its value, such as `request.body`, whose marks are their own.
    pub(crate) parts: Vec<(String, Marks)>,
    /// What its expressions endorse.
    pub(crate) endorsed: Vec<Endorsed>,
    /// Where it tells a model both outside text and private data.
    pub(crate) mixture: Mixture,
    /// What it may fail over.
    pub(crate) failing: Failing,
    /// How large its value may be, where more is known of that than its type says.
    pub(crate) held: Option<Held>,
    /// Where outside text comes into its value, or chooses it.
    pub(crate) came: Came,
}

impl<'d, 'n> Place<'d, 'n> {
    /// A place where nothing was read yet.
    pub(crate) fn of(draft: &'d FlowDraft<'n>, at: usize, scope: Scope) -> Self {
        let (mixture, failing) = (Mixture::default(), Failing::default());
        let (reads, control, chosen, parts, endorsed) = (Vec::new(), Vec::new(), BTreeSet::new(), Vec::new(), Vec::new());
        let (held, came) = (None, Came::default());
        Self { draft, at, scope, reads, control, chosen, told: None, parts, endorsed, mixture, failing, held, came }
    }

    /// Notes a condition or a choice that rests on outside text: it decides whether something is done, or to what.
    pub(crate) fn steer(&mut self, checked: &Checked, span: Span) {
        self.control.extend(Steering::of(checked, span));
    }

    /// What was read so far, and what may be named.
    pub(crate) fn paths(&self) -> Paths<'_> {
        Paths { scope: &self.scope, reads: &self.reads }
    }

    /// Notes what an expression reads and returns it.
    pub(crate) fn note(&mut self, checked: Checked) -> Checked {
        self.reads.extend(checked.reads.iter().cloned());
        self.endorsed.extend(checked.endorsed.iter().cloned());
        self.failing.note(&checked);
        self.came.note(&checked);
        checked
    }
}

impl Context<'_> {
    pub(crate) fn lower_step(&mut self, at: usize, draft: &FlowDraft<'_>) -> Option<Lowered> {
        let step = draft.drafts.get(at)?;
        let scope = self.flow_scope(draft, step.within, Some(at));
        let mut place = Place::of(draft, at, scope);
        let node = step.node;
        self.locate(format!("flow:{}.{}", draft.name, step.name), step.span);
        let when = match node
            .property("when")
            .cloned()
            .or_else(|| if node.name.text == "choose" { None } else { node.setting("when").cloned() })
        {
            Some(when) => {
                let checked = self.condition(&when, &place.scope).map(|checked| place.note(checked));
                if let Some(checked) = checked.as_ref().filter(|_| !planted(Hole::When)) {
                    place.steer(checked, when.span);
                }
                if let Some(checked) = &checked {
                    let name = format!("`{}`", step.name);
                    self.prove_possible_alone(&place.scope, &Written { name, span: when.span, when: &checked.expr });
                }
                // The step runs only where its condition held: `when="has(x)"` makes `x` present.
                if let Some(checked) = &checked {
                    place.scope = std::mem::take(&mut place.scope).knowing(checked.proves.clone());
                }
                Some(checked)
            }
            None => None,
        };
        let verb = self.lower_verb(node, &mut place);
        let on_error = self.on_error(node)?;
        let skip_denied = match node.setting("on-denied").cloned() {
            Some(word) => self.word(&word, "`on-denied`", &["stop", "skip"])? == "skip",
            None => false,
        };
        let bounds = self.lower_bounds(node, &mut place);
        let around = self.surroundings(draft, step.within);
        let used = around.loops.iter().filter(|variables| place.reads.iter().any(|(path, _)| variables.names(path)));
        let through: Vec<_> = used.flat_map(|variables| variables.reads.iter().cloned()).collect();
        place.reads.extend(through);
        let mut reads = draft.steps_read(&place.reads, step.within);
        reads.extend(self.lower_after(node, draft, step.within));
        reads.remove(&at);
        let (kind, ty, marks) = verb?;
        let marks = place.mixture.of_answer(marks);
        if when.as_ref().is_some_and(Option::is_none) {
            return None;
        }
        let when = when.flatten();
        let tried = when.as_ref().map_or(Marks::default(), |when| when.marks.choosing());
        let marks = marks.with(tried);
        let when = when.map(|checked| checked.expr);
        let failing = std::mem::take(&mut place.failing).of(&kind, marks, step.span);
        // Where it goes on after a failure, the value, or which items there are, rests on what it failed over.
        let goes_on = on_error == OnError::Skip || skip_denied;
        let decided = goes_on
            && !planted(Hole::Skipped)
            && (!failing.over.is_empty() || failing.possible && !place.control.is_empty() || place.items_fail());
        let tried = Marks { steered: tried.steered || decided, ..tried };
        let (told, marks) = (place.told.unwrap_or(marks).with(tried), marks.with(tried));
        let parts: Vec<(String, Marks)> = place.parts.into_iter().map(|(path, marks)| (path, marks.with(tried))).collect();
        let within = step.within.and_then(|(choose, arm)| Some((crate::plan::StepId(u16::try_from(choose).ok()?), arm)));
        let endorsed = super::mixture::endorsements(&step.name, &place.endorsed);
        let origin = Some(Origin { value: marks, told, parts: Vec::clone(&parts), steered: !place.control.is_empty() });
        let step = Step { name: step.name.clone(), within, when, depends: Vec::new(), on_error, skip_denied, bounds, kind, ty, origin };
        let seen = if self.plan.may_be_absent(&step, &draft.name) { step.ty.clone().optional() } else { step.ty.clone() };
        self.know_way(&step.name, std::mem::take(&mut place.came), marks);
        self.know_marked(&step, marks, Paths { scope: &place.scope, reads: &place.reads });
        let (control, chosen, held) = (place.control, place.chosen, place.held);
        Some(Lowered { step, marks, told, parts, seen, reads, control, chosen, endorsed, mixture: place.mixture, failing, held })
    }

    /// What is done where a step fails; `None` where that cannot be read.
    fn on_error(&mut self, node: &Node) -> Option<OnError> {
        let Some(word) = node.property("on-error").or_else(|| node.setting("on-error")).cloned() else { return Some(OnError::Fail) };
        Some(match self.word(&word, "`on-error`", &["fail", "skip", "undo"])?.as_str() {
            "skip" => OnError::Skip,
            "undo" => OnError::Undo,
            _ => OnError::Fail,
        })
    }

    fn lower_verb(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        match node.name.text.as_str() {
            "let" => {
                let value = node.argument(1)?.clone();
                let checked = self.value(&value, &place.scope, None)?;
                if value.scalar == Scalar::Null {
                    let diagnostic =
                        Diagnostic::new(&meaning::WRONG_VALUE, value.span, "a `let` of nothing has no value that anybody could use");
                    self.report(diagnostic.label("nothing").help("write a value, or remove the step"));
                }
                let checked = place.note(checked);
                self.check_secret_kept(&checked, value.span, "a step's value", &place.scope);
                place.held = Some(checked.expr.held(&place.scope, &self.plan.types));
                let marks = if planted(Hole::Let) { Marks::default() } else { checked.marks };
                Some((StepKind::Let { value: checked.expr.clone() }, checked.expr.ty, marks))
            }
            "observe" => match self.one_of(node, &["call", "recall", "measure"])? {
                call if call.name.text == "call" => self.lower_observe_call(call, place),
                recall if recall.name.text == "recall" => self.lower_recall(recall, place),
                measure => self.lower_measure(measure, place),
            },
            "decide" => self.lower_decide(node, place),
            "reflect" => self.lower_reflect(node, place),
            "ask" => self.lower_ask(node, place),
            "act" => self.lower_act(node, place),
            "remember" => self.lower_remember(node, place),
            "each" => self.lower_each(node, place),
            "wait" => self.lower_wait(node, place),
            "agent" => self.lower_agent(node, place),
            _ => self.lower_choose(node, place),
        }
    }

    /// The one child among `verbs`; none or several are a mistake.
    pub(crate) fn one_of<'n>(&mut self, node: &'n Node, verbs: &[&str]) -> Option<&'n Node> {
        let mut found = node.children.iter().filter(|child| verbs.contains(&child.name.text.as_str()));
        let first = found.next();
        let quoted: Vec<String> = verbs.iter().map(|verb| format!("`{verb}`")).collect();
        match (first, found.next()) {
            (Some(first), None) => Some(first),
            (None, _) => {
                let diagnostic =
                    Diagnostic::new(&meaning::WRONG_VERB, node.name.span, format!("this `{}` does not say what it does", node.name.text));
                self.report(diagnostic.label("no verb").help(format!("write one of {} in it", quoted.join(", "))));
                None
            }
            (Some(first), Some(second)) => {
                let diagnostic =
                    Diagnostic::new(&meaning::WRONG_VERB, second.name.span, format!("this `{}` does two things", node.name.text));
                self.report(diagnostic.label("the second").also(first.name.span, "the first").help("one step, one verb: make two steps"));
                None
            }
        }
    }

    fn lower_observe_call(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let value = node.argument(0)?.clone();
        let name = self.reference(&value, "operation")?;
        let operation = self.plan.operations.get(&name)?.clone();
        if operation.effect != EffectKind::Read {
            let diagnostic =
                Diagnostic::new(&meaning::WRONG_VERB, value.span, format!("`{name}` changes something, so it is not observed"));
            self.report(diagnostic.label("a write").help("write `act` instead of `observe`"));
            return None;
        }
        let request = self.request_bindings(node, &operation, &place.scope);
        // What is found is the provider's own, but which of its records it is may be decided outside.
        let marks = request.iter().filter(|_| !planted(Hole::LookUp));
        let marks = marks.fold(Marks::default(), |marks, (_, checked)| marks.with(checked.marks.choosing()));
        self.check_personal_call(node, &operation, &request, &place.scope);
        let request = request.into_iter().map(|(name, checked)| (name, place.note(checked).expr)).collect();
        Some((StepKind::Call { operation: name, request }, operation.response.clone(), marks))
    }

    fn lower_recall(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        if super::search::searches(node) {
            return self.lower_search(node, place);
        }
        let value = node.argument(0)?.clone();
        let memory = self.reference(&value, "memory")?;
        let found = self.plan.memories.get(&memory)?;
        let (record, recalled) = (found.record.clone(), found.recalled());
        let Some(subject) = node.setting("subject").cloned() else {
            self.missing(node, "subject", "write `subject=\"=input.customer_id\"`: whose facts");
            return None;
        };
        let subject = self.subject(&subject, &place.scope)?;
        let subject = place.note(subject);
        let (marks, subject) = (self.recalled(subject.marks.choosing(), &record, true), subject.expr);
        if marks.steered {
            place.came.take((memory.clone(), value.span), false);
        }
        let last = if node.setting("last").is_some() { self.count(node, "last", 1, 10_000)? } else { 20 };
        let ty = Ty::List(Box::new(Ty::Record(recalled)));
        place.held = Some(Held::listed(&ty, last, &self.plan.types));
        Some((StepKind::Recall { memory, subject, last }, ty, marks))
    }

    pub(crate) fn lower_decide(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        if node.first("rule").is_some() || node.first("otherwise").is_some() {
            for other in node.children.iter().filter(|child| matches!(child.name.text.as_str(), "draft" | "classify" | "split")) {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VERB, other.name.span, "this `decide` does two things");
                self.report(diagnostic.label("beside rules").help("one step, one verb: make two steps"));
            }
            return self.lower_rules(node, place);
        }
        match self.one_of(node, &["draft", "classify", "split", "rule"])? {
            look if look.name.text == "classify" && look.setting("image").is_some() => self.lower_look(look, place),
            classify if classify.name.text == "classify" => self.lower_classify(classify, place),
            split if split.name.text == "split" => self.lower_split(split, place),
            draft => self.lower_draft(draft, place),
        }
    }

    fn lower_rules(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut spans = Vec::new();
        let (mut ty, mut marks): (Option<Ty>, Marks) = (None, Marks::default());
        let mut complete = true;
        for rule in node.all("rule").collect::<Vec<_>>() {
            let name = self.argument(rule, 0, "a rule's name")?;
            let (Some(when), Some(value)) = (rule.setting("when").cloned(), rule.setting("value").cloned()) else {
                for needed in ["when", "value"].into_iter().filter(|needed| rule.setting(needed).is_none()) {
                    self.missing(rule, needed, "write `rule \"late\" when=\"…\" value=\"…\"`");
                }
                complete = false;
                continue;
            };
            let when = self.condition(&when, &place.scope);
            let value = self.value(&value, &place.scope, ty.as_ref());
            let (Some(when), Some(value)) = (when, value) else {
                complete = false;
                continue;
            };
            let (when, value) = (place.note(when), place.note(value));
            let span = rule.setting("value").map_or(rule.span, |value| value.span);
            self.check_secret_kept(&value, span, "a step's value", &place.scope);
            spans.push(rule.setting("when").map_or(rule.span, |when| when.span));
            ty.get_or_insert_with(|| value.expr.ty.clone());
            marks = marks.with(value.marks).with(if planted(Hole::Rule) { Marks::default() } else { when.marks.choosing() });
            rules.push(Rule { name, when: when.expr, value: value.expr });
        }
        let written: Vec<Written<'_>> =
            rules.iter().zip(spans).map(|(rule, span)| Written { name: format!("rule `{}`", rule.name), span, when: &rule.when }).collect();
        self.prove_ladder(&place.scope, &written);
        let Some(otherwise) = node.first("otherwise").and_then(|node| node.setting("value")).cloned() else {
            let diagnostic =
                Diagnostic::new(&meaning::NOT_TOTAL, node.name.span, "these rules do not say what holds when none of them does");
            self.report(diagnostic.label("no `otherwise`").help("write `otherwise value=…` after the rules"));
            return None;
        };
        let checked = self.value(&otherwise, &place.scope, ty.as_ref())?;
        self.check_secret_kept(&checked, otherwise.span, "a step's value", &place.scope);
        let otherwise = place.note(checked);
        let value = ty.unwrap_or_else(|| otherwise.expr.ty.clone());
        let ty = Ty::Object(vec![("value".to_owned(), value), ("rule".to_owned(), Ty::String)]);
        complete.then_some((StepKind::Rules { rules, otherwise: otherwise.expr }, ty, marks.with(otherwise.marks)))
    }

    pub(crate) fn route(&mut self, node: &Node, needs: &str, place: &Place<'_, '_>) -> Option<(String, WrittenRoute)> {
        let name = self.setting_reference(node, "route", "route")?;
        let route = place.draft.routes.get(&name)?.clone();
        if route.needs != needs {
            let span = node.setting("route").map_or(node.span, |value| value.span);
            let diagnostic = Diagnostic::new(
                &meaning::ROUTE_MISMATCH,
                span,
                format!("`{}` needs a route for {needs}, `{name}` is for {}", node.name.text, route.needs),
            );
            self.report(diagnostic.label(format!("for {}", route.needs)).help(format!("name a route with `needs={needs}`")));
            return None;
        }
        Some((name, route))
    }

    fn lower_classify(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let value = node.argument(0)?.clone();
        let labels = self.reference(&value, "enum")?;
        let question = self.question(node, place);
        let (route, written) = self.route(node, "classify", place)?;
        self.classifying_route(&route, &written, &labels)?;
        let question = question?;
        self.check_gates(node, &written, &labels, &question);
        let text = question.said;
        self.check_clearance(node, &route, &written, text.marks, place.paths());
        let ty = verdict(&labels);
        // A label says something of its text: it is as untrusted and as personal as a class can be, but it is no longer the text.
        let heard = if planted(Hole::Label) { Marks::default() } else { text.marks };
        let marks = Marks { model: true, untrusted: heard.untrusted, steered: heard.steered, ..Marks::default() };
        Some((StepKind::Classify { labels, route, text: text.expr }, ty, marks))
    }

    /// The rungs of a route that classifies, for the labels of an enum.
    pub(crate) fn classifying_route(&mut self, route: &str, written: &WrittenRoute, labels: &str) -> Option<()> {
        let mut rungs = Vec::new();
        for rung in &written.rungs {
            rungs.push(match rung {
                WrittenRung::Candidate(model) => Rung::Candidate { model: model.clone() },
                WrittenRung::Value { label, confidence } => {
                    let value = self.typed(label, &Ty::Enum(labels.to_owned()))?;
                    Rung::Value { label: value.as_str().unwrap_or_default().to_owned(), confidence: *confidence }
                }
                WrittenRung::Fail(message) => Rung::Fail { message: message.clone() },
                WrittenRung::Cached(max_age) => Rung::Cached { max_age: *max_age },
                WrittenRung::Person(escalation) => Rung::Person { escalation: escalation.clone() },
                WrittenRung::Template { .. } => return None,
            });
        }
        let terms = written.terms.clone();
        let route = Route { name: route.to_owned(), needs: "classify".to_owned(), rungs, terms };
        self.plan.routes.insert(route.name.clone(), Arc::new(route));
        Some(())
    }

    fn lower_draft(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let value = node.argument(0)?.clone();
        // Without a model on the ladder, the template is all there is to say.
        let asked = node.setting("route").and_then(|route| place.draft.routes.get(route.text()?));
        if super::talk::talks(node) || asked.is_some_and(|route| route.candidates().next().is_some() || route.needs == "image") {
            return self.lower_generate(node, place).map(|(generate, ty, marks)| (StepKind::Generate(Box::new(generate)), ty, marks));
        }
        let record = self.reference(&value, "type")?;
        let fields = self.plan.types.records.get(&record)?.fields.clone();
        let (route, written) = self.route(node, "text", place)?;
        let required: Vec<_> = fields.iter().filter(|field| field.default.is_none() && !matches!(field.ty, Ty::Optional(_))).collect();
        let [only] = required.as_slice() else {
            let diagnostic = Diagnostic::new(
                &meaning::WRONG_VALUE,
                value.span,
                format!("a template fills one text field, `{record}` needs {}", required.len()),
            );
            self.report(diagnostic.label("not one text field").help("draft a type with one required field of type `string`"));
            return None;
        };
        if only.ty != Ty::String {
            let diagnostic = Diagnostic::new(
                &meaning::WRONG_VALUE,
                value.span,
                format!("a template writes text, but `{}` of `{record}` is {}", only.name, only.ty),
            );
            self.report(diagnostic.label("not text").help("draft a type with one required field of type `string`"));
            return None;
        }
        let mut marks = Marks::default();
        let rungs = self.writing_rungs(&written, place, &mut marks)?;
        let terms = written.terms.clone();
        self.plan.routes.insert(route.clone(), Arc::new(Route { name: route.clone(), needs: "text".to_owned(), rungs, terms }));
        let field = only.name.clone();
        Some((StepKind::Draft { record: record.clone(), field, route }, Ty::Record(record), marks))
    }

    fn lower_reflect(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        if super::revise::revises(node) {
            return self.lower_revise(node, place);
        }
        let go_on = match node.setting("else").cloned() {
            Some(word) => self.word(&word, "`else`", &["continue", "stop"])? == "continue",
            None => false,
        };
        let required = self.requires(node, &place.scope);
        required.control.iter().for_each(|of| place.came.take((of.path.clone(), of.span), false));
        place.reads.extend(required.reads);
        if !go_on {
            place.control.extend(required.control);
        }
        let (requires, marks) = (required.requires, required.marks);
        let complete = requires.len() == node.all("require").count();
        if node.first("require").is_none() {
            self.missing(node, "require", "write `require \"CONDITION\" code=\"…\"`: what must hold");
            return None;
        }
        let ty = Ty::Object(vec![("passed".to_owned(), Ty::Bool), ("codes".to_owned(), Ty::List(Box::new(Ty::String)))]);
        complete.then_some((StepKind::Reflect { requires, go_on }, ty, marks))
    }
}

/// What a classification gives.
pub(crate) fn verdict(labels: &str) -> Ty {
    let label = ("label".to_owned(), Ty::Enum(labels.to_owned()));
    Ty::Object(vec![label, ("confidence".to_owned(), Ty::Double), ("by".to_owned(), Ty::String)])
}
