//! What is written like a function and is none: `has`, `or`, and the macros over lists.

use super::fit::lenient;
use super::path::{root, spelled};
use super::{Checker, Local, Range, Typed, over};
use crate::code::expression as codes;
use crate::expr::function::{Function, SPECIAL};
use crate::expr::tree::{Over, Tree};
use crate::ty::{Marks, Ty};
use cel_interpreter::common::ast::{Expr as Node, IdedExpr, operators};

impl Checker<'_> {
    /// A special call; `None` where it is written like an ordinary function.
    pub(super) fn special(&mut self, name: &str, target: Option<&IdedExpr>, arguments: &[IdedExpr], range: Range) -> Option<Typed> {
        match (name, target, arguments) {
            ("has", None, [path]) => Some(self.has(path, range)),
            ("dyn", None, [of]) => Some(self.untyped(of, range)),
            ("math.greatest" | "math.least", None, [_, ..]) => Some(self.extreme(name, arguments, range)),
            ("cel.bind", None, [variable, value, body]) => Some(self.bind(variable, value, body, range)),
            ("hasValue" | "value", Some(of), []) => Some(self.optional_ask(of, name == "value", range)),
            ("optMap" | "optFlatMap", Some(of), [variable, body]) => {
                Some(self.optional_map(of, variable, body, name == "optFlatMap", range))
            }
            ("or" | "orValue", Some(of), [other]) if self.cel() => Some(self.cel_or(of, other, name == "orValue", range)),
            ("sortBy", Some(of), [variable, key]) => Some(self.sort_by(of, variable, key, range)),
            (
                "all" | "exists" | "exists_one" | "existsOne" | "transformList" | "transformMap" | "transformMapEntry",
                Some(of),
                [first, second, body],
            ) => Some(self.pairs(name, of, [first, second], (None, body), range)),
            ("transformList" | "transformMap" | "transformMapEntry", Some(of), [first, second, when, body]) => {
                Some(self.pairs(name, of, [first, second], (Some(when), body), range))
            }
            ("or" | "orValue", Some(of), [other]) => Some(self.or(name, of, other, range)),
            ("all" | "exists" | "exists_one" | "existsOne" | "filter" | "map", Some(of), [variable, body]) => {
                Some(self.each(name, of, variable, (None, body), range))
            }
            ("map", Some(of), [variable, when, body]) => Some(self.each(name, of, variable, (Some(when), body), range)),
            _ => {
                let way = SPECIAL.iter().find(|(special, ..)| *special == name).map_or(name, |(_, usage, _)| usage);
                self.report(&codes::ARGUMENTS, range, format!("`{name}` is called differently")).help =
                    Some(format!("write it like `{way}`"));
                Some(Typed::unknown(range))
            }
        }
    }

    fn has(&mut self, path: &IdedExpr, range: Range) -> Typed {
        if let (Node::Select(selection), true) = (&path.expr, self.cel()) {
            let of = self.part(&selection.operand);
            return self.cel_has(of, &selection.field, range);
        }
        if let Node::Call(call) = &path.expr
            && let (operators::OPT_SELECT | operators::OPT_INDEX, [_, _]) = (call.func_name.as_str(), call.args.as_slice())
        {
            let typed = self.part(path);
            return Typed::new(Tree::Call(Function::HasValue, vec![typed.tree]), Ty::Bool, range, typed.marks);
        }
        if self.cel() || !matches!(path.expr, Node::Ident(_) | Node::Select(_)) {
            let typed = self.part(path);
            let quoted = self.quoted(typed.range);
            self.report(&codes::NO_PATH, typed.range, format!("`has` asks for a path, {quoted} is none")).help =
                Some("write it like `has(order.note)`".to_owned());
            return Typed::new(Tree::Present(Box::new(typed.tree)), Ty::Bool, range, typed.marks);
        }
        let typed = self.path(path);
        Typed::new(Tree::Present(Box::new(lenient(typed.tree))), Ty::Bool, range, typed.marks)
    }

    fn or(&mut self, name: &str, of: &IdedExpr, other: &IdedExpr, range: Range) -> Typed {
        let (of, other) = (self.part(of), self.part(other));
        let range = over(of.range, range);
        let marks = self.whole(&of).with(self.whole(&other));
        let inner = match &of.ty {
            Ty::Optional(inner) => inner.as_ref().clone(),
            Ty::Json | Ty::Unknown => of.ty.clone(),
            ty => {
                let (quoted, ty) = (self.quoted(of.range), ty.clone());
                self.report(&codes::OPERATOR, range, format!("{quoted} is {ty} and never absent")).help =
                    Some(format!("leave out the `.{name}(…)`"));
                return of;
            }
        };
        let (ty, other) = match &other.ty {
            // A second optional may follow; the value may still be absent then.
            Ty::Optional(_) => (inner.optional(), other),
            Ty::Json => (Ty::Json, other),
            // Outside data with a typed default is of the default's type.
            plain if matches!(inner, Ty::Json) && super::fit::expectation(plain).is_some() => (plain.clone(), other),
            _ => {
                let sample = Typed { ty: inner.clone(), ..of.clone() };
                let ty = self.common(&sample, &other).filter(|ty| !matches!(ty, Ty::Optional(_))).unwrap_or(inner);
                (ty.clone(), self.fit(other, &ty))
            }
        };
        let first = Typed { tree: lenient(of.tree), ty: of.ty, ..Typed::unknown(of.range) };
        let wanted = ty.clone().optional();
        let first = if matches!(first.ty, Ty::Json) && matches!(ty, Ty::Json) { first } else { self.fit(first, &wanted) };
        Typed::new(Tree::Default(Box::new(first.tree), Box::new(other.tree)), ty, range, marks)
    }

    fn each(
        &mut self,
        name: &str,
        of: &IdedExpr,
        variable: &IdedExpr,
        (when, body): (Option<&IdedExpr>, &IdedExpr),
        range: Range,
    ) -> Typed {
        let of = self.part(of);
        let of = self.settled(of);
        let range = over(of.range, range);
        let item = match &of.ty {
            Ty::List(item) => item.as_ref().clone(),
            Ty::Map(_) => Ty::String,
            Ty::Keyed(key, _) => key.as_ref().clone(),
            Ty::Json => Ty::Json,
            Ty::Unknown | Ty::Dyn => of.ty.clone(),
            other => {
                let (quoted, ty) = (self.quoted(of.range), other.clone());
                self.report(&codes::OPERATOR, of.range, format!("`{name}` goes over a list or a map, {quoted} is {ty}")).label =
                    format!("is {ty}");
                Ty::Unknown
            }
        };
        let Some(local) = spelled(variable).filter(|local| !local.contains('.')) else {
            let at = self.extent(variable);
            self.report(&codes::ARGUMENTS, at, format!("the first argument of `{name}` names the item")).help =
                Some(format!("write it like `list.{name}(item, …)`"));
            return Typed::unknown(range);
        };
        // What is known of an outer variable of that name is not known of this one.
        let known = self.present.clone();
        self.present.retain(|path| root(path) != local);
        self.locals.push(Local { name: local, ty: item.clone(), marks: of.marks });
        let (over, when, made, marks) = self.body(name, when, body);
        self.locals.pop();
        self.present = known;
        let ty = match over {
            Over::Map => Ty::List(Box::new(made.as_ref().map_or(Ty::Unknown, |made| made.ty.clone()))),
            Over::Filter => Ty::List(Box::new(item)),
            _ => Ty::Bool,
        };
        // Which items are left is a choice among those of the list; whether there is one is the value itself.
        let of_items = made.as_ref().map_or(of.marks, |made| of.marks.with(self.whole(made)));
        let marks = match over {
            Over::Filter | Over::Map => of_items.picked(marks, self.whole(&of).untrusted),
            _ => of_items.with(marks),
        };
        let tree = Tree::Each { over, range: Box::new(of.tree), when: when.map(Box::new), make: made.map(|made| Box::new(made.tree)) };
        Typed::new(tree, ty, range, marks)
    }

    fn body(&mut self, name: &str, when: Option<&IdedExpr>, body: &IdedExpr) -> (Over, Option<Tree>, Option<Typed>, Marks) {
        let over = match name {
            "all" => Over::All,
            "exists" => Over::Exists,
            "filter" => Over::Filter,
            "map" => Over::Map,
            _ => Over::ExistsOne,
        };
        let condition = if over == Over::Map { when } else { Some(body) };
        let facts = when.map(|when| self.facts(when, true)).unwrap_or_default();
        let condition = condition.map(|condition| {
            let typed = self.part(condition);
            self.fit(typed, &Ty::Bool)
        });
        let made = (over == Over::Map).then(|| self.knowing(facts, |checker| checker.part(body)));
        let marks = condition.as_ref().map_or(Marks::default(), |condition| condition.marks);
        (over, condition.map(|condition| condition.tree), made, marks)
    }
}
