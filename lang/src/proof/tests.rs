//! What is proved of conditions, and what is left open because it is not certain.

use super::{Answer, Conditions, Covered, Reading, Ways};
use crate::ast::{Literal, Scalar};
use crate::expr::{Expr, Scope, check};
use crate::source::{SourceId, Span};
use crate::ty::{Field, Marks, Record, Ty, TypeTable};

fn types() -> TypeTable {
    let field = |name: &str, ty| Field::plain(name.to_owned(), ty);
    let mut types = TypeTable::default();
    types.enums.insert("kind".to_owned(), ["a", "b", "c"].map(str::to_owned).to_vec());
    let fields = vec![
        field("kind", Ty::Enum("kind".to_owned())),
        field("other", Ty::Enum("kind".to_owned()).optional()),
        field("n", Ty::Int),
        field("m", Ty::Int),
        field("x", Ty::Double),
        field("y", Ty::Double),
        field("cost", Ty::Money),
        field("flag", Ty::Bool),
        field("text", Ty::String),
        field("at", Ty::Timestamp),
        field("maybe", Ty::Int.optional()),
        Field { min: Some(1.0), max: Some(5.0), ..field("stars", Ty::Int) },
        Field { min: Some(0.5), ..field("share", Ty::Double) },
        Field { max: Some(9.0), ..field("rare", Ty::Int.optional()) },
    ];
    types.records.insert("r".to_owned(), Record { version: 1, subject: None, fields });
    types
}

fn scope() -> Scope {
    Scope::default().with("r", Ty::Record("r".to_owned()), Marks::default())
}

fn expr(text: &str) -> Expr {
    let span = Span::new(SourceId(0), 0, text.len());
    let literal = Literal { scalar: Scalar::String(text.to_owned()), annotation: None, span, offsets: vec![(0, 0)] };
    let (checked, found) = check(text, &literal, 0, &scope(), &types(), Some(&Ty::Bool));
    checked.unwrap_or_else(|| panic!("{text}: {found:?}")).expr
}

fn together(conditions: &[&str]) -> Answer {
    let exprs: Vec<Expr> = conditions.iter().map(|text| expr(text)).collect();
    let trees: Vec<_> = exprs.iter().map(|expr| &expr.root).collect();
    Conditions::of(&scope(), &types()).conflict(&trees, &[])
}

/// Whether it is proved that these cannot hold together.
fn never(conditions: &[&str]) -> bool {
    matches!(together(conditions), Answer::Conflict(_))
}

fn covered(condition: &str, earlier: &[&str]) -> Vec<usize> {
    let exprs: Vec<Expr> = earlier.iter().map(|text| expr(text)).collect();
    let trees: Vec<_> = exprs.iter().map(|expr| &expr.root).collect();
    let (scope, types) = (scope(), types());
    let conditions = Conditions::of(&scope, &types);
    let read: Vec<_> = trees.iter().map(|tree| conditions.read(tree)).collect();
    after(&read, &conditions.read(&expr(condition).root)).by
}

/// What is known of a condition after these.
fn after(earlier: &[Reading], condition: &Reading) -> Covered {
    let mut ways = Ways::default();
    earlier.iter().for_each(|reading| ways.also_fails(reading));
    ways.covered(condition, &earlier.iter().collect::<Vec<_>>(), std::iter::empty())
}

#[test]
fn ranges_that_leave_nothing_never_hold() {
    for condition in [
        "r.n > 5 && r.n < 5",
        "r.n > 4 && r.n < 5",
        "5 < r.n && r.n <= 5",
        "r.n == 3 && r.n != 3",
        "r.x > 0.5 && r.x < 0.25",
        "r.cost > '10 USD' && r.cost < '5 USD'",
        "r.n in [1, 2] && r.n > 2",
        "!(r.n > 3 || r.n <= 3)",
        "r.kind == 'a' && r.kind == 'b'",
        "r.kind != 'a' && r.kind != 'b' && r.kind != 'c'",
        "r.flag && !r.flag",
        "r.flag == true && r.flag == false",
        "r.n < r.m && r.m < r.n",
        "r.n < r.m && r.n == r.m",
        "r.text.contains('x') && !r.text.contains('x')",
        "(r.n < 3 || r.n > 9) && r.n > 4 && r.n < 8",
        "!(r.cost > '3 USD' || r.cost <= '3 USD')",
        "!(r.n < r.m || r.n == r.m || r.n > r.m)",
        "r.n > 5 ? r.n < 3 : r.n > 6",
        "r.at < timestamp('2026-01-01T00:00:00Z') && r.at > timestamp('2026-02-01T00:00:00Z')",
        "r.stars > 5",
        "r.stars < 1 || r.stars == 6",
        "!(r.stars >= 1)",
        "r.share < 0.5",
        "size(r.text) < 0",
        "!(size(r.text) >= 0)",
        "size(r.text) > 3 && size(r.text) < 4",
    ] {
        assert!(never(&[condition]), "{condition}");
    }
}

#[test]
fn what_may_hold_is_left_alone() {
    for condition in [
        "r.n > 4 && r.n < 6",
        "r.x > 4.0 && r.x < 5.0",
        "r.stars > 4",
        "r.stars <= 1",
        "r.share <= 0.5",
        // Not a number is neither.
        "!(r.share >= 0.5)",
        // What is absent is held to nothing.
        "r.rare.or(10) > 9",
        "size(r.text) <= 0",
        "r.stars * 2 > 5",
        "r.cost > '10 USD' && r.cost < '50 USD'",
        "r.kind != 'a' && r.kind != 'b'",
        // Absent, it is none of the three.
        "r.other.or('a') != 'a' && r.other.or('a') != 'b'",
        "r.n < r.m || r.m < r.n",
        "r.text != 'a' && r.text != 'b'",
        "r.n * 2 > 5 && r.n < 3",
        "r.text.contains('x') && !r.text.contains('y')",
        "r.maybe.or(3) > 5 && r.n < 5",
        "r.n < 3 || r.n > 9",
    ] {
        assert!(!never(&[condition]), "{condition}");
    }
    // Not a number is neither below, nor equal, nor above.
    assert!(!never(&["!(r.x < 1.0)", "!(r.x >= 1.0)"]));
    assert!(!never(&["!(r.x < r.y)", "!(r.x >= r.y)"]));
    // Amounts of two currencies do not compare.
    assert!(!never(&["r.cost > '10 USD'", "r.cost < '5 EUR'"]));
}

#[test]
fn a_rule_is_covered_by_those_that_hold_wherever_it_does() {
    assert_eq!(covered("r.n < 3", &["r.n < 10"]), [0]);
    assert_eq!(covered("r.n < 10", &["r.n < 3"]), Vec::<usize>::new());
    assert_eq!(covered("r.n < 3", &["r.flag", "r.n < 2", "r.n < 5"]), [2], "only those that are needed");
    assert_eq!(covered("r.kind != 'c'", &["r.kind == 'a'", "r.flag", "r.kind == 'b'"]), [0, 2]);
    assert_eq!(covered("r.n == 4 && r.flag", &["r.flag"]), [0]);
    assert_eq!(covered("r.x != 1.0", &["r.x < 1.0", "r.x > 1.0"]), Vec::<usize>::new(), "not a number is different from 1");
    assert_eq!(covered("r.x > 2.0", &["r.x < 1.0", "r.x >= 1.0"]), [1]);
    assert_eq!(covered("r.n < r.m", &["r.m > r.n"]), [0]);
    assert_eq!(covered("r.flag", &[]), Vec::<usize>::new());
}

#[test]
fn a_condition_that_is_too_large_is_given_up_in_bounded_time() {
    let parts: Vec<String> = (0..60).map(|n| format!("(r.n * {n} == 1 || r.m * {n} == 2)")).collect();
    // There are many ways, and the first that is tried is one.
    assert_eq!(together(&[&parts.join(" && ")]), Answer::May);
    let refused: Vec<String> = pigeons(8, 7).iter().map(|rule| format!("!({rule})")).collect();
    assert_eq!(together(&refused.iter().map(String::as_str).collect::<Vec<_>>()), Answer::GivenUp);
}

/// So many pigeons in so many holes, as rules: each says that a pigeon is nowhere, or that two are in one hole. One of them always holds.
fn pigeons(count: usize, holes: usize) -> Vec<String> {
    let in_hole = |pigeon: usize, hole: usize| format!("r.text.contains('{pigeon} in {hole}')");
    let mut rules = Vec::new();
    for pigeon in 0..count {
        rules.push((0..holes).map(|hole| format!("!{}", in_hole(pigeon, hole))).collect::<Vec<_>>().join(" && "));
        for other in 0..pigeon {
            rules.extend((0..holes).map(|hole| format!("{} && {}", in_hole(pigeon, hole), in_hole(other, hole))));
        }
    }
    rules
}

/// Whether these rules leave something to one that always holds: `None` where the question is given up.
fn leave_something(rules: &[String]) -> Option<bool> {
    let (scope, types) = (scope(), types());
    let conditions = Conditions::of(&scope, &types);
    let read: Vec<_> = rules.iter().map(|rule| conditions.read(&expr(rule).root)).collect();
    let covered = after(&read, &conditions.read(&expr("true").root));
    (!covered.given_up).then_some(covered.by.is_empty())
}

#[test]
fn what_would_take_a_search_through_everything_is_given_up_and_said_to_be() {
    assert_eq!(leave_something(&pigeons(4, 3)), Some(false));
    assert_eq!(leave_something(&pigeons(4, 4)), Some(true));
    assert_eq!(leave_something(&pigeons(8, 7)), None);
    // Sixty-four rules of which each can fail in two ways are no search: what is left is seen at once.
    let many: Vec<String> =
        (0..64).map(|at| format!("r.text.contains('a{at}') && r.n > {at} || r.text.contains('b{}') && r.m < -{at}", at % 7)).collect();
    assert_eq!(leave_something(&many), Some(true));
}

#[test]
fn a_choice_in_the_question_of_a_choice_is_read_as_far_as_it_has_a_size() {
    let chained = (0..20).fold("r.flag".to_owned(), |text, at| format!("({text} ? r.n > {at} : r.m > {at})"));
    assert_eq!(together(&[&chained, &format!("!({chained})")]), Answer::GivenUp);
    assert_eq!(leave_something(&[chained]), None);
}

#[test]
fn constants_compare_as_they_are() {
    assert!(never(&["1 > 2"]) && never(&["r.n > 1 && 'a' == 'b'"]) && !never(&["1 < 2"]) && !never(&["r.n > 1 || 1 > 2"]));
    // What never holds takes nothing from another.
    assert_eq!(covered("r.n > 1", &["1 > 2"]), Vec::<usize>::new());
}

/// Conditions of which each can hold and fail in several ways, as people write them by the hundred.
fn bounds(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("r.n > {at} && r.text == 'x{at}' || r.m == {at} && (r.kind != 'a' || r.x > {at}.5)")).collect()
}

#[test]
fn hundreds_of_conditions_are_held_against_hundreds_for_what_each_of_them_is_granted() {
    let (scope, types) = (scope(), types());
    let conditions = Conditions::of(&scope, &types);
    for count in [100, 400] {
        let read: Vec<Reading> = bounds(count).iter().map(|text| conditions.read(&expr(text).root)).collect();
        let (near, far) = read.split_at(64);
        let near: Vec<&Reading> = near.iter().collect();
        let mut ways = Ways::default();
        let before = ways.work();
        read.iter().for_each(|reading| ways.also_fails(reading));
        for at in 0..count {
            // Each asks for a number and a text of its own, so that no way that is known suits it.
            let asked = conditions.read(&expr(&format!("r.n == {} && r.text == 'y{at}'", at + 1)).root);
            let Covered { by, given_up, beyond } = ways.covered(&asked, &near, far.iter());
            assert!(by.is_empty() && !given_up && !beyond, "{at} of {count}");
        }
        assert!(ways.work() >= before, "{count}: {} of {before} are left", ways.work());
    }
}

#[test]
fn a_place_has_so_much_work_in_all_and_then_says_that_it_gave_up() {
    let (scope, types) = (scope(), types());
    let conditions = Conditions::of(&scope, &types);
    let read: Vec<Reading> = pigeons(8, 7).iter().map(|rule| conditions.read(&expr(rule).root)).collect();
    let read: Vec<&Reading> = read.iter().collect();
    let mut ways = Ways::default();
    read.iter().for_each(|reading| ways.also_fails(reading));
    let asked = |at: usize| conditions.read(&expr(&format!("r.n == {at}")).root);
    let given_up = (0..1_000).filter(|at| ways.covered(&asked(*at), &read, std::iter::empty()).given_up).count();
    assert_eq!((given_up, ways.work() < 2_000), (1_000, true));
}

#[test]
fn a_way_that_is_kept_is_one_of_all_conditions_before() {
    let (scope, types) = (scope(), types());
    let conditions = Conditions::of(&scope, &types);
    let read = |text: &str| conditions.read(&expr(text).root);
    let earlier = ["r.n < 5 || r.flag", "r.n > 5 || r.kind == 'a'", "r.m == 3"].map(read);
    let mut ways = Ways::default();
    for (at, condition) in earlier.iter().enumerate() {
        let before: Vec<&Reading> = earlier.iter().take(at).collect();
        assert!(ways.covered(condition, &before, std::iter::empty()).by.is_empty());
        ways.also_fails(condition);
    }
    let before: Vec<&Reading> = earlier.iter().collect();
    let covered = |ways: &mut Ways, text: &str| ways.covered(&read(text), &before, std::iter::empty()).by;
    // What fails them all has `n` at 5.
    assert_eq!(covered(&mut ways, "r.n == 5 && r.m < 3"), Vec::<usize>::new());
    assert_eq!(covered(&mut ways, "r.n == 4"), [0]);
    assert_eq!(covered(&mut ways, "r.n != 5"), [0, 1]);
    assert_eq!(covered(&mut ways, "r.flag || r.m == 3"), [0, 2]);
    assert_eq!(covered(&mut ways, "r.m == 4"), Vec::<usize>::new());
    // Beyond those that are asked, one may take the rest.
    let Covered { by, beyond, .. } = ways.covered(&read("r.m == 3"), &before[..2], before[2..].iter().copied());
    assert_eq!((by, beyond), (Vec::new(), true));
}
