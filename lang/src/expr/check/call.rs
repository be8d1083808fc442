//! Calls of functions: which row of the table fits, and what is wrong where none does.

use super::{Checker, Form, Range, Typed, over};
use crate::code::expression as codes;
use crate::diagnostic::{Diagnostic, nearest};
use crate::expr::Pattern;
use crate::expr::function::{Function, Shape, Signature, Style, TABLE, Via, names, special};
use crate::expr::tree::Tree;
use crate::literal::listed;
use crate::money::{Currency, Money};
use crate::planted::{Hole, planted};
use crate::ty::{Marks, Ty};
use crate::value::Value;
use cel_interpreter::common::ast::{CallExpr, EntryExpr, Expr as Node, IdedExpr, ListExpr};

impl Checker<'_> {
    /// A call of a function or a macro. `token`: its opening bracket.
    pub(super) fn call(&mut self, call: &CallExpr, token: Range) -> Typed {
        let (name, target) = self.called(call);
        let name = name.as_str();
        let named = self.name_range(&call.func_name, token);
        // `math.` and its like belong to the name.
        let family = call.target.as_deref().filter(|_| target.is_none()).map_or(named, |family| self.extent(family));
        let range = (family.0.min(named.0), self.brackets(token).1);
        if special(name)
            && let Some(typed) = self.special(name, target, &call.args, range)
        {
            return typed;
        }
        let mut arguments: Vec<Typed> = Vec::new();
        let rows: Vec<&Signature> = TABLE.iter().filter(|row| row.name == name).collect();
        if rows.is_empty()
            && !self.unchecked()
            && let Some(typed) = self.unknown_macro(name, target, &call.args, (named, range))
        {
            return typed;
        }
        // What may be absent is asked about, not computed with.
        let asks = rows.is_empty() || self.cel() || matches!(name, "type" | "optional.of" | "optional.ofNonZeroValue");
        for node in target.into_iter().chain(&call.args) {
            let argument = match &node.expr {
                // What is put into a text may be of several kinds.
                Node::List(list) if name == "format" => self.several(list, node),
                _ => self.part(node),
            };
            arguments.push(if asks { argument } else { self.settled(argument) });
        }
        let range = target.iter().zip(&arguments).fold(range, |range, (_, receiver)| over(range, receiver.range));
        if rows.is_empty() && self.unchecked() {
            return Typed::new(Tree::Fail(format!("there is no function `{name}`").into()), Ty::Dyn, range, Marks::default());
        }
        if rows.is_empty() {
            self.unknown_function(name, named, &arguments, range);
            return Typed::unknown(range);
        }
        let member = target.is_some();
        let styled: Vec<&&Signature> =
            rows.iter().filter(|row| row.style == Style::Both || (row.style == Style::Member) == member).collect();
        if styled.is_empty() {
            self.called_differently(name, &rows, !member, &arguments, (named, range));
            return Typed::unknown(range);
        }
        let counted: Vec<&&Signature> = styled.into_iter().filter(|row| row.takes.len() == arguments.len()).collect();
        if counted.is_empty() {
            let count = arguments.len() - usize::from(member);
            return self.refused(format!("`{name}` does not take {count} arguments"), &rows, range);
        }
        if name == "contains" && !self.cel() && holds_items(&arguments) {
            let message = format!("`{name}` looks into text, and `{}` is no text", arguments.first().map_or(&Ty::Unknown, |of| &of.ty));
            let mut diagnostic = Diagnostic::new(&codes::ARGUMENTS, self.span(range), message);
            self.item_of_list(&mut diagnostic, &arguments, range);
            self.diagnostics.push(diagnostic);
            return Typed::unknown(range);
        }
        if name == "format" && !self.cel() {
            self.formatted(&arguments, range);
        }
        self.by_row(name, (&rows, &counted), arguments, range, member)
    }

    /// A call by whichever row takes its arguments. `counted`: the rows that take so many.
    fn by_row(
        &mut self,
        name: &str,
        (rows, counted): (&[&Signature], &[&&Signature]),
        arguments: Vec<Typed>,
        range: Range,
        member: bool,
    ) -> Typed {
        if self.cel() {
            let ways: Vec<&Signature> = counted.iter().filter(|row| self.accepts(row, &arguments)).map(|row| **row).collect();
            // What only a run can tell apart is `dyn` until then.
            if let Some(first) = ways.first().filter(|first| ways.iter().any(|row| row.gives != first.gives)) {
                let typed = self.apply(first, arguments, range, member);
                return Typed { ty: Ty::Dyn, ..typed };
            }
        }
        let chosen = counted.iter().find(|row| self.accepts(row, &arguments)).or(counted.first().filter(|_| counted.len() == 1));
        // What a mistake left without a type fits every form: which one is meant is not known, so that nothing follows from it.
        let unclear = arguments.iter().any(|argument| argument.ty == Ty::Unknown)
            && counted.iter().any(|row| chosen.is_some_and(|chosen| row.gives != chosen.gives) && self.accepts(row, &arguments));
        match chosen {
            Some(row) if unclear && !self.cel() => Typed { ty: Ty::Unknown, ..self.apply(row, arguments, range, member) },
            Some(row) => self.apply(row, arguments, range, member),
            None => {
                let types: Vec<String> = arguments.iter().map(|argument| argument.ty.to_string()).collect();
                self.refused(format!("`{name}` does not take {}", types.join(", ")), rows, range)
            }
        }
    }

    fn refused(&mut self, message: String, rows: &[&Signature], range: Range) -> Typed {
        self.report(&codes::ARGUMENTS, range, message).help = Some(format!("write it as {}", usage(rows)));
        Typed::unknown(range)
    }

    /// A function that exists, called on a value where it stands by itself, or the other way round. `member`: what it should be.
    fn called_differently(&mut self, name: &str, rows: &[&Signature], member: bool, arguments: &[Typed], (named, range): (Range, Range)) {
        let mut diagnostic = Diagnostic::new(&codes::ARGUMENTS, self.span(named), format!("`{name}` is called differently"));
        if name == "contains" && holds_items(arguments) {
            self.item_of_list(&mut diagnostic, arguments, range);
        } else {
            diagnostic = diagnostic.help(format!("write it as {}", usage(rows)));
            self.in_its_form(&mut diagnostic, name, member, arguments, range);
        }
        self.diagnostics.push(diagnostic);
    }

    /// Where the name of a call stands: before its bracket.
    pub(super) fn name_range(&self, name: &str, open: Range) -> Range {
        let before = self.text.get(..open.0).unwrap_or("").trim_end();
        match before.strip_suffix(name) {
            Some(rest) => (rest.len(), before.len()),
            None => open,
        }
    }

    pub(super) fn unknown_function(&mut self, name: &str, range: Range, arguments: &[Typed], whole: Range) {
        let span = self.span(range);
        let mut foreign =
            Diagnostic::new(&codes::UNKNOWN_FUNCTION, span, format!("there is no function `{name}`")).label("no such function");
        if self.known_elsewhere(&mut foreign, name, arguments, whole) {
            self.diagnostics.push(foreign);
            return;
        }
        let same = names().find(|known| known.eq_ignore_ascii_case(name));
        let near = same.or_else(|| nearest(name, names())).map(str::to_owned);
        let diagnostic = self.report(&codes::UNKNOWN_FUNCTION, range, format!("there is no function `{name}`"));
        diagnostic.label = "no such function".to_owned();
        *diagnostic = match near {
            Some(near) => {
                // Only the last part of the name is underlined, and written anew.
                let (family, last) = near.rsplit_once('.').unwrap_or(("", &near));
                let helped = diagnostic.clone().help(format!("did you mean `{near}`?"));
                let same = name.rsplit_once('.').map_or("", |(family, _)| family) == family;
                if same { helped.fix(format!("write `{near}`"), span, last) } else { helped }
            }
            None => diagnostic.clone().help("the reference of expressions lists every function"),
        };
    }

    /// Whether a row takes arguments, without a word about it.
    fn accepts(&self, row: &Signature, arguments: &[Typed]) -> bool {
        let same = self.same(row, arguments);
        row.takes.iter().zip(arguments).all(|(shape, argument)| match wanted(*shape, same.as_ref()) {
            Some(ty) => {
                let literal = matches!(argument.form, Form::Text(_)) && super::fit::reads_text(&ty);
                literal || (matches!(argument.ty, Ty::Json) && super::fit::expectation(&ty).is_some()) || self.assignable(&argument.ty, &ty)
            }
            None => admits(*shape, &argument.ty),
        })
    }

    /// The type that `Same` stands for: the first argument's whose type does not follow from its place.
    fn same(&self, row: &Signature, arguments: &[Typed]) -> Option<Ty> {
        let mut ty: Option<Ty> = None;
        for flexible in [false, true] {
            for (shape, argument) in row.takes.iter().zip(arguments) {
                let own = match (shape, &argument.ty) {
                    _ if argument.flexible() != flexible => continue,
                    (Shape::Same, own) => own,
                    (Shape::Sames, Ty::List(item)) => item,
                    (Shape::Maybes, Ty::List(item)) => match item.as_ref() {
                        Ty::Optional(item) => item,
                        other => other,
                    },
                    _ => continue,
                };
                ty = Some(match ty {
                    Some(Ty::Int) if *own == Ty::Double => Ty::Double,
                    Some(Ty::Unknown) | None => own.clone(),
                    Some(ty) => ty,
                });
            }
        }
        ty
    }

    fn apply(&mut self, row: &Signature, arguments: Vec<Typed>, range: Range, member: bool) -> Typed {
        if let ([argument], Some(ty)) = (arguments.as_slice(), reads(row.name).filter(|_| !self.cel()))
            && matches!(argument.form, Form::Text(_))
        {
            // A constant is read now rather than when a run depends on it.
            let fitted = self.fit(argument.clone(), &ty);
            return Typed { range, ..fitted };
        }
        let same = self.same(row, &arguments);
        if matches!(row.name, "sort" | "least" | "greatest" | "min" | "max" | "between") && !self.cel() {
            self.need_order(same.as_ref(), &arguments);
        }
        let (nested, second) = (flattened(arguments.first()), arguments.get(1).map_or(range, |argument| argument.range));
        let mut trees = Vec::new();
        let mut marks = Marks::default();
        // A value that is held to a list or a range is one that the list or the range allows, whoever said it.
        // Between two texts nearly every text lies.
        let is_measure = matches!(same, Some(Ty::Int | Ty::Double | Ty::Decimal | Ty::Money | Ty::Duration | Ty::Timestamp));
        let mut held = matches!(row.name, "among" | "endorse") || row.name == "between" && is_measure;
        let endorsed = arguments.first().filter(|_| row.name == "endorse").cloned();
        // One of theirs tells them which of what they wrote it was.
        let mixed = arguments.first().is_some_and(|first| first.marks.mixed) && held && endorsed.is_none();
        let mut refused = false;
        for (shape, argument) in row.takes.iter().zip(arguments) {
            let own = self.given(row.name, *shape, &argument);
            marks = marks.with(if std::mem::take(&mut held) { self::held(row.name, own) } else { own });
            let fitted = match wanted(*shape, same.as_ref()) {
                Some(ty) => self.fit(argument, &ty),
                None if admits(*shape, &argument.ty) && (self.cel() || converts(row.name, &argument.ty)) => argument,
                None => {
                    let (quoted, ty, name) = (self.quoted(argument.range), argument.ty.clone(), row.name);
                    let help = format!("write it as {}", usage(&[row]));
                    let diagnostic =
                        self.report(&codes::ARGUMENTS, argument.range, format!("`{name}` does not take {quoted}, which is {ty}"));
                    *diagnostic = diagnostic.clone().label(format!("is {ty}")).help(help);
                    refused = true;
                    Typed::unknown(argument.range)
                }
            };
            trees.push(fitted.tree);
        }
        marks.mixed |= mixed && marks.untrusted;
        if let Some(endorsed) = endorsed {
            self.endorse(&endorsed, trees.get(1), range);
        }
        let rates = (row.name == "exchange" && !refused).then(|| self.rates(trees.get(1), range));
        trees.extend(rates);
        self.must_name_a_currency(row.name, &trees, range);
        let pattern = if row.name == "matches" { self.pattern(trees.get(1), second) } else { None };
        let item = same.clone().unwrap_or(Ty::Unknown);
        let ty = match row.gives {
            Shape::Same => item,
            Shape::Sames => Ty::List(Box::new(item)),
            Shape::Maybe if self.cel() => super::optional::wrapped(item),
            Shape::Maybe => item.optional(),
            Shape::Nested => nested,
            other => wanted(other, None).unwrap_or(Ty::Unknown),
        };
        let tree = match row.via {
            Via::Native(function) => Tree::Call(if self.cel() { of_cel(function) } else { function }, trees),
            Via::Cel => match (pattern, trees.first()) {
                (Some(pattern), Some(text)) => Tree::Matches(Box::new(text.clone()), pattern),
                _ => Tree::Cel(row.name.into(), member, trees),
            },
        };
        let tree = if row.gives == Shape::Maybe { self.optional_form(tree) } else { tree };
        // What stands for an argument that was refused has no value of its own to be wrong.
        let tree = if refused { tree } else { self.folded(tree, row.name, range) };
        Typed::new(tree, ty, range, marks)
    }

    /// The marks of an argument, as far as a function hands them on.
    fn given(&self, name: &str, shape: Shape, argument: &Typed) -> Marks {
        let own = if shape == Shape::Sized { argument.marks } else { self.whole(argument) };
        // The text of a label, or of a truth, is one of those that the operator listed.
        if name == "string" && matches!(argument.ty, Ty::Enum(_) | Ty::Bool) { own.listed(self.told) } else { own }
    }

    /// A currency that is written out beside a number.
    fn must_name_a_currency(&mut self, name: &str, arguments: &[Tree], range: Range) {
        if let ("money", [_, Tree::Constant(code)]) = (name, arguments)
            && let Some(currency) = code.as_str().and_then(Currency::parse)
        {
            self.must_be_listed(&Value::Money(Money::zero(currency)), range);
        }
    }

    /// Reports the first argument where what is compared has no order.
    fn need_order(&mut self, ty: Option<&Ty>, arguments: &[Typed]) {
        let Some((ty, first)) = ty.zip(arguments.first()) else { return };
        if !super::cel::ordered(ty) && !matches!(ty, Ty::Enum(_) | Ty::Json) {
            let quoted = self.quoted(first.range);
            self.report(&codes::OPERATOR, first.range, format!("{quoted} holds {ty}, which has no order")).label =
                format!("{ty} has no order");
        }
    }

    /// The function that a call names, and what it is called on: `math.abs(x)` is called on nothing.
    fn called<'b>(&self, call: &'b CallExpr) -> (String, Option<&'b IdedExpr>) {
        let name = call.func_name.trim_start_matches('.');
        let target = call.target.as_deref();
        let Some(path) = target.and_then(super::path::spelled) else { return (name.to_owned(), target) };
        let root = super::path::root(&path);
        let hidden = self.locals.iter().any(|local| local.name == root) || self.scope.get(root).is_some();
        let full = format!("{path}.{name}");
        // `math.` begins the names of functions: one that is misspelled is still none of a value called `math`.
        let family = format!("{path}.");
        if !hidden && names().any(|known| known.starts_with(&family)) { (full, None) } else { (name.to_owned(), target) }
    }

    /// A list literal whose items need not be of one type.
    fn several(&mut self, list: &ListExpr, node: &IdedExpr) -> Typed {
        let token = self.token(node);
        let range = self.brackets(token);
        if self.cel() && list.elements.iter().any(holds_record) {
            self.no_text(range);
        }
        if self.cel() || !list.optional_indices.is_empty() {
            return self.part(node);
        }
        let mut marks = Marks::default();
        let mut items = Vec::new();
        for element in &list.elements {
            let item = self.part(element);
            let item = self.settled(item);
            if matches!(item.ty, Ty::Record(_) | Ty::Object(_)) {
                self.no_text(item.range);
            }
            marks = marks.with(self.whole(&item));
            items.push(item);
        }
        let tree = Tree::List(items.iter().map(|item| item.tree.clone()).collect());
        Typed { form: Form::Items(items), ..Typed::new(tree, Ty::List(Box::new(Ty::Unknown)), range, marks) }
    }

    fn no_text(&mut self, range: Range) {
        let quoted = self.quoted(range);
        self.report(&codes::ARGUMENTS, range, format!("{quoted} holds a record, which has no text")).help =
            Some("name the field that is meant".to_owned());
    }

    /// A call of constants is computed here; what fails is wrong in every run.
    fn folded(&mut self, tree: Tree, name: &str, range: Range) -> Tree {
        let constant = |tree: &Tree| matches!(tree, Tree::Constant(_));
        let constants = match &tree {
            Tree::Call(_, arguments) | Tree::Cel(_, _, arguments) => arguments.iter().all(constant),
            _ => false,
        };
        if !constants || !matches!(name, "duration" | "timestamp" | "decimal" | "money") {
            return tree;
        }
        match super::super::evaluate::evaluate(&tree, &crate::value::Record::default()) {
            Ok(value) => {
                if !self.cel() {
                    self.must_be_listed(&value, range);
                }
                Tree::Constant(value)
            }
            Err(error) if !self.unchecked() => {
                self.report(&codes::LITERAL, range, error.0).label = format!("is no {name}");
                tree
            }
            Err(_) => tree,
        }
    }

    /// A pattern that is the same in every run is compiled now rather than when a run depends on it. `range`: where it stands.
    fn pattern(&mut self, pattern: Option<&Tree>, range: Range) -> Option<Pattern> {
        let text = match pattern? {
            Tree::Constant(value) => value.clone(),
            other if !self.cel() => super::constant::value(other)?,
            _ => return None,
        };
        let text = text.as_str()?;
        if let Some((message, help)) = Pattern::fault(text) {
            let diagnostic = self.report(&codes::PATTERN, range, message);
            *diagnostic = diagnostic.clone().label("cannot be read").help(help);
        }
        Pattern::parse(text)
    }
}

/// Whether the first argument is a list or a map.
fn holds_items(arguments: &[Typed]) -> bool {
    arguments.first().is_some_and(|of| matches!(of.ty, Ty::List(_) | Ty::Map(_)))
}

/// Whether a literal builds a record somewhere inside.
fn holds_record(node: &IdedExpr) -> bool {
    match &node.expr {
        Node::Struct(_) => true,
        Node::List(list) => list.elements.iter().any(holds_record),
        Node::Map(map) => map.entries.iter().any(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => holds_record(&entry.value),
            EntryExpr::StructField(_) => false,
        }),
        _ => false,
    }
}

/// The function as CEL has it, where operators write durations otherwise.
fn of_cel(function: Function) -> Function {
    match function {
        Function::ToString => Function::CelText,
        Function::ToDuration => Function::CelDuration,
        other => other,
    }
}

/// The type that a function reads from text.
fn reads(name: &str) -> Option<Ty> {
    Some(match name {
        "duration" => Ty::Duration,
        "timestamp" => Ty::Timestamp,
        "money" => Ty::Money,
        _ => return None,
    })
}

/// The type that a shape wants an argument fitted to; `None` where it only admits or refuses.
fn wanted(shape: Shape, same: Option<&Ty>) -> Option<Ty> {
    Some(match shape {
        Shape::Bool => Ty::Bool,
        Shape::Int => Ty::Int,
        Shape::Double => Ty::Double,
        Shape::String => Ty::String,
        Shape::Bytes => Ty::Bytes,
        Shape::Timestamp => Ty::Timestamp,
        Shape::Duration => Ty::Duration,
        Shape::Money => Ty::Money,
        Shape::Strings => Ty::List(Box::new(Ty::String)),
        Shape::Same => same?.clone(),
        Shape::Sames => Ty::List(Box::new(same?.clone())),
        Shape::UInt => Ty::UInt,
        Shape::Decimal => Ty::Decimal,
        Shape::Type => Ty::Type,
        Shape::Ints => Ty::List(Box::new(Ty::Int)),
        Shape::Maybe => Ty::Optional(Box::new(same?.clone())),
        Shape::Maybes => Ty::List(Box::new(Ty::Optional(Box::new(same?.clone())))),
        Shape::Plain | Shape::Sized | Shape::Anys | Shape::Nested | Shape::Any => return None,
    })
}

/// Whether a shape without a type of its own admits an argument.
fn admits(shape: Shape, ty: &Ty) -> bool {
    match shape {
        _ if matches!(ty, Ty::Unknown | Ty::Dyn) => true,
        Shape::Plain => {
            !matches!(ty, Ty::List(_) | Ty::Map(_) | Ty::Keyed(..) | Ty::Optional(_) | Ty::Record(_) | Ty::Object(_) | Ty::Null)
        }
        Shape::Sized => matches!(ty, Ty::String | Ty::Enum(_) | Ty::Bytes | Ty::List(_) | Ty::Map(_) | Ty::Keyed(..) | Ty::Json),
        Shape::Anys | Shape::Nested | Shape::Sames | Shape::Maybes => matches!(ty, Ty::List(_)),
        _ => true,
    }
}

/// Whether a conversion can ever have a value of what it is given. CEL's own rules leave that to the run.
fn converts(name: &str, from: &Ty) -> bool {
    let sources: &[Ty] = match name {
        "int" => &[Ty::Int, Ty::UInt, Ty::Decimal, Ty::Double, Ty::String, Ty::Timestamp, Ty::Duration],
        "double" => &[Ty::Int, Ty::UInt, Ty::Decimal, Ty::Double, Ty::String, Ty::Money],
        "decimal" => &[Ty::Int, Ty::UInt, Ty::Decimal, Ty::Double, Ty::String, Ty::Money],
        "uint" => &[Ty::Int, Ty::UInt, Ty::Double, Ty::String],
        "bool" => &[Ty::Bool, Ty::String],
        "bytes" => &[Ty::Bytes, Ty::String],
        "duration" => &[Ty::Duration, Ty::String],
        "timestamp" => &[Ty::Timestamp, Ty::String, Ty::Int],
        _ => return true,
    };
    matches!(from, Ty::Unknown | Ty::Dyn | Ty::Json | Ty::Enum(_)) || sources.contains(from)
}

/// How a function is written.
fn usage(rows: &[&Signature]) -> String {
    let mut ways: Vec<String> = Vec::new();
    for row in rows {
        let way = row.usage();
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    listed(&ways.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A list of lists, one level flatter.
fn flattened(list: Option<&Typed>) -> Ty {
    match list.map(|list| &list.ty) {
        Some(Ty::List(inner)) if matches!(**inner, Ty::List(_)) => inner.as_ref().clone(),
        Some(Ty::List(inner)) => Ty::List(inner.clone()),
        _ => Ty::List(Box::new(Ty::Unknown)),
    }
}

/// What is said of a value that is held to what the operator allows: no words are left, and one of a list tells what the list tells.
fn held(name: &str, own: Marks) -> Marks {
    let listed = name == "among";
    let steered = own.steered || own.untrusted && !planted(Hole::Among);
    Marks { untrusted: false, steered, pii: own.pii && !listed, private: own.private && !listed, mixed: false, ..own }
}
