//! CEL by its own rules, what operators have of it, and what neither may cost.

use super::{holds, scope, types, value, values, written};
use crate::expr::{BUDGET, Dialect, check_as};
use crate::ty::Ty;
use crate::value::Value;

/// Type and value by CEL's rules, or the first thing that is wrong.
fn cel(text: &str) -> Result<(Ty, Value), String> {
    by(Dialect::Cel { container: "", checked: true }, text)
}

fn by(dialect: Dialect<'_>, text: &str) -> Result<(Ty, Value), String> {
    let (_, literal) = written(text);
    let (checked, found) = check_as(dialect, text, &literal, 1, &scope(), &types(), None);
    let expr = checked.ok_or_else(|| found[0].message.clone())?.expr;
    expr.evaluate(&values()).map(|value| (expr.ty, value)).map_err(|error| error.0)
}

#[test]
fn operators_have_the_functions_of_cel() {
    for text in [
        "[3, 1, 2].sort() == [1, 2, 3] && ['b', 'a'].sort() == ['a', 'b'] && [1, 2, 1].distinct() == [1, 2]",
        "[1, 2, 3].reverse() == [3, 2, 1] && 'abc'.reverse() == 'cba' && [1, 2, 3, 4].slice(1, 3) == [2, 3]",
        "[[1], [2, 3]].flatten() == [1, 2, 3] && lists.range(3) == [0, 1, 2]",
        "order.lines.sortBy(l, l.price).map(l, l.sku) == ['a', 'b'] && order.lines.sortBy(l, l.count)[0].sku == 'b'",
        "sets.contains([1, 2, 3], [2]) && sets.equivalent([1, 1, 2], [2, 1]) && !sets.intersects([1], [2])",
        "math.greatest(1, 2, 3) == 3 && math.least(2.5, 1) == 1.0 && math.greatest([4, 5]) == 5",
        "math.abs(-3) == 3 && math.ceil(1.2) == 2.0 && math.bitAnd(6, 3) == 2 && math.sqrt(16.0) == 4.0 && math.sign(-2) == -1",
        "base64.encode(b'hello') == 'aGVsbG8=' && string(base64.decode('aGVsbG8=')) == 'hello'",
        "strings.quote('a\"b') == '\"a\\\\\"b\"' && 'a-b'.lastIndexOf('-') == 1 && 'abc'.charAt(1) == 'b'",
        "[1, 2].transformList(i, v, i * 10 + v) == [1, 12] && {'a': 1}.transformMap(k, v, v + 1) == {'a': 2}",
        "[5, 6].transformList(i, v, i > 0, v) == [6] && {'a': 'b'}.transformMapEntry(k, v, {v: k}) == {'b': 'a'}",
        "[1, 2].all(i, v, v == i + 1) && {'a': 1}.exists(k, v, k == 'a' && v == 1) && [7].exists_one(i, v, v == 7)",
        "cel.bind(n, size(found), n + n == 2) && cel.bind(a, 1, cel.bind(b, a + 1, a + b)) == 3",
        "order.?note.or('none') == 'none' && order.note.optMap(n, n + '!').or('-') == '-' && maybe.optMap(m, m + 1).or(0) == 0",
        "[1, 2][?5].or(7) == 7 && [1, 2][?1].or(7) == 2 && {'a': 1}[?'b'].or(3) == 3 && found[?0].optMap(f, f.id).or('') == 'CA-1'",
        "[1, 2].first().or(0) == 1 && [order.id].last().or('') == 'CA-1' && found.first().optFlatMap(f, f.note).or('x') == 'x'",
        "[?order.note, 'x'] == ['x'] && {?'a': order.note, 'b': 'c'} == {'b': 'c'} && size([?maybe]) == 0",
        "!order.note.hasValue() && !has(order.?gift.to) && !(order.note.hasValue() && order.note == 'x')",
        "decimal('0.1') + decimal('0.2') == '0.3' && decimal('10') / 4 == 2.5 && decimal('1.50') == '1.5' && decimal(2) * 3 == 6",
        "order.paid * decimal('0.5') == '130.98 USD' && string(decimal('1.20')) == '1.20' && round(decimal('2.345'), 2) == '2.34'",
        "uint(3) + uint(4) == uint(7) && type(1) == int && type('a') == string && type(order.paid) == money && type(1) != type(1.0)",
        "duration('1500ms').getMilliseconds() == 500 && order.shipped_at.getDate() == 10 && order.shipped_at.getHours('+05:30') == 5",
        "'a,b,c'.split(',', 2) == ['a', 'b,c'] && 'x'.matches('^[a-z]$') && '%s is %d'.format(['a', 1]) == 'a is 1'",
    ] {
        holds(text);
    }
}

#[test]
fn the_rules_of_cel_are_not_those_of_operators() {
    for (text, operators, cel_rules) in [
        ("1 + 0.5 > 1.0", "true", "`+` does not take int and double"),
        ("1 == 1.0", "true", "`==` does not take int and double"),
        ("order.paid > '5 USD'", "true", "`>` does not take money and string"),
        ("string(duration('90m')) == '1h30m'", "true", "false"),
        ("duration('30d') == duration('720h')", "true", "`30d` is no duration"),
        ("[1, 'a'].size() == 2", "`'a'` is string in a list of int", "true"),
        ("{1: 'a'}[1] == 'a'", "`1` is int, the key of a map is string", "true"),
        ("dyn(1) == 1.0", "nothing is untyped in a flow, `1` keeps its type", "true"),
        ("5u > 4u", "`5u` is unsigned, which this language does not have", "true"),
        ("order.note.value() == 'x'", "`order.note` may be absent here", "there is no `note` in the map"),
        ("has(order.note) && order.note.value() == 'x'", "false", "false"),
        ("optional.none().orValue(3) == 3", "true", "true"),
        ("{'a': null}.a == null", "true", "true"),
    ] {
        let said = |result: Result<(Ty, Value), String>| match result {
            Ok((_, Value::Bool(truth))) => truth.to_string(),
            Ok((_, other)) => format!("{other:?}"),
            Err(why) => why,
        };
        assert_eq!(said(by(Dialect::Operators, text)), operators, "{text}, for operators");
        assert_eq!(said(cel(text)), cel_rules, "{text}, by CEL");
    }
}

#[test]
fn types_follow_by_the_rules_of_cel() {
    for (text, ty) in [
        ("[1, 'a']", "list<dyn>"),
        ("{1: 'a', 2: 'b'}", "map<int, string>"),
        ("{'a': 1}", "map<string, int>"),
        ("optional.of(1).optMap(x, x > 0)", "bool?"),
        ("[[], [1]]", "list<list<int>>"),
        ("dyn(1) + 1", "dyn"),
        ("5u * 2u", "uint"),
        ("type(1)", "type"),
        ("[1, 2].map(x, string(x))", "list<string>"),
        ("{'a': 1}.?b", "int?"),
    ] {
        assert_eq!(cel(text).map(|(ty, _)| ty.to_string()), Ok(ty.to_owned()), "{text}");
    }
}

#[test]
fn what_grows_without_end_is_given_up() {
    let steps = format!("the expression takes more than {}", "a million steps");
    assert_eq!(BUDGET, 1_000_000);
    let mut doubled = "x + x".to_owned();
    for _ in 0..24 {
        doubled = format!("cel.bind(x, {doubled}, x + x)");
    }
    for (text, sentence) in [
        (format!("cel.bind(x, ['a'], {doubled}).size() > 0"), steps.as_str()),
        (format!("cel.bind(x, 'aaaaaaaa', {doubled}).size() > 0"), "a text grows beyond 16 MB"),
        (format!("cel.bind(x, b'aaaaaaaa', {doubled}).size() > 0"), "bytes grow beyond 16 MB"),
        ("lists.range(1000000).size() > 0".to_owned(), "a range has at most 100000 items"),
        ("lists.range(2000).all(a, lists.range(2000).all(b, a + b >= 0))".to_owned(), steps.as_str()),
        ("lists.range(100000).transformMap(k, v, v).size() > 0".to_owned(), steps.as_str()),
        ("lists.range(900).map(i, lists.range(900)).all(l, lists.range(900).all(j, l == l))".to_owned(), steps.as_str()),
        ("cel.bind(a, lists.range(999), cel.bind(b, a.map(x, a), cel.bind(c, a.map(x, b), c == c)))".to_owned(), steps.as_str()),
        ("cel.bind(a, lists.range(30000), sets.equivalent(a, a.reverse()))".to_owned(), steps.as_str()),
        ("cel.bind(a, lists.range(2000), a.all(x, a.distinct().size() > 0))".to_owned(), steps.as_str()),
        ("lists.range(5000).distinct().size() > 0".to_owned(), "`distinct` takes lists of at most 2000 items, not 5000"),
        (
            "cel.bind(t, lists.range(9999).map(i, 'aaaaaaaaaa').join(''), t.replace('a', t)).size() > 0".to_owned(),
            "`replace` would build too long a text",
        ),
        ("'%.999999999f'.format([1.0]).size() > 0".to_owned(), "`format` would build too long a text"),
    ] {
        let found = by(Dialect::Cel { container: "", checked: true }, &text);
        assert_eq!(found.map(|_| ()), Err(sentence.to_owned()), "{}", &text[..text.len().min(90)]);
    }
}

#[test]
fn the_cost_is_known_before_a_run() {
    let cost = |text: &str| super::clean(text, None).expr.cost(&super::scope(), &super::types()).assumed;
    assert_eq!(cost("true"), 1);
    assert!(cost("status > 1") < 8);
    assert!((20..80).contains(&cost("[status, 2, 3].map(x, x + 1).size() > 0")), "{}", cost("[status, 2, 3].map(x, x + 1).size() > 0"));
    assert!((500..5000).contains(&cost("found.exists(f, f.id == name)")));
    assert!((100_000..BUDGET).contains(&cost("found.exists(f, found.exists(g, f.id == g.id))")));
    assert!(cost("found.exists(f, found.exists(g, found.exists(h, f.id == g.id)))") > BUDGET);
    // What is the same in every run is computed once.
    assert_eq!(cost("1 + 2 * 3 == 7 && duration('1h') > duration('1m')"), 1);
}

#[test]
fn random_text_never_panics_by_the_rules_of_cel() {
    let pieces = [
        "order",
        ".",
        "?",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'a'",
        "1",
        "0.5",
        "2u",
        "+",
        "-",
        "/",
        "==",
        "<",
        "in",
        "&&",
        "!",
        ":",
        ",",
        "x",
        "map(x, ",
        "all(x, y, ",
        "optional.of(",
        "dyn(",
        "type(",
        "null",
        "b'a'",
        "[?",
        ".?",
        "sort()",
        "optMap(x, ",
        "cel.bind(x, ",
        "has(",
        "math.greatest(",
        "found",
        "name",
        "first()",
        "`a`",
        "format([",
        "duration('",
        "string(",
        "\u{0}",
    ];
    let mut state = 5_u64;
    for _ in 0..2000 {
        let mut text = String::new();
        for _ in 0..7 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[usize::try_from(state >> 33).unwrap() % pieces.len()]);
        }
        for open in text.clone().chars().filter(|character| matches!(character, '(' | '[' | '{')).collect::<Vec<_>>().iter().rev() {
            text.push(match open {
                '(' => ')',
                '[' => ']',
                _ => '}',
            });
        }
        for checked in [true, false] {
            let _ = by(Dialect::Cel { container: "shop", checked }, &text);
        }
        let _ = by(Dialect::Operators, &text);
    }
}

#[test]
fn what_is_read_and_whose_it_is_follows_through() {
    let clean = |text: &str| super::clean(text, None);
    let paths = |text: &str| clean(text).reads.into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    assert_eq!(paths("order.?note.or('x')"), ["order.note"]);
    assert_eq!(paths("found.sortBy(f, f.paid)[?0].optMap(f, f.id).or(name)"), ["found", "name"]);
    for text in [
        "order.?note.or('x')",
        "order.note.optMap(n, n.trim()).or('x')",
        "cel.bind(n, input.text, n + '!')",
        "[input.text].transformList(i, t, t)[0]",
        "[1].transformMapEntry(i, v, {input.text: v})",
        "[?order.note, 'x'].first().or('')",
        "order.lines.sortBy(l, input.text)",
        "'%d %s'.format([1, input.text])",
    ] {
        assert!(clean(text).marks.untrusted, "{text} comes from outside");
    }
    assert!(!clean("cel.bind(n, order.id, n + '!')").marks.untrusted);
}

#[test]
fn an_operators_tree_is_read_back_from_the_log() {
    let text = "cel.bind(n, order.lines.transformList(i, l, i > 0, l.sku), n.sortBy(s, s)[?0].or('none')) == 'b' && [?order.note] == []";
    let expr = super::clean(text, None).expr;
    let back: crate::expr::Expr = rmp_serde::from_slice(&rmp_serde::to_vec_named(&expr).unwrap()).unwrap();
    assert_eq!(back, expr);
    assert_eq!(value(text), Ok(Value::Bool(true)));
}
