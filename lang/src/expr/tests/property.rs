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

/// Kinds of expressions, and how larger ones are made of smaller ones: `<K>` is a part of kind `K`.
const PATTERNS: &[(&str, &[&str])] = &[
    (
        "bool",
        &[
            "(<bool> && <bool>)",
            "(<bool> || <bool>)",
            "!(<bool>)",
            "(<int> <sign> <double>)",
            "(<text> <sign> <text>)",
            "(<money> <sign> <money>)",
            "(<instant> <sign> <instant>)",
            "(<span> <sign> <span>)",
            "(<outside> <sign> <int>)",
            "(<text> in <texts>)",
            "<texts>.exists(x, x == <text>)",
            "order.lines.all(l, l.price <sign> <money>)",
            "(<text>).contains(<text>)",
            "has(order.note)",
            "(has(maybe) && maybe > <int>)",
            "<texts>.exists(i, x, i <sign> <int> && x <sign> <text>)",
            "order.lines.all(i, l, l.count + i > <int>)",
            "(<decimal> <sign> <decimal>)",
            "(<decimal> <sign> <int>)",
            "sets.contains(<texts>, <texts>)",
            "(<maybe>).hasValue()",
            "cel.bind(b, <int>, b <sign> <int> && b + 1 > b)",
            "(type(<int>) == type(<double>))",
            "(<ints> == <ints>)",
        ],
    ),
    (
        "int",
        &[
            "(<int> <sum> <int>)",
            "(<int> * <int>)",
            "(<int> / <int>)",
            "(<int> % <int>)",
            "size(<text>)",
            "size(<texts>)",
            "int(<double>)",
            "int(<text>)",
            "(<maybe>).or(<int>)",
            "abs(<int>)",
            "least(<int>, <int>)",
            "(has(maybe) ? maybe : <int>)",
            "(<instant>).getFullYear()",
            "math.greatest(<int>, <int>)",
            "math.abs(<int>)",
            "math.bitXor(<int>, <int>)",
            "<ints>.first().or(<int>)",
            "<ints>[?<int>].or(<int>)",
            "maybe.optMap(m, m + <int>).or(<int>)",
            "order.lines.sortBy(l, l.price).map(l, l.count).last().or(<int>)",
            "cel.bind(b, <int>, b * b)",
            "int(uint(<int>) + uint(1))",
            "(<span>).getMilliseconds()",
            "<ints>[<int>]",
        ],
    ),
    (
        "ints",
        &[
            "<ints>.sort()",
            "<ints>.reverse()",
            "<ints>.distinct()",
            "<texts>.transformList(i, t, i + size(t))",
            "<texts>.transformList(i, t, i > 0, i)",
            "<ints>.slice(0, <int>)",
            "[[<int>], <ints>].flatten()",
            "lists.range(<int>)",
            "[?maybe, <int>]",
            "order.lines.map(l, l.count)",
        ],
    ),
    (
        "decimal",
        &[
            "(<decimal> <sum> <decimal>)",
            "(<decimal> * <int>)",
            "(<decimal> / <decimal>)",
            "decimal(<int>)",
            "round(<decimal>, 2)",
            "abs(<decimal>)",
        ],
    ),
    (
        "double",
        &[
            "math.ceil(<double>)",
            "math.least(<double>, <int>)",
            "double(<decimal>)",
            "(<double> <sum> <int>)",
            "(<double> * <double>)",
            "(<money> / <money>)",
            "double(<int>)",
            "round(<double>, 2)",
        ],
    ),
    (
        "text",
        &[
            "(<text> + <text>)",
            "string(<money>)",
            "(<text>).trim()",
            "<texts>[<int>]",
            "<texts>.join(<text>)",
            "order.note.or('none')",
            "order.?note.or(<text>)",
            "'%s %s'.format([<int>, <text>])",
            "(<text>).substring(<int>)",
            "string(<decimal>)",
            "{'a': <text>}.transformMap(k, v, k + v).a",
            "[?order.note, <text>].first().or(<text>)",
        ],
    ),
    (
        "money",
        &[
            "(<money> <sum> <money>)",
            "(<money> * <double>)",
            "(<int> * <money>)",
            "(<money> / <int>)",
            "round(<money>)",
            "greatest(<money>, <money>)",
            "between(<money>, <money>, '100 USD')",
        ],
    ),
    ("instant", &["(<instant> <sum> <span>)", "least(<instant>, <instant>)"]),
    ("span", &["(<instant> - <instant>)", "(<span> <sum> <span>)", "(<span> * <int>)"]),
    ("maybe", &["maybe"]),
    (
        "texts",
        &[
            "[<text>, <text>]",
            "<texts>.map(x, x + <text>)",
            "<texts>.filter(x, x <sign> <text>)",
            "order.lines.map(l, l.sku)",
            "(<texts> + <texts>)",
        ],
    ),
    ("outside", &["body.count", "body.items[<int>]", "body.missing"]),
];

/// An expression that is mostly of a kind; now and then of another, so that the checker has something to refuse.
fn expression(dice: &mut Dice, kind: &str, depth: usize) -> String {
    let kind = if dice.roll(25) == 0 { PATTERNS[dice.roll(PATTERNS.len())].0 } else { kind };
    if depth == 0 || dice.roll(5) == 0 {
        return leaf(dice, kind).to_owned();
    }
    let choice = format!("(<bool> ? <{kind}> : <{kind}>)");
    let patterns = PATTERNS.iter().find(|(name, _)| *name == kind).unwrap().1;
    let pattern = if dice.roll(6) == 0 && kind != "maybe" { &choice } else { dice.pick(patterns) };
    let mut text = String::new();
    let mut rest = pattern;
    while let Some((before, (hole, after))) = rest.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?))) {
        text.push_str(before);
        let part = match hole {
            "sign" => dice.pick(&["==", "!=", "<", "<=", ">", ">="]).to_owned(),
            "sum" => dice.pick(&["+", "-"]).to_owned(),
            kind => expression(dice, kind, depth - 1),
        };
        text.push_str(&part);
        rest = after;
    }
    // A bare `>` in a pattern closes no hole.
    text + rest
}

fn leaf(dice: &mut Dice, kind: &str) -> &'static str {
    match kind {
        "bool" => dice.pick(&["true", "false", "has(order.gift)"]),
        "int" => dice.pick(&["0", "1", "-3", "status", "settings.max_count", "9223372036854775807"]),
        "double" => dice.pick(&["0.5", "-1.5", "verdict.confidence", "1e300"]),
        "text" => dice.pick(&["'a'", "name", "order.id", "verdict.kind", "'30d'", "'1 USD'"]),
        "money" => dice.pick(&["order.paid", "order.profit", "money('1 USD')", "money('2 EUR')", "'3 USD'"]),
        "instant" => dice.pick(&["order.shipped_at", "input.received_at", "'2026-01-01T00:00:00Z'"]),
        "span" => dice.pick(&["settings.return_window", "duration('1h')", "'30d'"]),
        "maybe" => dice.pick(&["maybe", "order.note", "order.gift.to"]),
        "ints" => dice.pick(&["[3, 1, 2]", "[status]", "[1]"]),
        "decimal" => dice.pick(&["decimal('1.5')", "decimal('0')", "decimal(status)"]),
        "texts" => dice.pick(&["['a', 'b']", "[]", "[name]"]),
        _ => dice.pick(&["body.count", "body.status", "body.ratio", "body"]),
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
    for round in 0..10_000 {
        let text = expression(&mut dice, PATTERNS[round % PATTERNS.len()].0, 1 + round % 2);
        let (Some(checked), _) = checked(&text, None) else { continue };
        clean += 1;
        // A range of a number from outside may be longer than lists are assumed to be; every other value here is smaller.
        let most = checked.expr.cost(&super::scope(), &super::types()).assumed;
        for world in [&absent, &present] {
            let work = crate::expr::evaluate::work(&checked.expr.root, world);
            assert!(work <= most || text.contains("range("), "{text}: {work} steps, at most {most} were expected");
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
