//! The type checker: from the tree of the `cel` crate to our typed tree, every mistake with its exact place.
//! A mistake makes its part `Ty::Unknown`, which agrees with everything, so that it is reported once.

mod affordable;
mod build;
mod call;
mod cel;
mod certain;
mod constant;
mod each;
mod elsewhere;
mod endorse;
mod fit;
mod formatted;
mod operator;
mod optional;
mod pairs;
mod path;
mod rates;
mod unknown;

use super::parse::{Parsed, parse};
use super::tree::Tree;
use super::{Checked, Dialect, Endorsed, Expr, Scope, cost};
use crate::ast::Literal;
use crate::code::{Code, expression as codes};
use crate::diagnostic::{Diagnostic, Severity};
use crate::literal::shortened;
use crate::source::Span;
use crate::ty::{Marks, Ty, TypeTable};
use crate::value::Value;
use cel_interpreter::common::ast::{EntryExpr, Expr as Node, IdedEntryExpr, IdedExpr, ListExpr, LiteralValue};
use std::sync::Arc;

/// Parts that the type of a value may have.
const MOST_PARTS: usize = 1_000;

/// Bytes `start..end` of the expression's text.
pub(super) type Range = (usize, usize);

/// A part that was checked.
#[derive(Clone)]
struct Typed {
    tree: Tree,
    ty: Ty,
    range: Range,
    marks: Marks,
    form: Form,
}

/// What a part looked like, where its type may still follow from its place.
#[derive(Clone)]
enum Form {
    Plain,
    /// A string literal: it may become money, a duration, a timestamp or an enum's value.
    Text(Arc<str>),
    /// A list literal: its items may.
    Items(Vec<Typed>),
    /// A choice between two: both may. The first is the condition's tree.
    Choice(Box<(Tree, Typed, Typed)>),
}

/// A variable of a macro.
struct Local {
    name: String,
    ty: Ty,
    marks: Marks,
}

struct Checker<'a> {
    dialect: Dialect<'a>,
    text: &'a str,
    literal: &'a Literal,
    offset: usize,
    scope: &'a Scope,
    types: &'a TypeTable,
    parsed: &'a Parsed,
    diagnostics: Vec<Diagnostic>,
    reads: Vec<(String, Span)>,
    /// Those of them that outside text is in, or decided: by their own marks, or only by those of fields inside them.
    outside: Vec<(bool, String, Span)>,
    endorsed: Vec<Endorsed>,
    locals: Vec<Local>,
    /// Paths of optionals that have a value at this point.
    present: Vec<String>,
    /// The marks of what was read that is a label or a truth, by its own field.
    told: Marks,
}

/// See [`super::check`].
pub(super) fn check(
    dialect: Dialect<'_>,
    text: &str,
    literal: &Literal,
    offset: usize,
    scope: &Scope,
    types: &TypeTable,
    expected: Option<&Ty>,
) -> (Option<Checked>, Vec<Diagnostic>) {
    let parsed = match parse(text, literal, offset) {
        Ok(parsed) => parsed,
        Err(diagnostics) => return (None, diagnostics),
    };
    let mut checker = Checker {
        dialect,
        text,
        literal,
        offset,
        scope,
        types,
        parsed: &parsed,
        diagnostics: Vec::new(),
        reads: Vec::new(),
        outside: Vec::new(),
        endorsed: Vec::new(),
        locals: Vec::new(),
        present: scope.present.clone(),
        told: Marks::default(),
    };
    let typed = checker.part(&parsed.root);
    let closed = super::closed(&typed.ty);
    let typed = match expected {
        Some(expected) => checker.fit(typed, expected),
        None => typed,
    };
    let (marks, own) = (checker.whole(&typed), typed.marks);
    checker.stays_inside(&typed);
    let facts = |truth: bool| checker.facts(&parsed.root, truth).into_iter().filter(|path| scope.get(path::root(path)).is_some()).collect();
    let (proves, refutes) = (facts(true), facts(false));
    let mut root = typed.tree;
    cost::fold(&mut root);
    checker.affordable(&root, typed.range);
    let Checker { diagnostics, reads, outside, endorsed, .. } = checker;
    if diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error) {
        return (None, diagnostics);
    }
    let expr = Expr { source: text.to_owned(), ty: typed.ty, root, secret: marks.secret };
    // Of a list that is only counted, the fields say nothing of what came of it.
    let blamed = outside.iter().find(|(own, ..)| *own).or(outside.first());
    let outside = blamed.map(|(_, path, span)| (path.clone(), *span));
    (Some(Checked { expr, marks, own, reads, outside, proves, refutes, closed, endorsed }), diagnostics)
}

impl Typed {
    fn new(tree: Tree, ty: Ty, range: Range, marks: Marks) -> Self {
        Self { tree, ty, range, marks, form: Form::Plain }
    }

    /// What stands where a mistake was reported.
    fn unknown(range: Range) -> Self {
        Self::new(Tree::Constant(Value::Null), Ty::Unknown, range, Marks::default())
    }
}

/// The smallest range over both.
fn over(left: Range, right: Range) -> Range {
    (left.0.min(right.0), left.1.max(right.1))
}

impl Checker<'_> {
    fn span(&self, range: Range) -> Span {
        self.literal.locate(self.offset + range.0, self.offset + range.1)
    }

    fn report(&mut self, code: Code, range: Range, message: impl Into<String>) -> &mut Diagnostic {
        let span = self.span(range);
        self.diagnostics.push_mut(Diagnostic::new(code, span, message))
    }

    /// What the user wrote there, shortened, in backticks.
    fn quoted(&self, range: Range) -> String {
        format!("`{}`", shortened(self.text.get(range.0..range.1).unwrap_or("")))
    }

    /// The token of a node as the parser recorded it: only the operator for operators, calls and fields.
    fn token(&self, node: &IdedExpr) -> Range {
        self.token_of(node.id)
    }

    fn token_of(&self, id: u64) -> Range {
        let (start, stop) = self.parsed.offsets.offset_for(id).unwrap_or_default();
        let (start, end) = (start as usize, (stop as usize).saturating_add(1));
        let end = if self.text.is_char_boundary(end) { end.min(self.text.len()) } else { self.text.len() };
        (start.min(end), end)
    }

    /// From a bracket to one past its partner.
    fn brackets(&self, open: Range) -> Range {
        (open.0, self.parsed.outline.close(open.0).unwrap_or(open.1))
    }

    /// Whether CEL's own rules hold instead of the operators'.
    fn cel(&self) -> bool {
        matches!(self.dialect, Dialect::Cel { .. })
    }

    /// Whether types are left to the run.
    fn unchecked(&self) -> bool {
        matches!(self.dialect, Dialect::Cel { checked: false, .. })
    }

    /// The name before which names are looked up first.
    fn container(&self) -> &str {
        if let Dialect::Cel { container, .. } = self.dialect { container } else { "" }
    }

    /// The value of an operator's expression goes on into a flow, where some types have no place.
    fn stays_inside(&mut self, typed: &Typed) {
        fn inside(ty: &Ty) -> bool {
            match ty {
                Ty::UInt | Ty::Type | Ty::Keyed(..) => true,
                Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => inside(inner),
                Ty::Object(fields) => fields.iter().any(|(_, ty)| inside(ty)),
                _ => false,
            }
        }
        if !self.cel() && inside(&typed.ty) {
            let (quoted, ty) = (self.quoted(typed.range), typed.ty.clone());
            let help = if ty == Ty::UInt { "write `int(…)`" } else { "compare it, or take from it what is needed" };
            let diagnostic = self.report(&codes::UNSUPPORTED, typed.range, format!("{quoted} is {ty}, which no step can hold"));
            *diagnostic = diagnostic.clone().label(format!("is {ty}")).help(help);
        }
    }

    /// The node, its type, its tree.
    fn part(&mut self, node: &IdedExpr) -> Typed {
        let before = self.diagnostics.len();
        let typed = self.part_of(node);
        if typed.ty.exceeds(MOST_PARTS) {
            // Each part may hold the whole of the one before it twice, and so on: one word about it is enough.
            if !self.diagnostics.iter().any(|found| found.code.id == codes::TOO_LARGE.id) {
                let message = format!("the type of this part has more than {MOST_PARTS} parts itself");
                self.report(&codes::TOO_LARGE, typed.range, message).help = Some("declare a `type` for what it holds".to_owned());
            }
            return Typed::unknown(typed.range);
        }
        if self.cel() {
            // CEL reads no literal by its place; unchecked, everything is `dyn`.
            let ty = if self.unchecked() { Ty::Dyn } else { typed.ty };
            return Typed { form: Form::Plain, ty, ..typed };
        }
        self.must_have_a_value(&typed, before);
        self.must_not_always_fail(&typed, before);
        self.must_have_its_key(typed, before)
    }

    fn part_of(&mut self, node: &IdedExpr) -> Typed {
        let token = self.token(node);
        match &node.expr {
            Node::Literal(literal) => self.constant(literal, token),
            Node::Ident(_) | Node::Select(_) if self.cel() => self.cel_path(node),
            Node::Ident(_) | Node::Select(_) => self.path(node),
            Node::Call(call) => match &call.target {
                None => self.operator(&call.func_name, &call.args, token).unwrap_or_else(|| self.call(call, token)),
                Some(_) => self.call(call, token),
            },
            Node::List(list) if self.cel() => {
                let range = self.brackets(token);
                self.cel_list(list, range)
            }
            Node::List(list) => self.list(list, token),
            Node::Map(map) if self.cel() => {
                let range = self.brackets(token);
                self.cel_map(&map.entries, range)
            }
            Node::Map(map) => self.map(&map.entries, token),
            Node::Struct(message) => self.build(message, token),
            Node::Comprehension(_) | Node::Unspecified => {
                self.report(&codes::UNSUPPORTED, token, "a part of the expression cannot be read");
                Typed::unknown(token)
            }
        }
    }

    fn constant(&mut self, literal: &LiteralValue, token: Range) -> Typed {
        let plain = |value: Value, ty: Ty, range: Range| Typed::new(Tree::Constant(value), ty, range, Marks::default());
        // The sign of a number is not part of its token.
        let signed = || match self.text.get(..token.0).map(str::trim_end) {
            Some(before) if before.ends_with('-') => (before.len() - 1, token.1),
            _ => token,
        };
        match literal {
            LiteralValue::Boolean(truth) => plain(Value::Bool(*truth.inner()), Ty::Bool, token),
            LiteralValue::Int(number) => {
                let number = *number.inner();
                plain(Value::Int(number), Ty::Int, if number < 0 { signed() } else { token })
            }
            LiteralValue::Double(number) => {
                let number = *number.inner();
                plain(Value::Double(number), Ty::Double, if number < 0.0 { signed() } else { token })
            }
            LiteralValue::String(text) => {
                let text: Arc<str> = text.inner().into();
                let typed = plain(Value::String(text.clone()), Ty::String, token);
                Typed { form: Form::Text(text), ..typed }
            }
            LiteralValue::Bytes(bytes) => plain(Value::Bytes(bytes.inner().into()), Ty::Bytes, token),
            LiteralValue::Null => plain(Value::Null, Ty::Null, token),
            LiteralValue::UInt(number) if self.cel() => plain(Value::UInt(*number.inner()), Ty::UInt, token),
            LiteralValue::UInt(_) => {
                let quoted = self.quoted(token);
                let signed = quoted.trim_matches('`').trim_end_matches(['u', 'U']).to_owned();
                let diagnostic =
                    self.report(&codes::UNSUPPORTED, token, format!("{quoted} is unsigned, which this language does not have"));
                let mended = diagnostic.clone().help("leave out the `u`: whole numbers have 64 bits and a sign");
                *diagnostic = mended.fix(format!("write `{signed}`"), diagnostic.span, signed);
                Typed::unknown(token)
            }
        }
    }

    fn list(&mut self, list: &ListExpr, token: Range) -> Typed {
        let range = self.brackets(token);
        let optional = |at: usize| list.optional_indices.contains(&at);
        let mut items: Vec<Typed> = list.elements.iter().map(|element| self.part(element)).collect();
        for (_, item) in items.iter_mut().enumerate().filter(|(at, _)| optional(*at)) {
            *item = self.maybe(item.clone());
        }
        let mut item_ty = Ty::Unknown;
        let mut first: Option<Typed> = None;
        for item in &items {
            let Some(sample) = &first else {
                item_ty = item.ty.clone();
                first = Some(item.clone());
                continue;
            };
            let sample = Typed { ty: item_ty.clone(), ..sample.clone() };
            match self.common(&sample, item) {
                Some(ty) => {
                    if !matches!(item.form, Form::Text(_)) {
                        first = Some(item.clone());
                    }
                    item_ty = ty;
                }
                None => {
                    let (quoted, ty) = (self.quoted(item.range), item.ty.clone());
                    self.report(&codes::TYPE, item.range, format!("{quoted} is {ty} in a list of {item_ty}")).label = format!("is {ty}");
                    return Typed::new(Tree::Constant(Value::Null), Ty::List(Box::new(Ty::Unknown)), range, Marks::default());
                }
            }
        }
        let typed = self.listed(items, &item_ty, range);
        match typed.tree {
            Tree::List(trees) if !list.optional_indices.is_empty() => {
                let trees = trees.into_iter().enumerate().map(|(at, tree)| (tree, optional(at)));
                Typed { tree: Tree::Items(trees.collect()), form: Form::Plain, ..typed }
            }
            tree => Typed { tree, ..typed },
        }
    }

    /// A part of a literal that is left out where it is absent.
    fn maybe(&mut self, part: Typed) -> Typed {
        Typed { ty: self.left_out(&part), tree: fit::lenient(part.tree), form: Form::Plain, ..part }
    }

    /// A list literal whose items become `item_ty`.
    fn listed(&mut self, items: Vec<Typed>, item_ty: &Ty, range: Range) -> Typed {
        let items: Vec<Typed> = items.into_iter().map(|item| self.fit(item, item_ty)).collect();
        let marks = items.iter().fold(Marks::default(), |marks, item| marks.with(self.whole(item)));
        let trees: Vec<Tree> = items.iter().map(|item| item.tree.clone()).collect();
        let values = trees.iter().map(|tree| if let Tree::Constant(value) = tree { Some(value.clone()) } else { None });
        // A constant list is built once, here.
        let tree = match values.collect::<Option<Vec<Value>>>() {
            Some(values) => Tree::Constant(Value::list(values)),
            None => Tree::List(trees),
        };
        Typed { tree, ty: Ty::List(Box::new(item_ty.clone())), range, marks, form: Form::Items(items) }
    }

    fn map(&mut self, entries: &[IdedEntryExpr], token: Range) -> Typed {
        let range = self.brackets(token);
        let mut fields = Vec::new();
        let mut pairs = Vec::new();
        let (mut optional, mut any_optional) = (Vec::new(), false);
        let mut marks = Marks::default();
        for entry in entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
            let key = match self.bare_key(&entry.key) {
                Some(key) => key,
                None => {
                    let key = self.part(&entry.key);
                    self.settled(key)
                }
            };
            if !matches!(key.ty, Ty::String | Ty::Enum(_) | Ty::Unknown) {
                let (quoted, ty) = (self.quoted(key.range), key.ty.clone());
                self.report(&codes::TYPE, key.range, format!("{quoted} is {ty}, the key of a map is string")).label = format!("is {ty}");
            }
            let mut value = self.part(&entry.value);
            if entry.optional {
                any_optional = true;
                value = self.maybe(value);
            }
            marks = marks.with(self.whole(&key)).with(self.whole(&value));
            if let Form::Text(name) = &key.form {
                fields.push((name.to_string(), value.ty.clone()));
            }
            optional.push(entry.optional);
            pairs.push((key.tree, value));
        }
        let (first, rest) = (pairs.first().map(|(_, value)| value.clone()), pairs.iter().skip(1));
        let common = rest.fold(first.as_ref().map(|value| value.ty.clone()), |ty, (_, value)| {
            let sample = Typed { ty: ty?, ..first.clone()? };
            self.common(&sample, value)
        });
        let ty = match common {
            _ if pairs.is_empty() => Ty::Map(Box::new(Ty::Unknown)),
            Some(ty) => Ty::Map(Box::new(ty)),
            // Values of several types under constant keys are a record without a name.
            None if fields.len() == pairs.len() && !any_optional => Ty::Object(fields),
            None => {
                self.report(&codes::TYPE, range, "a map holds values of several types").help =
                    Some("give its keys as constants, or its values one type".to_owned());
                Ty::Unknown
            }
        };
        let pairs = pairs.into_iter().map(|(key, value)| match &ty {
            Ty::Map(item) => (key, self.fit(value, &item.as_ref().clone()).tree),
            _ => (key, value.tree),
        });
        let pairs: Vec<(Tree, Tree)> = pairs.collect();
        let tree = if any_optional {
            Tree::Entries(pairs.into_iter().zip(optional).map(|((key, value), optional)| (key, value, optional)).collect())
        } else {
            Tree::Map(pairs)
        };
        Typed::new(tree, ty, range, marks)
    }
}
