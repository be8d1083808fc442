//! Generated expressions of CEL, well-typed, on generated values: both evaluators give the same value, or both give none.
//!
//! `TRADEWIND_EXPRESSIONS` says how many. What is left out, since only one of the two has it: money, decimals, optionals, messages,
//! enums; comprehensions with two variables; extensions of the language that the crate does not ship; conversions of a double to text, where the crate
//! writes an exponent otherwise; and
//! `getMilliseconds` of a duration, which the crate takes for all of them and CEL for those beyond the last second.

use super::{environment, of_crate, same};
use std::collections::BTreeMap;
use tradewind_lang::ast::{Literal, Scalar};
use tradewind_lang::expr::{Dialect, Scope, check_as};
use tradewind_lang::source::{SourceId, Span};
use tradewind_lang::ty::{Marks, Ty, TypeTable};
use tradewind_lang::value::{Record, Value};

/// What the crate says of a comparison with not-a-number.
const UNORDERED: &str = "applied to '(double, double)'";

/// Expressions where nothing else is asked for.
const EXPRESSIONS: usize = 4_000;

/// Variables and their kinds: `b0`, `b1`, `i0` and so on.
const KINDS: &[(&str, &str)] = &[
    ("bool", "b"),
    ("int", "i"),
    ("uint", "u"),
    ("double", "d"),
    ("text", "s"),
    ("bytes", "y"),
    ("ints", "is"),
    ("texts", "ss"),
    ("map", "m"),
];

/// `<K>` is a part of kind `K`; `<K:x=L>` one that may name `x` of kind `L`.
const PATTERNS: &[(&str, &[&str])] = &[
    (
        "bool",
        &[
            "(<bool> && <bool>)",
            "(<bool> || <bool>)",
            "!(<bool>)",
            "(<int> <sign> <int>)",
            "(<uint> <sign> <uint>)",
            "(<double> <sign> <double>)",
            "(<text> <sign> <text>)",
            "(<bytes> <sign> <bytes>)",
            "(<bool> <sign> <bool>)",
            "(<ints> <equal> <ints>)",
            "(<map> <equal> <map>)",
            "(<int> in <ints>)",
            "(<text> in <texts>)",
            "(<text> in <map>)",
            "<ints>.all(x, <bool:x=int>)",
            "<ints>.exists(x, <bool:x=int>)",
            "<texts>.exists_one(x, <bool:x=text>)",
            "<map>.all(k, <bool:k=text>)",
            "has(m0.a)",
            "(<text>).contains(<text>)",
            "(<text>).startsWith(<text>)",
            "(<text>).endsWith(<text>)",
            "(<text>).matches('a+|[0-9]*')",
            "(<bool> ? <bool> : <bool>)",
            "(type(<int>) == type(<double>))",
            "(timestamp(<instant>) <sign> timestamp(<instant>))",
            "(duration(<span>) <sign> duration(<span>))",
            "(timestamp(<instant>) + duration(<span>) <sign> timestamp(<instant>))",
            "math.isNaN(<double>)",
            "bool(<text>)",
        ],
    ),
    (
        "int",
        &[
            "(<int> <sum> <int>)",
            "(<int> * <int>)",
            "(<int> / <int>)",
            "(<int> % <int>)",
            "-(<int>)",
            "size(<text>)",
            "size(<bytes>)",
            "size(<ints>)",
            "size(<map>)",
            "int(<double>)",
            "int(<uint>)",
            "int(<text>)",
            "<ints>[<int>]",
            "<map>[<text>]",
            "(<bool> ? <int> : <int>)",
            "timestamp(<instant>).getFullYear()",
            "timestamp(<instant>).getDayOfWeek()",
            "timestamp(<instant>).getHours('+05:30')",
            "int(timestamp(<instant>))",
            "duration(<span>).getMinutes()",
            "duration(<span>).getHours()",
            "duration(<span>).getSeconds()",
            "math.abs(<int>)",
            "math.sign(<int>)",
            "math.bitAnd(<int>, <int>)",
            "math.bitOr(<int>, <int>)",
            "math.bitXor(<int>, <int>)",
            "math.bitShiftLeft(<int>, <int>)",
            "math.bitShiftRight(<int>, <int>)",
            "math.greatest(<int>, <int>)",
            "(<text>).indexOf(<text>)",
            "(<text>).lastIndexOf(<text>)",
            "m0.a",
        ],
    ),
    (
        "uint",
        &[
            "(<uint> <sum> <uint>)",
            "(<uint> * <uint>)",
            "(<uint> / <uint>)",
            "(<uint> % <uint>)",
            "uint(<int>)",
            "uint(<double>)",
            "(<bool> ? <uint> : <uint>)",
        ],
    ),
    (
        "double",
        &[
            "(<double> <sum> <double>)",
            "(<double> * <double>)",
            "(<double> / <double>)",
            "-(<double>)",
            "double(<int>)",
            "double(<uint>)",
            "double(<text>)",
            "math.ceil(<double>)",
            "math.floor(<double>)",
            "math.round(<double>)",
            "math.trunc(<double>)",
            "math.abs(<double>)",
            "math.sqrt(<double>)",
            "math.least(<double>, <double>)",
            "(<bool> ? <double> : <double>)",
        ],
    ),
    (
        "text",
        &[
            "(<text> + <text>)",
            "string(<int>)",
            "string(<uint>)",
            "string(<bool>)",
            "string(<bytes>)",
            "string(timestamp(<instant>))",
            "string(duration(<span>))",
            "(<text>).trim()",
            "(<text>).lowerAscii()",
            "(<text>).upperAscii()",
            "(<text>).replace(<text>, <text>)",
            "(<text>).substring(<int>)",
            "(<text>).charAt(<int>)",
            "(<text>).reverse()",
            "<texts>.join(<text>)",
            "<texts>[<int>]",
            "base64.encode(<bytes>)",
            "strings.quote(<text>)",
            "(<bool> ? <text> : <text>)",
        ],
    ),
    ("bytes", &["(<bytes> + <bytes>)", "bytes(<text>)", "base64.decode(<text>)"]),
    (
        "ints",
        &[
            "[<int>, <int>]",
            "(<ints> + <ints>)",
            "<ints>.map(x, <int:x=int>)",
            "<ints>.filter(x, <bool:x=int>)",
            "<texts>.map(x, size(x))",
            "<ints>.map(x, <bool:x=int>, <int:x=int>)",
        ],
    ),
    (
        "texts",
        &[
            "[<text>, <text>]",
            "(<texts> + <texts>)",
            "<texts>.map(x, <text:x=text>)",
            "<texts>.filter(x, <bool:x=text>)",
            "(<text>).split(<text>)",
        ],
    ),
    ("map", &["{'a': <int>, 'b': <int>}", "{<text>: <int>}"]),
    ("instant", &[]),
    ("span", &[]),
];

const LITERALS: &[(&str, &[&str])] = &[
    ("bool", &["true", "false"]),
    ("int", &["0", "1", "-1", "7", "9223372036854775807", "-9223372036854775808", "100"]),
    ("uint", &["0u", "1u", "18446744073709551615u", "40u"]),
    ("double", &["0.0", "-0.0", "0.5", "-1.5", "1e300", "9223372036854775808.0", "2.5", "0.1"]),
    ("text", &["''", "'a'", "'aé🦀'", "'12'", "'-7'", "'true'", "'1.5'", "' b '", "'YWI='"]),
    ("bytes", &["b''", "b'ab'", "b'\\xff'"]),
    ("ints", &["[]", "[1, 2, 3]", "[-1]"]),
    ("texts", &["[]", "['a', 'b']", "['']"]),
    ("map", &["{}", "{'a': 1}", "{'b': 2, 'a': 7}"]),
    ("instant", &["'2024-02-29T23:59:59Z'", "'1970-01-01T00:00:00Z'", "'2026-07-01T12:00:00.5+02:00'", "'0001-01-01T00:00:00Z'"]),
    ("span", &["'0s'", "'1h'", "'-90m'", "'1500ms'", "'2592000s'"]),
];

/// A small deterministic generator (SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

fn of_kind<'a>(table: &'a [(&str, &'a [&'a str])], kind: &str) -> &'a [&'a str] {
    table.iter().find(|(name, _)| *name == kind).map_or(&[], |(_, of)| *of)
}

fn expression(random: &mut Random, bound: &[(&str, &str)], kind: &str, depth: usize) -> String {
    let patterns = of_kind(PATTERNS, kind);
    if depth == 0 || patterns.is_empty() || random.below(6) == 0 {
        let near: Vec<&str> = bound.iter().filter(|(_, of)| *of == kind).map(|(name, _)| *name).collect();
        if !near.is_empty() && random.below(3) > 0 {
            return near[random.below(near.len())].to_owned();
        }
        let letter = KINDS.iter().find(|(name, _)| *name == kind).map(|(_, letter)| *letter);
        return match letter.filter(|_| random.below(2) == 0) {
            Some(letter) => format!("{letter}{}", random.below(2)),
            None => random.pick(of_kind(LITERALS, kind)).to_owned(),
        };
    }
    let mut text = String::new();
    let mut rest = random.pick(patterns);
    while let Some((before, (hole, after))) = rest.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?))) {
        text.push_str(before);
        let part = match hole {
            "sign" => random.pick(&["==", "!=", "<", "<=", ">", ">="]).to_owned(),
            "equal" => random.pick(&["==", "!="]).to_owned(),
            "sum" => random.pick(&["+", "-"]).to_owned(),
            hole => {
                let (kind, own) = hole.split_once(':').map_or((hole, None), |(kind, own)| (kind, own.split_once('=')));
                let hides = |name: &str| own.is_some_and(|(own, _)| own == name);
                let bound: Vec<(&str, &str)> = bound.iter().copied().filter(|(name, _)| !hides(name)).chain(own).collect();
                expression(random, &bound, kind, depth - 1)
            }
        };
        text.push_str(&part);
        rest = after;
    }
    text + rest
}

fn ty(kind: &str) -> Ty {
    match kind {
        "bool" => Ty::Bool,
        "int" => Ty::Int,
        "uint" => Ty::UInt,
        "double" => Ty::Double,
        "text" => Ty::String,
        "bytes" => Ty::Bytes,
        "ints" => Ty::List(Box::new(Ty::Int)),
        "texts" => Ty::List(Box::new(Ty::String)),
        _ => Ty::Map(Box::new(Ty::Int)),
    }
}

fn value(random: &mut Random, kind: &str) -> Value {
    match kind {
        "bool" => Value::Bool(random.below(2) == 0),
        "int" => Value::Int([0, 1, -1, 2, 63, i64::MAX, i64::MIN, 1 << 53][random.below(8)]),
        "uint" => Value::UInt([0, 1, 2, u64::MAX, 1 << 63][random.below(5)]),
        "double" => {
            Value::Double([0.0, -0.0, 0.5, -2.5, 1e18, 1e19, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, f64::NAN][random.below(10)])
        }
        "text" => Value::string(random.pick(&["", "a", "aé🦀", "12", "true", "1.5", "b a b", "0x1", " "])),
        "bytes" => Value::Bytes([&b""[..], b"ab", b"\xff\x00"][random.below(3)].into()),
        "ints" => Value::list((0..random.below(4)).map(|_| value(random, "int")).collect::<Vec<_>>()),
        "texts" => Value::list((0..random.below(4)).map(|_| value(random, "text")).collect::<Vec<_>>()),
        _ => match random.below(3) {
            0 => Value::record([]),
            1 => Value::record([("a", value(random, "int"))]),
            _ => Value::record([("b", value(random, "int")), ("a", value(random, "int"))]),
        },
    }
}

fn count() -> usize {
    #[expect(clippy::disallowed_methods, reason = "how much is tested is said from outside")]
    let said = std::env::var("TRADEWIND_EXPRESSIONS").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(EXPRESSIONS)
}

#[test]
fn generated_expressions_are_worth_the_same_to_both() {
    let environment = environment();
    let mut random = Random(42);
    let types = TypeTable::default();
    let names: Vec<(String, &str)> =
        KINDS.iter().flat_map(|(kind, letter)| (0..2).map(move |at| (format!("{letter}{at}"), *kind))).collect();
    let scope = names.iter().fold(Scope::default(), |scope, (name, kind)| scope.with(name, ty(kind), Marks::default()));
    let (mut made, mut compared, mut neither) = (0_usize, 0_usize, 0_usize);
    let mut different: BTreeMap<String, String> = BTreeMap::new();
    while made < count() && different.len() < 40 {
        let kind = KINDS[made % KINDS.len()].0;
        let depth = 1 + random.below(3);
        let text = expression(&mut random, &[], kind, depth);
        made += 1;
        let literal = Literal {
            scalar: Scalar::String(text.clone()),
            annotation: None,
            span: Span::new(SourceId(0), 0, text.len()),
            offsets: vec![(0, 0)],
        };
        let (checked, found) = check_as(Dialect::Cel { container: "", checked: true }, &text, &literal, 0, &scope, &types, None);
        let Some(checked) = checked else { panic!("{text} is refused: {:?}", found.first().map(|found| &found.message)) };
        for _ in 0..2 {
            let values: Record = names.iter().map(|(name, kind)| (name.clone(), value(&mut random, kind))).collect();
            let (ours, theirs) = (checked.expr.evaluate(&values), of_crate(&environment, &text, &values));
            let agreed = match (&ours, &theirs) {
                (Err(_), Err(_)) => {
                    neither += 1;
                    continue;
                }
                (Ok(ours), Ok(theirs)) => same(theirs, ours),
                // Not-a-number is less than nothing and greater than nothing, says CEL; the crate has no value for the question.
                (Ok(_), Err(why)) if why.contains(UNORDERED) => continue,
                _ => Some(false),
            };
            match agreed {
                Some(false) => drop(different.insert(text.clone(), format!("the crate says {theirs:?}, we say {ours:?}, of {values:?}"))),
                _ => compared += 1,
            }
        }
    }
    println!("{made} expressions, {compared} values compared, {neither} without a value for both");
    let shown: Vec<String> = different.iter().map(|(text, said)| format!("{text}\n    {said}")).collect();
    assert!(different.is_empty(), "{}", shown.join("\n"));
    assert!(compared > made && neither > made / 100, "{compared} compared, {neither} without a value");
}
