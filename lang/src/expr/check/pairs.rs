//! Macros with two variables, sorting by a key, `dyn`, and the functions of any number of arguments.

use super::path::{root, spelled};
use super::{Checker, Local, Range, Typed, over};
use crate::code::expression as codes;
use crate::expr::function::Function;
use crate::expr::tree::{Gather, Over, Tree};
use crate::ty::{Marks, Ty};
use cel_interpreter::common::ast::IdedExpr;

impl Checker<'_> {
    /// `dyn(x)`: CEL's way out of its types, which the operators' language does not have.
    pub(super) fn untyped(&mut self, of: &IdedExpr, range: Range) -> Typed {
        let of = self.part(of);
        if !self.cel() {
            let quoted = self.quoted(of.range);
            self.report(&codes::UNSUPPORTED, range, format!("nothing is untyped in a flow, {quoted} keeps its type")).help =
                Some("leave out `dyn`; outside data become typed through a declared `type`".to_owned());
            return of;
        }
        Typed { ty: Ty::Dyn, range, ..of }
    }

    /// `math.greatest(…)`, `math.least(…)`: numbers, or one list of them.
    pub(super) fn extreme(&mut self, name: &str, arguments: &[IdedExpr], range: Range) -> Typed {
        let arguments: Vec<Typed> = arguments.iter().map(|argument| self.part(argument)).collect();
        let marks = arguments.iter().fold(Marks::default(), |marks, argument| marks.with(argument.marks));
        let mut ty: Option<Ty> = None;
        let lone = arguments.len() == 1;
        for argument in &arguments {
            let own = match &argument.ty {
                Ty::List(item) if lone => item.as_ref().clone(),
                other => other.clone(),
            };
            if !matches!(own, Ty::Int | Ty::UInt | Ty::Double | Ty::Unknown | Ty::Dyn) {
                let (quoted, ty) = (self.quoted(argument.range), argument.ty.clone());
                let diagnostic = self.report(&codes::ARGUMENTS, argument.range, format!("`{name}` does not take {quoted}, which is {ty}"));
                *diagnostic = diagnostic.clone().label(format!("is {ty}")).help(format!("write it as `{name}(number, number)`"));
                return Typed::unknown(range);
            }
            ty = Some(match ty {
                Some(ty) if ty == own => ty,
                Some(Ty::Int | Ty::Double) if matches!(own, Ty::Int | Ty::Double) && !self.cel() => Ty::Double,
                Some(_) => Ty::Dyn,
                None => own,
            });
        }
        let ty = ty.unwrap_or(Ty::Unknown);
        let whole_list = matches!(arguments.as_slice(), [one] if matches!(one.ty, Ty::List(_)));
        let arguments: Vec<Tree> =
            arguments.into_iter().map(|argument| if whole_list { argument } else { self.fit(argument, &ty) }.tree).collect();
        // The `cel` crate takes any number of them as one list.
        let list = if lone { arguments } else { vec![Tree::List(arguments)] };
        Typed::new(Tree::Cel(name.into(), false, list), ty, range, marks)
    }

    /// `list.sortBy(item, key)`
    pub(super) fn sort_by(&mut self, of: &IdedExpr, variable: &IdedExpr, key: &IdedExpr, range: Range) -> Typed {
        let of = self.part(of);
        let of = self.settled(of);
        let range = over(of.range, range);
        let Some(item) = self.item(&of, "sortBy") else { return Typed::unknown(range) };
        let Some(name) = self.names_one(variable, "sortBy") else { return Typed::unknown(range) };
        let known = self.present.clone();
        self.present.retain(|path| root(path) != name);
        // The list itself is the outer local, each item the inner one.
        self.locals.push(Local { name: String::new(), ty: of.ty.clone(), marks: of.marks });
        let list = Tree::Local(u32::try_from(self.locals.len() - 1).unwrap_or(u32::MAX));
        self.locals.push(Local { name, ty: item, marks: of.marks });
        let key = self.part(key);
        let key = self.settled(key);
        self.locals.truncate(self.locals.len().saturating_sub(2));
        self.present = known;
        if matches!(key.ty, Ty::List(_) | Ty::Map(_) | Ty::Keyed(..) | Ty::Record(_) | Ty::Object(_) | Ty::Enum(_) | Ty::Null | Ty::Json) {
            let (quoted, ty) = (self.quoted(key.range), key.ty.clone());
            self.report(&codes::OPERATOR, key.range, format!("{quoted} is {ty}, which has no order")).label = format!("is {ty}");
        }
        let keys = Tree::Each { over: Over::Map, range: Box::new(list.clone()), when: None, make: Some(Box::new(key.tree)) };
        let sorted = Tree::Call(Function::SortBy, vec![list, keys]);
        Typed::new(Tree::Bind(Box::new(of.tree), Box::new(sorted)), of.ty, range, of.marks.with(key.marks))
    }

    fn item(&mut self, of: &Typed, name: &str) -> Option<Ty> {
        match &of.ty {
            Ty::List(item) => Some(item.as_ref().clone()),
            Ty::Unknown | Ty::Dyn | Ty::Json => Some(of.ty.clone()),
            other => {
                let (quoted, ty) = (self.quoted(of.range), other.clone());
                self.report(&codes::OPERATOR, of.range, format!("`{name}` takes a list, {quoted} is {ty}")).label = format!("is {ty}");
                None
            }
        }
    }

    fn names_one(&mut self, variable: &IdedExpr, name: &str) -> Option<String> {
        let found = spelled(variable).filter(|local| !local.contains('.'));
        if found.is_none() {
            let at = self.extent(variable);
            self.report(&codes::ARGUMENTS, at, format!("the first arguments of `{name}` name what it goes over")).help =
                Some(format!("write it like `list.{name}(index, item, …)`"));
        }
        found
    }

    /// A macro with two variables.
    pub(super) fn pairs(
        &mut self,
        name: &str,
        of: &IdedExpr,
        variables: [&IdedExpr; 2],
        (when, body): (Option<&IdedExpr>, &IdedExpr),
        range: Range,
    ) -> Typed {
        let of = self.part(of);
        let of = self.settled(of);
        let range = over(of.range, range);
        let (key, value) = match &of.ty {
            Ty::List(item) => (Ty::Int, item.as_ref().clone()),
            Ty::Map(value) => (Ty::String, value.as_ref().clone()),
            Ty::Keyed(key, value) => (key.as_ref().clone(), value.as_ref().clone()),
            Ty::Json | Ty::Unknown | Ty::Dyn => (of.ty.clone(), of.ty.clone()),
            other => {
                let (quoted, ty) = (self.quoted(of.range), other.clone());
                self.report(&codes::OPERATOR, of.range, format!("`{name}` goes over a list or a map, {quoted} is {ty}")).label =
                    format!("is {ty}");
                return Typed::unknown(range);
            }
        };
        let [first, second] = variables.map(|variable| self.names_one(variable, name));
        let (Some(first), Some(second)) = (first, second) else { return Typed::unknown(range) };
        if first == second {
            self.report(&codes::ARGUMENTS, range, format!("both variables of `{name}` are named `{first}`"));
            return Typed::unknown(range);
        }
        let known = self.present.clone();
        self.present.retain(|path| root(path) != first && root(path) != second);
        self.locals.push(Local { name: first, ty: key.clone(), marks: of.marks });
        self.locals.push(Local { name: second, ty: value, marks: of.marks });
        let gather = gather(name);
        let tests = matches!(gather, Gather::All | Gather::Exists | Gather::ExistsOne);
        let facts = when.map(|when| self.facts(when, true)).unwrap_or_default();
        let condition = if tests { Some(body) } else { when };
        let condition = condition.map(|condition| {
            let typed = self.part(condition);
            self.fit(typed, &Ty::Bool)
        });
        let made = (!tests).then(|| self.knowing(facts, |checker| checker.part(body)));
        self.locals.truncate(self.locals.len().saturating_sub(2));
        self.present = known;
        let ty = self.gathered(gather, key, made.as_ref());
        let marks = [condition.as_ref(), made.as_ref()].into_iter().flatten().fold(of.marks, |marks, part| marks.with(self.whole(part)));
        let tree = Tree::Pairs {
            gather,
            range: Box::new(of.tree),
            when: condition.map(|condition| Box::new(condition.tree)),
            make: made.map(|made| Box::new(made.tree)),
        };
        Typed::new(tree, ty, range, marks)
    }

    fn gathered(&mut self, gather: Gather, key: Ty, made: Option<&Typed>) -> Ty {
        let Some(made) = made else { return Ty::Bool };
        match (gather, &made.ty) {
            (Gather::List, ty) => Ty::List(Box::new(ty.clone())),
            (Gather::Map, ty) if key == Ty::String => Ty::Map(Box::new(ty.clone())),
            (Gather::Map, ty) => Ty::Keyed(Box::new(key), Box::new(ty.clone())),
            (_, ty @ (Ty::Map(_) | Ty::Keyed(..) | Ty::Unknown | Ty::Dyn)) => ty.clone(),
            (_, other) => {
                let (quoted, ty) = (self.quoted(made.range), other.clone());
                self.report(&codes::TYPE, made.range, format!("{quoted} is {ty}, `transformMapEntry` makes a map of each pair")).label =
                    format!("is {ty}");
                Ty::Unknown
            }
        }
    }
}

fn gather(name: &str) -> Gather {
    match name {
        "all" => Gather::All,
        "exists" => Gather::Exists,
        "exists_one" | "existsOne" => Gather::ExistsOne,
        "transformList" => Gather::List,
        "transformMap" => Gather::Map,
        _ => Gather::Entries,
    }
}
