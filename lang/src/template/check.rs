//! Walks a template's syntax tree: every path against the scope, every filter against its type.

use super::filter::{self, FILTERS};
use super::{CheckedTemplate, Template};
use crate::ast::Literal;
use crate::code::{Code, expression as codes};
use crate::diagnostic::{Diagnostic, Severity, nearest};
use crate::expr::select::{Selected, inner_marks, select};
use crate::expr::{Scope, closed};
use crate::literal::{listed, not_a_member, shortened};
use crate::source::Span;
use crate::ty::{Marks, Ty, TypeTable};
use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, ForLoop, Stmt, UnaryOpKind};
use minijinja::machinery::{Span as Place, parse};
use minijinja::syntax::SyntaxConfig;

/// Longest text of one template, in bytes.
const MAX_LENGTH: usize = 256 * 1024;

/// A value in a template: its type, its marks, the path it spells and where.
struct Shown {
    ty: Ty,
    marks: Marks,
    path: Option<String>,
    place: Place,
}

struct Checker<'a> {
    text: &'a str,
    literal: &'a Literal,
    scope: &'a Scope,
    types: &'a TypeTable,
    /// Loop variables, the innermost last.
    locals: Vec<(String, Ty, Marks)>,
    present: Vec<String>,
    marks: Marks,
    /// The marks of what was read that is a label or a truth, by its own field.
    told: Marks,
    reads: Vec<(String, Span)>,
    outside: Option<(String, Span)>,
    diagnostics: Vec<Diagnostic>,
}

/// See [`super::check`].
pub(super) fn check(text: &str, literal: &Literal, scope: &Scope, types: &TypeTable) -> (Option<CheckedTemplate>, Vec<Diagnostic>) {
    let mut checker = Checker {
        text,
        literal,
        scope,
        types,
        locals: Vec::new(),
        present: scope.present.clone(),
        marks: Marks::default(),
        told: Marks::default(),
        reads: Vec::new(),
        outside: None,
        diagnostics: Vec::new(),
    };
    if text.len() > MAX_LENGTH {
        let message = format!("the template is {} bytes long, at most {MAX_LENGTH} are read", text.len());
        return (None, vec![Diagnostic::new(&codes::TOO_LARGE, literal.span, message).help("split it into several steps")]);
    }
    if let Some((range, message)) = super::deep::too_deep(text) {
        let diagnostic = Diagnostic::new(&codes::TOO_LARGE, checker.span(range.start, range.end), message).label(checker.line(range.start));
        return (None, vec![diagnostic.help("name its parts with `let` steps, or choose in a `decide` step")]);
    }
    match parse(text, "template", SyntaxConfig::default()) {
        Ok(root) => checker.statement(&root),
        Err(error) => {
            let range = error.range().unwrap_or(0..text.len());
            let detail = error.detail().unwrap_or("it cannot be read").to_owned();
            let diagnostic = Diagnostic::new(
                &codes::TEMPLATE_SYNTAX,
                checker.span(range.start, range.end),
                format!("the template cannot be read: {}", detail.replace("end of variable block", "`}}`").replace("end of block", "`%}`")),
            );
            let place = checker.line(range.start);
            let help = "holes are `{{ path }}`, blocks `{% if path %}…{% endif %}` and `{% for item in path %}…{% endfor %}`; `(str)` before a text keeps its letters";
            let diagnostic = diagnostic.label(place).help(help);
            let open = text.rfind("{{").is_some_and(|at| !text.get(at..).unwrap_or("").contains("}}"));
            // In a file of its own there is no place to edit.
            let own = literal.text() == Some(text);
            checker.diagnostics.push(match open && own {
                true => diagnostic.proposal("close the hole", checker.span(text.len(), text.len()), " }}"),
                false => diagnostic,
            });
        }
    }
    let Checker { diagnostics, reads, outside, marks, .. } = checker;
    if diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error) {
        return (None, diagnostics);
    }
    let mut variables: Vec<String> = Vec::new();
    for (path, _) in &reads {
        let root = path.split('.').next().unwrap_or(path);
        if !variables.iter().any(|variable| variable == root) {
            variables.push(root.to_owned());
        }
    }
    (Some(CheckedTemplate { template: Template { text: text.to_owned(), variables }, marks, reads, outside }), diagnostics)
}

impl Checker<'_> {
    /// The place in the literal, or the whole literal where the text is in a file of its own.
    fn span(&self, start: usize, end: usize) -> Span {
        // The crate may point into a character that it does not know.
        let (start, end) = (self.text.floor_char_boundary(start), self.text.ceil_char_boundary(end));
        if self.literal.text() == Some(self.text) { self.literal.locate(start, end) } else { self.literal.span }
    }

    /// Where in a file of its own; empty where the span says it.
    fn line(&self, start: usize) -> String {
        if self.literal.text() == Some(self.text) {
            return String::new();
        }
        let before = self.text.get(..start).unwrap_or("");
        format!("line {} of the file", before.matches('\n').count() + 1)
    }

    fn report(&mut self, code: Code, place: Place, message: impl Into<String>) -> &mut Diagnostic {
        let (start, end) = (place.start_offset as usize, place.end_offset as usize);
        let diagnostic = Diagnostic::new(code, self.span(start, end), message).label(self.line(start));
        self.diagnostics.push_mut(diagnostic)
    }

    fn quoted(&self, place: Place) -> String {
        let text = self.text.get(place.start_offset as usize..place.end_offset as usize).unwrap_or("");
        format!("`{}`", shortened(text.trim()))
    }

    fn statements(&mut self, statements: &[Stmt<'_>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitRaw(_) => {}
            Stmt::EmitExpr(emit) => {
                let shown = self.value(&emit.expr);
                self.printable(&shown);
            }
            Stmt::ForLoop(each) => self.each(each),
            Stmt::IfCond(choice) => {
                self.tested(&choice.expr);
                let before = self.present.len();
                self.present.extend(facts(&choice.expr, true));
                self.statements(&choice.true_body);
                self.present.truncate(before);
                self.present.extend(facts(&choice.expr, false));
                self.statements(&choice.false_body);
                self.present.truncate(before);
            }
            other => {
                let (name, place) = match other {
                    Stmt::Set(node) => ("set", node.span()),
                    Stmt::SetBlock(node) => ("set", node.span()),
                    Stmt::WithBlock(node) => ("with", node.span()),
                    Stmt::AutoEscape(node) => ("autoescape", node.span()),
                    Stmt::FilterBlock(node) => ("filter", node.span()),
                    Stmt::Do(node) => ("do", node.span()),
                    _ => ("this", Place::default()),
                };
                self.report(&codes::TEMPLATE_FORM, place, format!("a template does not have `{name}` blocks")).help =
                    Some("compute it in a `let` step and name the step here".to_owned());
            }
        }
    }

    fn each(&mut self, each: &ForLoop<'_>) {
        let range = self.value(&each.iter);
        self.settle(&range);
        self.marks = self.marks.with(range.marks);
        let item = match &range.ty {
            Ty::List(item) => item.as_ref().clone(),
            Ty::Optional(inner) if matches!(inner.as_ref(), Ty::List(_)) => Ty::Unknown,
            Ty::Map(_) => Ty::String,
            Ty::Json | Ty::Unknown => range.ty.clone(),
            other => {
                let (quoted, ty) = (self.quoted(range.place), other.clone());
                self.report(&codes::TEMPLATE_VALUE, range.place, format!("a `for` goes over a list, {quoted} is {ty}"));
                Ty::Unknown
            }
        };
        let Expr::Var(name) = &each.target else {
            self.report(&codes::TEMPLATE_FORM, each.target.span(), "a `for` names one item");
            return;
        };
        if each.recursive {
            self.report(&codes::TEMPLATE_FORM, each.target.span(), "a `for` of a template is not recursive");
        }
        let known = self.present.clone();
        self.present.retain(|path| path.split('.').next() != Some(name.id));
        let place = self.locals.len();
        let counter = ["index", "index0", "length"].map(|field| (field.to_owned(), Ty::Int));
        let ends = ["first", "last"].map(|field| (field.to_owned(), Ty::Bool));
        self.locals.push((name.id.to_owned(), item, range.marks));
        self.locals.push(("loop".to_owned(), Ty::Object(counter.into_iter().chain(ends).collect()), Marks::default()));
        if let Some(filter) = &each.filter_expr {
            self.tested(filter);
        }
        self.statements(&each.body);
        self.locals.truncate(place);
        self.present = known;
        self.statements(&each.else_body);
    }

    /// A condition: what is tested may be absent.
    fn tested(&mut self, expr: &Expr<'_>) {
        match expr {
            Expr::BinOp(pair) if matches!(pair.op, BinOpKind::ScAnd | BinOpKind::ScOr) => {
                self.tested(&pair.left);
                let before = self.present.len();
                self.present.extend(facts(&pair.left, matches!(pair.op, BinOpKind::ScAnd)));
                self.tested(&pair.right);
                self.present.truncate(before);
            }
            Expr::UnaryOp(not) if matches!(not.op, UnaryOpKind::Not) => self.tested(&not.expr),
            _ => {
                // It decides which of the texts that stand here is written, and is not written itself.
                let shown = self.value(expr);
                self.marks = self.marks.with(shown.marks.listed(self.told));
            }
        }
    }

    /// Something that is shown must be present and have a text.
    fn printable(&mut self, shown: &Shown) {
        self.settle(shown);
        let inner = if let Ty::Optional(inner) = &shown.ty { inner } else { &shown.ty };
        self.marks = self.marks.with(self.of_text(shown));
        let help = match inner {
            Ty::List(_) => "join its items: `{{ path | join(', ') }}`",
            Ty::Map(_) | Ty::Record(_) | Ty::Object(_) => "name one of its fields",
            Ty::Bytes => "bytes have no text",
            _ => return,
        };
        let (quoted, ty) = (self.quoted(shown.place), inner.clone());
        self.marks = self.marks.with(inner_marks(&ty, self.types));
        self.report(&codes::TEMPLATE_VALUE, shown.place, format!("{quoted} is {ty}, which has no text")).help = Some(help.to_owned());
    }

    /// What is said of a value's text. That of a label or a truth is one of what the operator listed, as with `string(label)`; what a filter
    /// made of one is not only that: `default` may put other words in its place.
    fn of_text(&self, shown: &Shown) -> Marks {
        let ty = if let Ty::Optional(inner) = &shown.ty { inner } else { &shown.ty };
        let is_label = matches!(ty, Ty::Enum(_) | Ty::Bool) && shown.path.is_some();
        if is_label { shown.marks.listed(self.told) } else { shown.marks }
    }

    fn settle(&mut self, shown: &Shown) {
        let Ty::Optional(inner) = &shown.ty else { return };
        let (quoted, inner) = (self.quoted(shown.place), inner.clone());
        let path = shown.path.clone().unwrap_or_else(|| "path".to_owned());
        let diagnostic = self.report(&codes::ABSENT, shown.place, format!("{quoted} may be absent here"));
        if diagnostic.label.is_empty() {
            diagnostic.label = format!("{inner}, or absent");
        }
        diagnostic.help =
            Some(format!("show it only where it is: `{{% if {path} %}}…{{% endif %}}`, or say what stands instead: `| default('')`"));
    }

    fn value(&mut self, expr: &Expr<'_>) -> Shown {
        let place = expr.span();
        let plain = |ty: Ty, marks: Marks| Shown { ty, marks, path: None, place };
        match expr {
            Expr::Var(_) | Expr::GetAttr(_) => self.path(expr),
            Expr::Const(constant) => plain(constant_ty(&constant.value), Marks::default()),
            Expr::Filter(call) => {
                let given: Vec<&Expr<'_>> = call
                    .args
                    .iter()
                    .map(|(CallArg::Pos(arg) | CallArg::Kwarg(_, arg) | CallArg::PosSplat(arg) | CallArg::KwargSplat(arg))| arg)
                    .collect();
                let arguments: Vec<Shown> = given.into_iter().map(|arg| self.value(arg)).collect();
                let Some(of) = &call.expr else { return plain(Ty::Unknown, Marks::default()) };
                let of = self.value(of);
                self.filter(call.name, &of, &arguments, place)
            }
            Expr::Compare(compare) => {
                let mut left = self.value(&compare.expr);
                let mut marks = left.marks;
                for operand in &compare.ops {
                    let right = self.value(&operand.expr);
                    marks = marks.with(right.marks);
                    let inside = matches!(operand.op, CompareOpKind::In | CompareOpKind::NotIn);
                    self.comparison(&left, &right, &compare.expr, &operand.expr, !inside);
                    left = right;
                }
                plain(Ty::Bool, marks)
            }
            Expr::BinOp(pair) => self.pair(pair.op, &pair.left, &pair.right, place),
            Expr::UnaryOp(not) if matches!(not.op, UnaryOpKind::Not) => {
                let of = self.value(&not.expr);
                plain(Ty::Bool, of.marks)
            }
            Expr::List(list) => {
                let items: Vec<Shown> = list.items.iter().map(|item| self.value(item)).collect();
                let marks = items.iter().fold(Marks::default(), |marks, item| marks.with(item.marks));
                plain(Ty::List(Box::new(items.into_iter().next().map_or(Ty::Unknown, |item| item.ty))), marks)
            }
            Expr::Test(test) if test.name == "defined" => {
                let of = self.value(&test.expr);
                plain(Ty::Bool, of.marks)
            }
            _ => self.too_much(place),
        }
    }

    fn too_much(&mut self, place: Place) -> Shown {
        let quoted = self.quoted(place);
        self.report(&codes::TEMPLATE_FORM, place, format!("{quoted} computes, but a template only fills in")).help =
            Some("compute it in a `let` step and name the step here".to_owned());
        Shown { ty: Ty::Unknown, marks: Marks::default(), path: None, place }
    }

    fn pair(&mut self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>, place: Place) -> Shown {
        use BinOpKind::{Eq, Gt, Gte, In, Lt, Lte, Ne, ScAnd, ScOr};
        if !matches!(op, Eq | Ne | Lt | Lte | Gt | Gte | In | ScAnd | ScOr) {
            return self.too_much(place);
        }
        let one = self.value(left);
        let other = self.value(right);
        if !matches!(op, ScAnd | ScOr) {
            self.comparison(&one, &other, left, right, !matches!(op, In));
        }
        Shown { ty: Ty::Bool, marks: one.marks.with(other.marks), path: None, place }
    }

    /// Texts, numbers, bools and enums compare; what is shown as text only does not.
    fn comparison(&mut self, one: &Shown, other: &Shown, left: &Expr<'_>, right: &Expr<'_>, plain: bool) {
        for shown in [one, other] {
            self.settle(shown);
            if let Ty::Money | Ty::Decimal | Ty::Timestamp | Ty::Duration = &shown.ty {
                let (quoted, ty) = (self.quoted(shown.place), shown.ty.clone());
                self.report(&codes::TEMPLATE_FORM, shown.place, format!("a template does not compare {ty}, and {quoted} is")).help =
                    Some("compare it in a `let` step and name the step here".to_owned());
                return;
            }
        }
        for (shown, constant) in [(one, right), (other, left)] {
            if let (Ty::Enum(name), Expr::Const(text)) = (&shown.ty, constant)
                && let Some(text) = text.value.as_str()
                && self.types.enums.get(name).is_some_and(|values| !values.iter().any(|value| value == text))
            {
                let place = constant.span();
                let span = self.span(place.start_offset as usize, place.end_offset as usize);
                self.diagnostics.push(not_a_member(span, text, name, self.types, "'"));
                return;
            }
        }
        let kind = |ty: &Ty| match ty {
            Ty::Int | Ty::Double => 0,
            Ty::String | Ty::Enum(_) => 1,
            Ty::Bool => 2,
            _ => 3,
        };
        let (first, second) = (kind(&one.ty), kind(&other.ty));
        if plain && first != second && first < 3 && second < 3 {
            let (quoted, left, right) = (self.quoted(other.place), one.ty.clone(), other.ty.clone());
            self.report(&codes::OPERATOR, other.place, format!("{quoted} is {right} and is compared with {left}"));
        }
    }

    fn path(&mut self, expr: &Expr<'_>) -> Shown {
        let shown = match expr {
            Expr::GetAttr(attribute) => {
                let of = self.inner(&attribute.expr);
                self.field(of, attribute.name, expr.span())
            }
            _ => self.inner(expr),
        };
        let root = shown.path.as_deref().and_then(|path| path.split('.').next());
        if let (Some(path), Some(root)) = (&shown.path, root)
            && !self.locals.iter().any(|(name, ..)| name == root)
        {
            let span = self.span(shown.place.start_offset as usize, shown.place.end_offset as usize);
            if shown.marks.choosing().steered && self.outside.is_none() {
                self.outside = Some((path.clone(), span));
            }
            self.reads.push((path.clone(), span));
        }
        shown
    }

    /// A path that more fields follow.
    fn inner(&mut self, expr: &Expr<'_>) -> Shown {
        let place = expr.span();
        match expr {
            Expr::GetAttr(attribute) => {
                let of = self.inner(&attribute.expr);
                self.field(of, attribute.name, place)
            }
            Expr::Var(name) => {
                let local = self.locals.iter().rev().find(|(local, ..)| local == name.id).map(|(_, ty, marks)| (ty.clone(), *marks));
                let found = local.or_else(|| self.scope.get(name.id).map(|variable| (variable.ty.clone(), variable.marks)));
                let Some((ty, marks)) = found else { return self.unknown(name.id, place) };
                self.narrowed(Shown { ty, marks, path: Some(name.id.to_owned()), place })
            }
            _ => self.value(expr),
        }
    }

    fn unknown(&mut self, name: &str, place: Place) -> Shown {
        let mut names: Vec<String> = self
            .locals
            .iter()
            .map(|(name, ..)| name.clone())
            .chain(self.scope.variables.iter().map(|variable| variable.name.clone()))
            .collect();
        names.sort();
        names.dedup();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.missing(&codes::UNKNOWN_NAME, place, name, &names, &format!("there is no `{name}` here"), "in scope");
        Shown { ty: Ty::Unknown, marks: Marks::default(), path: None, place }
    }

    fn missing(&mut self, code: Code, place: Place, name: &str, names: &[&str], message: &str, all: &str) {
        let near = nearest(name, names.iter().copied()).map(str::to_owned);
        let whole = self.literal.text() != Some(self.text);
        let span = self.span(place.start_offset as usize, place.end_offset as usize);
        let diagnostic = self.report(code, place, message);
        *diagnostic = match near {
            // In a file of its own there is no place to edit.
            Some(near) if whole => diagnostic.clone().help(format!("did you mean `{near}`?")),
            Some(near) => diagnostic.clone().help(format!("did you mean `{near}`?")).meant(name, &near, span, near.as_str()),
            None => diagnostic.clone().help(format!("{all}: {}", listed(names))),
        };
    }

    fn field(&mut self, of: Shown, field: &str, place: Place) -> Shown {
        let own = Place { start_offset: place.end_offset.saturating_sub(u32::try_from(field.len()).unwrap_or(0)), ..place };
        self.settle(&of);
        let unknown = Shown { ty: Ty::Unknown, marks: Marks::default(), path: None, place };
        let settled = if let Ty::Optional(inner) = &of.ty { inner } else { &of.ty };
        match select(settled, field, self.types) {
            Selected::Field(ty, marks) => {
                let path = of.path.map(|path| format!("{path}.{field}"));
                let parts = path.as_ref().and_then(|path| self.own_marks(path));
                if closed(&ty) {
                    // What an act was sent has no type of its own that says it.
                    let sent = parts.filter(|_| path.as_ref().is_some_and(|path| path.contains(".request.")));
                    self.told = self.told.with(marks.kept()).with(sent.unwrap_or_default().kept());
                }
                let marks = parts.unwrap_or(of.marks.with(marks));
                self.narrowed(Shown { ty, marks, path, place })
            }
            Selected::Missing(fields) => {
                let quoted = self.quoted(of.place);
                let names: Vec<&str> = fields.iter().map(String::as_str).collect();
                self.missing(&codes::UNKNOWN_FIELD, own, field, &names, &format!("{quoted} has no field `{field}`"), "its fields");
                unknown
            }
            Selected::Fieldless => {
                let (quoted, ty) = (self.quoted(of.place), settled.clone());
                self.report(&codes::UNKNOWN_FIELD, own, format!("{quoted} is {ty}, which has no fields"));
                unknown
            }
        }
    }

    /// What is said of a path by itself, where it does not begin with a variable of a loop.
    fn own_marks(&self, path: &str) -> Option<Marks> {
        let root = path.split('.').next().unwrap_or(path);
        let local = self.locals.iter().any(|(name, ..)| name == root);
        self.scope.parts.iter().find(|(of, _)| of == path && !local).map(|(_, marks)| *marks)
    }

    fn narrowed(&self, shown: Shown) -> Shown {
        match (&shown.ty, &shown.path) {
            (Ty::Optional(inner), Some(path)) if self.present.contains(path) => Shown { ty: inner.as_ref().clone(), ..shown },
            _ => shown,
        }
    }

    fn filter(&mut self, name: &str, of: &Shown, arguments: &[Shown], place: Place) -> Shown {
        let own = if let Ty::Optional(inner) = &of.ty { inner } else { &of.ty };
        let marks = arguments.iter().fold(self.of_text(of), |marks, argument| marks.with(argument.marks));
        let Some(known) = FILTERS.iter().find(|known| known.name == name) else {
            let names: Vec<&str> = FILTERS.iter().map(|known| known.name).collect();
            self.missing(&codes::TEMPLATE_FILTER, place, name, &names, &format!("there is no filter `{name}`"), "there are");
            return Shown { ty: Ty::Unknown, marks, path: None, place };
        };
        if name != "default" {
            self.settle(of);
        }
        if arguments.len() > known.arguments {
            let most = known.arguments;
            self.report(&codes::TEMPLATE_FILTER, place, format!("`{name}` takes at most {most} arguments"));
        }
        let ty = filter::result(name, own, arguments.first().map(|argument| &argument.ty));
        let ty = ty.unwrap_or_else(|| {
            let (quoted, own, takes) = (self.quoted(of.place), own.clone(), known.takes);
            self.report(&codes::TEMPLATE_FILTER, place, format!("`{name}` takes {takes}, {quoted} is {own}"));
            Ty::Unknown
        });
        Shown { ty, marks, path: None, place }
    }
}

/// The paths that have a value where a condition is true (or false).
fn facts(expr: &Expr<'_>, truth: bool) -> Vec<String> {
    match expr {
        Expr::Var(_) | Expr::GetAttr(_) if truth => spelled(expr).into_iter().collect(),
        Expr::Test(test) if truth && test.name == "defined" => spelled(&test.expr).into_iter().collect(),
        Expr::UnaryOp(not) if matches!(not.op, UnaryOpKind::Not) => facts(&not.expr, !truth),
        Expr::BinOp(pair) => match (pair.op, truth) {
            (BinOpKind::ScAnd, true) | (BinOpKind::ScOr, false) => [facts(&pair.left, truth), facts(&pair.right, truth)].concat(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn spelled(expr: &Expr<'_>) -> Option<String> {
    match expr {
        Expr::Var(name) => Some(name.id.to_owned()),
        Expr::GetAttr(attribute) => Some(format!("{}.{}", spelled(&attribute.expr)?, attribute.name)),
        _ => None,
    }
}

fn constant_ty(value: &minijinja::Value) -> Ty {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::Bool => Ty::Bool,
        ValueKind::Number if value.is_integer() => Ty::Int,
        ValueKind::Number => Ty::Double,
        ValueKind::String => Ty::String,
        ValueKind::Seq => Ty::List(Box::new(Ty::Unknown)),
        _ => Ty::Unknown,
    }
}
