//! What expressions are worth: types, values, and the errors that only a run can meet.

use super::{clean, holds, value, values};
use crate::money::Money;
use crate::ty::Ty;
use crate::value::Value;

#[test]
fn types_follow_from_the_scope() {
    for (text, ty) in [
        ("order.paid", "money"),
        ("order.note", "string?"),
        ("order.gift.wrapped", "bool?"),
        ("order.gift.wrapped.or(false)", "bool"),
        ("has(order.note) ? order.note : 'none'", "string"),
        ("order.note != null ? order.note : 'none'", "string"),
        ("order.paid / order.profit", "double"),
        ("order.paid / 3", "money"),
        ("2 * order.paid", "money"),
        ("input.received_at - order.shipped_at", "duration"),
        ("input.received_at + '30d'", "timestamp"),
        ("input.received_at - '2026-01-01T00:00:00Z'", "duration"),
        ("settings.return_window * 2", "duration"),
        ("1 + 0.5", "double"),
        ("[1, 0.5]", "list<double>"),
        ("[]", "list<unknown>"),
        ("verdict.kind", "kind"),
        ("verdict.kind + '!'", "string"),
        ("true ? verdict.kind : 'praise'", "kind"),
        ("body.items[0].id", "json"),
        ("body.count.or(0)", "int"),
        ("int(body.count) + 1", "int"),
        ("found.map(f, f.paid)", "list<money>"),
        ("found.filter(f, f.paid > '1 USD')", "list<shop.order>"),
        ("{'a': 1, 'b': 2}", "map<string, int>"),
        ("{'a': 1, 'b': 'x'}", "{ a: int, b: string }"),
        ("least(order.paid, '5 USD')", "money"),
        ("among(name, ['Ada', 'Bob'])", "string"),
        ("between(status, 1, 9)", "int"),
        ("maybe.or(0) + 1", "int"),
        ("name.split('a')", "list<string>"),
    ] {
        assert_eq!(clean(text, None).expr.ty.to_string(), ty, "{text}");
    }
}

#[test]
fn conditions_hold() {
    for text in [
        "order.paid == '261.96 USD' && order.paid != '261.95 USD'",
        "order.paid * 0.15 == '39.294 USD' && round(order.paid * 0.15) == '39.29 USD'",
        "order.paid / 2 == '130.98 USD'",
        "order.paid / '130.98 USD' == 2.0",
        "-order.profit == '41.91 USD' && abs(order.profit) == '41.91 USD'",
        "round(money('2.345 USD')) == '2.34 USD' && round(money('2.355 USD')) == '2.36 USD'",
        "round(money('2.5 JPY')) == '2 JPY' && round(money('12.345 USD'), 1) == '12.3 USD'",
        "round(2.5) == 2 && round(0.125, 2) == 0.12",
        "ending(money('12.30 USD'), '0.99') == '11.99 USD' && ending(money('12.60 USD'), '0.99') == '12.99 USD'",
        "ending(money('0.10 USD'), '0.99') == '0.99 USD' && ending(money('14 USD'), '9.90') == '9.90 USD'",
        "least(order.paid, '5 USD') == '5 USD' && greatest(1, 2.5) == 2.5 && min(3, 2) == 2 && max('a', 'b') == 'b'",
        "input.received_at - order.shipped_at == '22d' && settings.return_window == '30d'",
        "duration('1h30m') == duration('90m') && '1.5h' == duration('90m') && duration('2w') / 7 == '2d'",
        "duration('2h') / duration('30m') == 4.0",
        "order.shipped_at + settings.return_window * 2 == '2026-03-11T00:00:00Z'",
        "timestamp('2026-01-10T00:00:00Z') == order.shipped_at && int(order.shipped_at) == 1768003200",
        "!has(order.note) && !has(order.gift.to) && has(order.paid)",
        "order.note.or('none') == 'none' && order.gift.to.or('x') == 'x' && order.note == null",
        "!(has(order.note) && order.note == 'x')",
        "maybe.orValue(7) == 7 && maybe == null",
        "has(body.count) && !has(body.missing) && !has(body.nothing) && body.count == 3 && body.ratio < 1",
        "body.status == 'ok' && body.items[0].id == 'x' && int(body.count) * 2 == 6 && body.missing.or(4) == 4",
        "'ok' in ['ok', 'fine'] && 3 in [1, 2, 3] && 'a' in {'a': 1} && verdict.kind in ['complaint', 'praise']",
        "order.paid in ['1 USD', '261.96 USD']",
        "order.lines.all(l, l.count > 0) && order.lines.exists(l, l.sku == 'b') && order.lines.exists_one(l, l.count == 2)",
        "order.lines.map(l, l.price * l.count)[0] == '20 USD' && order.lines.filter(l, l.count > 1).size() == 1",
        "order.lines.map(l, l.count > 1, l.sku) == ['a']",
        "[1, 2].all(x, [3, 4].exists(y, y == x + 2))",
        "{'a': 1}.a == 1 && {'a': 1}['a'] == 1 && {'a': 1}.exists(k, k == 'a')",
        "size('héé') == 3 && 'abc'.size() == 3 && size(order.lines) == 2 && size({'a': 1}) == 1",
        "name.contains('d') && name.startsWith('A') && name.endsWith('a') && name.lowerAscii() == 'ada' && name.upperAscii() == 'ADA'",
        "' x '.trim() == 'x' && 'a' + 'b' == 'ab' && [1] + [2] == [1, 2]",
        "name.matches('^A.a$') && matches(name, '[Aa]') && !name.matches('^b')",
        "'a,b'.split(',') == ['a', 'b'] && ['a', 'b'].join('-') == 'a-b' && 'banana'.replace('a', 'o') == 'bonono'",
        "'banana'.substring(1, 3) == 'an' && 'banana'.indexOf('n') == 2 && 'x%s'.format([name]) == 'xAda'",
        "order.shipped_at.getFullYear() == 2026 && order.shipped_at.getDayOfWeek('America/Chicago') == 5",
        "duration('90m').getHours() == 1 && duration('90m').getMinutes() == 90",
        // The crate's durations end after 292 years.
        "duration('9999y').getHours() == 9999 * 8760 && duration('-9999y').getSeconds() == -9999 * 31536000",
        "'%s'.format([duration('9999y')]) == '315328464000s'",
        "'Order 12345: %.2f'.format([2.5]) == 'Order 12345: 2.50' && '100%%'.format([]) == '100%'",
        "int('12') == 12 && int(2.9) == 2 && double('2.5') == 2.5 && string(12) == '12' && string(order.paid) == '261.96 USD'",
        "string(settings.return_window) == '30d' && string(order.shipped_at) == '2026-01-10T00:00:00Z' && bool('true')",
        "money(12.5, 'EUR') == '12.50 EUR'",
        "true || 1 / (status - 503) == 1",
        "1 / (status - 503) == 1 || true",
        "!(1 / (status - 503) == 1 && false)",
        "[1, 0].exists(x, 4 / x == 4)",
        "9223372036854775807 < 9223372036854775808.0 && -9223372036854775808 == -9223372036854775808.0 && 1 == 1.0 && 2 > 1.5",
        "name == \"Ada\" && r'\\d' == '\\\\d'",
        "verdict.confidence >= settings.goodwill_share && (status == 503 ? '5 USD' : order.paid) == '5 USD'",
    ] {
        holds(text);
    }
}

#[test]
fn what_only_a_run_can_meet_is_an_error_with_a_sentence() {
    for (text, sentence) in [
        ("1 / (status - 503)", "division by zero"),
        ("1 % (status - 503)", "division by zero"),
        ("9223372036854775807 + status", "a number is beyond its range"),
        ("-9223372036854775808 / (status - 504)", "a number is beyond its range"),
        ("-(status - 503 - 9223372036854775807 - 1)", "a number is beyond its range"),
        ("abs(status - 503 - 9223372036854775807 - 1)", "a number is beyond its range"),
        ("-9223372036854775808 % (status - 504)", "a number is beyond its range"),
        ("order.paid > '1 EUR'", "261.96 USD and 1.00 EUR are of different currencies"),
        ("order.paid + '1 EUR'", "261.96 USD and 1.00 EUR are of different currencies"),
        ("order.paid == '261.96 EUR'", "261.96 USD and 261.96 EUR are of different currencies"),
        ("found[5]", "there is no item 5 in a list of 1"),
        ("{'a': 1}[name]", "there is no `Ada` in the map"),
        ("body.missing.x", "`body.missing` has no value"),
        ("int(name)", "`Ada` is no int"),
        ("among(name, ['Bob'])", "`Ada` is not among the allowed values"),
        ("between(status, 1, 9)", "`503` is not between `1` and `9`"),
        ("settings.return_window * 9000000000", "a duration is beyond ten thousand years"),
        ("order.paid * 1000000000000000000000000000.0", "an amount of money is beyond its range"),
        ("order.shipped_at + settings.return_window * 100000", "a timestamp is beyond the years 1 to 9999"),
    ] {
        assert_eq!(value(text).unwrap_err().0, sentence, "{text}");
    }
}

#[test]
fn endless_work_is_given_up() {
    let list = format!("[{}]", ["1"; 100].join(", "));
    let text = format!("{list}.all(a, {list}.all(b, {list}.all(c, {list}.all(d, a + b + c + d > 0))))");
    let (checked, found) = super::checked(&text, None);
    assert!(checked.is_none() && found.iter().any(|found| found.code.id == "TW0219"), "{found:?}");
    // A list whose length only a run knows may be short, and is a warning; in a run that meets a long one it ends the evaluation.
    let text = "found.all(a, found.all(b, found.all(c, a.id == b.id && b.id == c.id)))";
    let (checked, found) = super::checked(text, None);
    assert!(found.iter().all(|found| found.code.id == "TW0218") && found.len() == 1, "{found:?}");
    let order = Value::record([("id", Value::string("CA-1"))]);
    let world = crate::value::Record::from_iter([("found".to_owned(), Value::list(vec![order; 100]))]);
    assert_eq!(checked.unwrap().expr.evaluate(&world).unwrap_err().0, "the expression takes more than a million steps");
}

#[test]
fn a_value_that_holds_another_twice_again_and_again_is_given_up() {
    // Nothing is copied, and nothing costs much: what is kept of it would be without end.
    let twice = |text: String, at: usize| format!("cel.bind(b{at}, {text}, [b{at}, b{at}])");
    let text = (0..30).fold("[name]".to_owned(), twice);
    let (checked, found) = super::checked(&text, None);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(checked.unwrap().expr.evaluate(&values()).unwrap_err().0, "the value grows beyond 16 MB");
    // What is only handed on was large before.
    let large = Value::list((0..3_000_000).map(Value::Int));
    let world = crate::value::Record::from_iter([("body".to_owned(), large)]);
    assert!(clean("body", None).expr.evaluate(&world).is_ok());
    assert_eq!(clean("[body]", None).expr.evaluate(&world).unwrap_err().0, "the value grows beyond 16 MB");
}

#[test]
fn a_type_that_doubles_is_given_up() {
    let twice = |text: String, at: usize| format!("cel.bind(b{at}, {text}, {{'x': b{at}, 'y': [b{at}]}})");
    let text = (0..30).fold("name".to_owned(), twice);
    let (checked, found) = super::checked(&text, None);
    assert!(checked.is_none() && found.iter().all(|found| found.code.id == "TW0213") && found.len() == 1, "{found:?}");
}

#[test]
fn a_place_gives_literals_their_type() {
    let worth = |text: &str, ty: Ty| clean(text, Some(&ty)).expr.evaluate(&values()).unwrap();
    assert_eq!(worth("'5 USD'", Ty::Money), Value::Money(Money::parse("5 USD").unwrap()));
    assert_eq!(worth("'30d'", Ty::Duration.optional()), Value::Duration(2_592_000_000_000));
    assert_eq!(worth("1", Ty::Double), Value::Double(1.0));
    assert_eq!(worth("status", Ty::Double), Value::Double(503.0));
    assert_eq!(worth("['5 USD']", Ty::List(Box::new(Ty::Money))), Value::list([Value::Money(Money::parse("5 USD").unwrap())]));
    assert_eq!(worth("status > 1 ? 'praise' : 'neutral'", Ty::Enum("kind".to_owned())), Value::string("praise"));
    assert_eq!(worth("body.count", Ty::Int), Value::Int(3));
    assert_eq!(worth("body.missing", Ty::Int.optional()), Value::Null);
}

#[test]
fn what_is_read_is_known_with_its_marks() {
    let checked = clean("input.text.contains(name) && order.paid > '1 USD'", None);
    assert!(checked.marks.pii && checked.marks.untrusted && !checked.marks.model);
    let paths: Vec<&str> = checked.reads.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["input.text", "name", "order.paid"]);
    // Only what is read counts, not what stands beside it.
    assert!(!clean("input.received_at > order.shipped_at", None).marks.untrusted);
    assert!(!clean("found[0].id", None).marks.untrusted);
    // A whole record carries the marks of its fields.
    assert!(clean("input", None).marks.pii && clean("found", None).marks.untrusted);
    assert!(clean("found.map(f, f.note)", None).marks.untrusted);
    assert!(clean("verdict.kind == 'praise'", None).marks.model);
}

#[test]
fn a_condition_tells_what_it_proves() {
    assert_eq!(clean("has(order.gift.to) && status == 1", None).proves, ["order", "order.gift", "order.gift.to"]);
    assert!(clean("has(order.note) || status == 1", None).proves.is_empty());
    let scope = super::scope().knowing(["order.note".to_owned()]);
    let (_, literal) = super::written("order.note == 'x'");
    let (checked, diagnostics) = crate::expr::check("order.note == 'x'", &literal, 1, &scope, &super::types(), None);
    assert!(checked.is_some(), "{diagnostics:?}");
}

#[test]
fn a_tree_survives_the_log() {
    let expr = clean("order.lines.exists(l, l.price * 2 > '5 USD') && name.matches('A') && round(order.paid) > '1 USD'", None).expr;
    let bytes = rmp_serde::to_vec_named(&expr).unwrap();
    let back: crate::expr::Expr = rmp_serde::from_slice(&bytes).unwrap();
    assert_eq!(back, expr);
    assert_eq!(back.evaluate(&values()), Ok(Value::Bool(true)));
}
