//! Operators: what they take, what they give, and how literals beside them are read.

use super::fit::{labelled, reads_exactly, reads_text};
use super::{Checker, Form, Range, Typed, over};
use crate::code::expression as codes;
use crate::expr::closed;
use crate::expr::tree::{Comparison, Operation, Tree};
use crate::planted::{Hole, planted};
use crate::ty::{Marks, Ty};
use crate::value::Value;
use cel_interpreter::common::ast::{IdedExpr, operators};

impl Checker<'_> {
    /// An operator's call; `None` where the name is no operator.
    pub(super) fn operator(&mut self, name: &str, arguments: &[IdedExpr], token: Range) -> Option<Typed> {
        if self.cel()
            && let Some(typed) = self.cel_operator(name, arguments, token)
        {
            return Some(typed);
        }
        Some(match (name, arguments) {
            (operators::LOGICAL_AND, [left, right]) => self.logic(left, right, true),
            (operators::LOGICAL_OR, [left, right]) => self.logic(left, right, false),
            (operators::LOGICAL_NOT, [of]) => {
                let of = self.part(of);
                let of = self.fit(of, &Ty::Bool);
                Typed::new(Tree::Not(Box::new(of.tree)), Ty::Bool, over(token, of.range), of.marks)
            }
            (operators::NEGATE, [of]) => self.negated(of, token),
            (operators::CONDITIONAL, [condition, one, other]) => self.choice(condition, one, other),
            (operators::OPT_SELECT, [of, field]) => self.optional_select(of, field, token),
            (operators::OPT_INDEX, [of, index]) => self.optional_index(of, index, token),
            (operators::INDEX, [of, index]) => self.index(of, index, token),
            (operators::IN, [item, list]) => self.membership(item, list),
            (_, [left, right]) => {
                if let Some(how) = comparison(name) {
                    self.comparison(how, left, right)
                } else {
                    self.arithmetic(operation(name)?, left, right)
                }
            }
            _ => return None,
        })
    }

    fn logic(&mut self, left: &IdedExpr, right: &IdedExpr, and: bool) -> Typed {
        let facts = self.facts(left, and);
        let left = self.part(left);
        let left = self.fit(left, &Ty::Bool);
        let right = self.knowing(facts, |checker| checker.part(right));
        let right = self.fit(right, &Ty::Bool);
        let (range, marks) = (over(left.range, right.range), left.marks.with(right.marks));
        let (left, right) = (Box::new(left.tree), Box::new(right.tree));
        Typed::new(if and { Tree::And(left, right) } else { Tree::Or(left, right) }, Ty::Bool, range, marks)
    }

    /// Checks something where these paths have a value.
    pub(super) fn knowing(&mut self, facts: Vec<String>, check: impl FnOnce(&mut Self) -> Typed) -> Typed {
        let before = self.present.len();
        self.present.extend(facts);
        let typed = check(self);
        self.present.truncate(before);
        typed
    }

    fn negated(&mut self, of: &IdedExpr, token: Range) -> Typed {
        let of = self.part(of);
        let of = self.settled(of);
        let range = over(token, of.range);
        if !matches!(of.ty, Ty::Int | Ty::Double | Ty::Decimal | Ty::Money | Ty::Duration | Ty::Unknown) {
            let (quoted, ty) = (self.quoted(of.range), of.ty.clone());
            self.report(&codes::OPERATOR, range, format!("`-` takes a number, money or a duration, {quoted} is {ty}"));
            return Typed::unknown(range);
        }
        Typed::new(Tree::Negate(Box::new(of.tree)), of.ty, range, of.marks)
    }

    fn choice(&mut self, condition: &IdedExpr, one: &IdedExpr, other: &IdedExpr) -> Typed {
        let (holds, fails) = (self.facts(condition, true), self.facts(condition, false));
        let condition = self.part(condition);
        let condition = self.fit(condition, &Ty::Bool);
        let one = self.knowing(holds, |checker| checker.part(one));
        let other = self.knowing(fails, |checker| checker.part(other));
        let range = over(condition.range, over(one.range, other.range));
        // The condition only chooses between the two; which one it is tells all of a label or a truth that is secret or personal itself.
        let chosen = if planted(Hole::Conditional) { Marks::default() } else { condition.marks.choosing() };
        let (told, about) = (self.told, condition.marks);
        let chosen =
            Marks { pii: about.pii && told.pii, private: about.private && told.pii, secret: about.secret && told.secret, ..chosen };
        let marks = chosen.with(self.whole(&one)).with(self.whole(&other));
        let Some(ty) = self.common(&one, &other) else {
            let (left, right) = (one.ty.clone(), other.ty.clone());
            let (first, second) = (self.span(one.range), self.span(other.range));
            let diagnostic = self.report(&codes::TYPE, range, format!("a choice gives {left} or {right}, it must give one type"));
            *diagnostic = diagnostic.clone().also(first, labelled(&left)).also(second, labelled(&right));
            return Typed::unknown(range);
        };
        let (one, other) = (self.fit(one, &ty), self.fit(other, &ty));
        let form = Form::Choice(Box::new((condition.tree.clone(), one.clone(), other.clone())));
        let tree = Tree::Choose(Box::new(condition.tree), Box::new(one.tree), Box::new(other.tree));
        Typed { tree, ty, range, marks, form }
    }

    fn index(&mut self, of: &IdedExpr, index: &IdedExpr, token: Range) -> Typed {
        let of = self.part(of);
        let of = self.settled(of);
        let index = self.part(index);
        let range = over(of.range, self.brackets(token));
        let (ty, wanted) = match &of.ty {
            Ty::List(item) => (item.as_ref().clone(), Ty::Int),
            Ty::Map(value) => (value.as_ref().clone(), Ty::String),
            Ty::Json | Ty::Unknown => (of.ty.clone(), Ty::Unknown),
            Ty::Object(_) | Ty::Record(_) if matches!(index.form, Form::Text(_)) => {
                let (quoted, text) = (self.quoted(of.range), self.quoted(index.range));
                self.report(&codes::OPERATOR, range, format!("{quoted} is a record, its fields are selected with a point, not {text}"));
                return Typed::unknown(range);
            }
            other => {
                let (quoted, ty) = (self.quoted(of.range), other.clone());
                self.report(&codes::OPERATOR, range, format!("only a list or a map has items, {quoted} is {ty}"));
                return Typed::unknown(range);
            }
        };
        let index = self.settled(index);
        let by = self.picking(&index);
        if let (Ty::List(_), Tree::Constant(Value::Int(at)), false) = (&of.ty, &index.tree, self.cel())
            && *at < 0
        {
            let (quoted, list) = (self.quoted(range), self.quoted(of.range).trim_matches('`').to_owned());
            self.report(&codes::OPERATOR, index.range, format!("{quoted} would stand before the first item")).help =
                Some(format!("items are counted from 0; the last one is `{list}.last()`, which is absent where there is none"));
            return Typed::unknown(range);
        }
        // CEL takes a whole double as an index, and leaves it to the run whether it is one.
        let index = if self.cel() && matches!((&index.ty, &wanted), (Ty::Double, Ty::Int)) { index } else { self.fit(index, &wanted) };
        let marks = of.marks.picked(by, self.whole(&of).untrusted);
        Typed::new(Tree::Index(Box::new(of.tree), Box::new(index.tree)), ty, range, marks)
    }

    /// The marks of what only picks one of several: one that is a label is no longer the text that it was given to.
    pub(super) fn picking(&self, index: &Typed) -> Marks {
        if closed(&index.ty) { index.marks.listed(self.told) } else { index.marks }
    }

    fn membership(&mut self, item: &IdedExpr, list: &IdedExpr) -> Typed {
        let item = self.part(item);
        let list = self.part(list);
        let (item, list) = (self.settled(item), self.settled(list));
        let range = over(item.range, list.range);
        let marks = self.whole(&item).with(self.whole(&list));
        let (item, list) = match &list.ty {
            Ty::List(inner) => {
                let inner = inner.as_ref().clone();
                let sample = Typed { ty: inner.clone(), form: Form::Plain, ..list.clone() };
                if list.flexible() && !item.flexible() && reads_text(&item.ty) {
                    let wanted = Ty::List(Box::new(item.ty.clone()));
                    (item, self.fit(list, &wanted))
                } else if item.flexible() && reads_text(&inner) {
                    (self.fit(item, &inner), list)
                } else {
                    self.comparable(&item, &sample, range, "in");
                    (item, list)
                }
            }
            Ty::Map(_) => (self.fit(item, &Ty::String), list),
            Ty::Json | Ty::Unknown => (item, list),
            other => {
                let (quoted, ty) = (self.quoted(list.range), other.clone());
                self.report(&codes::OPERATOR, list.range, format!("`in` looks into a list or a map, {quoted} is {ty}")).label =
                    format!("is {ty}");
                return Typed::new(Tree::Constant(Value::Null), Ty::Unknown, range, marks);
            }
        };
        Typed::new(Tree::In(Box::new(item.tree), Box::new(list.tree)), Ty::Bool, range, marks)
    }

    fn comparison(&mut self, how: Comparison, left: &IdedExpr, right: &IdedExpr) -> Typed {
        let (left, right) = (self.part(left), self.part(right));
        let range = over(left.range, right.range);
        let marks = self.whole(&left).with(self.whole(&right));
        let equality = matches!(how, Comparison::Equal | Comparison::Different);
        if equality && (matches!(left.ty, Ty::Null) || matches!(right.ty, Ty::Null)) {
            let other = if matches!(left.ty, Ty::Null) { &right } else { &left };
            if !matches!(other.ty, Ty::Optional(_) | Ty::Json | Ty::Null | Ty::Unknown) {
                let (quoted, ty, at) = (self.quoted(other.range), other.ty.clone(), other.range);
                self.report(&codes::OPERATOR, range, format!("{quoted} is {ty} and never null")).help =
                    Some("only a value of a type with `?` may be absent: ask `has(path)` of one".to_owned());
                return Typed::unknown(at);
            }
            let (left, right) = (super::fit::lenient(left.tree), super::fit::lenient(right.tree));
            return Typed::new(Tree::Compare(how, Box::new(left), Box::new(right)), Ty::Bool, range, marks);
        }
        let (left, right) = (self.settled(left), self.settled(right));
        let (left, right) = self.beside(left, right);
        if self.comparable(&left, &right, range, sign(how)) && !equality {
            let ordered = |ty: &Ty| !matches!(ty, Ty::List(_) | Ty::Map(_) | Ty::Record(_) | Ty::Object(_) | Ty::Enum(_) | Ty::Null);
            if let Some(without) = [&left, &right].into_iter().find(|typed| !ordered(&typed.ty)) {
                let (quoted, ty, at) = (self.quoted(without.range), without.ty.clone(), without.range);
                self.report(&codes::OPERATOR, at, format!("{quoted} is {ty}, which has no order")).help =
                    Some("compare it with `==` or `!=`".to_owned());
            }
        }
        self.currencies(&left, &right, range);
        Typed::new(Tree::Compare(how, Box::new(left.tree), Box::new(right.tree)), Ty::Bool, range, marks)
    }

    /// Two parts beside each other: a literal is read as what stands opposite.
    fn beside(&mut self, left: Typed, right: Typed) -> (Typed, Typed) {
        if reads_exactly(&left, &right) {
            return (self.fit(left, &Ty::Decimal), right);
        }
        if reads_exactly(&right, &left) {
            return (left, self.fit(right, &Ty::Decimal));
        }
        match self.common(&left, &right) {
            Some(ty) if left.flexible() && !right.flexible() && left.ty != ty => (self.fit(left, &ty), right),
            Some(ty) if right.flexible() && !left.flexible() && right.ty != ty => (left, self.fit(right, &ty)),
            _ => (left, right),
        }
    }

    /// Whether two values can be equal at all; a diagnostic where not.
    fn comparable(&mut self, left: &Typed, right: &Typed, range: Range, sign: &str) -> bool {
        let fits = match (&left.ty, &right.ty) {
            // Two enums share no meaning even where they share a text.
            (Ty::Enum(left), Ty::Enum(right)) => left == right,
            _ => self.common(left, right).is_some(),
        };
        if !fits {
            self.clash(sign, left, right, range);
        }
        fits
    }

    /// Two types that an operator does not take together.
    pub(super) fn clash(&mut self, sign: &str, left: &Typed, right: &Typed, range: Range) {
        let (first, second) = (self.span(left.range), self.span(right.range));
        let (one, other) = (left.ty.clone(), right.ty.clone());
        let diagnostic = self.report(&codes::OPERATOR, range, format!("`{sign}` does not take {one} and {other}"));
        *diagnostic = diagnostic.clone().also(first, labelled(&one)).also(second, labelled(&other));
        diagnostic.help = match (&one, &other) {
            (Ty::Money, Ty::Int | Ty::Double) | (Ty::Int | Ty::Double, Ty::Money) => {
                Some("a number has no currency: write money as `'100 USD'`".to_owned())
            }
            (Ty::Duration, Ty::Int | Ty::Double) | (Ty::Int | Ty::Double, Ty::Duration) => {
                Some("a number has no unit: write a duration as `'30d'`".to_owned())
            }
            (Ty::String, Ty::Int | Ty::Double) | (Ty::Int | Ty::Double, Ty::String) => {
                Some("convert one of them: `string(…)`, `int(…)` or `double(…)`".to_owned())
            }
            (Ty::Json, _) | (_, Ty::Json) => Some("say what the outside value is: `int(…)`, `double(…)` or `string(…)`".to_owned()),
            _ => None,
        };
    }

    /// Two constant amounts of different currencies never meet.
    fn currencies(&mut self, left: &Typed, right: &Typed, range: Range) {
        let (Tree::Constant(Value::Money(one)), Tree::Constant(Value::Money(other))) = (&left.tree, &right.tree) else { return };
        if one.currency != other.currency {
            let message = format!("{one} and {other} are of different currencies");
            self.report(&codes::CURRENCIES, range, message).help = Some("write both in one currency".to_owned());
        }
    }

    fn arithmetic(&mut self, what: Operation, left: &IdedExpr, right: &IdedExpr) -> Typed {
        let (left, right) = (self.part(left), self.part(right));
        let (left, right) = (self.settled(left), self.settled(right));
        let range = over(left.range, right.range);
        let (left, right) = (self.operand(what, left, &right), right);
        let (left, right) = {
            let right = self.operand(what, right, &left);
            (left, right)
        };
        let marks = self.whole(&left).with(self.whole(&right));
        let Some(ty) = self.result(what, &left, &right) else {
            self.clash(symbol(what), &left, &right, range);
            return Typed::unknown(range);
        };
        if what == Operation::Divide && left.ty == Ty::Int && right.ty == Ty::Int {
            let (quoted, span) = (self.quoted(left.range), self.span(left.range));
            let text = quoted.trim_matches('`').to_owned();
            let diagnostic = self.report(&codes::WHOLE_DIVISION, range, "a division of whole numbers drops the fraction");
            *diagnostic =
                diagnostic.clone().help("make one of them a double").proposal("divide as doubles", span, format!("double({text})"));
        }
        self.currencies(&left, &right, range);
        if let Ty::List(item) = &ty
            && left.ty != right.ty
        {
            let _ = item;
            let (left, right) = (self.fit(left, &ty), self.fit(right, &ty));
            return Typed::new(Tree::Arithmetic(what, Box::new(left.tree), Box::new(right.tree)), ty, range, marks);
        }
        Typed::new(Tree::Arithmetic(what, Box::new(left.tree), Box::new(right.tree)), ty, range, marks)
    }

    /// A literal operand as what the other operand wants beside it.
    fn operand(&mut self, what: Operation, typed: Typed, other: &Typed) -> Typed {
        if reads_exactly(&typed, other) {
            return self.fit(typed, &Ty::Decimal);
        }
        let Form::Text(text) = &typed.form else { return typed };
        let wanted = match (what, &other.ty) {
            (Operation::Add, Ty::Timestamp) => Ty::Duration,
            (Operation::Subtract, Ty::Timestamp) if crate::literal::timestamp(text).is_some() => Ty::Timestamp,
            (Operation::Subtract, Ty::Timestamp) => Ty::Duration,
            (Operation::Add, Ty::Duration) if crate::literal::timestamp(text).is_some() => Ty::Timestamp,
            (Operation::Add | Operation::Subtract | Operation::Divide, Ty::Duration) => Ty::Duration,
            (Operation::Add | Operation::Subtract | Operation::Divide, Ty::Money) => Ty::Money,
            (_, Ty::Decimal) => Ty::Decimal,
            _ => return typed,
        };
        self.fit(typed, &wanted)
    }

    fn result(&self, what: Operation, left: &Typed, right: &Typed) -> Option<Ty> {
        use Operation::{Add, Divide, Multiply, Remainder, Subtract};
        Some(match (what, &left.ty, &right.ty) {
            (_, Ty::Unknown, _) | (_, _, Ty::Unknown) => Ty::Unknown,
            (_, Ty::Int, Ty::Int) => Ty::Int,
            (_, Ty::UInt, Ty::UInt) => Ty::UInt,
            (_, Ty::Decimal, Ty::Decimal | Ty::Int) | (_, Ty::Int, Ty::Decimal) => Ty::Decimal,
            (Remainder, ..) => return None,
            (_, Ty::Int | Ty::Double, Ty::Int | Ty::Double) => Ty::Double,
            (Add | Subtract, Ty::Money, Ty::Money) | (Multiply | Divide, Ty::Money, Ty::Int | Ty::Double | Ty::Decimal) => Ty::Money,
            (Multiply, Ty::Int | Ty::Double | Ty::Decimal, Ty::Money) => Ty::Money,
            (Divide, Ty::Money, Ty::Money) | (Divide, Ty::Duration, Ty::Duration) => Ty::Double,
            (Add | Subtract, Ty::Timestamp, Ty::Duration) | (Add, Ty::Duration, Ty::Timestamp) => Ty::Timestamp,
            (Subtract, Ty::Timestamp, Ty::Timestamp) | (Add | Subtract, Ty::Duration, Ty::Duration) => Ty::Duration,
            (Multiply | Divide, Ty::Duration, Ty::Int) | (Multiply, Ty::Int, Ty::Duration) => Ty::Duration,
            (Add, Ty::String | Ty::Enum(_), Ty::String | Ty::Enum(_)) => Ty::String,
            (Add, Ty::Bytes, Ty::Bytes) => Ty::Bytes,
            (Add, Ty::List(_), Ty::List(_)) => self.common(left, right)?,
            _ => return None,
        })
    }
}

pub(super) fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::Different,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::AtMost,
        operators::GREATER => Comparison::More,
        operators::GREATER_EQUALS => Comparison::AtLeast,
        _ => return None,
    })
}

pub(super) fn sign(how: Comparison) -> &'static str {
    match how {
        Comparison::Equal => "==",
        Comparison::Different => "!=",
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::More => ">",
        Comparison::AtLeast => ">=",
    }
}

pub(super) fn operation(name: &str) -> Option<Operation> {
    Some(match name {
        operators::ADD => Operation::Add,
        operators::SUBSTRACT => Operation::Subtract,
        operators::MULTIPLY => Operation::Multiply,
        operators::DIVIDE => Operation::Divide,
        operators::MODULO => Operation::Remainder,
        _ => return None,
    })
}

pub(super) fn symbol(what: Operation) -> &'static str {
    match what {
        Operation::Add => "+",
        Operation::Subtract => "-",
        Operation::Multiply => "*",
        Operation::Divide => "/",
        Operation::Remainder => "%",
    }
}
