//! Templates as users write them.

use super::check;
use crate::ast::{Literal, Scalar};
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::money::Money;
use crate::source::{SourceMap, Span};
use crate::ty::{Field, Marks, Record, Ty, TypeTable};
use crate::value::Value;

fn field(name: &str, ty: Ty) -> Field {
    Field::plain(name.to_owned(), ty)
}

fn types() -> TypeTable {
    let line = vec![field("sku", Ty::String), field("count", Ty::Int)];
    let mut note = field("note", Ty::String.optional());
    note.marks.untrusted = true;
    let order = vec![
        field("id", Ty::String),
        field("paid", Ty::Money),
        field("at", Ty::Timestamp),
        note,
        field("lines", Ty::List(Box::new(Ty::Record("line".to_owned())))),
        field("tags", Ty::List(Box::new(Ty::String))),
    ];
    let record = |fields| Record { version: 1, subject: None, fields };
    TypeTable {
        records: [("order".to_owned(), record(order)), ("line".to_owned(), record(line))].into(),
        enums: [("kind".to_owned(), vec!["complaint".to_owned(), "praise".to_owned()])].into(),
        exchanges: Vec::new(),
    }
}

fn scope() -> Scope {
    Scope::default()
        .with("order", Ty::Record("order".to_owned()), Marks::default())
        .with("kind", Ty::Enum("kind".to_owned()), Marks { model: true, ..Marks::default() })
        .with("share", Ty::Double, Marks::default())
}

fn values() -> crate::value::Record {
    let line = |sku: &str, count| Value::record([("sku", Value::string(sku)), ("count", Value::Int(count))]);
    let order = Value::record([
        ("id", Value::string("CA-1")),
        ("paid", Value::Money(Money::parse("12.3 USD").unwrap())),
        ("at", Value::Timestamp(crate::literal::timestamp("2026-01-31T09:00:00Z").unwrap())),
        ("note", Value::Null),
        ("lines", Value::list([line("a", 2), line("b<", 1)])),
        ("tags", Value::list([Value::string("x"), Value::string("y")])),
    ]);
    [("order".to_owned(), order), ("kind".to_owned(), Value::string("praise")), ("share".to_owned(), Value::Double(0.155))]
        .into_iter()
        .collect()
}

fn written(text: &str) -> (SourceMap, Literal) {
    let mut sources = SourceMap::default();
    let file = format!("message \"{text}\"\n");
    let source = sources.add("flow.kdl", file.as_str());
    let span = Span::new(source, 8, file.len() - 1);
    (sources, Literal { scalar: Scalar::String(text.to_owned()), annotation: None, span, offsets: vec![(0, 9)] })
}

#[track_caller]
fn rendered(text: &str) -> Result<String, String> {
    let (_, literal) = written(text);
    let (template, diagnostics) = check(text, &literal, &scope(), &types());
    let template = template.unwrap_or_else(|| panic!("{text}: {:?}", diagnostics.iter().map(|one| &one.message).collect::<Vec<_>>()));
    template.template.render(&values())
}

/// Code and underlined text of every diagnostic.
fn wrong(text: &str) -> Vec<(String, String)> {
    let (sources, literal) = written(text);
    let (template, diagnostics) = check(text, &literal, &scope(), &types());
    assert!(template.is_none(), "{text} was accepted");
    diagnostics.iter().map(|one: &Diagnostic| (one.code.id.to_owned(), sources.text(one.span).to_owned())).collect()
}

#[test]
fn numbers_that_no_decimal_holds_say_so() {
    let template = super::Template { text: "{{ x | percent }} {{ x | round(1) }}".to_owned(), variables: vec!["x".to_owned()] };
    let of = |number: f64| template.render(&crate::value::Record::from_iter([("x".to_owned(), crate::value::Value::Double(number))]));
    assert_eq!(of(f64::MIN_POSITIVE).as_deref(), Ok("0% 0"));
    assert!(of(1e300).is_err_and(|sentence| sentence.contains("a number is beyond its range")));
}

#[test]
fn holes_are_filled() {
    let cases = [
        ("Order {{ order.id }}", "Order CA-1"),
        ("{{ order.paid }} at {{ order.at }}", "12.30 USD at 2026-01-31T09:00:00Z"),
        ("{{ share | percent }} or {{ share | percent(1) }}", "16% or 15.5%"),
        ("{% if kind == 'praise' %}Thanks{% else %}Sorry{% endif %}", "Thanks"),
        ("{% if order.note %}{{ order.note }}{% else %}nothing{% endif %}", "nothing"),
        ("{% if not order.note %}nothing{% else %}{{ order.note }}{% endif %}", "nothing"),
        ("{{ order.note | default('no note') }}", "no note"),
        ("{% for line in order.lines %}{{ loop.index }}. {{ line.sku }} x{{ line.count }}; {% endfor %}", "1. a x2; 2. b< x1; "),
        ("{{ order.tags | join(', ') }} ({{ order.tags | length }})", "x, y (2)"),
        ("{{ kind | upper }} {{ 'ab cd' | title }}", "PRAISE Ab Cd"),
        ("{{ order.paid | round(0) }} {{ share | round(2) }}", "12.00 USD 0.16"),
        ("100 % { plain } text", "100 % { plain } text"),
    ];
    for (text, expected) in cases {
        assert_eq!(rendered(text), Ok(expected.to_owned()), "{text}");
    }
}

#[test]
fn mistakes_are_named_where_they_stand() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("Hi {{ ordr.id }}", &[("TW0202", "ordr")]),
        ("Hi {{ order.idd }} and {{ kindd }}", &[("TW0203", "idd"), ("TW0202", "kindd")]),
        ("{{ order.note }}", &[("TW0207", "order.note")]),
        ("{% if kind == 'complant' %}x{% endif %}", &[("TW0209", "'complant'")]),
        ("{{ order.paid * 2 }}", &[("TW0231", "order.paid * 2")]),
        ("{% if order.paid > 5 %}x{% endif %}", &[("TW0231", "order.paid")]),
        ("{% set a = 1 %}", &[("TW0231", "set a = 1")]),
        ("{{ order.id | uper }}", &[("TW0232", "uper")]),
        ("{{ order.id | percent }}", &[("TW0232", "percent")]),
        ("{{ order.lines }}", &[("TW0233", "order.lines")]),
        ("{{ order }}", &[("TW0233", "order")]),
        ("{% for x in order.id %}{% endfor %}", &[("TW0233", "order.id")]),
        ("{% for l in order.lines %}{{ l.skuu }}{% endfor %}{{ l }}", &[("TW0203", "skuu"), ("TW0202", "l")]),
        ("{{ size(order.id) }}", &[("TW0231", "size(order.id)")]),
    ];
    for (text, expected) in cases {
        let expected: Vec<(String, String)> = expected.iter().map(|(code, place)| ((*code).to_owned(), (*place).to_owned())).collect();
        assert_eq!(wrong(text), expected, "{text}");
    }
}

#[test]
fn broken_syntax_is_a_diagnostic() {
    for text in ["{{ order.id", "{% if kind %}x", "{% for %}", "{{ }}", "{% endif %}", "{{ order..id }}", "{% include 'x' %}"] {
        let found = wrong(text);
        assert_eq!(found.first().map(|(code, _)| code.as_str()), Some("TW0230"), "{text}: {found:?}");
    }
}

#[test]
fn a_template_of_a_file_is_reported_at_its_name_with_the_line() {
    let (sources, literal) = written("reply.md");
    let (_, diagnostics) = check("Hello\n{{ ordr.id }}", &literal, &scope(), &types());
    let one = &diagnostics[0];
    assert_eq!(sources.text(one.span), "\"reply.md\"");
    assert_eq!(one.label, "line 2 of the file");
    assert!(one.fixes.is_empty());
}

#[test]
fn what_is_read_carries_its_marks() {
    let (_, literal) = written("{% if order.note %}{{ order.note }}{% endif %}");
    let (template, _) = check(literal.text().unwrap(), &literal, &scope(), &types());
    let template = template.unwrap();
    assert!(template.marks.untrusted && !template.marks.model);
    assert_eq!(template.template.variables, ["order"]);
    assert_eq!(template.reads.len(), 2);
}

#[test]
fn an_endless_template_runs_out_of_fuel() {
    let nested = "{% for a in order.lines %}".repeat(24);
    let text = format!("{nested}x{}", "{% endfor %}".repeat(24));
    assert!(rendered(&text).unwrap_err().contains("too many steps"));
}

#[test]
fn chains_that_would_end_the_stack_are_too_long() {
    let chains = [
        format!("{{{{ {}order.id }}}}", "order.id and ".repeat(1_000)),
        format!("{{{{ order.id{} }}}}", " | title".repeat(3_000)),
        format!("{{{{ {}order.paid", "-".repeat(100_000)),
        format!("{{% if order.id %}}a{}{{% endif %}}", "{% elif order.id %}b".repeat(1_000)),
    ];
    for text in chains {
        let (_, literal) = written(&text);
        let (template, diagnostics) = check(&text, &literal, &scope(), &types());
        assert!(template.is_none());
        assert_eq!(diagnostics.iter().map(|found| found.code.id).collect::<Vec<_>>(), ["TW0213"]);
    }
    let fine = format!("{{# {} #}}{}", "{{ ".repeat(1_000), "{{ order.id }} ".repeat(1_000));
    let (_, literal) = written(&fine);
    assert!(check(&fine, &literal, &scope(), &types()).0.is_some());
}

#[test]
fn random_text_never_panics() {
    let pieces = [
        "{{", "}}", "{%", "%}", "{#", "#}", "if", "for", "in", "endif", "endfor", "order", ".", "id", "|", "join", "(", ")", "'", "\"",
        " ", "é", "\n", "==", "-", "[", "]", "1",
    ];
    let mut state = 7_u64;
    for _ in 0..3000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[usize::try_from(state >> 33).unwrap() % pieces.len()]);
        }
        let (_, literal) = written(&text);
        let (template, diagnostics) = check(&text, &literal, &scope(), &types());
        assert!(template.is_some() || !diagnostics.is_empty(), "{text}");
        if let Some(template) = template {
            let _ = template.template.render(&values());
        }
    }
}
