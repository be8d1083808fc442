//! What checks clean never meets a wrong type when it runs: generated expressions on values of their declared types.

use super::{checked, values};
use crate::value::{Record, Value};

/// A deterministic stream of choices (a linear congruential generator, Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Int,
    Double,
    Text,
    Money,
    Instant,
    Span,
    Maybe,
    Texts,
    Outside,
}

const KINDS: [Kind; 10] =
    [Kind::Bool, Kind::Int, Kind::Double, Kind::Text, Kind::Money, Kind::Instant, Kind::Span, Kind::Maybe, Kind::Texts, Kind::Outside];

/// An expression that is mostly of a kind; now and then of another, so that the checker has something to refuse.
fn expression(dice: &mut Dice, kind: Kind, depth: usize) -> String {
    let kind = if dice.roll(25) == 0 { KINDS[dice.roll(KINDS.len())] } else { kind };
    if depth == 0 || dice.roll(5) == 0 {
        return leaf(dice, kind).to_owned();
    }
    if dice.roll(6) == 0 && kind != Kind::Maybe {
        let condition = expression(dice, Kind::Bool, depth - 1);
        let (one, other) = (expression(dice, kind, depth - 1), expression(dice, kind, depth - 1));
        return format!("({condition} ? {one} : {other})");
    }
    let mut part = |kind: Kind| expression(dice, kind, depth - 1);
    let (bool_a, bool_b, int_a, int_b) = (part(Kind::Bool), part(Kind::Bool), part(Kind::Int), part(Kind::Int));
    let (double, text_a, text_b, money_a, money_b) =
        (part(Kind::Double), part(Kind::Text), part(Kind::Text), part(Kind::Money), part(Kind::Money));
    let (instant_a, instant_b, span_a, span_b) = (part(Kind::Instant), part(Kind::Instant), part(Kind::Span), part(Kind::Span));
    let (maybe, texts, outside) = (part(Kind::Maybe), part(Kind::Texts), part(Kind::Outside));
    let sign = dice.pick(&["==", "!=", "<", "<=", ">", ">="]);
    let sum = dice.pick(&["+", "-"]);
    let choices: Vec<String> = match kind {
        Kind::Bool => vec![
            format!("({bool_a} && {bool_b})"),
            format!("({bool_a} || {bool_b})"),
            format!("!({bool_a})"),
            format!("({int_a} {sign} {double})"),
            format!("({text_a} {sign} {text_b})"),
            format!("({money_a} {sign} {money_b})"),
            format!("({instant_a} {sign} {instant_b})"),
            format!("({span_a} {sign} {span_b})"),
            format!("({outside} {sign} {int_a})"),
            format!("({text_a} in {texts})"),
            format!("{texts}.exists(x, x == {text_a})"),
            format!("order.lines.all(l, l.price {sign} {money_a})"),
            format!("({text_a}).contains({text_b})"),
            "has(order.note)".to_owned(),
            format!("(has(maybe) && maybe > {int_a})"),
        ],
        Kind::Int => vec![
            format!("({int_a} {sum} {int_b})"),
            format!("({int_a} * {int_b})"),
            format!("({int_a} / {int_b})"),
            format!("({int_a} % {int_b})"),
            format!("size({text_a})"),
            format!("size({texts})"),
            format!("int({double})"),
            format!("int({text_a})"),
            format!("({maybe}).or({int_a})"),
            format!("abs({int_a})"),
            format!("least({int_a}, {int_b})"),
            format!("(has(maybe) ? maybe : {int_a})"),
            format!("({instant_a}).getFullYear()"),
        ],
        Kind::Double => vec![
            format!("({double} {sum} {int_a})"),
            format!("({double} * {double})"),
            format!("({money_a} / {money_b})"),
            format!("double({int_a})"),
            format!("round({double}, 2)"),
        ],
        Kind::Text => vec![
            format!("({text_a} + {text_b})"),
            format!("string({money_a})"),
            format!("({text_a}).trim()"),
            format!("{texts}[{int_a}]"),
            format!("{texts}.join({text_a})"),
            "order.note.or('none')".to_owned(),
        ],
        Kind::Money => vec![
            format!("({money_a} {sum} {money_b})"),
            format!("({money_a} * {double})"),
            format!("({int_a} * {money_a})"),
            format!("({money_a} / {int_a})"),
            format!("round({money_a})"),
            format!("greatest({money_a}, {money_b})"),
            format!("between({money_a}, {money_b}, '100 USD')"),
        ],
        Kind::Instant => vec![format!("({instant_a} {sum} {span_a})"), format!("least({instant_a}, {instant_b})")],
        Kind::Span => vec![format!("({instant_a} - {instant_b})"), format!("({span_a} {sum} {span_b})"), format!("({span_a} * {int_a})")],
        Kind::Maybe => vec!["maybe".to_owned()],
        Kind::Texts => vec![
            format!("[{text_a}, {text_b}]"),
            format!("{texts}.map(x, x + {text_a})"),
            format!("{texts}.filter(x, x {sign} {text_a})"),
            "order.lines.map(l, l.sku)".to_owned(),
            format!("({texts} + {texts})"),
        ],
        Kind::Outside => vec!["body.count".to_owned(), format!("body.items[{int_a}]"), "body.missing".to_owned()],
    };
    choices[dice.roll(choices.len())].clone()
}

fn leaf(dice: &mut Dice, kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => dice.pick(&["true", "false", "has(order.gift)"]),
        Kind::Int => dice.pick(&["0", "1", "-3", "status", "settings.max_count", "9223372036854775807"]),
        Kind::Double => dice.pick(&["0.5", "-1.5", "verdict.confidence", "1e300"]),
        Kind::Text => dice.pick(&["'a'", "name", "order.id", "verdict.kind", "'30d'", "'1 USD'"]),
        Kind::Money => dice.pick(&["order.paid", "order.profit", "money('1 USD')", "money('2 EUR')", "'3 USD'"]),
        Kind::Instant => dice.pick(&["order.shipped_at", "input.received_at", "'2026-01-01T00:00:00Z'"]),
        Kind::Span => dice.pick(&["settings.return_window", "duration('1h')", "'30d'"]),
        Kind::Maybe => dice.pick(&["maybe", "order.note", "order.gift.to"]),
        Kind::Texts => dice.pick(&["['a', 'b']", "[]", "[name]"]),
        Kind::Outside => dice.pick(&["body.count", "body.status", "body.ratio", "body"]),
    }
}

/// Sentences that say a value was of a type that the checker should have refused.
const WRONG_TYPE: &[&str] = &[
    "does not take such",
    "do not take such",
    "neither true nor false",
    "`-` takes",
    "looks into",
    "goes over",
    "a condition is",
    "has a size",
    "no function",
];

#[test]
fn what_checks_clean_never_meets_a_wrong_type() {
    let absent = values();
    let present: Record = {
        let mut world = values();
        let mut order = match world.get("order") {
            Some(Value::Record(order)) => order.as_ref().clone(),
            _ => unreachable!("the order is a record"),
        };
        order.set("note", Value::string("by hand"));
        order.set("gift", Value::record([("to", Value::string("Bob"))]));
        world.set("order", Value::Record(order.into()));
        world.set("maybe", Value::Int(2));
        world
    };
    let mut dice = Dice(11);
    let (mut clean, mut valued) = (0, 0);
    for round in 0..6000 {
        let text = expression(&mut dice, KINDS[round % KINDS.len()], 1 + round % 2);
        let (Some(checked), _) = checked(&text, None) else { continue };
        clean += 1;
        for world in [&absent, &present] {
            match checked.expr.evaluate(world) {
                Ok(_) => valued += 1,
                // What comes from outside has no type before a run.
                Err(error) if text.contains("body") => drop(error),
                Err(error) => {
                    assert!(
                        !WRONG_TYPE.iter().any(|wrong| error.0.contains(wrong)) && !error.0.contains("no order"),
                        "{text}: {}",
                        error.0
                    );
                    assert!(!error.0.contains("has no value"), "{text}: {}", error.0);
                }
            }
        }
    }
    assert!(clean > 2000 && valued > 2000, "{clean} were clean, {valued} had a value");
}
