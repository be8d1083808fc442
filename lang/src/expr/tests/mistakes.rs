//! What is wrong with an expression, and the exact words that are underlined.

use super::{checked, scope, types, written};
use crate::expr::check;
use crate::ty::Ty;

/// Code and underlined text of every diagnostic.
fn found(text: &str, expected: Option<&Ty>) -> Vec<(String, String)> {
    let (sources, literal) = written(text);
    let (checked, diagnostics) = check(text, &literal, 1, &scope(), &types(), expected);
    let errors = diagnostics.iter().any(|one| one.severity() == crate::diagnostic::Severity::Error);
    assert_eq!(checked.is_none(), errors, "{text}: {diagnostics:?}");
    diagnostics.iter().map(|one| (one.code.id.to_owned(), sources.text(one.span).to_owned())).collect()
}

/// An expression, and of each diagnostic its code and the underlined text.
const MISTAKES: &[(&str, &[(&str, &str)])] = &[
    ("ordr.paid > '1 USD'", &[("TW0202", "ordr")]),
    ("order.pad > '1 USD'", &[("TW0203", "pad")]),
    ("order . pad > '1 USD'", &[("TW0203", "pad")]),
    // Nothing follows from what has no type.
    ("(order.id == 'x' ? order.paid : round(order.paid * settings.pad)) > '1 USD'", &[("TW0203", "pad")]),
    ("sise(found) > 0", &[("TW0204", "sise")]),
    ("name.startWith('a')", &[("TW0204", "startWith")]),
    // A constant that makes it fail, whatever the rest is; and the fraction of what has no value is not worth a word.
    ("size(order.id) / 0 > 1", &[("TW0208", "size(order.id) / 0")]),
    ("size(order.id) % 0 > 1", &[("TW0208", "size(order.id) % 0")]),
    ("order.paid / 0 > '1 USD'", &[("TW0208", "order.paid / 0")]),
    ("{'a': status}.?b.or(1) > 1 && {'a': status}[?'b'].or(1) > 1", &[]),
    ("{'a': status}.b.or(1) > 1", &[("TW0203", "{'a': status}.b")]),
    ("order.?nte.or('x') == 'x'", &[("TW0203", "order.?nte")]),
    ("order.id.charAt(-1) == 'a'", &[("TW0208", "order.id.charAt(-1)")]),
    ("ending(order.paid, 'abc') > '1 USD'", &[("TW0208", "ending(order.paid, 'abc')")]),
    ("order.shipped_at.getFullYear('America/Chicgo') > 1", &[("TW0208", "order.shipped_at.getFullYear('America/Chicgo')")]),
    ("order.shipped_at.getHours('+25:00') > 1", &[("TW0208", "order.shipped_at.getHours('+25:00')")]),
    ("order.shipped_at.getHours('America/Chicago') + order.shipped_at.getHours('+02:00') > 1 && order.id.charAt(0) != 'x'", &[]),
    ("double(size(order.id)) / 0.0 > 1.0 && ending(order.paid, '0.99') > '1 USD'", &[]),
    ("order.paid > 100", &[("TW0206", "order.paid > 100")]),
    ("order.paid > '100 dollars'", &[("TW0208", "'100 dollars'")]),
    ("order.shipped_at > 'yesterday'", &[("TW0208", "'yesterday'")]),
    ("settings.return_window > '30 days'", &[("TW0208", "'30 days'")]),
    ("verdict.kind == 'complant'", &[("TW0209", "'complant'")]),
    ("verdict.kind in ['praise', 'complant']", &[("TW0209", "'complant'")]),
    ("'1 USD' + order.paid > order.paid + 1", &[("TW0206", "order.paid + 1")]),
    ("money('1 USD') > order.id", &[("TW0206", "money('1 USD') > order.id")]),
    ("order.note == 'x'", &[("TW0207", "order.note")]),
    ("order.gift.to == 'x'", &[("TW0207", "order.gift.to")]),
    ("maybe + 1 > 2", &[("TW0207", "maybe")]),
    ("has(order.gift) && order.gift.wrapped", &[("TW0207", "order.gift.wrapped")]),
    ("!has(order.note) && order.note == 'x'", &[("TW0207", "order.note")]),
    ("has(order.note) || order.note == 'x'", &[("TW0207", "order.note")]),
    ("order.id == null", &[("TW0206", "order.id == null")]),
    ("order.id.or('x') == 'y'", &[("TW0206", "order.id.or('x')")]),
    ("has(size(found))", &[("TW0217", "size(found)")]),
    ("status / 3 > 1", &[("TW0211", "status / 3")]),
    ("status && true", &[("TW0205", "status")]),
    ("!name", &[("TW0205", "name")]),
    ("name ? 1 : 2", &[("TW0205", "name")]),
    ("true ? 1 : 'a'", &[("TW0205", "true ? 1 : 'a'")]),
    ("[1, 'a']", &[("TW0205", "'a'")]),
    ("found[name]", &[("TW0205", "name")]),
    ("name[0]", &[("TW0206", "name[0]")]),
    ("found.map(f, f.idd)", &[("TW0203", "idd")]),
    ("found.exists(f, f.paid)", &[("TW0205", "f.paid")]),
    ("name.exists(f, true)", &[("TW0206", "name")]),
    ("found.map(f.x, f)", &[("TW0212", "f.x")]),
    ("round(name)", &[("TW0212", "round(name)")]),
    ("size()", &[("TW0212", "size()")]),
    ("size(status)", &[("TW0212", "status")]),
    ("contains(name, 'a')", &[("TW0212", "contains")]),
    ("duration('soon') > '1h'", &[("TW0208", "'soon'")]),
    ("timestamp('soon') > order.shipped_at", &[("TW0208", "'soon'")]),
    ("name.matches('a(')", &[("TW0215", "'a('")]),
    ("name.matches('[a' + 'b')", &[("TW0215", "'[a' + 'b'")]),
    ("name.matches(true ? '*' : 'a')", &[("TW0215", "true ? '*' : 'a'")]),
    ("name.matches(['(', 'b'].join('|'))", &[("TW0215", "['(', 'b'].join('|')")]),
    ("name.matches('^' + 'a+' + '$') && name.matches(order.id)", &[]),
    ("order.paid * order.paid", &[("TW0206", "order.paid * order.paid")]),
    ("order.shipped_at + order.shipped_at", &[("TW0206", "order.shipped_at + order.shipped_at")]),
    ("found < found", &[("TW0206", "found")]),
    ("verdict.kind < verdict.kind", &[("TW0206", "verdict.kind")]),
    ("{'a': status}.b > 1", &[("TW0203", "{'a': status}.b")]),
    ("{'a': status}.b.or(1) > 1", &[("TW0203", "{'a': status}.b")]),
    ("{'a': {'b': status}}.c.b > 1", &[("TW0203", "{'a': {'b': status}}.c.b")]),
    ("has({'a': status}.b) || 'b' in {'a': status} || {'a': status}[name] > 1 || {name: status}.b > 1", &[]),
    ("optional.of(status).value() > 1 && optional.of(name).value() == 'a'", &[]),
    ("optional.of(maybe).value() > 1", &[("TW0207", "optional.of(maybe)")]),
    ("found.exsts(f, f.pad > '1 USD') && ordr", &[("TW0203", "pad"), ("TW0204", "exsts"), ("TW0202", "ordr")]),
    ("found.transfrmList(i, f, f.pad)", &[("TW0203", "pad"), ("TW0204", "transfrmList")]),
    ("'%d'.format([name]) == ''", &[("TW0222", "name")]),
    ("'%d %s'.format([status, name]) + '%s'.format([order.paid]) == ''", &[]),
    ("'%q'.format([name]) == ''", &[("TW0222", "%q")]),
    ("'%s'.format([]) == ''", &[("TW0222", "'%s'.format([])")]),
    ("'%d'.format([body.count]) == ''", &[]),
    ("order.paid > '1 USF'", &[("TW0223", "'1 USF'")]),
    ("money('1 USF') > order.paid && money(1.5, 'USF') > order.paid", &[("TW0223", "'1 USF'"), ("TW0223", "money(1.5, 'USF')")]),
    ("1u > status", &[("TW0216", "1u")]),
    ("Order{id: 'a'}", &[("TW0216", "{")]),
    ("{1: 2}", &[("TW0205", "1")]),
    ("-name", &[("TW0206", "-name")]),
    ("body.a + 1", &[("TW0206", "body.a + 1")]),
    ("order.paid.amount", &[("TW0203", "amount")]),
    ("let + 1", &[("TW0214", "let")]),
    ("order.paid = 3", &[("TW0201", "=")]),
    ("order.paid >", &[("TW0201", "")]),
    ("status and true", &[("TW0201", "and")]),
    ("(status", &[("TW0201", "(")]),
    ("status)", &[("TW0201", ")")]),
    ("name == 'abc", &[("TW0201", "'")]),
    ("99999999999999999999", &[("TW0201", "99999999999999999999")]),
    ("", &[("TW0201", "")]),
    ("ordr.paid > '1 USD' && verdict.kind == 'x' && sise(found) > 0", &[("TW0202", "ordr"), ("TW0209", "'x'"), ("TW0204", "sise")]),
];

#[test]
fn each_mistake_underlines_its_own_words() {
    let mut wrong = Vec::new();
    for (text, expected) in MISTAKES {
        let expected: Vec<(String, String)> = expected.iter().map(|(code, place)| ((*code).to_owned(), (*place).to_owned())).collect();
        let found = found(text, None);
        if found != expected {
            wrong.push(format!("{text}\n    found {found:?}\n    wanted {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_pattern_that_cannot_be_read_says_why() {
    for (pattern, reason, help) in [
        ("[a", "`[a` is no regular expression: unclosed character class", "close the choice of characters with `]`"),
        ("a(", "`a(` is no regular expression: unclosed group", "close the group with `)`"),
        ("*a", "`*a` is no regular expression: repetition operator missing expression", "say before it what is repeated"),
        ("(?=a)", "look-around", "looks neither ahead nor back"),
        ("((a{1000}){1000}){1000}", "is too large a regular expression", "repeat less often"),
    ] {
        let text = format!("name.matches('{pattern}')");
        let (_, literal) = written(&text);
        let (_, diagnostics) = check(&text, &literal, 1, &scope(), &types(), None);
        let [one] = diagnostics.as_slice() else { panic!("{text}: {diagnostics:?}") };
        assert!(one.message.contains(reason), "{text}: {}", one.message);
        assert!(one.help.as_deref().is_some_and(|told| told.contains(help)), "{text}: {:?}", one.help);
    }
}

#[test]
fn a_type_that_may_be_absent_is_no_question() {
    for (text, labels) in [("maybe + 1 > 2", &["int, or absent"][..]), ("true ? maybe : 'a'", &["", "int, or absent", "is string"])] {
        let (_, literal) = written(text);
        let (_, diagnostics) = check(text, &literal, 1, &scope(), &types(), None);
        let [one] = diagnostics.as_slice() else { panic!("{text}: {diagnostics:?}") };
        let told: Vec<&str> =
            std::iter::once(&one.label).chain(one.secondary.iter().map(|label| &label.text)).map(String::as_str).collect();
        assert_eq!(told, labels, "{text}");
    }
}

#[test]
fn a_place_that_wants_a_type_refuses_another() {
    let money = Ty::Money;
    assert_eq!(found("name", Some(&money)), [("TW0205".to_owned(), "name".to_owned())]);
    assert_eq!(found("5", Some(&money)), [("TW0205".to_owned(), "5".to_owned())]);
    assert_eq!(found("maybe", Some(&Ty::Int)), [("TW0207".to_owned(), "maybe".to_owned())]);
    assert_eq!(found("true ? '5 USD' : 'x'", Some(&money)), [("TW0208".to_owned(), "'x'".to_owned())]);
    assert_eq!(found("maybe", Some(&Ty::Int.optional())), []);
}

#[test]
fn near_misses_come_with_a_fix() {
    for (text, wrong, right) in [
        ("ordr.paid > '1 USD'", "ordr", "order"),
        ("order.pad > '1 USD'", "pad", "paid"),
        ("sise(found) > 0", "sise", "size"),
        ("math.gretest(status, 1) > 0", "gretest", "greatest"),
        ("found.dstinct().size() > 0", "dstinct", "distinct"),
        ("verdict.kind == 'complant'", "'complant'", "'complaint'"),
        ("status = 3", "=", "=="),
        ("status =< 3", "=<", "<="),
        ("status <> 3", "<>", "!="),
        ("true && not true", "not ", "!"),
        ("settings.return_window > '30 days'", "'30 days'", "'30d'"),
        ("'100% of %s'.format([name]) == ''", "%", "%%"),
        ("name.upperASCII() == 'A'", "upperASCII", "upperAscii"),
        ("tru || status > 1", "tru", "true"),
        ("size({ab: 1, 'c': 2}) > 0", "ab", "'ab'"),
    ] {
        let (sources, literal) = written(text);
        let (_, diagnostics) = check(text, &literal, 1, &scope(), &types(), None);
        let edit = &diagnostics[0].fixes[0].edits[0];
        assert_eq!((sources.text(edit.span), edit.text.as_str()), (wrong, right), "{text}");
    }
}

/// An expression, and what it becomes once its fix is made.
const ELSEWHERE: &[(&str, &str)] = &[
    ("len(found) > 0", "size(found) > 0"),
    ("name.length() > 0", "size(name) > 0"),
    ("name.length > 0", "size(name) > 0"),
    ("lower(name) == 'a'", "name.lowerAscii() == 'a'"),
    ("name.toUpperCase() == 'A'", "name.upperAscii() == 'A'"),
    ("lower(name + 'b') == 'ab'", "(name + 'b').lowerAscii() == 'ab'"),
    ("contains(name, 'a')", "name.contains('a')"),
    ("found.contains(order)", "order in found"),
    ("contains(found, order)", "order in found"),
    ("startsWith(name, 'a')", "name.startsWith('a')"),
    ("status.abs() > 1", "abs(status) > 1"),
    ("str(status) == '1'", "string(status) == '1'"),
    ("toInt(name) > 1", "int(name) > 1"),
    ("parse_float(name) > 1.0", "double(name) > 1.0"),
    ("iif(status > 1, 'a', 'b') == 'a'", "(status > 1) ? 'a' : 'b' == 'a'"),
    ("coalesce(order.note, 'x') == 'x'", "order.note.or('x') == 'x'"),
    ("not(status > 1)", "!(status > 1)"),
    ("status > 1 == True", "status > 1 == true"),
    ("order.note == None", "order.note == null"),
    ("found.any(f, f.paid > '1 USD')", "found.exists(f, f.paid > '1 USD')"),
];

#[test]
fn functions_of_other_languages_come_with_what_they_are_here() {
    let mut wrong = Vec::new();
    for (text, expected) in ELSEWHERE {
        let (_, literal) = written(text);
        let (_, diagnostics) = check(text, &literal, 1, &scope(), &types(), None);
        let mended = diagnostics.first().and_then(|found| found.fixes.first()).map(|fix| {
            let (edit, begin) = (&fix.edits[0], literal.locate(1, 1).start);
            let (start, end) = ((edit.span.start - begin) as usize, (edit.span.end - begin) as usize);
            format!("{}{}{}", &text[..start], edit.text, &text[end..])
        });
        if mended.as_deref() != Some(*expected) {
            wrong.push(format!("{text} became {mended:?}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_no_expression_has_is_said_to_be_elsewhere() {
    for (text, help) in [
        ("uuid() == name", "`run.id`"),
        ("random() > 0.5", "`split`"),
        ("sum(found.map(f, f.paid)) > '1 USD'", "`metric`"),
        ("status === 3", "`==`"),
        ("name !== 'a'", "`!=`"),
        ("name not in ['a']", "`!(item in list)`"),
        ("name is null", "`has(path)`"),
        ("name like 'a%'", "text.matches"),
        ("if(status > 1, 1, 2)", "condition ? one : other"),
        ("order.note ?? 'x'", "path.or(value)"),
        ("order.id == null", "has(path)"),
        ("now() > order.shipped_at", "`run.now`, which the expressions of a flow have"),
        ("order.id.orValue('x') == 'y'", "leave out the `.orValue(…)`"),
        ("size({staus: 1}) > 0", "did you mean `status`, or the text `'staus'`?"),
        ("size(lists.range(2000000)) > 0", "do it with less"),
        ("lists.range(2000).map(a, lists.range(2000).map(b, a + b)).size() > 1", "make the inner list shorter"),
        ("found[-1].id == 'a'", "found.last()"),
    ] {
        let (_, literal) = written(text);
        let (_, diagnostics) = check(text, &literal, 1, &scope(), &types(), None);
        let said: Vec<_> = diagnostics.iter().filter_map(|found| found.help.as_deref()).collect();
        assert!(said.iter().any(|said| said.contains(help)), "{text}: {diagnostics:?}");
    }
    // The time and the identity of a run stand in a flow alone.
    let (_, literal) = written("now()");
    let run = scope().with("run", Ty::Object(vec![("now".to_owned(), Ty::Timestamp)]), crate::ty::Marks::default());
    let (_, diagnostics) = check("now()", &literal, 1, &run, &types(), None);
    assert_eq!(diagnostics[0].fixes[0].edits[0].text, "run.now");
}

#[test]
fn signs_of_other_languages_are_not_taken_for_comparisons() {
    for text in ["found.map(x => x)", "status === 3", "x => x"] {
        let (_, literal) = written(text);
        let (_, diagnostics) = check(text, &literal, 1, &scope(), &types(), None);
        assert!(diagnostics.iter().all(|found| found.fixes.is_empty()), "{text}: {diagnostics:?}");
        assert!(!diagnostics.is_empty(), "{text}");
    }
}

#[test]
fn constants_that_fail_in_every_run_are_told_of_once_where_they_fail() {
    for (text, wrong) in [
        ("1 % 0", "1 % 0"),
        ("2 + 7 % 0 * 3", "7 % 0"),
        ("[1, 2, 3][5]", "[1, 2, 3][5]"),
        ("9223372036854775807 + 1 > status", "9223372036854775807 + 1"),
        ("money('1 USD') / 0", "money('1 USD') / 0"),
        ("int('abc')", "int('abc')"),
        ("{'a': 1}['b']", "{'a': 1}['b']"),
        ("status > 3 ? 1 / 0 : 2", "1 / 0"),
        ("found.map(x, 1 % 0)", "1 % 0"),
    ] {
        let found: Vec<_> = found(text, None).into_iter().filter(|(code, _)| code == "TW0208").collect();
        assert_eq!(found, [("TW0208".to_owned(), wrong.to_owned())], "{text}");
    }
    for text in ["status != 0 && 1 / status > 0", "7 % 3", "[1, 2, 3][2]", "found.map(x, 1 % status)", "int('12')"] {
        assert!(found(text, None).iter().all(|(code, _)| code != "TW0208"), "{text}");
    }
}

#[test]
fn two_constant_currencies_never_meet() {
    let text = "money('1 USD') > '2 EUR' && money('1 USD') > '2 USD'";
    assert_eq!(found(text, None), [("TW0210".to_owned(), "money('1 USD') > '2 EUR'".to_owned())]);
    // Where only one is constant, a run must tell.
    assert_eq!(found("order.paid + '1 USD' > '1 EUR'", None), []);
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_before_it_is_parsed() {
    let long = format!("name == '{}'", "x".repeat(9000));
    assert_eq!(found(&long, None)[0].0, "TW0213");
    let megabyte = "a".repeat(1_000_000);
    assert_eq!(found(&megabyte, None)[0].0, "TW0213");
    for text in [
        format!("{}1{}", "(".repeat(3000), ")".repeat(3000)),
        format!("{}1{}", "[".repeat(3000), "]".repeat(3000)),
        format!("1{}", "+1".repeat(3000)),
        format!("name{}", ".a".repeat(3000)),
        format!("found{}", "[0]".repeat(2000)),
        format!("{}true", "!(".repeat(1000)) + &")".repeat(1000),
        "true ? ".repeat(500) + "1" + &" : 1".repeat(500),
        "1 < ".repeat(2000) + "1",
    ] {
        let first = found(&text, None);
        assert!(matches!(first.first().map(|(code, _)| code.as_str()), Some("TW0213" | "TW0201")), "{}: {first:?}", &text[..20]);
    }
    // What a person writes is far below, and the deepest that is read does not end a small stack.
    for text in [
        format!("{}status{}", "(1 + ".repeat(30), ")".repeat(30)),
        format!("{}1{}", "[".repeat(40), "]".repeat(40)),
        format!("{}found{}", "[status].map(x, ".repeat(20), ")".repeat(20)),
        format!("name{}", " + name".repeat(100)),
        format!("body{}", ".a".repeat(100)),
        "true ? 1 : ".repeat(40) + "1",
    ] {
        assert_eq!(found(&text, None), [], "{}", &text[..20]);
    }
    // Many terms side by side are fine.
    let wide = (0..400).map(|number| format!("status != {number}")).collect::<Vec<_>>().join(" && ");
    assert_eq!(found(&wide, None), []);
    let (checked, _) = checked(&wide, None);
    assert!(checked.unwrap().expr.evaluate(&super::values()).is_ok());
}

#[test]
fn random_text_never_panics() {
    let pieces = [
        "order", ".", "paid", "(", ")", "[", "]", "{", "}", "'", "\"", "1", "0.5", "+", "-", "*", "/", "%", "==", "<", "&&", "||", "!",
        "?", ":", ",", " ", "has", "map", "x", "é", "\\", "\n", "`", "u", "in", "size", "null", "=", "r'", "b'", "'''", "//", "0x", "😀",
        "found", "or", "1e999", "\u{0}",
    ];
    let mut state = 3_u64;
    let mut accepted = 0;
    for _ in 0..4000 {
        let mut text = String::new();
        for _ in 0..8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[usize::try_from(state >> 33).unwrap() % pieces.len()]);
        }
        let (checked, diagnostics) = checked(&text, None);
        assert!(checked.is_some() || !diagnostics.is_empty(), "{text}");
        if let Some(checked) = checked {
            accepted += 1;
            let _ = checked.expr.evaluate(&super::values());
        }
    }
    assert!(accepted > 0, "the pieces never made an expression");
}

#[test]
fn a_pattern_that_is_too_large_is_not_said_to_be_badly_escaped() {
    let (_, literal) = written("order.id.matches('(a{1000}){1000}')");
    let (_, found) = check("order.id.matches('(a{1000}){1000}')", &literal, 1, &scope(), &types(), None);
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((found.code.id, found.message.as_str()), ("TW0215", "`(a{1000}){1000}` is too large a regular expression"));
}
