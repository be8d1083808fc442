//! Expressions as users write them: what they mean, what they are worth, what is wrong with them and where.

use super::{Checked, EvalError, Scope, check};
use crate::ast::{Literal, Scalar};
use crate::diagnostic::Diagnostic;
use crate::money::Money;
use crate::source::{SourceMap, Span};
use crate::ty::{Field, Marks, Record, Ty, TypeTable};
use crate::value::Value;

fn field(name: &str, ty: Ty, marks: Marks) -> Field {
    Field { name: name.to_owned(), ty, marks, default: None, min: None, max: None, pattern: None, label: None }
}

fn types() -> TypeTable {
    let plain = Marks::default();
    let order = vec![
        field("id", Ty::String, plain),
        field("paid", Ty::Money, plain),
        field("profit", Ty::Money, plain),
        field("shipped_at", Ty::Timestamp, plain),
        field("note", Ty::String.optional(), Marks { untrusted: true, ..plain }),
        field("gift", Ty::Record("gift".to_owned()).optional(), plain),
        field("lines", Ty::List(Box::new(Ty::Record("line".to_owned()))), plain),
    ];
    let message =
        vec![field("text", Ty::String, Marks { pii: true, untrusted: true, ..plain }), field("received_at", Ty::Timestamp, plain)];
    let line = vec![field("sku", Ty::String, plain), field("count", Ty::Int, plain), field("price", Ty::Money, plain)];
    let gift = vec![field("to", Ty::String, Marks { pii: true, ..plain }), field("wrapped", Ty::Bool.optional(), plain)];
    let record = |fields| Record { version: 1, subject: None, fields };
    TypeTable {
        records: [("shop.order", order), ("message", message), ("line", line), ("gift", gift)]
            .into_iter()
            .map(|(name, fields)| (name.to_owned(), record(fields)))
            .collect(),
        enums: [("kind".to_owned(), ["complaint", "neutral", "praise"].map(str::to_owned).to_vec())].into(),
        exchanges: Vec::new(),
    }
}

fn scope() -> Scope {
    let plain = Marks::default();
    let verdict = vec![("kind".to_owned(), Ty::Enum("kind".to_owned())), ("confidence".to_owned(), Ty::Double)];
    let settings =
        vec![("return_window".to_owned(), Ty::Duration), ("goodwill_share".to_owned(), Ty::Double), ("max_count".to_owned(), Ty::Int)];
    Scope::default()
        .with("order", Ty::Record("shop.order".to_owned()), plain)
        .with("input", Ty::Record("message".to_owned()), plain)
        .with("verdict", Ty::Object(verdict), Marks { model: true, ..plain })
        .with("settings", Ty::Object(settings), plain)
        .with("status", Ty::Int, plain)
        .with("body", Ty::Json, plain)
        .with("found", Ty::List(Box::new(Ty::Record("shop.order".to_owned()))), plain)
        .with("maybe", Ty::Int.optional(), plain)
        .with("name", Ty::String, plain)
}

fn values() -> crate::value::Record {
    let money = |text: &str| Value::Money(Money::parse(text).unwrap());
    let instant = |text: &str| Value::Timestamp(crate::literal::timestamp(text).unwrap());
    let line = |sku: &str, count: i64, price: &str| {
        Value::record([("sku", Value::string(sku)), ("count", Value::Int(count)), ("price", money(price))])
    };
    let order = Value::record([
        ("id", Value::string("CA-1")),
        ("paid", money("261.96 USD")),
        ("profit", money("-41.91 USD")),
        ("shipped_at", instant("2026-01-10T00:00:00Z")),
        ("lines", Value::list([line("a", 2, "10.00 USD"), line("b", 1, "241.96 USD")])),
    ]);
    let body = serde_json::json!({"status": "ok", "count": 3, "items": [{"id": "x"}], "ratio": 0.5, "nothing": null});
    crate::value::Record::from_iter([
        ("found".to_owned(), Value::list([order.clone()])),
        ("order".to_owned(), order),
        ("input".to_owned(), Value::record([("text", Value::string("Too late!")), ("received_at", instant("2026-02-01T00:00:00Z"))])),
        ("verdict".to_owned(), Value::record([("kind", Value::string("complaint")), ("confidence", Value::Double(0.7))])),
        (
            "settings".to_owned(),
            Value::record([
                ("return_window", Value::Duration(30 * 86_400_000_000)),
                ("goodwill_share", Value::Double(0.15)),
                ("max_count", Value::Int(3)),
            ]),
        ),
        ("status".to_owned(), Value::Int(503)),
        ("body".to_owned(), outside(&body)),
        ("name".to_owned(), Value::string("Ada")),
    ])
}

fn outside(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => number.as_i64().map_or_else(|| Value::Double(number.as_f64().unwrap()), Value::Int),
        serde_json::Value::String(text) => Value::string(text.as_str()),
        serde_json::Value::Array(items) => Value::list(items.iter().map(outside)),
        serde_json::Value::Object(fields) => Value::record(fields.iter().map(|(name, value)| (name.as_str(), outside(value)))),
    }
}

/// The text as the value of a KDL setting `x "=…"`.
fn written(text: &str) -> (SourceMap, Literal) {
    let mut sources = SourceMap::default();
    let file = format!("x \"={text}\"\n");
    let source = sources.add("flow.kdl", file.as_str());
    let literal = Literal {
        scalar: Scalar::String(format!("={text}")),
        annotation: None,
        span: Span::new(source, 2, file.len() - 1),
        offsets: vec![(0, 3)],
    };
    (sources, literal)
}

fn checked(text: &str, expected: Option<&Ty>) -> (Option<Checked>, Vec<Diagnostic>) {
    let (_, literal) = written(text);
    check(text, &literal, 1, &scope(), &types(), expected)
}

fn clean(text: &str, expected: Option<&Ty>) -> Checked {
    match checked(text, expected) {
        (Some(checked), _) => checked,
        (None, diagnostics) => panic!("{text}: {:?}", diagnostics.iter().map(|diagnostic| &diagnostic.message).collect::<Vec<_>>()),
    }
}

fn value(text: &str) -> Result<Value, EvalError> {
    clean(text, None).expr.evaluate(&values())
}

#[track_caller]
fn holds(text: &str) {
    assert_eq!(value(text), Ok(Value::Bool(true)), "{text}");
}

#[test]
fn the_conditions_of_the_shipped_flow_hold() {
    for text in [
        "verdict.confidence >= 0.65",
        "verdict.kind != 'praise' || verdict.confidence >= settings.goodwill_share",
        "verdict.kind == 'complaint' && input.received_at < order.shipped_at + settings.return_window",
        "round(order.paid * settings.goodwill_share) == '39.29 USD'",
        "order.profit < '0 USD' && order.paid > '100 USD'",
        "size(found) > 0",
        "found[0].id == order.id",
        "status in [429, 502, 503, 504]",
        "(verdict.kind == 'complaint' ? order.paid : round(order.paid * settings.goodwill_share)) == order.paid",
    ] {
        holds(text);
    }
}

mod cel;
mod mistakes;
mod property;
mod worth;
