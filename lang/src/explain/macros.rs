//! Macros, explained: which item decided, and the parts of what stands in them for that item; of `cel.bind` and `optMap`, with the value
//! under its name. Where no item decides, the parts are shown without values.

use super::{Decided, Explainer, Known, is_known};
use crate::conceal::{conceal, hide};
use crate::expr::{Checked, EvalError, Scope};
use crate::ty::{Marks, Ty};
use crate::value::Value;
use crate::written::{Form, Part};

/// A macro as written.
pub(super) struct Call<'p> {
    name: &'p str,
    /// What it goes over, or the value that is bound.
    range: &'p Part,
    /// The names that it binds: one, or a place or a key and an item.
    variables: Vec<String>,
    /// The condition, and what is made of an item.
    when: Option<&'p Part>,
    make: Option<&'p Part>,
}

/// What came of the condition of a macro for one item.
type Outcome = Option<Result<Value, EvalError>>;

/// A call as a macro; `None` where it is none.
pub(super) fn read<'p>(text: &str, on: Option<&'p Part>, name: &'p str, arguments: &'p [Part]) -> Option<Call<'p>> {
    let written = |part: &Part| text.get(part.start..part.end).map(str::to_owned);
    let named = |part: &Part| if part.form == Form::Name { written(part) } else { None };
    let range = on?;
    let of = |variables: &[&Part], when: Option<&'p Part>, make: Option<&'p Part>| {
        let variables: Option<Vec<String>> = variables.iter().map(|part| named(part)).collect();
        Some(Call { name, range, variables: variables?, when, make })
    };
    match (name, arguments) {
        ("bind", [variable, value, make]) if written(range).as_deref() == Some("cel") => {
            Some(Call { name, range: value, variables: vec![named(variable)?], when: None, make: Some(make) })
        }
        ("all" | "exists" | "exists_one" | "existsOne" | "filter", [item, when]) => of(&[item], Some(when), None),
        ("map" | "sortBy" | "optMap" | "optFlatMap", [item, make]) => of(&[item], None, Some(make)),
        ("map", [item, when, make]) => of(&[item], Some(when), Some(make)),
        ("all" | "exists" | "exists_one" | "existsOne", [key, item, when]) => of(&[key, item], Some(when), None),
        ("transformList" | "transformMap" | "transformMapEntry", [key, item, make]) => of(&[key, item], None, Some(make)),
        ("transformList" | "transformMap" | "transformMapEntry", [key, item, when, make]) => of(&[key, item], Some(when), Some(make)),
        _ => None,
    }
}

impl Call<'_> {
    /// Whether it binds one value, instead of each of many.
    fn binds(&self) -> bool {
        matches!(self.name, "bind" | "optMap" | "optFlatMap")
    }

    /// What is known inside: the names of this macro, and nothing that they hide.
    fn within(&self, known: &Known, values: &[Value]) -> Known {
        let mut inner = known.clone();
        inner.0.retain(|(name, _)| !self.variables.iter().any(|own| own.as_str() == &**name));
        for (name, value) in self.variables.iter().zip(values) {
            inner.set(name, value.clone());
        }
        inner
    }
}

impl Explainer<'_> {
    /// What decided a macro, and its parts. `at`: its place among what was found.
    pub(super) fn macro_of(&mut self, call: &Call<'_>, (depth, at): (usize, Option<usize>), scope: &Scope, known: &Known) {
        self.part(call.range, depth, scope, known);
        let Some(checked) = self.check(call.range, scope) else { return };
        let value = is_known(&checked, known).then(|| checked.expr.evaluate(known));
        if call.binds() {
            return self.bound(call, &checked, value, depth, scope, known);
        }
        let (types, items) = items(&checked.expr.ty, value, call.variables.len());
        // What is in a secret is one.
        let marks = Marks { secret: checked.own.secret, ..Marks::default() };
        let shown_as = types.last().cloned().unwrap_or(Ty::Json);
        let inner = call.variables.iter().zip(types).fold(scope.clone(), |scope, (name, ty)| scope.with(name, ty, marks));
        let proven = call.when.filter(|_| call.make.is_some()).map_or_else(|| inner.clone(), |when| self.knowing(when, &inner));
        let Some(items) = items else { return self.inside(call, depth, (&inner, &proven), &call.within(known, &[])) };
        let outcomes: Vec<Outcome> = match call.when.map(|when| self.check(when, &inner)) {
            Some(Some(condition)) => items.iter().map(|item| outcome(&condition, &call.within(known, item))).collect(),
            Some(None) => return,
            None => items.iter().map(|_| Some(Ok(Value::Bool(true)))).collect(),
        };
        let made = call.make.and_then(|make| self.check(make, &proven));
        let outcomes = with_made(outcomes, made.as_ref(), |at| items.get(at).map(|item| call.within(known, item)));
        let Some((index, why)) = decided(call, &items, &outcomes) else {
            return self.inside(call, depth, (&inner, &proven), &call.within(known, &[]));
        };
        let deciding = index.and_then(|index| items.get(index));
        if let Some(slot) = at.and_then(|at| self.found.get_mut(at)) {
            let mut item = deciding.and_then(|item| item.last()).cloned();
            match &mut item {
                Some(item) if marks.secret => hide(item),
                Some(item) => conceal(item, &shown_as, self.types),
                None => {}
            }
            // An entry of a map is named by its key.
            let is_named = marks.secret && !matches!(checked.expr.ty, Ty::List(_));
            let why = if is_named { "one that is a secret".to_owned() } else { why };
            slot.decided = Some(Decided { index, item, why });
        }
        match deciding {
            Some(item) => self.inside(call, depth, (&inner, &proven), &call.within(known, item)),
            None if items.is_empty() => {}
            None => self.inside(call, depth, (&inner, &proven), &call.within(known, &[])),
        }
    }

    fn inside(&mut self, call: &Call<'_>, depth: usize, (inner, proven): (&Scope, &Scope), known: &Known) {
        call.when.iter().for_each(|when| self.part(when, depth, inner, known));
        call.make.iter().for_each(|make| self.part(make, depth, proven, known));
    }

    /// A value under a name. Nothing is made of a value that is absent.
    fn bound(&mut self, call: &Call<'_>, of: &Checked, value: Outcome, depth: usize, scope: &Scope, known: &Known) {
        let ty = match &of.expr.ty {
            Ty::Optional(inner) if call.name != "bind" => inner.as_ref().clone(),
            ty => ty.clone(),
        };
        let name = call.variables.first().map_or("", String::as_str);
        let inner = scope.clone().with(name, ty, Marks { secret: of.own.secret, ..Marks::default() });
        let known = match value {
            Some(Ok(Value::Null)) if call.name != "bind" => return,
            Some(Ok(value)) => call.within(known, &[value]),
            _ => call.within(known, &[]),
        };
        self.inside(call, depth, (&inner, &inner), &known);
    }
}

fn outcome(condition: &Checked, known: &Known) -> Outcome {
    is_known(condition, known).then(|| condition.expr.evaluate(known))
}

/// The types of a macro's variables, and the values that each item gives them where the items are known.
fn items(range: &Ty, value: Outcome, variables: usize) -> (Vec<Ty>, Option<Vec<Vec<Value>>>) {
    let pair = match range {
        Ty::List(item) => [Ty::Int, (**item).clone()],
        Ty::Map(item) => [Ty::String, (**item).clone()],
        Ty::Keyed(key, item) => [(**key).clone(), (**item).clone()],
        _ => [Ty::Json, Ty::Json],
    };
    let [key, item] = pair;
    // Of a map, one variable is its key.
    let types = match (variables, range) {
        (2, _) => vec![key, item],
        (_, Ty::List(_)) => vec![item],
        _ => vec![key],
    };
    let listed = |items: &[Value]| {
        let places = (0_i64..).map(Value::Int);
        places.zip(items).map(|(place, item)| if variables == 2 { vec![place, item.clone()] } else { vec![item.clone()] }).collect()
    };
    let values = match value {
        Some(Ok(Value::List(items))) => Some(listed(&items)),
        Some(Ok(Value::Record(record))) => {
            let entry = |(name, value): &(std::sync::Arc<str>, Value)| {
                let key = Value::String(name.clone());
                if variables == 2 { vec![key, value.clone()] } else { vec![key] }
            };
            Some(record.0.iter().map(entry).collect())
        }
        _ => None,
    };
    (types, values)
}

/// What came of the items whose condition holds, where something is made of them: it may have no value, or none that is known.
fn with_made(outcomes: Vec<Outcome>, made: Option<&Checked>, known: impl Fn(usize) -> Option<Known>) -> Vec<Outcome> {
    let Some(made) = made else { return outcomes };
    let each = outcomes.into_iter().enumerate().map(|(at, held)| match (held, known(at)) {
        (Some(Ok(Value::Bool(true))), Some(known)) => outcome(made, &known).map(|made| made.map(|_| Value::Bool(true))),
        (held, _) => held,
    });
    each.collect()
}

/// Which item decided a macro, and in words why; `None` where that is not known.
fn decided(call: &Call<'_>, items: &[Vec<Value>], outcomes: &[Outcome]) -> Option<(Option<usize>, String)> {
    let is = |truth: bool| move |outcome: &Outcome| matches!(outcome, Some(Ok(Value::Bool(own))) if *own == truth);
    let first = |truth: bool| outcomes.iter().position(is(truth));
    let holding = outcomes.iter().filter(|outcome| is(true)(outcome)).count();
    let (count, all) = (items.len(), if items.len() == 1 { "the one item".to_owned() } else { format!("all {} items", items.len()) });
    // An entry of a map is told by its key.
    let named = |at: usize| match items.get(at).map(Vec::as_slice) {
        Some([Value::String(key), _]) => format!("`{key}`"),
        _ => format!("item {at}"),
    };
    // One that decides by itself leaves no say to those that have no value.
    let alone = match call.name {
        "exists" => first(true).map(|at| (Some(at), format!("{} holds", named(at)))),
        "all" => first(false).map(|at| (Some(at), format!("{} does not hold", named(at)))),
        _ => None,
    };
    let failing = || {
        let failed = outcomes.iter().enumerate().find_map(|(at, outcome)| match outcome {
            Some(Err(error)) => Some((at, error)),
            _ => None,
        });
        failed.map(|(at, error)| (Some(at), format!("{} has no value ({})", named(at), error.0)))
    };
    if let Some(found) = alone.or_else(failing) {
        return Some(found);
    }
    if outcomes.iter().any(Option::is_none) {
        return None;
    }
    Some(match call.name {
        _ if count == 0 => (None, "there are no items".to_owned()),
        "exists" => (None, format!("none of {count} holds")),
        "all" => (None, format!("{all} hold")),
        "exists_one" | "existsOne" if holding == 1 => {
            let at = first(true);
            (at, format!("only {} holds", named(at.unwrap_or(0))))
        }
        "exists_one" | "existsOne" | "filter" => (None, format!("{holding} of {count} hold")),
        "sortBy" => (None, format!("sorted {count} items")),
        _ if call.when.is_some() => (None, format!("made of {holding} of {count} items")),
        _ => (None, format!("made of {count} items")),
    })
}
