//! The verbs that write, ask or branch: `act`, `ask`, `remember`, `choose`; and what guards an act.

use super::asked::Asked;
use super::connector::object_of;
use super::context::{Context, suggest};
use super::marked::Paths;
use super::prove::Written;
use super::step::{Place, Verb};
use crate::ast::{Literal, Node, Scalar};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Expr, Scope};
use crate::plan::{Arm, Bindings, EffectKind, MoneyDirection, Operation, Stage, StepKind};
use crate::planted::{Hole, planted};
use crate::shape::{Shaped, given};
use crate::source::Span;
use crate::ty::{Field, Marks, Ty};

impl Context<'_> {
    /// The parameters of a call, typed by the operation: unknown and missing ones are mistakes.
    pub(crate) fn request_bindings(&mut self, node: &Node, operation: &Operation, scope: &Scope) -> Vec<(String, Checked)> {
        self.typed_bindings(node, &operation.request, scope, &operation.name, "parameter")
    }

    pub(crate) fn typed_bindings(&mut self, node: &Node, fields: &[Field], scope: &Scope, of: &str, what: &str) -> Vec<(String, Checked)> {
        self.bindings(node, fields, Some(scope), of, what)
    }

    pub(crate) fn lower_act(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let call = self.one_of(node, &["call", "flow", "undo", "emit"])?;
        match call.name.text.as_str() {
            "flow" => return self.lower_begin(node, call, place),
            "undo" => return self.lower_undo(node, call, place),
            "emit" => return self.lower_emit(node, call, place),
            _ => {}
        }
        let value = call.argument(0)?.clone();
        let name = self.reference(&value, "operation")?;
        let operation = self.plan.operations.get(&name)?.clone();
        if operation.effect == EffectKind::Read {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VERB, value.span, format!("`{name}` only reads, so it is not an act"));
            let diagnostic = diagnostic.label("a read").help("write `observe` instead of `act`");
            self.report(diagnostic.fix("write `observe`", node.name.span, "observe"));
            return None;
        }
        let bound = self.request_bindings(call, &operation, &place.scope);
        self.check_taint(call, &operation, &bound, place);
        self.check_backwards(call, &operation, &bound);
        self.check_personal_call(call, &operation, &bound, &place.scope);
        self.note_steered(call, &operation, &bound, place);
        // What was sent can be read again as `STEP.request`: it is as trusted as what it was made of.
        let given = |checked: &Checked| if planted(Hole::Request) { Marks::default() } else { checked.marks };
        let sent = bound.iter().fold(Marks::default(), |marks, (_, checked)| marks.with(given(checked)));
        for field in &operation.request {
            let own = bound.iter().find(|(name, _)| *name == field.name).map_or(Marks::default(), |(_, checked)| given(checked));
            place.parts.push((format!("request.{}", field.name), own.with(field.marks)));
        }
        let said: Vec<(String, Checked)> = bound.iter().filter(|(_, checked)| checked.marks.mixed).cloned().collect();
        let request: Bindings = bound.into_iter().map(|(name, checked)| (name, place.note(checked).expr)).collect();
        let stage = node.first("stage").map(|stage| self.lower_stage(stage, &operation, place));
        let evidence = self.lower_evidence(node, &operation, &place.draft.name, place);
        let guard = node.first("stage").zip(stage.as_ref()).map(|(node, stage)| (node.name.span, stage.as_ref().is_none_or(Stage::always)));
        self.check_guards(&value, &operation, guard, &place.draft.name);
        // A stage that cannot be read is a mistake of its own.
        let asked = stage.as_ref().map_or(Asked::No, |stage| stage.as_ref().map_or(Asked::Always, |stage| Asked::in_stage(Some(stage))));
        self.check_mixed(call, &operation, &said, place, asked);
        let stage = match stage {
            Some(stage) => Some(stage?),
            None => None,
        };
        place.failing.deniable = self.is_deniable(&name, stage.as_ref(), &place.draft.name);
        let mut fields = match &operation.response {
            Ty::Record(record) => self
                .plan
                .types
                .records
                .get(record)
                .map(|record| record.fields.iter().map(|field| (field.name.clone(), field.ty.clone())).collect())
                .unwrap_or_default(),
            Ty::Null => Vec::new(),
            other => vec![("response".to_owned(), other.clone())],
        };
        fields.retain(|(name, _)| name != "request");
        fields.push(("request".to_owned(), object_of(&operation.request)));
        let marks = operation.request.iter().fold(sent, |marks, field| marks.with(field.marks));
        // What the provider answers is as its type says; which of its records it is may be decided by what was sent.
        let answered = crate::expr::select::inner_marks(&operation.response, &self.plan.types);
        let marks = marks.with(answered);
        place.told = Some(sent);
        place.parts.extend(self.answered(&operation, sent));
        Some((StepKind::Act { operation: name, request, evidence, stage }, Ty::Object(fields), marks))
    }

    /// Whether a policy or a person may deny an effect of a flow.
    pub(crate) fn is_deniable(&self, operation: &str, stage: Option<&Stage>, flow: &str) -> bool {
        stage.is_some() || self.plan.policies.values().any(|policy| policy.covers(operation, flow))
    }

    /// The fields of what a provider answers to an act, each with its own marks.
    fn answered(&self, operation: &Operation, sent: Marks) -> Vec<(String, Marks)> {
        match &operation.response {
            Ty::Record(record) => {
                let fields = self.plan.types.records.get(record).map(|record| record.fields.as_slice()).unwrap_or_default();
                let own = fields.iter().filter(|field| field.name != "request");
                own.map(|field| (field.name.clone(), crate::expr::select::narrowed(field).with(sent.choosing()))).collect()
            }
            _ => vec![("response".to_owned(), sent.choosing())],
        }
    }

    pub(crate) fn lower_stage(&mut self, node: &Node, operation: &Operation, place: &mut Place<'_, '_>) -> Option<Stage> {
        let escalation = self.escalation(node, std::slice::from_ref(&operation.name));
        let when = match node.setting("when").cloned() {
            Some(when) => {
                let checked = self.condition(&when, &place.scope)?;
                // Whether a person looks first.
                place.steer(&checked, when.span);
                let written = Written { name: "the stage".to_owned(), span: when.span, when: &checked.expr };
                self.prove_possible_alone(&place.scope, &written);
                Some(place.note(checked).expr)
            }
            None => None,
        };
        let mut editable = Vec::new();
        for value in node.list("editable").into_iter().cloned() {
            if let Scalar::Bool(_) = value.scalar {
                let named: Vec<String> = operation.request.iter().map(|field| format!("`{}`", field.name)).collect();
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, "`editable` names what a person may change");
                self.report(diagnostic.label("names nothing").help(format!(
                    "name parameters of `{}`: {}",
                    operation.name,
                    named.join(", ")
                )));
                continue;
            }
            let Some(name) = self.text(&value, "a parameter's name") else { continue };
            if operation.request.iter().any(|field| field.name == name) {
                editable.push(name);
                continue;
            }
            let known: Vec<String> = operation.request.iter().map(|field| field.name.clone()).collect();
            let diagnostic =
                Diagnostic::new(&meaning::UNKNOWN_PARAMETER, value.span, format!("`{}` has no parameter `{name}`", operation.name))
                    .label("unknown parameter");
            self.report(suggest(diagnostic, &name, &known, value.span, "parameter"));
        }
        Some(Stage { escalation: escalation?, when, editable })
    }

    /// Evidence for every policy that covers the operation: typed by its `needs`; missing is a mistake.
    pub(crate) fn lower_evidence(&mut self, node: &Node, operation: &Operation, flow: &str, place: &mut Place<'_, '_>) -> Bindings {
        let covering = self.plan.policies.values().filter(|policy| policy.covers(&operation.name, flow));
        let mut fields: Vec<Field> = Vec::new();
        let mut differing: Vec<String> = Vec::new();
        for need in covering.flat_map(|policy| policy.needs.iter()) {
            match fields.iter_mut().find(|field| field.name == need.name) {
                Some(field) => {
                    if field.ty != need.ty {
                        differing.push(need.name.clone());
                    }
                    // Optional only where every policy that needs it has a default; trusted where one of them trusts it.
                    field.default = field.default.take().filter(|_| need.default.is_some());
                    field.marks.untrusted &= need.untrusted;
                }
                None => {
                    let marks = Marks { untrusted: need.untrusted, ..Marks::default() };
                    fields.push(Field { marks, default: need.default.clone(), ..Field::plain(need.name.clone(), need.ty.clone()) });
                }
            }
        }
        for name in differing {
            let message = format!("policies on `{}` need the evidence `{name}` with different types", operation.name);
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, node.name.span, message).label("cannot be both");
            self.report(diagnostic.help("give one of them another name"));
        }
        let evidence = node.first("evidence");
        let mut bound = Bindings::new();
        let mut names = Vec::new();
        for (name, value) in evidence.map(given::all).unwrap_or_default() {
            let need = fields.iter().find(|field| field.name == name.text).map(|field| field.ty.clone());
            if need.is_none() {
                let message = format!("no policy on `{}` needs the evidence `{}`", operation.name, name.text);
                self.report(
                    Diagnostic::new(&meaning::UNUSED_EVIDENCE, name.span, message)
                        .label("nobody looks at it")
                        .help("remove it, or let a policy `needs` it")
                        .proposal("remove it", name.span.to(value.span()), ""),
                );
            }
            if let Some(checked) = self.given_value(&name.text, value, &place.scope, need.as_ref()) {
                let trusted = fields.iter().any(|field| field.name == name.text && !field.marks.untrusted);
                if trusted && checked.marks.choosing().steered {
                    let how = if checked.marks.untrusted { "comes from" } else { "was decided by" };
                    let message = format!("the evidence `{}` {how} outside text, and the policy takes it for trusted", name.text);
                    let diagnostic = Diagnostic::new(&meaning::TAINTED, value.span(), message).label("derived from outside text");
                    let diagnostic = self.with_way(diagnostic, &checked, place);
                    self.report(
                        diagnostic.help(format!("write `needs \"{}\" … untrusted` in the policy, if its rules may rest on it", name.text)),
                    );
                }
                self.check_secret_given(&checked, value.span(), "evidence", &place.scope);
                self.check_counted_by(operation, flow, &name.text, (&checked, value.span()), &place.scope);
                if checked.marks.choosing().steered {
                    place.chosen.insert(format!("evidence.{}", name.text));
                }
                bound.push((name.text.clone(), place.note(checked).expr));
            }
            names.push(name.text.clone());
        }
        for field in fields.iter().filter(|field| field.default.is_none() && !names.contains(&field.name)) {
            let message = format!("a policy on `{}` needs the evidence `{}`", operation.name, field.name);
            let span = evidence.map_or(node.name.span, |evidence| evidence.name.span);
            let help = format!("write `evidence {}=\"=…\"` of type {}", field.name, field.ty);
            self.report(Diagnostic::new(&meaning::MISSING_EVIDENCE, span, message).label(format!("no `{}`", field.name)).help(help));
        }
        bound
    }

    /// Money and what cannot be taken back must be covered by a policy, or staged.
    /// `stage`: where it is staged, and whether a person then always looks; one who sometimes looks guards nothing.
    pub(crate) fn check_guards(&mut self, at: &Literal, operation: &Operation, stage: Option<(Span, bool)>, flow: &str) {
        let covered = self.plan.policies.values().any(|policy| policy.covers(&operation.name, flow));
        let money = operation.money.as_ref().is_some_and(|money| money.direction != MoneyDirection::Price);
        let help = format!("write a policy with `on \"{}\"` and a `limit`, `deny` or `escalate`", operation.name);
        if money && !covered {
            let diagnostic =
                Diagnostic::new(&meaning::UNCOVERED_MONEY, at.span, format!("`{}` moves money and no policy covers it", operation.name));
            self.report(diagnostic.label("nothing holds it").help(help));
        } else if operation.effect == EffectKind::Irreversible && !covered && !stage.is_some_and(|(_, always)| always) {
            let mut diagnostic = Diagnostic::new(
                &meaning::UNGUARDED,
                at.span,
                format!("`{}` cannot be taken back, and neither a policy nor a person guards it", operation.name),
            );
            diagnostic = diagnostic.label("irreversible");
            self.report(match stage {
                Some((span, _)) => diagnostic
                    .also(span, "a person looks only where its `when` holds")
                    .help(format!("{help}, or leave out the `when` of the stage")),
                None => diagnostic.help(format!("{help}, or `stage` it")),
            });
        }
    }

    /// Text from outside may not choose the target or the amount of a write.
    pub(crate) fn check_taint(&mut self, call: &Node, operation: &Operation, bound: &[(String, Checked)], place: &Place<'_, '_>) {
        let choosing = self.choosing.get(&operation.name).cloned().unwrap_or_default();
        for (name, checked) in bound.iter().filter(|(name, checked)| checked.speaks() && choosing.contains(name)) {
            let span = given::place(call, name);
            let read = checked.blamed().map(|(path, _)| format!(" (`{path}`)")).unwrap_or_default();
            let message = format!("text from outside{read} chooses `{name}` of `{}`", operation.name);
            let diagnostic = Diagnostic::new(&meaning::TAINTED, span, message).label("outside text chooses it");
            let diagnostic = self.with_way(diagnostic, checked, place);
            self.report(diagnostic.help(
                "take it from a trusted record, or bound it: `among(x, own_list)`, and a number or an amount with `between(x, lo, hi)`",
            ));
        }
    }

    pub(crate) fn lower_ask(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let escalation = self.escalation(node, &[]);
        let question = match node.first("question").and_then(|question| question.argument(0)).cloned() {
            Some(value) => self.noted_template(&value, place),
            None => {
                self.missing(node, "question", "write `question \"…\"`: what the person is asked");
                None
            }
        };
        let mut show = Vec::new();
        for value in node.list("show") {
            let Some(checked) = self.value(value, &place.scope, None) else { continue };
            self.check_secret_given(&checked, value.span, "what a person is shown", &place.scope);
            show.push(place.note(checked).expr);
        }
        let answer = match node.first("answer").and_then(|answer| answer.argument(0)).cloned() {
            Some(value) => self.reference(&value, "type"),
            None => {
                self.missing(node, "answer", "write `answer \"TYPE\"`: what the person fills in");
                None
            }
        };
        let answer = answer?;
        Some((
            StepKind::Ask { escalation: escalation?, question: question?, show, answer: answer.clone() },
            Ty::Record(answer),
            Marks::default(),
        ))
    }

    fn noted_template(&mut self, value: &Literal, place: &mut Place<'_, '_>) -> Option<crate::template::Template> {
        let (text, _) = self.file_or_text(value)?;
        let checked = self.worded(&text, value, &place.scope)?;
        self.check_secret_told(checked.marks, value.span, "what a person is asked", Paths { scope: &place.scope, reads: &checked.reads });
        place.reads.extend(checked.reads);
        Some(checked.template)
    }

    pub(crate) fn lower_remember(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let memory = self.setting_reference(node, "in", "memory")?;
        let found = self.plan.memories.get(&memory)?.clone();
        let record = found.record.clone();
        let fields = self.plan.types.records.get(&record)?.fields.clone();
        if node.first("-").is_some() || (found.subject.is_empty() && node.setting("subject").is_none()) {
            return self.lower_facts(node, place, &found);
        }
        let Some(subject) = node.setting("subject").cloned() else {
            self.missing(node, "subject", "write `subject=\"=input.customer_id\"`: whose fact this is");
            return None;
        };
        let subject = self.written_subject(&subject, place);
        // The record's fields are the children that are not settings of the step.
        let settings = crate::shape::rule_of("flow", "remember").map(|rule| rule.settings.as_slice()).unwrap_or_default();
        let body = Node {
            properties: Vec::new(),
            children: node.children.iter().filter(|child| !settings.contains(&child.name.text)).cloned().collect(),
            ..node.clone()
        };
        let bound = self.typed_bindings(&body, &fields, &place.scope, &record, "field");
        self.check_remembered(&body, &record, &fields, &bound, &place.scope);
        self.check_key(&body, &found, &bound, place);
        let fields = bound.into_iter().map(|(name, checked)| (name, place.note(checked).expr)).collect();
        let subject = place.note(subject?).expr;
        Some((StepKind::Remember { memory, subject, fields }, Ty::Object(Vec::new()), Marks::default()))
    }

    /// Labels survive memory: text from outside, and personal text, goes into fields that are marked so.
    pub(crate) fn check_remembered(&mut self, node: &Node, record: &str, fields: &[Field], bound: &[(String, Checked)], scope: &Scope) {
        self.note_kept(record, fields, bound);
        for (name, checked) in bound {
            let Some(field) = fields.iter().find(|field| field.name == *name) else { continue };
            if self.check_secret_field(checked, field, given::place(node, name), scope) {
                continue;
            }
            let lost = match (checked.marks.untrusted && !field.marks.untrusted, checked.marks.pii && !field.marks.pii) {
                (true, _) => "untrusted",
                (_, true) if carries_text(&field.ty) => "pii",
                _ => continue,
            };
            let span = given::place(node, name);
            let message = format!("`{name}` of `{record}` would forget that this text is {lost}");
            let diagnostic = Diagnostic::new(&meaning::TAINTED, span, message).label(format!("is {lost}, the field is not"));
            let diagnostic = self.with_lost(diagnostic, checked, scope, lost == "pii");
            self.report(diagnostic.help(format!("write `field \"{name}\" {} {lost}`", field.ty)));
        }
    }

    pub(crate) fn lower_choose(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let children: Vec<&Node> = node.children.iter().filter(|child| matches!(child.name.text.as_str(), "when" | "otherwise")).collect();
        let mut arms = Vec::new();
        let mut outputs: Vec<Vec<(String, Checked)>> = Vec::new();
        let mut closed: Option<&Node> = None;
        let mut conditions: Vec<(Expr, Span)> = Vec::new();
        let mut chosen = Marks::default();
        let mut complete = true;
        for (number, child) in children.iter().enumerate() {
            if let Some(otherwise) = closed {
                let diagnostic =
                    Diagnostic::new(&meaning::UNREACHABLE, child.name.span, "nothing after `otherwise` is ever taken").label("never taken");
                self.report(diagnostic.also(otherwise.name.span, "takes everything else").help("put `otherwise` last"));
                complete = false;
            }
            let when = match (child.name.text.as_str(), child.argument(0).cloned()) {
                ("when", Some(when)) => match self.condition(&when, &place.scope) {
                    Some(checked) => {
                        if !planted(Hole::Arm) {
                            place.steer(&checked, when.span);
                            chosen = chosen.with(checked.marks.choosing());
                        }
                        Some(place.note(checked).expr)
                    }
                    None => {
                        complete = false;
                        None
                    }
                },
                ("when", None) => None,
                _ => {
                    closed = Some(child);
                    None
                }
            };
            let arm = Some((place.at, u16::try_from(number).unwrap_or(u16::MAX)));
            let scope = self.flow_scope(place.draft, arm, None);
            let output = self.lower_output(child, &scope);
            place.reads.extend(output.iter().flat_map(|(_, checked)| checked.reads.iter().cloned()));
            output.iter().for_each(|(_, checked)| place.failing.note(checked));
            output.iter().for_each(|(_, checked)| place.came.note(checked));
            conditions.extend(when.clone().zip(child.argument(0).map(|when| when.span)));
            arms.push(Arm { when, output: Vec::new() });
            outputs.push(output);
        }
        let written: Vec<Written<'_>> =
            conditions.iter().map(|(when, span)| Written { name: format!("the arm `{}`", when.source), span: *span, when }).collect();
        self.prove_ladder(&place.scope, &written);
        if closed.is_none() {
            let diagnostic =
                Diagnostic::new(&meaning::NOT_TOTAL, node.name.span, "this `choose` does not say what happens when no condition holds");
            self.report(diagnostic.label("no `otherwise`").help("write `otherwise { }` as its last child"));
            return None;
        }
        let marks = outputs.iter().flatten().fold(chosen, |marks, (_, checked)| marks.with(checked.marks));
        for (name, checked) in outputs.iter().flatten() {
            match place.parts.iter_mut().find(|(of, _)| of == name) {
                Some((_, known)) => *known = known.with(checked.marks),
                None => place.parts.push((name.clone(), chosen.with(checked.marks))),
            }
        }
        let ty = Self::join_outputs(&mut outputs);
        for (arm, output) in arms.iter_mut().zip(outputs) {
            arm.output = output.into_iter().map(|(name, checked)| (name, checked.expr)).collect();
        }
        complete.then_some((StepKind::Choose { arms }, ty, marks))
    }

    /// `output { name "=value" }` of a flow or an arm.
    pub(crate) fn lower_output(&mut self, node: &Node, scope: &Scope) -> Vec<(String, Checked)> {
        let mut bound = Vec::new();
        for output in node.all("output").collect::<Vec<_>>() {
            for (name, value) in given::all(output) {
                self.snake_case(&name.text, name.span, "an output");
                let Some(checked) = self.given_value(&name.text, value, scope, None) else { continue };
                self.check_secret_given(&checked, value.span(), "an output", scope);
                bound.push((name.text.clone(), checked));
            }
        }
        bound
    }
}

/// Whether a value of a type can hold words that somebody else chose.
pub(crate) fn carries_text(ty: &Ty) -> bool {
    match ty {
        Ty::String | Ty::Json | Ty::Bytes | Ty::Record(_) | Ty::Object(_) => true,
        Ty::List(item) | Ty::Map(item) | Ty::Optional(item) => carries_text(item),
        _ => false,
    }
}
