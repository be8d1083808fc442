//! JSON at the border.

use super::{Problem, base64, fields_from_json, from_answer, from_json, to_json, unbase64};
use crate::ty::{Field, Record, Ty, TypeTable};
use crate::value::Value;
use serde_json::json;

fn field(name: &str, ty: Ty) -> Field {
    Field::plain(name.to_owned(), ty)
}

fn types() -> TypeTable {
    let line = vec![Field { min: Some(1.0), max: Some(99.0), ..field("count", Ty::Int) }, field("price", Ty::Money)];
    let order = vec![
        field("id", Ty::String),
        field("paid", Ty::Money),
        field("at", Ty::Timestamp),
        field("window", Ty::Duration.optional()),
        Field { default: Some(Value::string("web")), ..field("channel", Ty::String) },
        field("kind", Ty::Enum("kind".to_owned())),
        field("lines", Ty::List(Box::new(Ty::Record("line".to_owned())))),
        field("raw", Ty::Json),
    ];
    let record = |fields| Record { version: 1, subject: None, fields };
    TypeTable {
        records: [("order".to_owned(), record(order)), ("line".to_owned(), record(line))].into(),
        enums: [("kind".to_owned(), vec!["sale".to_owned(), "gift".to_owned()])].into(),
        exchanges: Vec::new(),
    }
}

fn order() -> serde_json::Value {
    json!({
        "id": "CA-1", "paid": "12.3 USD", "at": "2026-01-31T10:00:00+01:00", "window": "2w", "kind": "gift",
        "lines": [{"count": 2, "price": "6.15 USD"}], "raw": {"a": [1, 2.5, null]}
    })
}

fn ty() -> Ty {
    Ty::Record("order".to_owned())
}

#[test]
fn a_fitting_value_comes_in_and_goes_out_again() {
    let value = from_json(&order(), &ty(), &types()).unwrap();
    assert_eq!(value.get("channel"), Some(&Value::string("web")));
    assert_eq!(value.get("window"), Some(&Value::Duration(14 * 86_400_000_000)));
    let out = to_json(&value);
    assert_eq!(out["paid"], "12.30 USD");
    assert_eq!(out["at"], "2026-01-31T09:00:00Z");
    assert_eq!(out["window"], "14d");
    assert_eq!(out["raw"], json!({"a": [1, 2.5, null]}));
    assert_eq!(from_json(&out, &ty(), &types()), Ok(value));
}

#[test]
fn every_problem_is_named_with_its_path() {
    let mut wrong = order();
    wrong["paid"] = json!(12.3);
    wrong["at"] = json!("yesterday");
    wrong["kind"] = json!("gfit");
    wrong["lines"] = json!([{"count": 0, "price": "6.15 USD"}, {"count": 1.5}]);
    wrong["chanel"] = json!("shop");
    wrong.as_object_mut().unwrap().remove("id");
    let problems = from_json(&wrong, &ty(), &types()).unwrap_err();
    let shown: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(
        shown,
        [
            "`chanel`: there is no such field; did you mean `channel`?",
            "`id`: is missing",
            "`paid`: must be money such as \"12.30 USD\", is the number 12.3",
            "`at`: `yesterday` is no timestamp; write it like `2026-01-31T09:00:00Z`",
            "`kind`: `gfit` is not one of the values of `kind`; did you mean `gift`?",
            "`lines[0].count`: is 0, at least 1 is allowed",
            "`lines[1].count`: must be int, is 1.5",
            "`lines[1].price`: is missing",
        ]
    );
}

#[test]
fn a_text_matches_the_pattern_of_its_field() {
    let fields = [Field { pattern: Some("^[A-Z]{2}-[0-9]+$".to_owned()), ..field("id", Ty::String.optional()) }];
    let of = |json: &serde_json::Value| fields_from_json(json, &fields, &types());
    assert!(of(&json!({"id": "CA-12"})).is_ok() && of(&json!({"id": null})).is_ok() && of(&json!({})).is_ok());
    let problems = of(&json!({"id": "ca-12"})).unwrap_err();
    assert_eq!(problems[0].to_string(), "`id`: must match `^[A-Z]{2}-[0-9]+$`");
}

#[test]
fn an_answer_may_grow() {
    let mut grown = order();
    grown["new_field"] = json!(1);
    assert!(from_json(&grown, &ty(), &types()).is_err());
    assert_eq!(from_answer(&grown, &ty(), &types()), from_json(&order(), &ty(), &types()));
}

#[test]
fn deep_values_are_refused() {
    let mut deep = json!(1);
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let mut value = order();
    value["raw"] = deep;
    let problems = from_json(&value, &ty(), &types()).unwrap_err();
    assert_eq!(problems[0].path, "raw");
}

#[test]
fn bytes_survive_base64() {
    for bytes in [&b""[..], b"f", b"fo", b"foo", b"foob", b"\xff\x00\xfe\x01"] {
        assert_eq!(unbase64(&base64(bytes)).unwrap(), bytes);
    }
    assert_eq!(base64(b"foob"), "Zm9vYg==");
    assert_eq!(unbase64("a"), None);
    assert_eq!(unbase64("!!!!"), None);
}
