//! Our evaluator beside the one of the `cel` crate: where both give a value to an expression, it is the same value.
//!
//! The expressions are those of the conformance suite, and those of the repository that is shipped, on values made up
//! for what they name. What only one of them can evaluate (money, messages, an int that meets a double) is passed over.

#[cfg(test)]
mod generated;

use cel_interpreter::objects::{Key, Map};
use cel_interpreter::{Context, Env, Value as Cel, extensions};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tradewind_lang::ast::{Literal, Scalar};
use tradewind_lang::compile::{Repository, compile, ignored_folders};
use tradewind_lang::expr::{Dialect, Expr, Scope, check_as};
use tradewind_lang::source::{SourceId, Span};
use tradewind_lang::ty::{Marks, Ty, TypeTable};
use tradewind_lang::value::{Record, Value};

/// Where the two differ on purpose, by expression, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("dyn(9223372036854775807) < 9223372036854775808.0", "we compare exactly, the crate after a loss"),
    ("dyn(9223372036854775808.0) > 9223372036854775807", "the same"),
    ("dyn(9223372036854775808.0) <= 9223372036854775807", "the same"),
    ("dyn(9223372036854775807) >= 9223372036854775808.0", "the same"),
];

fn environment() -> Arc<Env> {
    let mut environment = Env::stdlib();
    for extension in [extensions::strings, extensions::math, extensions::encoders] {
        let _ = environment.add_extension(extension);
    }
    Arc::new(environment)
}

fn given(value: &Value) -> Option<Cel> {
    Some(match value {
        Value::Null => Cel::Null,
        Value::Bool(truth) => Cel::Bool(*truth),
        Value::Int(number) => Cel::Int(*number),
        Value::UInt(number) => Cel::UInt(*number),
        Value::Double(number) => Cel::Float(*number),
        Value::String(text) => Cel::String(Arc::new(text.to_string())),
        Value::Bytes(bytes) => Cel::Bytes(Arc::new(bytes.to_vec())),
        Value::List(items) => Cel::List(Arc::new(items.iter().map(given).collect::<Option<_>>()?)),
        Value::Record(record) => {
            let pair = |(key, value): &(Arc<str>, Value)| Some((Key::String(Arc::new(key.to_string())), given(value)?));
            Cel::Map(Map { map: Arc::new(record.0.iter().map(pair).collect::<Option<_>>()?) })
        }
        _ => return None,
    })
}

/// Whether a value of the crate is one of ours; `None` where it is of a kind that is not compared.
fn same(cel: &Cel, ours: &Value) -> Option<bool> {
    Some(match (cel, ours) {
        (Cel::Null, ours) => *ours == Value::Null,
        (Cel::Bool(truth), ours) => *ours == Value::Bool(*truth),
        (Cel::Int(number), ours) => *ours == Value::Int(*number),
        (Cel::UInt(number), ours) => *ours == Value::UInt(*number),
        (Cel::Float(left), Value::Double(right)) => left == right || (left.is_nan() && right.is_nan()),
        // The crate hands out a type as its name.
        (Cel::String(left), Value::Type(right)) => left.as_str() == &**right,
        (Cel::String(left), Value::String(right)) => left.as_str() == &**right,
        (Cel::Bytes(left), Value::Bytes(right)) => left.as_slice() == &**right,
        (Cel::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(left, right)| same(left, right) != Some(false))
        }
        (Cel::Map(left), Value::Record(right)) => {
            left.map.len() == right.0.len()
                && left.map.iter().all(|(key, value)| match key {
                    Key::String(key) => right.get(key).is_some_and(|other| same(value, other) != Some(false)),
                    _ => false,
                })
        }
        (Cel::Map(left), Value::Map(right)) => left.map.len() == right.len(),
        (Cel::Float(_) | Cel::String(_) | Cel::Bytes(_) | Cel::List(_) | Cel::Map(_), _) => false,
        _ => return None,
    })
}

/// The value of the crate, where it has one and every binding can be given to it; or why it has none.
fn of_crate(environment: &Arc<Env>, text: &str, values: &Record) -> Result<Cel, String> {
    let program = environment.compile(text).map_err(|error| error.to_string())?;
    let mut context = Context::with_env(Arc::clone(environment));
    for (name, value) in &values.0 {
        context.add_variable_from_value(name.to_string(), given(value).ok_or("it has no such value")?);
    }
    program.execute(&context).map_err(|error| error.to_string())
}

#[test]
fn the_suite_is_worth_the_same_to_both() {
    let Some(cases) = cases() else { return };
    let environment = environment();
    let (mut compared, mut different) = (0, Vec::new());
    for case in &cases {
        let text = case["expr"].as_str().unwrap_or("");
        let bindings: Option<Record> =
            case["bind"].as_object().into_iter().flatten().map(|(name, value)| Some((name.clone(), plain(value)?))).collect();
        let Some(values) = bindings.filter(|_| case["container"] == "") else { continue };
        let Some(ours) = ours(text, &values) else { continue };
        let Ok(theirs) = of_crate(&environment, text, &values) else { continue };
        match same(&theirs, &ours) {
            None => continue,
            Some(true) => compared += 1,
            Some(false) if DIFFERENCES.iter().any(|(known, _)| *known == text) => {}
            Some(false) => different.push(format!("{text}: the crate says {theirs:?}, we say {ours:?}")),
        }
    }
    println!("{compared} compared");
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(compared > 1000, "only {compared} were compared");
}

#[expect(clippy::disallowed_methods, reason = "the suite is a file outside the repository, named by the environment")]
fn cases() -> Option<Vec<Json>> {
    let folder = std::env::var("TRADEWIND_CEL_SUITE").ok()?;
    serde_json::from_str(&std::fs::read_to_string(format!("{folder}/tests.json")).ok()?).ok()
}

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
        "list" => Value::list(value.as_array()?.iter().map(plain).collect::<Option<Vec<_>>>()?),
        _ => return None,
    })
}

/// Our value by CEL's own rules, types left to the run.
fn ours(text: &str, values: &Record) -> Option<Value> {
    let literal = Literal {
        scalar: Scalar::String(text.to_owned()),
        annotation: None,
        span: Span::new(SourceId(0), 0, text.len()),
        offsets: vec![(0, 0)],
    };
    let scope = values.0.iter().fold(Scope::default(), |scope, (name, _)| scope.with(name, Ty::Unknown, Marks::default()));
    let dialect = Dialect::Cel { container: "", checked: false };
    let (checked, _) = check_as(dialect, text, &literal, 0, &scope, &TypeTable::default(), None);
    checked?.expr.evaluate(values).ok()
}

#[test]
fn the_shipped_repository_is_worth_the_same_to_both() {
    let expressions = shipped();
    assert!(expressions.len() > 50, "only {} expressions were found", expressions.len());
    let environment = environment();
    let (mut compared, mut different) = (BTreeSet::new(), Vec::new());
    for expression in &expressions {
        let paths = paths(&serde_json::to_value(&expression.root).unwrap());
        let mut dice = 7_u64;
        for _ in 0..60 {
            let values = made_up(&paths, &mut dice);
            let (Ok(ours), Ok(theirs)) = (expression.evaluate(&values), of_crate(&environment, &expression.source, &values)) else {
                continue;
            };
            match same(&theirs, &ours) {
                None => {}
                Some(true) => drop(compared.insert(expression.source.clone())),
                Some(false) => different.push(format!("{}: the crate says {theirs:?}, we say {ours:?} of {values:?}", expression.source)),
            }
        }
    }
    println!("{} of {} compared: {compared:#?}", compared.len(), expressions.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(compared.len() > 20, "only {} were compared", compared.len());
}

/// Every expression of the shipped repository's plan that holds no money, time or decimal of ours.
fn shipped() -> Vec<Expr> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let mut configuration = files(root, root, &ignored_folders(&read(&root.join("tradewind.kdl"))));
    configuration.sort();
    let library = files(&root.join("stdlib"), &root.join("stdlib"), &[]);
    let library: Vec<(&str, &str)> = library.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let one = |path: &str| Some(read(&root.join(path)));
    let compiled = compile(&Repository { configuration: &configuration, library: &library, read: &one, environment: None });
    let plan = serde_json::to_value(compiled.plan).unwrap_or_default();
    let mut found = BTreeMap::new();
    gather(&plan, &mut found);
    found.into_values().collect()
}

fn gather(json: &Json, found: &mut BTreeMap<String, Expr>) {
    if json.get("source").is_some()
        && json.get("root").is_some()
        && let Ok(expression) = serde_json::from_value::<Expr>(json.clone())
    {
        let text = json["root"].to_string();
        let ours = ["\"Money\"", "\"Timestamp\"", "\"Duration\"", "\"Decimal\"", "Expect"].iter().any(|kind| text.contains(kind));
        if !ours && !expression.source.is_empty() {
            found.insert(expression.source.clone(), expression);
        }
        return;
    }
    match json {
        Json::Array(items) => items.iter().for_each(|item| gather(item, found)),
        Json::Object(fields) => fields.values().for_each(|value| gather(value, found)),
        _ => {}
    }
}

#[expect(clippy::disallowed_methods, reason = "the repository is read as the command line reads it")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "the repository is read as the command line reads it")]
fn files(root: &Path, folder: &Path, ignored: &[String]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let relative = path.strip_prefix(root).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if !relative.starts_with('.') && !ignored.contains(&relative) {
                found.extend(files(root, &path, ignored));
            }
        } else if path.extension().is_some_and(|extension| extension == "kdl") {
            found.push((relative, read(&path)));
        }
    }
    found
}

/// Every path of variables and fields in a tree.
fn paths(tree: &Json) -> BTreeSet<Vec<String>> {
    fn path(tree: &Json) -> Option<Vec<String>> {
        if let Some(variable) = tree.get("Variable") {
            return Some(vec![variable["name"].as_str()?.to_owned()]);
        }
        let select = tree.get("Select")?;
        let mut names = path(&select["of"])?;
        names.push(select["field"].as_str()?.to_owned());
        Some(names)
    }
    let mut found = BTreeSet::new();
    if let Some(names) = path(tree) {
        found.insert(names);
        return found;
    }
    match tree {
        Json::Array(items) => items.iter().for_each(|item| found.extend(paths(item))),
        Json::Object(fields) => fields.values().for_each(|value| found.extend(paths(value))),
        _ => {}
    }
    found
}

/// A value of some plain kind at each path.
fn made_up(paths: &BTreeSet<Vec<String>>, dice: &mut u64) -> Record {
    let mut values = Record::default();
    for path in paths {
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let value = match *dice >> 60 {
            0 | 1 => Value::Bool(true),
            2 => Value::Bool(false),
            3 | 4 => Value::Int(200),
            5 => Value::Int(-3),
            6 | 7 => Value::Double(0.75),
            8 => Value::list([]),
            9 => Value::list([Value::string("a")]),
            10 => Value::string("return"),
            11 => Value::string("open"),
            12 => Value::string(""),
            _ => Value::string("ok"),
        };
        place(&mut values, path, value);
    }
    values
}

fn place(values: &mut Record, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        values.set(name, value);
        return;
    }
    let mut inner = match values.get(name) {
        Some(Value::Record(record)) => record.as_ref().clone(),
        _ => Record::default(),
    };
    place(&mut inner, rest, value);
    values.set(name, Value::Record(Arc::new(inner)));
}
