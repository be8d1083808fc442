//! How large the values of a tree may be, from what it writes itself and from the types of the names it reads with their declared `max`.

use crate::expr::Scope;
use crate::expr::function::Function;
use crate::expr::tree::{Gather, Operation, Over, Tree};
use crate::ty::{Ty, TypeTable};
use crate::value::Value;

/// Types are looked into so deep; a record may hold itself.
pub(super) const DEPTH: usize = 6;
/// Bytes of a text that are looked at in one step, and bytes of a character at most.
const PIECE: u64 = 64;
const CHARACTER: u64 = 4;

/// How large a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size {
    /// Items of a list or a map, fields of a record.
    pub(super) items: u64,
    /// What looking through it as a whole takes; nothing for a number and a short text.
    pub(super) weight: u64,
    /// Pieces of text.
    pub(super) text: u64,
    /// Whether it may be a text.
    pub(super) texty: bool,
}

/// The type of a value, and the greatest length that was declared for it.
pub(super) type Described<'a> = Option<(&'a Ty, Option<f64>)>;

/// Where names have their types.
pub(super) struct Sizes<'a> {
    pub(super) scope: &'a Scope,
    pub(super) types: &'a TypeTable,
    /// Items of a list of which nothing says how many.
    pub(super) unknown: u64,
}

impl Size {
    fn text(bytes: u64) -> Self {
        let pieces = bytes / PIECE;
        Self { items: 0, weight: if pieces == 0 { 0 } else { pieces + 1 }, text: pieces, texty: true }
    }

    fn of(items: u64, each: Self) -> Self {
        Self { items, weight: items.saturating_mul(each.weight.max(1)).saturating_add(1), ..Self::default() }
    }

    /// A value that is not looked into.
    fn plain() -> Self {
        Self { weight: 1, ..Self::default() }
    }

    fn with(self, other: Self) -> Self {
        Self { items: self.items.saturating_add(other.items), ..self.beside(other) }
    }

    /// Part of one value with another.
    fn beside(self, other: Self) -> Self {
        let (weight, text) = (self.weight.saturating_add(other.weight), self.text.saturating_add(other.text));
        Self { items: self.items, weight, text, texty: self.texty || other.texty }
    }

    fn or(self, other: Self) -> Self {
        let (weight, text) = (self.weight.max(other.weight), self.text.max(other.text));
        Self { items: self.items.max(other.items), weight, text, texty: self.texty || other.texty }
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

/// The size of a value.
fn of_value(value: &Value) -> Size {
    // Bounded: a constant is no deeper than the expression that made it.
    let whole = |parts: &mut dyn Iterator<Item = &Value>| {
        let mut size = Size::plain();
        for part in parts {
            size.items += 1;
            size.weight = size.weight.saturating_add(of_value(part).weight.max(1));
        }
        size
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Double(_) => Size::default(),
        Value::String(text) => Size::text(count(text.len())),
        Value::Bytes(bytes) => Size { weight: count(bytes.len()) / PIECE + 1, ..Size::text(count(bytes.len())) },
        Value::List(items) => whole(&mut items.iter()),
        Value::Record(record) => whole(&mut record.0.iter().map(|(_, value)| value)),
        Value::Map(entries) => {
            let size = whole(&mut entries.iter().flat_map(|(key, value)| [key, value]));
            Size { items: count(entries.len()), ..size }
        }
        Value::Optional(Some(of)) => of_value(of),
        _ => Size::plain(),
    }
}

impl<'a> Sizes<'a> {
    pub(super) fn of_type(&self, ty: &Ty, max: Option<f64>, depth: usize) -> Size {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no length is below nothing, and it is cut above")]
        let most = max.map(|max| max.max(0.0).ceil() as u64);
        if depth == 0 {
            return Size::plain();
        }
        match ty {
            Ty::Bool | Ty::Int | Ty::Double | Ty::Null => Size::default(),
            Ty::String => Size::text(most.unwrap_or(0).saturating_mul(CHARACTER)),
            Ty::Enum(name) => {
                let longest = self.types.enums.get(name).and_then(|values| values.iter().map(String::len).max());
                Size::text(longest.map_or(0, count))
            }
            Ty::Optional(of) => self.of_type(of, max, depth),
            Ty::List(item) => Size::of(most.unwrap_or(self.unknown), self.of_type(item, None, depth - 1)),
            Ty::Map(item) => {
                let item = self.of_type(item, None, depth - 1);
                Size::of(most.unwrap_or(self.unknown), Size { weight: item.weight.max(1).saturating_add(1), ..item })
            }
            Ty::Record(name) => {
                let fields = self.types.records.get(name).map(|record| record.fields.as_slice()).unwrap_or_default();
                self.of_fields(fields.iter().map(|field| (&field.ty, field.max)), depth)
            }
            Ty::Object(fields) => self.of_fields(fields.iter().map(|(_, ty)| (ty, None)), depth),
            Ty::Bytes => Size { weight: most.unwrap_or(0) / PIECE + 1, text: most.unwrap_or(0) / PIECE, ..Size::default() },
            Ty::Timestamp | Ty::Duration | Ty::Money | Ty::Decimal | Ty::UInt | Ty::Type => Size::plain(),
            Ty::Json | Ty::Dyn | Ty::Unknown | Ty::Keyed(..) => Size { texty: true, ..Size::of(self.unknown, Size::default()) },
        }
    }

    fn of_fields<'t>(&self, fields: impl Iterator<Item = (&'t Ty, Option<f64>)>, depth: usize) -> Size {
        fields.fold(Size::plain(), |size, (ty, max)| {
            let field = self.of_type(ty, max, depth - 1);
            Size { items: size.items + 1, weight: size.weight.saturating_add(field.weight.max(1)), ..size }
        })
    }

    /// The size of a tree's value.
    pub(super) fn of(&self, tree: &Tree, locals: &mut Vec<Described<'a>>) -> Size {
        match tree {
            Tree::Variable { name, .. } if self.held(name).is_some() => self.held(name).unwrap_or_default(),
            Tree::Constant(value) => of_value(value),
            Tree::Text(template) => Size::text(count(template.text.len())),
            Tree::List(items) => self.whole(items.iter(), locals),
            Tree::Items(items) => self.whole(items.iter().map(|(item, _)| item), locals),
            Tree::Map(entries) => self.entries(entries.iter().map(|(key, value)| (key, value)), locals),
            Tree::Entries(entries) => self.entries(entries.iter().map(|(key, value, _)| (key, value)), locals),
            Tree::Each { over: Over::Filter, range, .. } => self.of(range, locals),
            Tree::Each { over: Over::Map, range, make, .. } => {
                let (items, local) = (self.of(range, locals).items, self.item(range, locals));
                let each = make.as_deref().map_or_else(Size::default, |make| self.within(&[local], make, locals));
                Size::of(items, each)
            }
            Tree::Pairs { gather: gather @ (Gather::List | Gather::Map | Gather::Entries), range, make, .. } => {
                let (items, key, local) = (self.of(range, locals).items, self.key(range, locals), self.item(range, locals));
                let each = make.as_deref().map_or_else(Size::default, |make| self.within(&[key, local], make, locals));
                let items = if *gather == Gather::Entries { items.saturating_mul(each.items) } else { items };
                Size::of(items, Size { weight: each.weight.max(1).saturating_add(1), ..each })
            }
            Tree::Arithmetic(Operation::Add, left, right) | Tree::Dynamic(Operation::Add, left, right) => {
                let both = self.of(left, locals).with(self.of(right, locals));
                // Two short texts may make one that is no longer short.
                if both.texty { both.beside(Size::text(2 * PIECE)) } else { both }
            }
            Tree::Call(function, arguments) => self.called(*function, arguments, locals),
            Tree::Cel(name, _, arguments) => self.borrowed(name, arguments, locals),
            Tree::Choose(_, one, other) | Tree::Default(one, other) => self.of(one, locals).or(self.of(other, locals)),
            Tree::OrElse { first, second, .. } => self.of(first, locals).or(self.of(second, locals)),
            Tree::Bind(of, make) | Tree::OptionalMap { of, make, .. } => {
                let local = self.described(of, locals);
                self.within(&[local], make, locals)
            }
            Tree::Widen(of) | Tree::Negate(of) => self.of(of, locals),
            Tree::Not(_)
            | Tree::And(..)
            | Tree::Or(..)
            | Tree::Compare(..)
            | Tree::In(..)
            | Tree::Present(_)
            | Tree::Matches(..)
            | Tree::Each { .. }
            | Tree::Pairs { .. } => Size::default(),
            other => match self.described(other, locals) {
                Some((ty, max)) => self.of_type(ty, max, DEPTH),
                None => Size { texty: true, ..Size::plain() },
            },
        }
    }

    /// What is known of a variable beyond its type.
    fn held(&self, name: &str) -> Option<Size> {
        let held = self.scope.get(name)?.held?;
        Some(if self.unknown == 0 { held.declared } else { held.assumed })
    }

    fn within(&self, added: &[Described<'a>], tree: &Tree, locals: &mut Vec<Described<'a>>) -> Size {
        let place = locals.len();
        locals.extend(added.iter().copied());
        let size = self.of(tree, locals);
        locals.truncate(place);
        size
    }

    fn whole<'t>(&self, items: impl Iterator<Item = &'t Tree>, locals: &mut Vec<Described<'a>>) -> Size {
        items.fold(Size::plain(), |size, item| {
            let weight = self.of(item, locals).weight.max(1);
            Size { items: size.items + 1, weight: size.weight.saturating_add(weight), ..size }
        })
    }

    fn entries<'t>(&self, entries: impl Iterator<Item = (&'t Tree, &'t Tree)>, locals: &mut Vec<Described<'a>>) -> Size {
        entries.fold(Size::plain(), |size, (key, value)| {
            let weight = self.of(key, locals).weight.max(1).saturating_add(self.of(value, locals).weight.max(1));
            Size { items: size.items + 1, weight: size.weight.saturating_add(weight), ..size }
        })
    }

    fn called(&self, function: Function, arguments: &[Tree], locals: &mut Vec<Described<'a>>) -> Size {
        let Some(first) = arguments.first() else { return Size::default() };
        match function {
            Function::Range => {
                let items = if let Tree::Constant(Value::Int(items)) = first { u64::try_from(*items).unwrap_or(0) } else { self.unknown };
                Size::of(items, Size::default())
            }
            Function::Flatten => {
                let of = self.of(first, locals);
                Size { items: of.weight, ..of }
            }
            Function::Sort
            | Function::SortBy
            | Function::Distinct
            | Function::Reverse
            | Function::Slice
            | Function::UnwrapOptionals
            | Function::Plainly
            | Function::OptionalOf
            | Function::OptionalOfNonZero
            | Function::Trim
            | Function::LowerAscii
            | Function::UpperAscii
            | Function::Among
            | Function::ToBytes => self.of(first, locals),
            Function::First | Function::Last | Function::OptionalIndex | Function::OptionalValue => {
                match self.described(first, locals).and_then(|(ty, _)| element(ty)) {
                    Some(ty) => self.of_type(ty, None, DEPTH),
                    None => self.of(first, locals),
                }
            }
            // A number has at most 330 digits as text.
            Function::ToString | Function::CelText | Function::CelDuration => self.of(first, locals).beside(Size::text(6 * PIECE)),
            _ => Size::plain(),
        }
    }

    /// A function of the `cel` crate, which builds text of its arguments, or a list of pieces.
    fn borrowed(&self, name: &str, arguments: &[Tree], locals: &mut Vec<Described<'a>>) -> Size {
        let all = arguments.iter().fold(Size::default(), |size, argument| size.beside(self.of(argument, locals)));
        match name {
            "split" => Size::of(all.text.saturating_add(1).saturating_mul(PIECE), Size::default()),
            "join" | "format" | "replace" => Size { items: 0, text: all.weight.max(all.text), ..all }.beside(Size::text(PIECE)),
            _ => Size { items: 0, texty: true, ..all },
        }
    }

    /// What a macro over a tree gives its variable.
    pub(super) fn item(&self, range: &Tree, locals: &mut Vec<Described<'a>>) -> Described<'a> {
        if let Tree::Each { over: Over::Map, range, make: Some(make), .. } = range {
            let local = self.item(range, locals);
            locals.push(local);
            let made = self.described(make, locals);
            locals.pop();
            return made;
        }
        let (ty, _) = self.described(range, locals)?;
        Some((element(ty)?, None))
    }

    /// What a macro with two variables gives its first.
    pub(super) fn key(&self, range: &Tree, locals: &mut Vec<Described<'a>>) -> Described<'a> {
        let (ty, _) = self.described(range, locals)?;
        Some((if matches!(ty, Ty::List(_)) { &Ty::Int } else { &Ty::String }, None))
    }

    /// The type of a tree's value, as far as names and fields say.
    pub(super) fn described(&self, tree: &Tree, locals: &mut Vec<Described<'a>>) -> Described<'a> {
        match tree {
            Tree::Variable { name, .. } | Tree::Bound(name) => self.scope.get(name).map(|variable| (&variable.ty, None)),
            Tree::Local(at) => locals.get(*at as usize).copied().flatten(),
            Tree::Select { of, field, .. } => {
                let (ty, _) = self.described(of, locals)?;
                self.field(ty, field)
            }
            Tree::Index(of, _) => Some((element(self.described(of, locals)?.0)?, None)),
            Tree::Each { over: Over::Filter, range, .. } => self.described(range, locals),
            Tree::Widen(of) | Tree::Expect(_, of) | Tree::Choose(_, of, _) | Tree::Default(of, _) => self.described(of, locals),
            Tree::OrElse { first, .. } => self.described(first, locals),
            Tree::Call(
                Function::Sort
                | Function::SortBy
                | Function::Distinct
                | Function::Reverse
                | Function::Slice
                | Function::Plainly
                | Function::OptionalOf
                | Function::Among,
                arguments,
            ) => self.described(arguments.first()?, locals),
            _ => None,
        }
    }

    fn field(&self, of: &'a Ty, name: &str) -> Described<'a> {
        match of {
            Ty::Optional(of) => self.field(of, name),
            Ty::Record(record) => {
                let field = self.types.records.get(record)?.fields.iter().find(|field| field.name == name)?;
                Some((&field.ty, field.max))
            }
            Ty::Object(fields) => fields.iter().find(|(own, _)| own == name).map(|(_, ty)| (ty, None)),
            Ty::Map(item) => Some((item, None)),
            _ => None,
        }
    }
}

/// What a list or a map holds.
fn element(ty: &Ty) -> Option<&Ty> {
    match ty {
        Ty::List(item) | Ty::Map(item) => Some(item),
        Ty::Optional(of) => element(of),
        _ => None,
    }
}
