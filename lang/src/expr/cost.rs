//! What an expression may cost at most, estimated before any run as an evaluation counts it: a step for each part that is evaluated,
//! each item that is looked at or built, and each 64 bytes of a long text. Both sides of `&&`, every item of `exists`, and the dearer
//! branch of a choice are counted, as Kubernetes does. It refuses nothing: the checker does, and the budget of an evaluation.

mod fold;
mod size;

pub(super) use fold::fold;

use super::Scope;
use super::function::Function;
use super::tree::{Gather, Over, Tree};
use crate::ty::{Ty, TypeTable};
use size::{DEPTH, Described, Size, Sizes};

/// Steps of work before an evaluation is given up: parts evaluated, items and pieces of text built.
pub const BUDGET: u64 = 1_000_000;

/// How long a list is taken to be whose length only a run knows.
pub(super) const ASSUMED: u64 = 200;

/// The most steps that an evaluation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// At the sizes that are declared or written; a size that nothing says counts as nothing.
    pub declared: u64,
    /// The same with lists of 200 items where nothing says how many.
    pub assumed: u64,
}

/// How large the value of a step may be: what is made of it in a later step is as large, and may be made twice as large by each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// At the sizes that are declared or written; a size that nothing says counts as nothing.
    declared: Size,
    /// The same with lists of 200 items where nothing says how many.
    assumed: Size,
}

impl Held {
    /// The size of a tree's value where these names are known.
    pub(super) fn of(tree: &Tree, scope: &Scope, types: &TypeTable) -> Self {
        let size = |unknown| Sizes { scope, types, unknown }.of(tree, &mut Vec::new());
        let declared = size(0);
        // How long a text grows is estimated too high for a word that nothing could come of it; the run bounds it.
        let short = declared.texty && declared.items == 0;
        Self { declared: if short { Size { texty: true, ..Size::default() } } else { declared }, assumed: size(ASSUMED) }
    }

    /// The size of a list of at most so many items.
    #[must_use]
    pub fn listed(ty: &Ty, most: u32, types: &TypeTable) -> Self {
        let scope = Scope::default();
        let size = |unknown| Sizes { scope: &scope, types, unknown }.of_type(ty, Some(f64::from(most)), DEPTH);
        Self { declared: size(0), assumed: size(ASSUMED) }
    }

    /// Parts of the value at the declared sizes.
    pub(super) fn parts(self) -> u64 {
        self.declared.weight
    }
}

/// What a tree costs where these names are known.
pub(super) fn cost(tree: &Tree, scope: &Scope, types: &TypeTable) -> Cost {
    let steps = |unknown| Steps { sizes: Sizes { scope, types, unknown }, locals: Vec::new() }.of(tree);
    Cost { declared: steps(0), assumed: steps(ASSUMED) }
}

/// Counts the steps of parts; `locals` are the variables of the macros around.
struct Steps<'a> {
    sizes: Sizes<'a>,
    locals: Vec<Described<'a>>,
}

fn sum(parts: impl IntoIterator<Item = u64>) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

/// A path is looked at once to find it kept, and once more where it is not.
fn twice(tree: &Tree) -> u64 {
    match tree {
        Tree::Select { of, .. } => twice(of).saturating_add(1),
        _ => 1,
    }
}

impl<'a> Steps<'a> {
    fn items(&mut self, tree: &Tree) -> u64 {
        self.sizes.of(tree, &mut self.locals).items
    }

    fn weight(&mut self, tree: &Tree) -> u64 {
        self.sizes.of(tree, &mut self.locals).weight
    }

    fn parts(&mut self, tree: &Tree) -> u64 {
        let parts: Vec<u64> = tree.parts().into_iter().map(|part| self.of(part)).collect();
        sum(parts)
    }

    /// With a value as the innermost local.
    fn within(&mut self, local: Described<'a>, tree: &Tree) -> u64 {
        self.locals.push(local);
        let steps = self.of(tree);
        self.locals.pop();
        steps
    }

    fn of(&mut self, tree: &Tree) -> u64 {
        let own = match tree {
            Tree::Compare(_, left, right) => sum([self.parts(tree), twice(left), twice(right), self.weight(left)]),
            Tree::Arithmetic(_, left, right) => sum([self.parts(tree), twice(left), twice(right), self.built(tree)]),
            Tree::Dynamic(..) => sum([self.parts(tree), self.built(tree)]),
            Tree::In(item, list) => {
                let looked = if self.weight(item) > 0 { self.weight(list) } else { 0 };
                sum([self.parts(tree), twice(item), twice(list), self.items(list), looked])
            }
            Tree::Index(of, _) => sum([self.parts(tree), self.items(of) / 32]),
            Tree::Matches(of, _) => sum([self.parts(tree), self.weight(of)]),
            Tree::Text(_) => self.built(tree),
            // Only one of two is evaluated.
            Tree::Choose(condition, one, other) => sum([self.of(condition), self.of(one).max(self.of(other))]),
            Tree::Call(function, arguments) => sum([self.parts(tree), self.call(*function, arguments), self.built(tree)]),
            Tree::Cel(_, _, arguments) => {
                let weights: Vec<u64> = arguments.iter().map(|argument| self.weight(argument)).collect();
                sum([self.parts(tree), sum(weights), self.built(tree)])
            }
            Tree::Each { over, range, when, make } => self.each(*over, range, when.as_deref(), make.as_deref()),
            Tree::Pairs { gather, range, when, make } => self.pairs(*gather, range, when.as_deref(), make.as_deref()),
            Tree::Bind(of, make) | Tree::OptionalMap { of, make, .. } => {
                let local = self.sizes.described(of, &mut self.locals);
                sum([self.of(of), self.within(local, make)])
            }
            _ => self.parts(tree),
        };
        own.saturating_add(1)
    }

    /// What it takes to build a value.
    fn built(&mut self, tree: &Tree) -> u64 {
        let size = self.sizes.of(tree, &mut self.locals);
        size.items.max(size.text)
    }

    /// What a function does with its arguments.
    fn call(&mut self, function: Function, arguments: &[Tree]) -> u64 {
        let sizes: Vec<_> = arguments.iter().map(|argument| self.sizes.of(argument, &mut self.locals)).collect();
        let looked = sum(sizes.iter().map(|size| size.weight));
        let first = sizes.first().copied().unwrap_or_default();
        let meetings = |other: u64| first.items.saturating_mul(other) / 64;
        match function {
            Function::Size if !first.texty => 0,
            _ if function.looks_at_one() => 0,
            Function::Has | Function::OptionalIndex => first.items / 32,
            Function::Distinct => looked.saturating_add(meetings(first.items)),
            Function::SetContains | Function::SetIntersects | Function::SetEquivalent => {
                looked.saturating_add(meetings(sizes.get(1).map_or(0, |size| size.items)))
            }
            _ => looked,
        }
    }

    fn each(&mut self, over: Over, range: &Tree, when: Option<&Tree>, make: Option<&Tree>) -> u64 {
        let items = self.items(range);
        let local = self.sizes.item(range, &mut self.locals);
        self.locals.push(local);
        let body = sum([when, make].into_iter().flatten().map(|part| self.of(part)).collect::<Vec<_>>());
        self.locals.pop();
        // An item that fails costs one more where a later one may decide.
        let failing = u64::from(matches!(over, Over::All | Over::Exists));
        sum([self.of(range), items.saturating_mul(body.saturating_add(failing))])
    }

    fn pairs(&mut self, gather: Gather, range: &Tree, when: Option<&Tree>, make: Option<&Tree>) -> u64 {
        let items = self.items(range);
        let (key, local) = (self.sizes.key(range, &mut self.locals), self.sizes.item(range, &mut self.locals));
        self.locals.extend([key, local]);
        let body = sum([when, make].into_iter().flatten().map(|part| self.of(part)).collect::<Vec<_>>());
        self.locals.truncate(self.locals.len().saturating_sub(2));
        let kept = if gather == Gather::Map { items / 32 } else { 0 };
        sum([self.of(range), items, items.saturating_mul(sum([body, 1, kept]))])
    }
}
