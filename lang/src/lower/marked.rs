//! The way of what is marked `secret` or `pii`: the path that brings it into a value, the steps that it came through, and the field that
//! says so. It judges nothing; a mistake shows it, so that nobody has to look for the place himself. The way of outside text is in `came`.

use super::came::{Read, first};
use super::context::{Context, name_of};
use crate::ast::{Literal, Node};
use crate::diagnostic::Diagnostic;
use crate::expr::select::{Selected, select};
use crate::expr::{Checked, Scope, closed};
use crate::plan::{Step, StepKind};
use crate::source::Span;
use crate::ty::{Marks, Ty};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A mark that a value keeps from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `secret`
    Secret,
    /// `pii`
    Personal,
    /// `untrusted`: its way through steps is in `came`.
    Outside,
}

impl Mark {
    /// Whether it is among these.
    pub(crate) fn is_in(self, marks: Marks) -> bool {
        match self {
            Self::Secret => marks.secret,
            Self::Personal => marks.pii,
            Self::Outside => marks.untrusted,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Personal => "pii",
            Self::Outside => "untrusted",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Secret => "a secret",
            Self::Personal => "personal data",
            Self::Outside => "outside text",
        }
    }
}

/// What an expression reads, and what it may name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paths<'a> {
    pub(crate) scope: &'a Scope,
    pub(crate) reads: &'a [Read],
}

/// The path that brings a mark, and the field that says so; no field where a step's value as a whole is marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Brought {
    read: Read,
    field: Option<Span>,
}

/// What a path names.
struct Named {
    ty: Ty,
    marks: Marks,
    /// Whether a field of a record says so, and not only the value of a step that was made of such a field.
    declared: bool,
    /// Where that field stands.
    field: Option<Span>,
}

/// The name of the record that a type is, or is a list or a map of, or may be.
fn record_of(ty: &Ty) -> Option<&str> {
    match ty {
        Ty::Record(name) => Some(name),
        Ty::Optional(inner) | Ty::List(inner) | Ty::Map(inner) => record_of(inner),
        _ => None,
    }
}

impl Context<'_> {
    /// Keeps where the marked fields of a record, or of an operation's request, are declared.
    pub(crate) fn know_fields(&mut self, node: &Node, of: &str) {
        let is_marked = |field: &&Node| {
            let marks = field.arguments.iter().skip(2).filter_map(Literal::text);
            field.name.text == "field"
                && marks.into_iter().any(|mark| [Mark::Secret, Mark::Personal, Mark::Outside].iter().any(|of| of.word() == mark))
        };
        for field in node.children.iter().filter(is_marked) {
            if let Some(name) = name_of(field) {
                Arc::make_mut(&mut self.known.fields).entry((of.to_owned(), name.text)).or_insert(name.span);
            }
        }
    }

    /// Sets where the marked fields of a record are declared, and says where they were before.
    pub(crate) fn exchange_fields(&mut self, record: &str, by: Vec<(String, Span)>) -> Vec<(String, Span)> {
        let from = (record.to_owned(), String::new());
        let of_record = self.known.fields.range(from..).take_while(|((of, _), _)| of == record);
        let before: Vec<(String, Span)> = of_record.map(|((_, field), span)| (field.clone(), *span)).collect();
        if !(before.is_empty() && by.is_empty()) {
            let fields = Arc::make_mut(&mut self.known.fields);
            for (field, _) in &before {
                fields.remove(&(record.to_owned(), field.clone()));
            }
            fields.extend(by.into_iter().map(|(field, span)| ((record.to_owned(), field), span)));
        }
        before
    }

    /// Where a field is declared.
    pub(crate) fn field_of(&self, record: &str, field: &str) -> Option<Span> {
        self.known.fields.get(&(record.to_owned(), field.to_owned())).copied()
    }

    /// Keeps what brought a mark into the value of a step.
    pub(crate) fn know_marked(&mut self, step: &Step, marks: Marks, paths: Paths<'_>) {
        self.know_truths(&step.name, &step.kind);
        for mark in [Mark::Secret, Mark::Personal] {
            let key = (step.name.clone(), mark.word());
            match self.brought(paths, mark).filter(|_| mark.is_in(marks)) {
                Some(brought) => drop(self.known.marked.insert(key, brought)),
                // What a lowering before this one found, in which types were not known.
                None => drop(self.known.marked.remove(&key)),
            }
        }
    }

    /// Keeps which fields of an act, of its request and of what is answered, are declared secrets of few values.
    fn know_truths(&mut self, step: &str, kind: &StepKind) {
        let StepKind::Act { operation, .. } = kind else { return };
        let Some(operation) = self.plan.operations.get(operation) else { return };
        let answered = record_of(&operation.response).and_then(|record| self.plan.types.records.get(record));
        let answered = answered.into_iter().flat_map(|record| &record.fields).map(|field| (field, format!("{step}.{}", field.name)));
        let sent = operation.request.iter().map(|field| (field, format!("{step}.request.{}", field.name)));
        let truths: Vec<String> =
            sent.chain(answered).filter(|(field, _)| field.marks.secret && closed(&field.ty)).map(|(_, path)| path).collect();
        self.known.truths.extend(truths);
    }

    /// A diagnostic with the path that brings the mark, the steps that it came through, the last first, and the field that says so.
    pub(crate) fn with_mark(&self, mut diagnostic: Diagnostic, paths: Paths<'_>, mark: Mark) -> Diagnostic {
        let mut next = self.brought(paths, mark);
        let mut seen: Vec<Span> = Vec::new();
        while let Some(Brought { read: (path, span), field }) = next {
            if seen.contains(&span) {
                break;
            }
            seen.push(span);
            // Where nothing else is read, the place itself is the path.
            let within = span.source == diagnostic.span.source && span.start >= diagnostic.span.start && span.end <= diagnostic.span.end;
            if !(within && paths.reads.len() == 1) {
                diagnostic = diagnostic.also(span, format!("`{path}` brings {} in here", mark.what()));
            }
            if let Some(field) = field {
                return diagnostic.also(field, format!("marked `{}` here", mark.word()));
            }
            next = self.known.marked.get(&(first(&path).to_owned(), mark.word())).cloned();
        }
        diagnostic
    }

    /// The same where a field would forget a mark; of outside text its way.
    pub(crate) fn with_lost(&self, diagnostic: Diagnostic, checked: &Checked, scope: &Scope, is_personal: bool) -> Diagnostic {
        match is_personal {
            true => self.with_mark(diagnostic, Paths { scope, reads: &checked.reads }, Mark::Personal),
            false => self.with_way_through(diagnostic, checked, &[], scope),
        }
    }

    /// A diagnostic with the field by which what a path names is outside text.
    pub(crate) fn with_declared(&self, diagnostic: Diagnostic, scope: &Scope, path: &str) -> Diagnostic {
        match self.marked_in(scope, path, Mark::Outside).flatten() {
            Some(field) => diagnostic.also(field, format!("marked `{}` here", Mark::Outside.word())),
            None => diagnostic,
        }
    }

    /// The first path that brings a mark.
    fn brought(&self, Paths { scope, reads }: Paths<'_>, mark: Mark) -> Option<Brought> {
        let of = |(path, span): &Read| Some(Brought { read: (path.clone(), *span), field: self.marked_in(scope, path, mark)? });
        reads.iter().find_map(of)
    }

    /// Whether a value is a secret itself although it is one of what the operator listed, such as a truth: a truth about a secret tells
    /// less than it, but a truth that is one tells all of it.
    pub(crate) fn is_secret_truth(&self, checked: &Checked, scope: &Scope) -> bool {
        self.is_marked_truth(checked, scope, Mark::Secret)
    }

    /// The same of any mark: somebody wrote it to a field of few values, and meant those.
    pub(crate) fn is_marked_truth(&self, checked: &Checked, scope: &Scope, mark: Mark) -> bool {
        let is_one = |(path, _): &Read| self.look(scope, path, mark).is_some_and(|found| found.declared && closed(&found.ty));
        mark.is_in(checked.marks) && checked.closed && checked.reads.iter().any(is_one)
    }

    /// The field by which what a path names is marked; `None` where it is not marked.
    #[expect(clippy::option_option, reason = "that it is marked, and that a field says so, are two things")]
    fn marked_in(&self, scope: &Scope, path: &str, mark: Mark) -> Option<Option<Span>> {
        let Named { ty, marks, field, .. } = self.look(scope, path, mark)?;
        if mark.is_in(marks) { Some(field) } else { self.marked_inside(&ty, mark, &mut BTreeSet::new()) }
    }

    /// What a path names.
    fn look(&self, scope: &Scope, path: &str, mark: Mark) -> Option<Named> {
        let mut parts = path.split('.');
        let mut at = parts.next()?.to_owned();
        let variable = scope.get(&at)?;
        let (mut ty, mut marks, mut field, mut declared) = (variable.ty.clone(), variable.marks, None, false);
        for part in parts {
            at = format!("{at}.{part}");
            let Selected::Field(next, own) = select(&ty, part, &self.plan.types) else { break };
            if mark.is_in(own) {
                declared = true;
                field = record_of(&ty).and_then(|record| self.field_of(record, part));
            }
            (ty, marks) = (next, marks.with(own));
            if let Some((_, own)) = scope.parts.iter().find(|(of, _)| *of == at) {
                marks = *own;
            }
            declared |= mark == Mark::Secret && self.known.truths.contains(&at);
        }
        Some(Named { ty, marks, declared, field })
    }

    /// The first field inside a type that is marked; a record may hold itself.
    #[expect(clippy::option_option, reason = "that something is marked, and that its place is known, are two things")]
    fn marked_inside(&self, ty: &Ty, mark: Mark, seen: &mut BTreeSet<String>) -> Option<Option<Span>> {
        match ty {
            Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => self.marked_inside(inner, mark, seen),
            Ty::Object(fields) => fields.iter().find_map(|(_, ty)| self.marked_inside(ty, mark, seen)),
            Ty::Record(name) if seen.insert(name.clone()) => {
                let fields = &self.plan.types.records.get(name)?.fields;
                let own = fields.iter().find(|field| mark.is_in(field.marks)).map(|field| self.field_of(name, &field.name));
                own.or_else(|| fields.iter().find_map(|field| self.marked_inside(&field.ty, mark, seen)))
            }
            _ => None,
        }
    }
}
