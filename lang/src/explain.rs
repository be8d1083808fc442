//! What an expression is and why: its type and value where it stands, those of each of its parts, and of a macro the item that decided.
//! It works on the text, so that each part can be shown as it was written; it changes nothing and knows no store. It computes with
//! secrets, and shows none.

use crate::ast::{Literal, Scalar};
use crate::conceal::{conceal, hide};
use crate::diagnostic::Diagnostic;
use crate::expr::{self, Checked, EvalError, Expr, Scope};
use crate::plan::{Flow, Plan, Step, StepKind};
use crate::source::{SourceId, Span};
use crate::ty::{Marks, Ty, TypeTable};
use crate::value::{Record, Value};
use crate::written::{self, Form, Part};
use std::collections::BTreeSet;

mod macros;

/// Most parts that are explained; a macro in a macro explains those of one item only.
const MOST: usize = 400;

/// Values that are known, by the name of their variable.
pub type Known = Record;

/// What an expression, or a part of it, comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// As written.
    pub text: String,
    /// How deep it stands; the whole is 0.
    pub depth: usize,
    /// Its type.
    pub ty: Ty,
    /// Its value; nothing where a value that it reads is not known.
    pub value: Option<Result<Value, EvalError>>,
    /// Of a macro: which item decided, or what came of all.
    pub decided: Option<Decided>,
}

/// What decided a macro.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The item's place from 0; nothing where no single item decided.
    pub index: Option<usize>,
    /// The item.
    pub item: Option<Value>,
    /// In words.
    pub why: String,
}

/// What a place of a flow may name: where a step stands, or behind all steps.
#[must_use]
pub fn scope_of(plan: &Plan, flow: &Flow, at: Option<usize>) -> Scope {
    let plain = Marks::default();
    let run = Ty::Object(vec![("id".to_owned(), Ty::String), ("now".to_owned(), Ty::Timestamp), ("flow".to_owned(), Ty::String)]);
    let settings = plan.project.settings.iter().map(|(name, value)| (name.clone(), type_of(value))).collect();
    let mut scope = Scope::default().with("input", Ty::Record(flow.input.clone()), plain).with("run", run, plain).with(
        "settings",
        Ty::Object(settings),
        plain,
    );
    let own = at.and_then(|at| flow.steps.get(at));
    let around = arms(flow, own);
    let mut states = Vec::new();
    for (_, step) in flow.steps.iter().enumerate().filter(|(other, _)| Some(*other) != at) {
        if !around.starts_with(&arms(flow, Some(step))) {
            continue;
        }
        let ty = if plan.may_be_absent(step, &flow.name) { step.ty.clone().optional() } else { step.ty.clone() };
        scope = with_step(scope, step, ty);
        let flags = ["ran", "denied", "failed"].into_iter().map(|flag| (flag.to_owned(), Ty::Bool));
        states.push((step.name.clone(), Ty::Object(flags.chain([("settled_by".to_owned(), Ty::String)]).collect())));
    }
    let scope = scope.with("steps", Ty::Object(states), plain);
    // The step runs only where its condition holds, and those around it: what they prove is known in it.
    let told = |scope: &Scope, when: &Expr, truth: bool| {
        let literal = literal_of(&when.source, SourceId(0));
        let checked = expr::check(&when.source, &literal, 0, scope, &plan.types, None).0;
        checked.map(|checked| if truth { checked.proves } else { checked.refutes }).unwrap_or_default()
    };
    let mut scope = scope;
    for (outer, arm) in around {
        let Some(outer) = flow.steps.get(usize::from(outer)) else { continue };
        let mut conditions: Vec<(&Expr, bool)> = outer.when.iter().map(|when| (when, true)).collect();
        if let StepKind::Choose { arms } = &outer.kind {
            let before = arms.iter().take(usize::from(arm)).filter_map(|earlier| earlier.when.as_ref());
            conditions.extend(before.map(|when| (when, false)));
            conditions.extend(arms.get(usize::from(arm)).and_then(|own| own.when.as_ref()).map(|when| (when, true)));
        }
        if let StepKind::Each(each) = &outer.kind {
            conditions.extend(each.condition.iter().map(|condition| (condition, true)));
        }
        let known: Vec<String> = conditions.into_iter().flat_map(|(when, truth)| told(&scope, when, truth)).collect();
        scope = scope.knowing(known);
    }
    let own = own.and_then(|own| own.when.as_ref()).map(|when| told(&scope, when, true));
    scope.knowing(own.unwrap_or_default())
}

/// The value of a step as a variable. Of what is said of it, it keeps which parts are secrets: of an act, the type does not say it.
pub(crate) fn with_step(scope: Scope, step: &Step, ty: Ty) -> Scope {
    let secret = |marks: Marks| Marks { secret: marks.secret, ..Marks::default() };
    let origin = step.origin.as_ref().filter(|_| matches!(step.kind, StepKind::Act { .. } | StepKind::Undo(_)));
    let Some(origin) = origin else { return scope.with(&step.name, ty, Marks::default()) };
    let scope = scope.with(&step.name, ty, secret(origin.value));
    origin.parts.iter().fold(scope, |scope, (path, marks)| scope.part(format!("{}.{path}", step.name), secret(*marks)))
}

/// A text that stands alone in a source, as a literal.
fn literal_of(text: &str, source: SourceId) -> Literal {
    Literal { scalar: Scalar::String(text.to_owned()), annotation: None, span: Span::new(source, 0, text.len()), offsets: vec![(0, 0)] }
}

/// What an expression of no flow may name.
#[must_use]
pub fn bare_scope(plan: &Plan) -> Scope {
    let settings = plan.project.settings.iter().map(|(name, value)| (name.clone(), type_of(value))).collect();
    Scope::default().with("settings", Ty::Object(settings), Marks::default())
}

/// The arms around a step, outermost first.
fn arms(flow: &Flow, step: Option<&Step>) -> Vec<(u16, u16)> {
    let mut found = Vec::new();
    let mut within = step.and_then(|step| step.within);
    while let Some((choose, arm)) = within {
        found.push((choose.0, arm));
        within = flow.steps.get(usize::from(choose.0)).and_then(|step| step.within);
    }
    found.reverse();
    found
}

fn type_of(value: &Value) -> Ty {
    match value {
        Value::Null => Ty::Null,
        Value::Bool(_) => Ty::Bool,
        Value::Int(_) => Ty::Int,
        Value::Double(_) => Ty::Double,
        Value::String(_) => Ty::String,
        Value::Bytes(_) => Ty::Bytes,
        Value::Timestamp(_) => Ty::Timestamp,
        Value::Duration(_) => Ty::Duration,
        Value::Money(_) => Ty::Money,
        Value::Decimal(_) => Ty::Decimal,
        // Values that only expressions hold do not come from outside.
        Value::UInt(_) | Value::Type(_) | Value::Optional(_) | Value::Map(_) | Value::Erased => Ty::Unknown,
        Value::List(items) => Ty::List(Box::new(items.first().map_or(Ty::Unknown, type_of))),
        Value::Record(record) => Ty::Object(record.0.iter().map(|(name, value)| (name.to_string(), type_of(value))).collect()),
    }
}

/// Checks an expression that stands alone in a source, and says what it comes to: the whole first, then its parts where `parts`.
///
/// # Errors
/// The mistakes of the expression; their spans are bytes of `source`.
pub fn explain(
    text: &str,
    source: SourceId,
    scope: &Scope,
    types: &TypeTable,
    known: &Known,
    parts: bool,
) -> Result<(Vec<Explained>, Vec<Diagnostic>), Vec<Diagnostic>> {
    let literal = literal_of(text, source);
    let (checked, found) = expr::check(text, &literal, 0, scope, types, None);
    let Some(checked) = checked else { return Err(found) };
    let mut explainer = Explainer { text, literal: &literal, types, found: Vec::new() };
    match written::parse(text).filter(|_| parts) {
        Some(tree) => explainer.part(&tree, 0, scope, known),
        None => explainer.push(text.trim(), 0, checked, known),
    }
    Ok((explainer.found, found))
}

struct Explainer<'a> {
    text: &'a str,
    literal: &'a Literal,
    types: &'a TypeTable,
    found: Vec<Explained>,
}

impl Explainer<'_> {
    fn written(&self, part: &Part) -> &str {
        self.text.get(part.start..part.end).unwrap_or("")
    }

    /// A part by itself. Where its type comes from what stands around it, it has none of its own.
    fn check(&self, part: &Part, scope: &Scope) -> Option<Checked> {
        expr::check(self.written(part), self.literal, part.start, scope, self.types, None).0
    }

    fn push(&mut self, text: &str, depth: usize, checked: Checked, known: &Known) {
        let mut value = is_known(&checked, known).then(|| checked.expr.evaluate(known));
        if let Some(Ok(value)) = &mut value {
            // Whether two secrets are the same is none; a field that is true or false may be one.
            let only_chooses = checked.closed && !checked.expr.root.is_path();
            match checked.is_secret_as(&checked.expr.ty) && !only_chooses {
                true => hide(value),
                false => conceal(value, &checked.expr.ty, self.types),
            }
        }
        self.found.push(Explained { text: text.to_owned(), depth, ty: checked.expr.ty, value, decided: None });
    }

    /// A part, and below it what it is made of.
    fn part(&mut self, part: &Part, depth: usize, scope: &Scope, known: &Known) {
        if self.found.len() >= MOST {
            return;
        }
        let inner = match &part.form {
            Form::Group(inner) => return self.part(inner, depth, scope, known),
            Form::Literal => return,
            _ => depth + 1,
        };
        let checked = self.check(part, scope);
        let shown = checked.is_some();
        if let Some(checked) = checked {
            let text = self.written(part).to_owned();
            self.push(&text, depth, checked, known);
        }
        let inner = if shown { inner } else { depth };
        match &part.form {
            Form::Literal | Form::Name | Form::Field(_) | Form::Group(_) => {}
            Form::Index(of, index) => self.all(&[of, index], inner, scope, known),
            Form::Unary(of) => self.part(of, inner, scope, known),
            Form::Binary(sign, left, right) => {
                self.part(left, inner, scope, known);
                // Behind `has(x) &&` the value is known to be there.
                let proven = if sign == "&&" { self.knowing(left, scope) } else { scope.clone() };
                self.part(right, inner, &proven, known);
            }
            Form::Choice(condition, one, other) => {
                self.part(condition, inner, scope, known);
                let taken = self.check(condition, scope).filter(|checked| is_known(checked, known));
                let taken = taken.map(|checked| checked.expr.evaluate(known));
                // Only the side that counts, once it is known which.
                if !matches!(taken, Some(Ok(Value::Bool(false)))) {
                    let proven = self.knowing(condition, scope);
                    self.part(one, inner, &proven, known);
                }
                if !matches!(taken, Some(Ok(Value::Bool(true)))) {
                    self.part(other, inner, scope, known);
                }
            }
            Form::Collection(items) => items.iter().for_each(|item| self.part(item, inner, scope, known)),
            Form::Call(on, name, arguments) => match macros::read(self.text, on.as_deref(), name, arguments) {
                Some(call) => {
                    let at = self.found.len().checked_sub(1).filter(|_| shown);
                    self.macro_of(&call, (inner, at), scope, known);
                }
                None if name == "has" && on.is_none() => {}
                None => {
                    on.iter().for_each(|on| self.part(on, inner, scope, known));
                    arguments.iter().for_each(|argument| self.part(argument, inner, scope, known));
                }
            },
        }
    }

    fn all(&mut self, parts: &[&Part], depth: usize, scope: &Scope, known: &Known) {
        parts.iter().for_each(|part| self.part(part, depth, scope, known));
    }

    /// The scope where a condition holds.
    fn knowing(&self, condition: &Part, scope: &Scope) -> Scope {
        let proves = self.check(condition, scope).map(|checked| checked.proves).unwrap_or_default();
        scope.clone().knowing(proves)
    }
}

/// Whether every variable that an expression reads has a known value; of `steps`, those that it names.
fn is_known(checked: &Checked, known: &Known) -> bool {
    let mut roots = BTreeSet::new();
    for (path, _) in &checked.reads {
        let mut parts = path.split('.');
        let root = parts.next().unwrap_or("");
        let step = if root == "steps" { parts.next() } else { None };
        roots.insert((root, step));
    }
    roots.into_iter().all(|(root, step)| match (known.get(root), step) {
        (Some(steps), Some(step)) => steps.get(step).is_some(),
        (value, _) => value.is_some(),
    })
}
