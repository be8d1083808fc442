//! The conformance suite of CEL (google/cel-spec, as JSON) through our checker and evaluator.
//!
//! Each file has a floor of cases that pass, which may only grow. What the checker refuses although CEL computes it is
//! a narrower language (no unsigned numbers, no mixed lists); what computes another value is a fault, and listed by name.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use tradewind_lang::ast::{Literal, Scalar};
use tradewind_lang::expr::{Scope, check};
use tradewind_lang::source::{SourceId, Span};
use tradewind_lang::ty::{Marks, Ty, TypeTable};
use tradewind_lang::value::{Record, Value};

/// Cases that pass, at least, by file.
const FLOOR: &str = include_str!("cel_suite/floor.txt");
/// Cases that we compute otherwise on purpose: `file/section/name`, then why.
const OTHERWISE: &str = include_str!("cel_suite/otherwise.txt");

#[derive(Debug, PartialEq)]
enum Outcome {
    Passes,
    Refused(String),
    Wrong(String),
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the suite is a file outside the repository, named by the environment")]
fn the_conformance_suite_passes_as_far_as_the_floor_says() {
    let Ok(folder) = std::env::var("TRADEWIND_CEL_SUITE") else {
        // Straight to standard error: the test runner keeps what is printed by tests that pass.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            "skipped: TRADEWIND_CEL_SUITE is not set to the folder of the CEL conformance suite\n".as_bytes(),
        );
        return;
    };
    let text = std::fs::read_to_string(format!("{folder}/tests.json")).expect("the suite cannot be read");
    let cases: Vec<Json> = serde_json::from_str(&text).expect("the suite is no JSON");
    let mut passing: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &cases {
        let name = |key: &str| case[key].as_str().unwrap_or("").to_owned();
        let file = name("file");
        if !FLOOR.lines().any(|line| line.split(' ').next() == Some(file.as_str())) || case.get("want").is_none() {
            continue;
        }
        let full = format!("{file}/{}/{}", name("section"), name("name"));
        match run(case) {
            Outcome::Passes => *passing.entry(file).or_default() += 1,
            Outcome::Refused(why) => println!("refused {full}: {} ({why})", name("expr")),
            Outcome::Wrong(why) => wrong.push((full, format!("{} {why}", name("expr")))),
        }
    }
    println!("{passing:?}");
    let known: Vec<&str> = OTHERWISE.lines().filter_map(|line| line.split(' ').next()).collect();
    let unknown: Vec<_> = wrong.iter().filter(|(name, _)| !known.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "{} cases compute otherwise: {unknown:#?}", unknown.len());
    for line in FLOOR.lines() {
        let (file, floor) = line.split_once(' ').expect("a floor is `file count`");
        let floor: usize = floor.parse().expect("a floor is a number");
        let passes = passing.get(file).copied().unwrap_or(0);
        assert!(passes >= floor, "{file}: {passes} pass, the floor is {floor}");
    }
}

fn run(case: &Json) -> Outcome {
    // `dyn` hides a type from CEL's checker; there is nothing to hide where numbers of both types compare anyway.
    let text = case["expr"].as_str().unwrap_or("").replace("dyn(", "(");
    let literal = Literal {
        scalar: Scalar::String(text.clone()),
        annotation: None,
        span: Span::new(SourceId(0), 0, text.len()),
        offsets: vec![(0, 0)],
    };
    let mut scope = Scope::default();
    let mut values = Record::default();
    for (name, bound) in case["bind"].as_object().into_iter().flatten() {
        let Some(value) = plain(bound) else { return Outcome::Refused("the binding is not plain".to_owned()) };
        scope = scope.with(name, type_of(&value), Marks::default());
        values.set(name, value);
    }
    let fails = case["want"].get("error").is_some();
    let (checked, diagnostics) = check(&text, &literal, 0, &scope, &TypeTable::default(), None);
    let Some(checked) = checked else {
        let why = diagnostics.first().map_or(String::new(), |one| format!("{} {}", one.code.id, one.message));
        return if fails { Outcome::Passes } else { Outcome::Refused(why) };
    };
    match (checked.expr.evaluate(&values), fails, plain(&case["want"])) {
        (Err(_), true, _) => Outcome::Passes,
        (Err(error), false, _) => Outcome::Wrong(format!("fails: {}", error.0)),
        (Ok(value), false, Some(wanted)) if same(&value, &wanted) => Outcome::Passes,
        (Ok(_), false, None) => Outcome::Refused("the wanted value is not plain".to_owned()),
        (Ok(value), ..) => Outcome::Wrong(format!("is {value:?}, wanted {}", case["want"])),
    }
}

fn type_of(value: &Value) -> Ty {
    match value {
        Value::Null => Ty::Null,
        Value::Bool(_) => Ty::Bool,
        Value::Int(_) => Ty::Int,
        Value::Double(_) => Ty::Double,
        Value::String(_) => Ty::String,
        Value::Bytes(_) => Ty::Bytes,
        Value::Timestamp(_) => Ty::Timestamp,
        Value::Duration(_) => Ty::Duration,
        Value::Money(_) => Ty::Money,
        Value::List(items) => Ty::List(Box::new(items.first().map_or(Ty::Unknown, type_of))),
        Value::Record(record) => Ty::Map(Box::new(record.0.first().map_or(Ty::Unknown, |(_, value)| type_of(value)))),
    }
}

/// A value of the suite, where we have such values.
fn plain(json: &Json) -> Option<Value> {
    let (kind, value) = json.as_object()?.iter().next()?;
    let text = || value.as_str().map(str::to_owned);
    Some(match kind.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(value.as_bool()?),
        "int64" | "uint64" => Value::Int(text()?.parse().ok()?),
        "double" => Value::Double(text()?.parse().ok()?),
        "string" => Value::string(text()?),
        "bytes" => Value::Bytes(value.as_array()?.iter().filter_map(Json::as_u64).filter_map(|byte| u8::try_from(byte).ok()).collect()),
        "list" => Value::list(value.as_array()?.iter().map(plain).collect::<Option<Vec<_>>>()?),
        "map" => {
            let mut record = Record::default();
            for pair in value.as_array()? {
                let Value::String(key) = plain(pair.get(0)?)? else { return None };
                record.set(&key, plain(pair.get(1)?)?);
            }
            Value::Record(record.into())
        }
        "dur" => Value::Duration(micros(value)?),
        "ts" => Value::Timestamp(micros(value)?),
        _ => return None,
    })
}

fn micros(value: &Json) -> Option<i64> {
    value.get(0)?.as_i64()?.checked_mul(1_000_000)?.checked_add(value.get(1)?.as_i64()? / 1_000)
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Double(left), Value::Double(right)) => left == right || (left.is_nan() && right.is_nan()),
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| same(left, right))
        }
        (Value::Record(left), Value::Record(right)) => {
            left.0.len() == right.0.len() && left.0.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}
