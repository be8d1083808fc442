//! What is proved of conditions, and what is left open because it is not certain.

use super::Conditions;
use crate::ast::{Literal, Scalar};
use crate::expr::{Expr, Scope, check};
use crate::source::{SourceId, Span};
use crate::ty::{Field, Marks, Record, Ty, TypeTable};

fn types() -> TypeTable {
    let field = |name: &str, ty| Field {
        name: name.to_owned(),
        ty,
        marks: Marks::default(),
        default: None,
        min: None,
        max: None,
        pattern: None,
        label: None,
    };
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

/// Whether it is proved that these cannot hold together.
fn never(conditions: &[&str]) -> bool {
    let exprs: Vec<Expr> = conditions.iter().map(|text| expr(text)).collect();
    let trees: Vec<_> = exprs.iter().map(|expr| &expr.root).collect();
    Conditions::of(&scope(), &types()).conflict(&trees, &[]).is_some()
}

fn covered(condition: &str, earlier: &[&str]) -> Vec<usize> {
    let exprs: Vec<Expr> = earlier.iter().map(|text| expr(text)).collect();
    let trees: Vec<_> = exprs.iter().map(|expr| &expr.root).collect();
    Conditions::of(&scope(), &types()).covered_by(&expr(condition).root, &trees)
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
    ] {
        assert!(never(&[condition]), "{condition}");
    }
}

#[test]
fn what_may_hold_is_left_alone() {
    for condition in [
        "r.n > 4 && r.n < 6",
        "r.x > 4.0 && r.x < 5.0",
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
    assert!(!never(&[&parts.join(" && ")]));
}
