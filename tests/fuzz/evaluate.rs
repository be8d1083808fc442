//! Targets `evaluate` and `template`: any text as an expression, by both sets of rules, and as a template. What is accepted has a value
//! of its type, or a sentence that says why not, within its budget.

use std::sync::LazyLock;
use tradewind_lang::ast::{Literal, Scalar};
use tradewind_lang::conform;
use tradewind_lang::expr::{Dialect, Scope, check_as};
use tradewind_lang::source::{SourceId, Span};
use tradewind_lang::template;
use tradewind_lang::ty::{Field, Marks, Record as Declared, Ty, TypeTable};
use tradewind_lang::value::{Record, Value};
use tradewind_tests::fits::fits;

static TYPES: LazyLock<TypeTable> = LazyLock::new(|| {
    let field = |(name, ty): (&str, Ty)| Field { ty, ..named(name) };
    let line = [("sku", Ty::String), ("count", Ty::Int), ("price", Ty::Money), ("note", Ty::String.optional())];
    let order = [
        ("id", Ty::String),
        ("paid", Ty::Money),
        ("at", Ty::Timestamp),
        ("lines", Ty::List(Box::new(Ty::Record("line".to_owned())))),
        ("tags", Ty::Map(Box::new(Ty::Int))),
        ("note", Ty::String.optional()),
        ("share", Ty::Double),
        ("window", Ty::Duration),
    ];
    let record = |fields: Vec<Field>| Declared { version: 1, subject: None, fields };
    TypeTable {
        records: [("line".to_owned(), record(line.map(field).to_vec())), ("order".to_owned(), record(order.map(field).to_vec()))].into(),
        enums: [("kind".to_owned(), ["good", "bad"].map(str::to_owned).to_vec())].into(),
        exchanges: Vec::new(),
    }
});

fn named(name: &str) -> Field {
    Field { name: name.to_owned(), ty: Ty::Null, marks: Marks::default(), default: None, min: None, max: None, pattern: None, label: None }
}

static VALUES: LazyLock<Record> = LazyLock::new(|| {
    let order = serde_json::json!({"id": "o-1", "paid": "12.30 USD", "at": "2024-02-29T00:00:00Z", "tags": {"a": 1}, "share": 0.5,
        "window": "30d", "note": null,
        "lines": [{"sku": "a", "count": 1, "price": "1 USD"}, {"sku": "b", "count": -2, "price": "3 USD", "note": "x"}]});
    let order = conform::from_json(&order, &Ty::Record("order".to_owned()), &TYPES).expect("an order");
    Record::from_iter([
        ("input".to_owned(), order.clone()),
        ("order".to_owned(), order),
        ("kind".to_owned(), Value::string("good")),
        ("n".to_owned(), Value::Int(3)),
    ])
});

fn scope() -> Scope {
    let order = || Ty::Record("order".to_owned());
    let plain = Marks::default();
    Scope::default().with("input", order(), plain).with("order", order(), plain).with("kind", Ty::Enum("kind".to_owned()), plain).with(
        "n",
        Ty::Int,
        plain,
    )
}

fn literal(text: &str) -> Literal {
    Literal {
        scalar: Scalar::String(text.to_owned()),
        annotation: None,
        span: Span::new(SourceId(0), 0, text.len()),
        offsets: vec![(0, 0)],
    }
}

pub(crate) fn target(bytes: &[u8]) {
    let text = &*crate::parse::decoded(bytes).text;
    let ways = [Dialect::Operators, Dialect::Cel { container: "", checked: true }, Dialect::Cel { container: "", checked: false }];
    for dialect in ways {
        let (checked, found) = check_as(dialect, text, &literal(text), 0, &scope(), &TYPES, None);
        for found in found {
            assert!(text.get(found.span.start as usize..found.span.end as usize).is_some(), "{found:?} has no place");
        }
        let Some(checked) = checked else { continue };
        let bytes = serde_json::to_vec(&checked.expr);
        assert!(bytes.is_ok(), "it cannot be written");
        if let (Dialect::Operators, Ok(value)) = (dialect, checked.expr.evaluate(&*VALUES)) {
            assert!(fits(&value, &checked.expr.ty, &TYPES), "{value:?} is no {}", checked.expr.ty);
        }
        if dialect != Dialect::Operators {
            let _ = checked.expr.evaluate(&*VALUES);
        }
    }
}

pub(crate) fn template(bytes: &[u8]) {
    let text = &*crate::parse::decoded(bytes).text;
    let (checked, found) = template::check(text, &literal(text), &scope(), &TYPES);
    for found in found {
        assert!(text.get(found.span.start as usize..found.span.end as usize).is_some(), "{found:?} has no place");
    }
    if let Some(checked) = checked {
        let _ = checked.template.render(&*VALUES);
    }
}

/// Expressions, or templates, of the shipped texts: what stands between quotes.
pub(crate) fn quoted(shipped: &[Vec<u8>], wanted: fn(&str) -> bool) -> Vec<Vec<u8>> {
    let texts = shipped.iter().filter_map(|bytes| std::str::from_utf8(bytes).ok());
    let found: Vec<Vec<u8>> = texts
        .flat_map(|text| text.split('"').skip(1).step_by(2))
        .filter(|part| wanted(part))
        .map(|part| part.trim_start_matches('=').as_bytes().to_vec())
        .collect();
    assert!(found.len() > 20, "only {} parts were found", found.len());
    found
}
