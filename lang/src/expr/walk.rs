//! The parts of a tree's node, in the order in which they are evaluated. It changes nothing itself.

use super::Expr;
use super::function::Function;
use super::tree::Tree;

impl Expr {
    /// Every variable that it reads, in the order met; one that is read twice comes twice.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.root.variables(&mut found);
        found
    }
}

impl Tree {
    /// Whether this node is not computed before a run, whatever its parts are: it names something that a run gives or binds, or is
    /// better made in a run than kept in a plan, as a long list is.
    pub(super) fn varies(&self) -> bool {
        matches!(
            self,
            Self::Variable { .. }
                | Self::Text(_)
                | Self::Local(_)
                | Self::Bound(_)
                | Self::Fail(_)
                | Self::Each { .. }
                | Self::Pairs { .. }
                | Self::Bind(..)
                | Self::OptionalMap { .. }
                | Self::Call(Function::Range, _)
        )
    }

    /// Every path of variables and fields that is read, such as `effect.amount`.
    pub(crate) fn paths(&self) -> Vec<String> {
        if self.is_path() { vec![self.describe()] } else { self.parts().into_iter().flat_map(Self::paths).collect() }
    }

    /// Whether it only names something: a variable, or a field of one.
    pub(crate) fn is_path(&self) -> bool {
        let mut tree = self;
        while let Self::Select { of, .. } = tree {
            tree = of;
        }
        matches!(tree, Self::Variable { .. } | Self::Bound(_))
    }

    /// Every variable that is read, in the order met; one that is read twice comes twice.
    fn variables<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Self::Variable { name, .. } | Self::Bound(name) => found.push(name),
            Self::Text(template) => found.extend(template.variables.iter().map(String::as_str)),
            _ => self.parts().into_iter().for_each(|part| part.variables(found)),
        }
    }

    /// Whether fields, such as `effect` and of it `key`, are read of an item: of what a macro binds, or of one that an index picks.
    pub(crate) fn picks(&self, fields: &[&str]) -> bool {
        let (mut tree, mut left) = (self, fields);
        while let (Self::Select { of, field, .. }, [before @ .., last]) = (tree, left)
            && &**field == *last
        {
            (tree, left) = (of.as_ref(), before);
        }
        left.is_empty() && matches!(tree, Self::Local(_) | Self::Index(..)) || self.parts().into_iter().any(|part| part.picks(fields))
    }

    /// Every amount that is written in it.
    pub(crate) fn amounts(&self) -> Vec<crate::money::Money> {
        match self {
            Self::Constant(crate::value::Value::Money(money)) => vec![*money],
            _ => self.parts().into_iter().flat_map(Self::amounts).collect(),
        }
    }

    /// The same where a variable has another name.
    pub(crate) fn renamed(&self, from: &str, to: &str) -> Self {
        let mut tree = self.clone();
        tree.rename(from, to);
        tree
    }

    fn rename(&mut self, from: &str, to: &str) {
        if let Self::Variable { name, .. } = self
            && &**name == from
        {
            *name = to.into();
        }
        self.parts_mut().into_iter().for_each(|part| part.rename(from, to));
    }

    /// The parts of this node.
    pub(super) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Constant(_) | Self::Text(_) | Self::Variable { .. } | Self::Local(_) | Self::Bound(_) | Self::Fail(_) => Vec::new(),
            Self::Select { of, .. }
            | Self::Present(of)
            | Self::Not(of)
            | Self::Negate(of)
            | Self::Widen(of)
            | Self::Expect(_, of)
            | Self::Matches(of, _) => {
                vec![of]
            }
            Self::Default(left, right)
            | Self::And(left, right)
            | Self::Or(left, right)
            | Self::Compare(_, left, right)
            | Self::Arithmetic(_, left, right)
            | Self::Dynamic(_, left, right)
            | Self::In(left, right)
            | Self::Index(left, right)
            | Self::Bind(left, right) => vec![left, right],
            Self::OptionalMap { of, make, .. } => vec![of, make],
            Self::OrElse { first, second, .. } => vec![first, second],
            Self::Choose(condition, one, other) => vec![condition, one, other],
            Self::List(items) | Self::Call(_, items) | Self::Cel(_, _, items) => items.iter().collect(),
            Self::Items(items) => items.iter().map(|(item, _)| item).collect(),
            Self::Map(entries) => entries.iter().flat_map(|(key, value)| [key, value]).collect(),
            Self::Entries(entries) => entries.iter().flat_map(|(key, value, _)| [key, value]).collect(),
            Self::Each { range, when, make, .. } | Self::Pairs { range, when, make, .. } => {
                [Some(range), when.as_ref(), make.as_ref()].into_iter().flatten().map(AsRef::as_ref).collect()
            }
        }
    }

    /// The parts of this node, to be changed.
    pub(super) fn parts_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Constant(_) | Self::Text(_) | Self::Variable { .. } | Self::Local(_) | Self::Bound(_) | Self::Fail(_) => Vec::new(),
            Self::Select { of, .. }
            | Self::Present(of)
            | Self::Not(of)
            | Self::Negate(of)
            | Self::Widen(of)
            | Self::Expect(_, of)
            | Self::Matches(of, _) => {
                vec![of]
            }
            Self::Default(left, right)
            | Self::And(left, right)
            | Self::Or(left, right)
            | Self::Compare(_, left, right)
            | Self::Arithmetic(_, left, right)
            | Self::Dynamic(_, left, right)
            | Self::In(left, right)
            | Self::Index(left, right)
            | Self::Bind(left, right) => vec![left, right],
            Self::OptionalMap { of, make, .. } => vec![of, make],
            Self::OrElse { first, second, .. } => vec![first, second],
            Self::Choose(condition, one, other) => vec![condition, one, other],
            Self::List(items) | Self::Call(_, items) | Self::Cel(_, _, items) => items.iter_mut().collect(),
            Self::Items(items) => items.iter_mut().map(|(item, _)| item).collect(),
            Self::Map(entries) => entries.iter_mut().flat_map(|(key, value)| [key, value]).collect(),
            Self::Entries(entries) => entries.iter_mut().flat_map(|(key, value, _)| [key, value]).collect(),
            Self::Each { range, when, make, .. } | Self::Pairs { range, when, make, .. } => {
                [Some(range), when.as_mut(), make.as_mut()].into_iter().flatten().map(AsMut::as_mut).collect()
            }
        }
    }
}
