//! Paths: names, fields, what is known to be present, and the marks of what is read.

use super::{Checker, Local, Range, Typed, over};
use crate::code::expression as codes;
use crate::diagnostic::{Diagnostic, nearest};
use crate::expr::closed;
use crate::expr::convert::TYPE_NAMES;
use crate::expr::select::{Selected, inner_marks, select};
use crate::expr::tree::Tree;
use crate::literal::listed;
use crate::source::Span;
use crate::ty::{Marks, Ty};
use crate::value::Value;
use cel_interpreter::common::ast::{Expr as Node, IdedExpr, LiteralValue, operators};

/// The first name of a path.
pub(super) fn root(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// The path that a node spells, if it is one.
pub(super) fn spelled(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Node::Ident(name) => Some(name.trim_start_matches('.').to_owned()),
        Node::Select(select) => Some(format!("{}.{}", spelled(&select.operand)?, select.field)),
        _ => None,
    }
}

impl Checker<'_> {
    /// The marks of a part whose value is used as a whole.
    pub(super) fn whole(&self, typed: &Typed) -> Marks {
        typed.marks.with(inner_marks(&typed.ty, self.types))
    }

    /// A name with fields after it, or fields of another part.
    pub(super) fn path(&mut self, node: &IdedExpr) -> Typed {
        let mut fields: Vec<(&str, Range)> = Vec::new();
        let mut base = node;
        while let Node::Select(select) = &base.expr {
            fields.push((&select.field, self.field_range(base, &select.field)));
            base = &select.operand;
        }
        fields.reverse();
        let (mut typed, mut path, read) = match &base.expr {
            Node::Ident(name) => self.name(name.trim_start_matches('.'), self.token(base)),
            _ => (self.part(base), None, false),
        };
        for (field, range) in fields {
            typed = self.field(typed, field, range);
            path = path.map(|path| format!("{path}.{field}"));
            let own = path.as_ref().filter(|_| read).and_then(|path| self.scope.parts.iter().find(|(of, _)| of == path));
            if let Some((of, marks)) = own {
                typed.marks = *marks;
                // What an act was sent has no type of its own that says it.
                if of.contains(".request.") && closed(&typed.ty) {
                    self.told = self.told.with(marks.kept());
                }
            }
            if let (Some(path), Ty::Optional(inner)) = (&path, &typed.ty)
                && self.present.contains(path)
            {
                typed.ty = inner.as_ref().clone();
            }
        }
        if let (true, Some(path)) = (read, path) {
            let span = self.span(typed.range);
            self.note_outside(&typed, &path, span);
            self.reads.push((path, span));
        }
        typed
    }

    /// Notes a path that outside text is in, or decided.
    pub(super) fn note_outside(&mut self, read: &Typed, path: &str, span: Span) {
        let own = read.marks.choosing().steered;
        if own || self.whole(read).choosing().steered {
            self.outside.push((own, path.to_owned(), span));
        }
    }

    /// The name of a field, which stands after the recorded dot.
    pub(super) fn field_range(&self, node: &IdedExpr, field: &str) -> Range {
        let dot = self.token(node);
        let after = self.text.get(dot.1..).unwrap_or("");
        let start = dot.1 + (after.len() - after.trim_start().len());
        let end = (start + field.len()).min(self.text.len());
        if self.text.get(start..end) == Some(field) { (start, end) } else { dot }
    }

    /// Where a path or another plain part stands, without checking it.
    pub(super) fn extent(&self, node: &IdedExpr) -> Range {
        match &node.expr {
            Node::Select(select) => over(self.extent(&select.operand), self.field_range(node, &select.field)),
            _ => self.token(node),
        }
    }

    fn name(&mut self, name: &str, range: Range) -> (Typed, Option<String>, bool) {
        let present = self.present.iter().any(|path| path == name);
        let known = |ty: &Ty| match ty {
            Ty::Optional(inner) if present => inner.as_ref().clone(),
            other => other.clone(),
        };
        if let Some((at, Local { ty, marks, .. })) = self.locals.iter().enumerate().rev().find(|(_, local)| local.name == name) {
            let tree = Tree::Local(u32::try_from(at).unwrap_or(u32::MAX));
            return (Typed::new(tree, known(ty), range, *marks), Some(name.to_owned()), false);
        }
        if let Some(variable) = self.scope.get(name) {
            let optional = matches!(variable.ty, Ty::Optional(_));
            let tree = Tree::Variable { name: name.into(), optional };
            return (Typed::new(tree, known(&variable.ty), range, variable.marks), Some(name.to_owned()), true);
        }
        if TYPE_NAMES.contains(&name) {
            return (Typed::new(Tree::Constant(Value::Type(name.into())), Ty::Type, range, Marks::default()), None, false);
        }
        self.unknown_name(name, range);
        (Typed::unknown(range), None, false)
    }

    pub(super) fn unknown_name(&mut self, name: &str, range: Range) {
        let locals: Vec<String> = self.locals.iter().map(|local| local.name.clone()).collect();
        let mut names: Vec<&str> =
            locals.iter().map(String::as_str).chain(self.scope.variables.iter().map(|variable| variable.name.as_str())).collect();
        names.sort_unstable();
        names.dedup();
        let elsewhere = self.name_elsewhere(name);
        let near = elsewhere.or_else(|| nearest(name, names.iter().copied())).map(str::to_owned);
        let span = self.span(range);
        let all = listed(&names);
        let diagnostic = self.report(&codes::UNKNOWN_NAME, range, format!("there is no `{name}` here"));
        diagnostic.label = "not in scope".to_owned();
        match near {
            Some(here) if elsewhere.is_some() => {
                *diagnostic = diagnostic.clone().help(format!("it is written `{here}` here")).fix(format!("write `{here}`"), span, here)
            }
            Some(near) => *diagnostic = diagnostic.clone().help(format!("did you mean `{near}`?")).meant(name, &near, span, near.as_str()),
            None if all.is_empty() => diagnostic.help = Some("nothing is in scope here: write a literal".to_owned()),
            None => diagnostic.help = Some(format!("in scope: {all}")),
        }
    }

    pub(super) fn field(&mut self, of: Typed, field: &str, range: Range) -> Typed {
        let whole = over(of.range, range);
        let (ty, marks) = match select(&of.ty, field, self.types) {
            Selected::Field(ty, marks) => (ty, marks),
            Selected::Missing(fields) => {
                let (quoted, span) = (self.quoted(of.range), self.span(range));
                let names: Vec<&str> = fields.iter().map(String::as_str).collect();
                let diagnostic = self.report(&codes::UNKNOWN_FIELD, range, format!("{quoted} has no field `{field}`"));
                diagnostic.label = "no such field".to_owned();
                *diagnostic = match nearest(field, names.iter().copied()) {
                    Some(near) => diagnostic.clone().help(format!("did you mean `{near}`?")).meant(field, near, span, near),
                    None if names.is_empty() => diagnostic.clone().help("it has no fields"),
                    None => diagnostic.clone().help(format!("its fields: {}", listed(&names))),
                };
                return Typed::unknown(whole);
            }
            Selected::Fieldless => {
                let (quoted, ty) = (self.quoted(of.range), of.ty.clone());
                let message = format!("{quoted} is {ty}, which has no fields");
                let mut diagnostic = Diagnostic::new(&codes::UNKNOWN_FIELD, self.span(range), message).label("no such field");
                self.size_elsewhere(&mut diagnostic, &of, field, whole);
                self.diagnostics.push(diagnostic);
                return Typed::unknown(whole);
            }
        };
        if closed(&ty) {
            self.told = self.told.with(marks.kept());
        }
        let optional = matches!(ty, Ty::Optional(_));
        let tree = Tree::Select { of: Box::new(of.tree), field: field.into(), optional };
        Typed::new(tree, ty, whole, of.marks.with(marks))
    }

    /// The paths that have a value where the node is true (or false).
    pub(super) fn facts(&self, node: &IdedExpr, truth: bool) -> Vec<String> {
        let Node::Call(call) = &node.expr else { return Vec::new() };
        let null = |node: &IdedExpr| matches!(node.expr, Node::Literal(LiteralValue::Null));
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::HAS, None, [path]) if truth => spelled(path).map(|path| prefixes(&path)).unwrap_or_default(),
            (operators::NOT_EQUALS, None, [path, other]) if truth && null(other) => {
                spelled(path).map(|path| prefixes(&path)).unwrap_or_default()
            }
            (operators::EQUALS, None, [path, other]) if !truth && null(other) => {
                spelled(path).map(|path| prefixes(&path)).unwrap_or_default()
            }
            ("hasValue", Some(path), []) if truth => spelled(path).map(|path| prefixes(&path)).unwrap_or_default(),
            (operators::LOGICAL_NOT, None, [of]) => self.facts(of, !truth),
            (operators::LOGICAL_AND, None, [left, right]) if truth => [self.facts(left, true), self.facts(right, true)].concat(),
            (operators::LOGICAL_OR, None, [left, right]) if !truth => [self.facts(left, false), self.facts(right, false)].concat(),
            _ => Vec::new(),
        }
    }
}

/// A path and every path it goes through.
fn prefixes(path: &str) -> Vec<String> {
    let ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end)).map(str::to_owned).collect()
}
