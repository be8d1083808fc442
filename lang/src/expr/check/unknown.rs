//! A macro that does not exist: its variables are no mistakes of their own, and what it would make of them is looked at all the same.

use super::path::{root, spelled};
use super::{Checker, Local, Range, Typed, over};
use crate::ty::{Marks, Ty};
use cel_interpreter::common::ast::{Expr as Node, IdedExpr};

/// Arguments that a macro has at most: two variables, a condition and what is made.
const MOST_ARGUMENTS: usize = 4;

impl Checker<'_> {
    /// A call of an unknown function that is written like a macro: its first arguments are names that nothing has. `None` where it is not.
    pub(super) fn unknown_macro(
        &mut self,
        name: &str,
        target: Option<&IdedExpr>,
        arguments: &[IdedExpr],
        (named, range): (Range, Range),
    ) -> Option<Typed> {
        if arguments.len() < 2 || arguments.len() > MOST_ARGUMENTS {
            return None;
        }
        let of = target?;
        let most = arguments.len().saturating_sub(1).min(2);
        let free = |node: &&IdedExpr| {
            let name = if let Node::Ident(_) = &node.expr { spelled(node) } else { None };
            name.is_some_and(|name| self.scope.get(&name).is_none() && !self.locals.iter().any(|local| local.name == name))
        };
        let variables: Vec<String> = arguments.iter().take(most).take_while(free).filter_map(spelled).collect();
        // A name that is used nowhere behind is none that is meant.
        let (_, rest) = arguments.split_at_checked(variables.len())?;
        if variables.is_empty() || !variables.iter().any(|variable| rest.iter().any(|node| self.names(node, variable))) {
            return None;
        }
        let of = self.part(of);
        let item = match &of.ty {
            Ty::List(item) => item.as_ref().clone(),
            Ty::Map(_) if variables.len() == 1 => Ty::String,
            Ty::Map(item) => item.as_ref().clone(),
            Ty::Optional(inner) if !matches!(**inner, Ty::List(_)) => inner.as_ref().clone(),
            _ => Ty::Unknown,
        };
        let known = self.present.clone();
        self.present.retain(|path| !variables.iter().any(|variable| root(path) == variable));
        for (at, name) in variables.iter().enumerate() {
            // Of two, the first is a place or a key.
            let ty = if at + 1 == variables.len() { item.clone() } else { Ty::Unknown };
            self.locals.push(Local { name: name.clone(), ty, marks: of.marks });
        }
        let mut parts = vec![of.clone()];
        let extents: Vec<Range> = arguments.iter().take(variables.len()).map(|node| self.extent(node)).collect();
        parts.extend(extents.into_iter().map(Typed::unknown));
        parts.extend(rest.iter().map(|node| self.part(node)).collect::<Vec<_>>());
        self.locals.truncate(self.locals.len().saturating_sub(variables.len()));
        self.present = known;
        let whole = over(of.range, range);
        self.unknown_function(name, named, &parts, whole);
        let marks = parts.iter().fold(Marks::default(), |marks, part| marks.with(part.marks));
        Some(Typed { marks, ..Typed::unknown(whole) })
    }

    /// Whether a part of an expression names something, as far as its words tell.
    fn names(&self, node: &IdedExpr, name: &str) -> bool {
        let found = |node: &IdedExpr| self.names(node, name);
        match &node.expr {
            Node::Ident(own) => own == name,
            Node::Select(select) => found(&select.operand),
            Node::Call(call) => call.target.as_deref().is_some_and(found) || call.args.iter().any(found),
            Node::List(list) => list.elements.iter().any(found),
            Node::Literal(_) => false,
            // What is built of fields is looked at whole.
            _ => true,
        }
    }
}
