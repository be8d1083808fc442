//! Calls of functions: which row of the table fits, and what is wrong where none does.

use super::{Checker, Form, Range, Typed, over};
use crate::code::expression as codes;
use crate::diagnostic::nearest;
use crate::expr::borrowed;
use crate::expr::function::{SPECIAL, Shape, Signature, Style, TABLE, Via, names};
use crate::expr::tree::Tree;
use crate::literal::listed;
use crate::ty::{Marks, Ty};
use crate::value::Value;
use cel_interpreter::common::ast::CallExpr;

impl Checker<'_> {
    /// A call of a function or a macro. `token`: its opening bracket.
    pub(super) fn call(&mut self, call: &CallExpr, token: Range) -> Typed {
        let name = call.func_name.trim_start_matches('.');
        let named = self.name_range(&call.func_name, token);
        let range = (named.0, self.brackets(token).1);
        if SPECIAL.contains(&name)
            && let Some(typed) = self.special(name, call, range)
        {
            return typed;
        }
        let mut arguments: Vec<Typed> = Vec::new();
        for node in call.target.as_deref().into_iter().chain(&call.args) {
            let argument = self.part(node);
            arguments.push(self.settled(argument));
        }
        let range = call.target.iter().zip(&arguments).fold(range, |range, (_, receiver)| over(range, receiver.range));
        let rows: Vec<&Signature> = TABLE.iter().filter(|row| row.name == name).collect();
        if rows.is_empty() {
            self.unknown_function(name, named);
            return Typed::unknown(range);
        }
        let member = call.target.is_some();
        let style = |row: &&&Signature| row.style == Style::Both || (row.style == Style::Member) == member;
        let styled: Vec<&&Signature> = rows.iter().filter(style).collect();
        if styled.is_empty() {
            let how = usage(&rows);
            self.report(&codes::ARGUMENTS, named, format!("`{name}` is called differently")).help = Some(format!("write it as {how}"));
            return Typed::unknown(range);
        }
        let counted: Vec<&&Signature> = styled.into_iter().filter(|row| row.takes.len() == arguments.len()).collect();
        if counted.is_empty() {
            let count = arguments.len() - usize::from(member);
            self.report(&codes::ARGUMENTS, range, format!("`{name}` does not take {count} arguments")).help =
                Some(format!("write it as {}", usage(&rows)));
            return Typed::unknown(range);
        }
        let chosen = counted.iter().find(|row| self.accepts(row, &arguments)).or(counted.first().filter(|_| counted.len() == 1));
        match chosen {
            Some(row) => self.apply(row, arguments, range, member),
            None => {
                let types: Vec<String> = arguments.iter().map(|argument| argument.ty.to_string()).collect();
                let how = usage(&rows);
                self.report(&codes::ARGUMENTS, range, format!("`{name}` does not take {}", types.join(", "))).help =
                    Some(format!("write it as {how}"));
                Typed::unknown(range)
            }
        }
    }

    /// Where the name of a call stands: before its bracket.
    fn name_range(&self, name: &str, open: Range) -> Range {
        let before = self.text.get(..open.0).unwrap_or("").trim_end();
        match before.strip_suffix(name) {
            Some(rest) => (rest.len(), before.len()),
            None => open,
        }
    }

    fn unknown_function(&mut self, name: &str, range: Range) {
        let near = nearest(name, names()).map(str::to_owned);
        let span = self.span(range);
        let diagnostic = self.report(&codes::UNKNOWN_FUNCTION, range, format!("there is no function `{name}`"));
        diagnostic.label = "no such function".to_owned();
        *diagnostic = match near {
            Some(near) => diagnostic.clone().help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, near),
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
        if let ([argument], Some(ty)) = (arguments.as_slice(), reads(row.name))
            && matches!(argument.form, Form::Text(_))
        {
            // A constant is read now rather than when a run depends on it.
            let fitted = self.fit(argument.clone(), &ty);
            return Typed { range, ..fitted };
        }
        let same = self.same(row, &arguments);
        let mut trees = Vec::new();
        let mut marks = Marks::default();
        // A value that is held to a list or a range is one that the list or the range allows, whoever said it.
        let mut held = matches!(row.name, "among" | "between");
        for (shape, argument) in row.takes.iter().zip(arguments) {
            let own = if *shape == Shape::Sized { argument.marks } else { self.whole(&argument) };
            let steered = own.steered || own.untrusted && held;
            marks = marks.with(Marks { untrusted: own.untrusted && !held, steered, ..own });
            held = false;
            let fitted = match wanted(*shape, same.as_ref()) {
                Some(ty) => self.fit(argument, &ty),
                None if admits(*shape, &argument.ty) => argument,
                None => {
                    let (quoted, ty, name) = (self.quoted(argument.range), argument.ty.clone(), row.name);
                    let help = format!("write it as {}", usage(&[row]));
                    let diagnostic =
                        self.report(&codes::ARGUMENTS, argument.range, format!("`{name}` does not take {quoted}, which is {ty}"));
                    *diagnostic = diagnostic.clone().label(format!("is {ty}")).help(help);
                    Typed::unknown(argument.range)
                }
            };
            trees.push(fitted.tree);
        }
        if row.name == "matches" {
            self.pattern(trees.get(1), range);
        }
        let ty = match row.gives {
            Shape::Same => same.unwrap_or(Ty::Unknown),
            other => wanted(other, None).unwrap_or(Ty::Unknown),
        };
        let tree = match row.via {
            Via::Native(function) => Tree::Call(function, trees),
            Via::Cel => Tree::Cel(row.name.into(), member, trees),
        };
        Typed::new(tree, ty, range, marks)
    }

    /// A constant pattern is tried now rather than when a run depends on it.
    fn pattern(&mut self, pattern: Option<&Tree>, range: Range) {
        let Some(Tree::Constant(pattern @ Value::String(text))) = pattern else { return };
        if borrowed::call("matches", true, &[Value::string(""), pattern.clone()]).is_err() {
            let message = format!("`{}` is no regular expression", crate::literal::shortened(text));
            self.report(&codes::PATTERN, range, message).help = Some("escape what is meant literally: `\\\\.` for a point".to_owned());
        }
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
        Shape::Plain | Shape::Sized | Shape::Anys => return None,
    })
}

/// Whether a shape without a type of its own admits an argument.
fn admits(shape: Shape, ty: &Ty) -> bool {
    match shape {
        _ if matches!(ty, Ty::Unknown) => true,
        Shape::Plain => !matches!(ty, Ty::List(_) | Ty::Map(_) | Ty::Record(_) | Ty::Object(_) | Ty::Null),
        Shape::Sized => matches!(ty, Ty::String | Ty::Enum(_) | Ty::Bytes | Ty::List(_) | Ty::Map(_) | Ty::Json),
        Shape::Anys => matches!(ty, Ty::List(_)),
        _ => true,
    }
}

/// How a function is written.
fn usage(rows: &[&Signature]) -> String {
    let mut ways: Vec<String> = Vec::new();
    for row in rows {
        let words: Vec<&str> = row.takes.iter().map(|shape| word(*shape)).collect();
        let way = match (row.style, words.split_first()) {
            (Style::Member, Some((receiver, rest))) => format!("{receiver}.{}({})", row.name, rest.join(", ")),
            _ => format!("{}({})", row.name, words.join(", ")),
        };
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    listed(&ways.iter().map(String::as_str).collect::<Vec<_>>())
}

fn word(shape: Shape) -> &'static str {
    match shape {
        Shape::Bool => "bool",
        Shape::Int => "int",
        Shape::Double => "double",
        Shape::String => "string",
        Shape::Bytes => "bytes",
        Shape::Timestamp => "timestamp",
        Shape::Duration => "duration",
        Shape::Money => "money",
        Shape::Plain => "value",
        Shape::Sized => "text or list",
        Shape::Same => "T",
        Shape::Sames => "list<T>",
        Shape::Strings => "list<string>",
        Shape::Anys => "list",
    }
}
