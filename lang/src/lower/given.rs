//! Values whose type their place gives, in every form in which one may be written: a literal, an expression, text with holes,
//! a list of arguments or of `-` items, fields. Which forms there are is in `shape/given.rs`; what a literal reads as, in `literal.rs`.

use super::annotation::takes_text;
use super::context::{Context, suggest};
use super::scenario::written as written_at_all;
use crate::ast::{Literal, Node, Scalar};
use crate::code::{expression, meaning};
use crate::conform::to_json;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Expr, Scope, Tree};
use crate::shape::given::{self, Given};
use crate::ty::{Field, Marks, Ty};
use crate::value::{Record, Value};

impl Context<'_> {
    /// A value that is the same in every run: nothing is in scope for it, and braces in its text stay as they are.
    pub(crate) fn typed_given(&mut self, name: &str, given: Given<'_>, ty: &Ty) -> Option<Value> {
        let checked = self.written_value(name, given, None, Some(ty))?;
        match checked.expr.evaluate(&Record::default()) {
            Ok(value) => Some(value),
            Err(error) => {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, given.span(), format!("`{name}` has no value: {}", error.0));
                self.report(diagnostic.label("cannot be computed").help("nothing is in scope here: write the value itself"));
                None
            }
        }
    }

    /// A value of a place where `scope` is known.
    pub(crate) fn given_value(&mut self, name: &str, given: Given<'_>, scope: &Scope, expected: Option<&Ty>) -> Option<Checked> {
        self.written_value(name, given, Some(scope), expected)
    }

    fn written_value(&mut self, name: &str, given: Given<'_>, scope: Option<&Scope>, expected: Option<&Ty>) -> Option<Checked> {
        let wanted = match expected {
            Some(Ty::Optional(inner)) => Some(inner.as_ref()),
            other => other,
        };
        match (given, wanted) {
            (Given::One(value), Some(Ty::List(_))) if is_literal(value) && value.scalar != Scalar::Null => {
                self.given_list(name, given, scope, wanted)
            }
            (Given::One(value), _) => self.given_one(value, scope, expected),
            (Given::Several(_) | Given::Items(_), None | Some(Ty::List(_) | Ty::Json | Ty::Unknown)) => {
                self.given_list(name, given, scope, wanted)
            }
            (Given::Fields(node), Some(Ty::Record(record))) => self.given_record(node, record, scope),
            (Given::Fields(node), None | Some(Ty::Map(_) | Ty::Object(_) | Ty::Json | Ty::Unknown)) => {
                self.given_fields(node, scope, wanted)
            }
            (Given::Several(node), Some(_)) => {
                given::surplus(node).into_iter().for_each(|diagnostic| self.report(diagnostic));
                None
            }
            (Given::Items(_) | Given::Fields(_), Some(ty)) => {
                self.refuse_form(name, given, ty);
                None
            }
        }
    }

    fn given_one(&mut self, value: &Literal, scope: Option<&Scope>, expected: Option<&Ty>) -> Option<Checked> {
        let of_file = value.annotation.as_ref().is_some_and(|annotation| annotation.text == "file");
        match (scope, expected) {
            (Some(scope), _) => self.value(value, scope, expected),
            (None, Some(ty)) if of_file && !takes_text(ty) => {
                self.refuse_annotation(value, &format!("this place wants {ty}"));
                None
            }
            (None, _) if of_file => {
                let (text, _) = self.file_or_text(value)?;
                Some(constant_of(Value::string(text), Ty::String))
            }
            (None, Some(ty)) if is_literal(value) => {
                let constant = self.typed(value, ty)?;
                Some(constant_of(constant, ty.clone()))
            }
            (None, _) => self.value(value, &Scope::default(), expected),
        }
    }

    fn given_list(&mut self, name: &str, given: Given<'_>, scope: Option<&Scope>, wanted: Option<&Ty>) -> Option<Checked> {
        let mut item = match wanted {
            Some(Ty::List(item)) => Some(item.as_ref().clone()),
            Some(Ty::Json) => Some(Ty::Json),
            _ => None,
        };
        let mut parts = Vec::new();
        let mut complete = true;
        for part in given.items() {
            match self.written_value(name, part, scope, item.as_ref()) {
                Some(checked) => {
                    // Where nothing says of what the list is, its first item does.
                    item.get_or_insert_with(|| checked.expr.ty.clone());
                    parts.push(checked);
                }
                None => complete = false,
            }
        }
        let text: Vec<String> = parts.iter().map(|part| written(&part.expr)).collect();
        let ty = Ty::List(Box::new(item.unwrap_or(Ty::Unknown)));
        complete.then(|| gathered(parts, ty, format!("[{}]", text.join(", ")), Tree::List))
    }

    /// A record field by field; defaults fill in, everything else must be given.
    fn given_record(&mut self, node: &Node, record: &str, scope: Option<&Scope>) -> Option<Checked> {
        let fields = self.plan.types.records.get(record)?.fields.clone();
        let before = self.diagnostics.reports();
        let mut bound = self.bindings(node, &fields, scope, record, "field");
        let mut parts = Vec::new();
        for field in &fields {
            let given = bound.iter().position(|(name, _)| *name == field.name).map(|at| bound.swap_remove(at).1);
            let left_out = || field.default.clone().or_else(|| matches!(field.ty, Ty::Optional(_)).then_some(Value::Null));
            let part = given.or_else(|| left_out().map(|value| constant_of(value, field.ty.clone())));
            parts.push((field.name.clone(), part?));
        }
        (self.diagnostics.reports() == before).then(|| keyed(parts, Ty::Record(record.to_owned())))
    }

    /// Fields of a map, or of a record without a name.
    fn given_fields(&mut self, node: &Node, scope: Option<&Scope>, wanted: Option<&Ty>) -> Option<Checked> {
        let mut parts = Vec::new();
        let mut complete = true;
        for (name, value) in given::all(node) {
            let expected = match wanted {
                Some(Ty::Map(item)) => Some(item.as_ref()),
                Some(Ty::Object(fields)) => fields.iter().find(|(own, _)| *own == name.text).map(|(_, ty)| ty),
                Some(Ty::Json) => Some(&Ty::Json),
                _ => None,
            };
            match self.written_value(&name.text, value, scope, expected) {
                Some(checked) => parts.push((name.text.clone(), checked)),
                None => complete = false,
            }
        }
        let ty = match wanted {
            Some(ty @ (Ty::Map(_) | Ty::Json)) => ty.clone(),
            _ => Ty::Object(parts.iter().map(|(name, part)| (name.clone(), part.expr.ty.clone())).collect()),
        };
        complete.then(|| keyed(parts, ty))
    }

    fn refuse_form(&mut self, name: &str, given: Given<'_>, ty: &Ty) {
        let what = if matches!(given, Given::Items(_)) { "is a list" } else { "has fields" };
        let help = match ty {
            Ty::List(item) if matches!(**item, Ty::Record(_) | Ty::Map(_)) => format!("write each item as `- FIELD=…` in `{name}`"),
            Ty::List(_) => format!("write its items behind its name: `{name} \"…\" \"…\"`"),
            Ty::Record(_) | Ty::Map(_) | Ty::Object(_) => format!("write its fields: `{name} {{ FIELD … }}`"),
            _ => format!("write `{name} VALUE`"),
        };
        let span = match given {
            Given::Items(node) | Given::Fields(node) => node.name.span,
            other => other.span(),
        };
        let diagnostic = Diagnostic::new(&expression::TYPE, span, format!("`{name}` {what}, its place wants {ty}"));
        self.report(diagnostic.label(what).help(help));
    }

    /// Names bound to values of the types that fields give: unknown and missing ones are mistakes.
    pub(crate) fn bindings(
        &mut self,
        node: &Node,
        fields: &[Field],
        scope: Option<&Scope>,
        of: &str,
        what: &str,
    ) -> Vec<(String, Checked)> {
        let pairs = given::all(node);
        let mut bound = Vec::new();
        for (name, value) in &pairs {
            let Some(field) = fields.iter().find(|field| field.name == name.text) else {
                let known: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
                let diagnostic = Diagnostic::new(&meaning::UNKNOWN_PARAMETER, name.span, format!("`{of}` has no {what} `{}`", name.text))
                    .label(format!("unknown {what}"));
                let diagnostic = suggest(diagnostic, &name.text, &known, name.span, what);
                // A name of a setting stands without quotes.
                let fixes = diagnostic.fixes.into_iter().map(|mut fix| {
                    fix.edits.iter_mut().for_each(|edit| edit.text = edit.text.trim_matches('"').to_owned());
                    fix
                });
                let fixes: Vec<_> = fixes.collect();
                let diagnostic = Diagnostic { fixes, ..diagnostic };
                // A child that gives it has its value behind a space, not behind `=`: both go.
                let whole = name.span.to(value.span());
                self.report(if diagnostic.fixes.is_empty() { diagnostic.proposal("remove it", whole, "") } else { diagnostic });
                continue;
            };
            if let Some(checked) = self.written_value(&name.text, *value, scope, Some(&field.ty)) {
                bound.push((name.text.clone(), checked));
            }
        }
        for field in fields {
            let optional = field.default.is_some() || matches!(field.ty, Ty::Optional(_));
            if !optional && !written_at_all(node, &field.name) {
                let diagnostic = Diagnostic::new(&meaning::MISSING_PARAMETER, node.name.span, format!("`{of}` needs `{}`", field.name));
                let like = if scope.is_some() { "=\"=…\"" } else { "=…" };
                self.report(
                    diagnostic.label(format!("no `{}`", field.name)).help(format!("write `{}{like}` of type {}", field.name, field.ty)),
                );
            }
        }
        bound
    }
}

/// Whether a value is what it says: no expression, no secret.
fn is_literal(value: &Literal) -> bool {
    let annotation = value.annotation.as_ref().map(|annotation| annotation.text.as_str());
    match value.text() {
        Some(text) => annotation == Some("str") || (annotation != Some("secret") && !text.starts_with('=')),
        None => annotation != Some("secret"),
    }
}

/// A constant with nothing said of it.
pub(crate) fn constant_of(value: Value, ty: Ty) -> Checked {
    let marks = Marks::default();
    let (reads, proves, refutes, endorsed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Checked { expr: Expr::constant(value, ty), marks, own: marks, reads, outside: None, proves, refutes, closed: true, endorsed }
}

/// An expression as written; a constant as its value.
fn written(expr: &Expr) -> String {
    match &expr.root {
        Tree::Constant(value) if expr.source.is_empty() => to_json(value).to_string(),
        _ => expr.source.clone(),
    }
}

/// A value with named parts.
fn keyed(parts: Vec<(String, Checked)>, ty: Ty) -> Checked {
    let text: Vec<String> = parts.iter().map(|(name, part)| format!("'{name}': {}", written(&part.expr))).collect();
    let (names, parts): (Vec<String>, Vec<Checked>) = parts.into_iter().unzip();
    gathered(parts, ty, format!("{{{}}}", text.join(", ")), |trees| {
        Tree::Map(names.into_iter().map(|name| Tree::Constant(Value::string(name))).zip(trees).collect())
    })
}

/// One value made of several: what is said of one part is said of the whole.
fn gathered(parts: Vec<Checked>, ty: Ty, source: String, make: impl FnOnce(Vec<Tree>) -> Tree) -> Checked {
    let mut whole = constant_of(Value::Null, ty);
    let mut trees = Vec::new();
    for part in parts {
        whole.marks = whole.marks.with(part.marks);
        whole.own = whole.own.with(part.own);
        whole.closed &= part.closed;
        whole.reads.extend(part.reads);
        whole.outside = whole.outside.or(part.outside);
        whole.endorsed.extend(part.endorsed);
        trees.push(part.expr.root);
    }
    let constant = trees.iter().all(|tree| matches!(tree, Tree::Constant(_)));
    whole.expr.root = make(trees);
    if constant && let Ok(value) = whole.expr.evaluate(&Record::default()) {
        whole.expr.root = Tree::Constant(value);
    } else {
        whole.expr.source = source;
    }
    whole.expr.secret = whole.marks.secret;
    whole
}
