//! The conformance suite of CEL (google/cel-spec, as JSON) through our checker and evaluator, by CEL's own rules.
//!
//! What passes is written to `docs/reference/cel.md`, a table by file and section, and may only grow. A case that wants
//! an error passes with any error, of the checker or of a run; one that wants a value, with exactly that value and type.

#[path = "cel_suite/deduced.rs"]
mod deduced;
#[path = "cel_suite/messages.rs"]
mod messages;
#[path = "cel_suite/reference.rs"]
mod reference;

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tradewind_lang::ast::{Literal, Scalar};
use tradewind_lang::expr::{Dialect, Scope, check_as};
use tradewind_lang::source::{SourceId, Span};
use tradewind_lang::ty::{Marks, Ty};
use tradewind_lang::value::{Record, Value};

/// Files that are left out of the count as a whole, and why.
const FILES_WITHOUT: &[(&str, &str)] = &[
    ("proto2", "protobuf messages"),
    ("proto2_ext", "extensions of protobuf messages"),
    ("proto3", "protobuf messages"),
    ("enums", "protobuf enums"),
    ("wrappers", "protobuf wrappers"),
    ("dynamic", "protobuf's JSON and wrapper messages"),
    ("network_ext", "addresses and networks"),
    ("block_ext", "blocks, which only optimisers write"),
];
/// Cases that fail and are counted: `file/section/name`, then why.
const OTHERWISE: &str = include_str!("cel_suite/otherwise.txt");

#[derive(Debug, PartialEq)]
enum Outcome {
    Passes,
    Fails(String),
}

/// Passing and all cases, by file and section.
type Sections = BTreeMap<(String, String), (usize, usize)>;

#[test]
fn the_reference_lists_every_function() {
    reference::hold("functions", &reference::functions()).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn the_conformance_suite_passes_as_far_as_the_reference_says() {
    let Some((cases, types)) = cases() else { return };
    assert!(!cases.is_empty(), "the suite cannot be read");
    let deduced = deduced::types(&types);
    assert!(deduced.len() > 40, "only {} deduced types were read", deduced.len());
    let mut sections = Sections::new();
    let (mut unexpected, mut needless) = (Vec::new(), Vec::new());
    for case in &cases {
        let name = |key: &str| case[key].as_str().unwrap_or("").to_owned();
        let (file, section) = (name("file"), name("section"));
        if FILES_WITHOUT.iter().any(|(without, _)| *without == file) {
            continue;
        }
        let full = format!("{file}/{section}/{}", name("name"));
        let outcome = run(case, deduced.get(&(section.clone(), name("name"))).filter(|_| file == "type_deduction"));
        let (passing, all) = sections.entry((file, section)).or_default();
        *all += 1;
        match (outcome, reason(OTHERWISE, &full)) {
            (Outcome::Passes, None) => *passing += 1,
            (Outcome::Passes, Some(_)) => needless.push(full),
            (Outcome::Fails(_), Some(_)) => {}
            (Outcome::Fails(why), None) => unexpected.push(format!("{full}: {} | {why}", name("expr"))),
        }
    }
    assert!(unexpected.is_empty(), "{} cases fail without a word in otherwise.txt: {unexpected:#?}", unexpected.len());
    assert!(needless.is_empty(), "these pass, and are listed as failing: {needless:#?}");
    for ((file, section), published) in reference::published() {
        let passing = sections.get(&(file.clone(), section.clone())).map_or(0, |(passing, _)| *passing);
        assert!(passing >= published, "{file}/{section}: {passing} pass, {published} are published; the number may only grow");
    }
    let table = table(&sections, &cases);
    println!("{table}");
    reference::hold("conformance", &table).unwrap_or_else(|why| panic!("{why}"));
}

/// The reason that a list of cases gives for one.
fn reason<'a>(list: &'a str, full: &str) -> Option<&'a str> {
    list.lines().find_map(|line| line.split_once(' ').filter(|(name, _)| *name == full).map(|(_, reason)| reason))
}

#[expect(clippy::disallowed_methods, reason = "the suite is a file outside the repository, named by the environment")]
fn cases() -> Option<(Vec<Json>, String)> {
    let Ok(folder) = std::env::var("TRADEWIND_CEL_SUITE") else {
        // Straight to standard error: the test runner keeps what is printed by tests that pass.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            "skipped: TRADEWIND_CEL_SUITE is not set to the folder of the CEL conformance suite\n".as_bytes(),
        );
        return None;
    };
    let types = std::fs::read_to_string(format!("{folder}/type_deduction.textproto")).unwrap_or_default();
    let cases = std::fs::read_to_string(format!("{folder}/tests.json")).ok().and_then(|text| serde_json::from_str(&text).ok());
    Some((cases.unwrap_or_default(), types))
}

/// The published part: the overall figure, each section, and what is left out or computed otherwise.
fn table(sections: &Sections, cases: &[Json]) -> String {
    let (passing, all) = sections.values().fold((0, 0), |sum, section| (sum.0 + section.0, sum.1 + section.1));
    let by_file = cases.iter().filter(|case| FILES_WITHOUT.iter().any(|(file, _)| case["file"] == **file)).count();
    let tenths = passing * 1000 / all;
    let mut text = format!("**{passing} of {all} cases pass: {}.{} %.**\n\n", tenths / 10, tenths % 10);
    let _ = write!(text, "The suite has {} cases. {by_file} are left out by file, listed below, and none by name.\n\n", cases.len());
    text.push_str("| file | section | pass |\n| --- | --- | --- |\n");
    for ((file, section), (passing, all)) in sections {
        let _ = writeln!(text, "| {file} | {section} | {passing} of {all} |");
    }
    text.push_str("\nFiles that are left out:\n\n");
    for (file, why) in FILES_WITHOUT {
        let _ = writeln!(text, "- `{file}`: {why}");
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, why) in OTHERWISE.lines().filter_map(|line| line.split_once(' ')) {
        reasons.entry(why).or_default().push(name);
    }
    text.push_str("\nCases that are counted and fail, and why:\n\n");
    for (why, names) in reasons {
        let _ = writeln!(text, "- {why}: {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
    }
    text
}

fn run(case: &Json, deduced: Option<&String>) -> Outcome {
    let Some(want) = case.get("want") else { return Outcome::Fails("wants a message".to_owned()) };
    let text = case["expr"].as_str().unwrap_or("").to_owned();
    let literal = Literal {
        scalar: Scalar::String(text.clone()),
        annotation: None,
        span: Span::new(SourceId(0), 0, text.len()),
        offsets: vec![(0, 0)],
    };
    let mut scope = Scope::default();
    let mut values = Record::default();
    for (name, bound) in case["bind"].as_object().into_iter().flatten() {
        let Some(value) = plain(bound) else { return Outcome::Fails("a binding is a message".to_owned()) };
        scope = scope.with(name, type_of(&value), Marks::default());
        values.set(name, value);
    }
    let fails = want.get("error").is_some();
    let only_checked = want.get("checkonly").is_some();
    let checked = !case["disable_check"].as_bool().unwrap_or(false);
    let dialect = Dialect::Cel { container: case["container"].as_str().unwrap_or(""), checked };
    let (checked, diagnostics) = check_as(dialect, &text, &literal, 0, &scope, &messages::table(), None);
    let Some(checked) = checked else {
        let why = diagnostics.first().map_or(String::new(), |one| format!("{} {}", one.code.id, one.message));
        return if fails { Outcome::Passes } else { Outcome::Fails(why) };
    };
    if let Some(wanted) = deduced {
        let found = deduced::written(&checked.expr.ty);
        if found != *wanted {
            return Outcome::Fails(format!("is of type {found}, wanted {wanted}"));
        }
    }
    if only_checked {
        return Outcome::Passes;
    }
    match (checked.expr.evaluate(&values), fails) {
        (Err(_), true) => Outcome::Passes,
        (Err(error), false) => Outcome::Fails(format!("fails: {}", error.0)),
        (Ok(value), false) if plain(want).is_some_and(|wanted| same(&value, &wanted)) => Outcome::Passes,
        (Ok(value), _) => Outcome::Fails(format!("is {value:?}, wanted {want}")),
    }
}

fn type_of(value: &Value) -> Ty {
    match value {
        // An erased value has no type that anybody could name.
        Value::Null | Value::Erased => Ty::Null,
        Value::Bool(_) => Ty::Bool,
        Value::Int(_) => Ty::Int,
        Value::UInt(_) => Ty::UInt,
        Value::Double(_) => Ty::Double,
        Value::String(_) => Ty::String,
        Value::Bytes(_) => Ty::Bytes,
        Value::Timestamp(_) => Ty::Timestamp,
        Value::Duration(_) => Ty::Duration,
        Value::Money(_) => Ty::Money,
        Value::Decimal(_) => Ty::Decimal,
        Value::Type(_) => Ty::Type,
        Value::Optional(_) => Ty::Optional(Box::new(Ty::Dyn)),
        Value::List(items) => Ty::List(Box::new(common(items.iter()))),
        Value::Record(record) => Ty::Map(Box::new(common(record.0.iter().map(|(_, value)| value)))),
        Value::Map(entries) => {
            Ty::Keyed(Box::new(common(entries.iter().map(|(key, _)| key))), Box::new(common(entries.iter().map(|(_, value)| value))))
        }
    }
}

fn common<'a>(values: impl Iterator<Item = &'a Value>) -> Ty {
    let mut types: Vec<Ty> = values.map(type_of).collect();
    types.dedup();
    match types.as_slice() {
        [ty] => ty.clone(),
        [] => Ty::Unknown,
        _ => Ty::Dyn,
    }
}

/// A value of the suite; `None` for messages.
fn plain(json: &Json) -> Option<Value> {
    let (kind, value) = json.as_object()?.iter().next()?;
    let text = || value.as_str().map(str::to_owned);
    Some(match kind.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(value.as_bool()?),
        "int64" => Value::Int(text()?.parse().ok()?),
        "uint64" => Value::UInt(text()?.parse().ok()?),
        "double" => Value::Double(text()?.parse().ok()?),
        "string" => Value::string(text()?),
        "type" => Value::Type(text()?.into()),
        "bytes" => Value::Bytes(value.as_array()?.iter().filter_map(Json::as_u64).filter_map(|byte| u8::try_from(byte).ok()).collect()),
        "list" => Value::list(value.as_array()?.iter().map(plain).collect::<Option<Vec<_>>>()?),
        "map" => {
            let pair = |pair: &Json| Some((plain(pair.get(0)?)?, plain(pair.get(1)?)?));
            let pairs = value.as_array()?.iter().map(pair).collect::<Option<Vec<_>>>()?;
            let named: Option<Vec<_>> = pairs.iter().map(|(key, value)| Some((key.as_str()?.into(), value.clone()))).collect();
            named.map_or_else(|| Value::Map(pairs.into()), |named| Value::Record(Record(named).into()))
        }
        "dur" => Value::Duration(micros(value)?),
        "ts" => Value::Timestamp(micros(value)?),
        _ => return None,
    })
}

fn micros(value: &Json) -> Option<i64> {
    value.get(0)?.as_i64()?.checked_mul(1_000_000)?.checked_add(value.get(1)?.as_i64()? / 1_000)
}

/// Whether two values are of one type and equal; entries of maps in any order.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Double(left), Value::Double(right)) => left == right || (left.is_nan() && right.is_nan()),
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| same(left, right))
        }
        (Value::Record(left), Value::Record(right)) => {
            left.0.len() == right.0.len() && left.0.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Map(left), Value::Map(right)) => {
            let held = |(key, value): &(Value, Value)| right.iter().any(|(other, wanted)| same(key, other) && same(value, wanted));
            left.len() == right.len() && left.iter().all(held)
        }
        _ => left == right,
    }
}
