//! A flow that does more takes no less and costs no less.

use super::compiled;
use crate::bound::Bound;

/// Steps that need nothing of each other, or only what stands before them in this list.
const STEPS: &[&str] = &[
    r#"observe "a" { call "shop.order.get" id="=input.id" }"#,
    r#"observe "b" { call "shop.order.get" id="=a.id" }"#,
    r#"decide "c" { classify "kinds" route="kind" text="=input.note" }"#,
    r#"decide "d" { draft "note" route="copy" prompt="Write about {{ input.id }}." }"#,
    r#"reflect "e" of="d" max-revisions=1 else=continue { critic "tone" }"#,
    r#"act "f" { call "shop.order.tag" id="=b.id" }"#,
    r#"choose "g" {
            when "c.label == 'bad'" { act "g1" { call "shop.order.ship" id="=a.id" } }
            otherwise { wait "g2" for="1m"; decide "g3" { draft "note" route="quick" prompt="{{ input.note }}" } }
        }"#,
    r#"each "h" in="=['x', 'y', 'z']" max=3 max-parallel=2 { act "h1" { call "shop.order.tag" id="=b.id + item" } }"#,
    r#"ask "i" to="support" within="3h" on-timeout=stop { question "Well?"; answer "answer" }"#,
    r#"wait "j" event="shop.paid" within="2d" on-timeout=skip"#,
    r#"act "k" { call "shop.order.print" id="=a.id" }"#,
    r#"agent "l" type="note" route="copy" max-steps=2 { user "Look."; tool "shop.order.get" as="look_up" max-calls=1 { fixed id="=input.id" } }"#,
];
/// Which earlier steps each of them names.
const NEEDS: &[&[usize]] = &[&[], &[0], &[], &[], &[3], &[0, 1], &[0, 2], &[0, 1], &[], &[], &[0], &[]];

fn of(chosen: &[usize]) -> Bound {
    let steps: Vec<&str> = chosen.iter().map(|at| STEPS[*at]).collect();
    let text = format!("flow \"f\" {{\n    input \"order\"\n    deadline \"90d\"\n    {}\n}}", steps.join("\n    "));
    let plan = compiled(&text).unwrap_or_else(|found| panic!("{text}\n{found:#?}"));
    plan.bound(&plan.flows["f"])
}

#[test]
fn the_bound_of_a_flow_never_gets_smaller_when_a_step_is_added() {
    let mut state = 3_u64;
    let mut below = |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % end
    };
    for _ in 0..8 {
        // Steps in a random order in which each can be added; each flow stands in the order of the list.
        let mut chosen: Vec<usize> = Vec::new();
        let mut before: Option<Bound> = None;
        while chosen.len() < STEPS.len() {
            let next = below(STEPS.len());
            if chosen.contains(&next) || !NEEDS[next].iter().all(|need| chosen.contains(need)) {
                continue;
            }
            chosen.push(next);
            chosen.sort_unstable();
            let bound = of(&chosen);
            if let Some(before) = &before {
                let (old, new) = (&before.time, &bound.time);
                let times = [(old.own.micros, new.own.micros), (old.with_people.micros, new.with_people.micros)];
                let others = [(old.declared.micros, new.declared.micros), (old.closing, new.closing)];
                assert!(times.iter().chain(&others).all(|(old, new)| old <= new), "{chosen:?}: {old:#?} became {new:#?}");
                let costs = before
                    .cost
                    .most
                    .amounts()
                    .all(|old| bound.cost.most.amounts().any(|new| new.currency == old.currency && new.amount >= old.amount));
                assert!(costs, "{chosen:?}: {:?} became {:?}", before.cost, bound.cost);
            }
            before = Some(bound);
        }
    }
}
