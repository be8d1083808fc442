//! How long.

use super::bound;
use crate::bound::length;
use crate::plan::Micros;

const SECOND: Micros = 1_000_000;
const MINUTE: Micros = 60 * SECOND;
const HOUR: Micros = 60 * MINUTE;
/// Three attempts of 10 s, pauses of 1 and 2 s.
const CALL: Micros = 33 * SECOND;

fn own(steps: &str) -> Micros {
    bound(steps).time.own.micros
}

/// By itself, and what people add.
fn both(steps: &str) -> (Micros, Micros) {
    let time = bound(steps).time;
    (time.own.micros, time.with_people.micros - time.own.micros)
}

#[test]
fn a_call_is_its_attempts_and_the_pauses_between() {
    assert_eq!(own(r#"observe "a" { call "shop.order.get" id="=input.id" }"#), CALL);
    // Repeated after a doubt where that is harmless: no longer than after failures.
    assert_eq!(own(r#"act "a" { call "shop.order.tag" id="=input.id" }"#), CALL);
    // Each of three attempts may end in doubt: 10 s, as long again, and a lookup, which is a call.
    assert_eq!(own(r#"act "a" { call "shop.order.ship" id="=input.id" }"#), 3 * (20 * SECOND + CALL));
    // Without a key the first doubt is the last attempt: two that fail with their pauses, then one that is looked up.
    let (print, people) = both(r#"act "a" { call "shop.order.print" id="=input.id" }"#);
    assert_eq!(print, 20 * SECOND + 3 * SECOND + 20 * SECOND + CALL);
    assert_eq!(people, 2 * HOUR, "either rule alone may ask");
}

#[test]
fn an_unconditional_stage_is_always_asked_so_its_time_is_the_longest() {
    let act = |stage: &str| format!(r#"act "a" {{ call "shop.order.print" id="=input.id"; {stage} }}"#);
    assert_eq!(both(&act(r#"stage to="support" within="30m" on-timeout=deny"#)).1, 30 * MINUTE);
    assert_eq!(both(&act(r#"stage to="support" within="5h" on-timeout=deny when="input.note == 'x'""#)).1, 5 * HOUR);
    assert_eq!(both(&act(r#"stage to="support" within="30m" on-timeout=deny when="input.note == 'x'""#)).1, 2 * HOUR);
}

#[test]
fn what_computes_takes_no_time() {
    let steps = r#"
        let "a" "=input.id"
        decide "b" { rule "r" when="a == 'x'" value=1; otherwise value=2 }
        reflect "c" else=continue { require "b.value > 1" }
        decide "d" { classify "kinds" route="kind" text="=input.note" }"#;
    let time = bound(steps).time;
    assert_eq!((time.own.micros, time.with_people.micros, time.calls), (0, 0, false));
}

#[test]
fn a_model_has_a_minute_for_each_attempt_and_a_route_its_deadline() {
    let draft = |route: &str| format!(r#"decide "a" {{ draft "note" route="{route}" prompt="Write." }}"#);
    // One call and two repairs.
    assert_eq!(both(&draft("copy")), (3 * MINUTE, 0));
    // One minute, and two for the hedged one: the route's own deadline ends it; then a person.
    assert_eq!(both(&draft("quick")), (20 * SECOND, 4 * HOUR));
}

#[test]
fn steps_of_one_scope_run_side_by_side_unless_one_waits_for_another() {
    let read = |name: &str, id: &str| format!("observe \"{name}\" {{ call \"shop.order.get\" id=\"={id}\" }}\n");
    assert_eq!(own(&(read("a", "input.id") + &read("b", "input.id"))), CALL);
    assert_eq!(own(&(read("a", "input.id") + &read("b", "a.id"))), 2 * CALL);
    let time = bound(&(read("a", "input.id") + &read("b", "a.id") + &read("c", "input.id"))).time;
    assert_eq!(time.own.legs.iter().map(|leg| leg.step.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    // Acts run in the order of the document, whatever they read.
    assert_eq!(own(r#"act "a" { call "shop.order.tag" id="=input.id" }; act "b" { call "shop.order.tag" id="=input.id" }"#), 2 * CALL);
}

#[test]
fn a_choice_is_its_longest_arm_behind_what_the_arm_waits_for() {
    let steps = r#"
        observe "before" { call "shop.order.get" id="=input.id" }
        choose "way" {
            when "input.id == 'x'" { wait "short" for="1m" }
            otherwise {
                observe "inner" { call "shop.order.get" id="=before.id" }
                observe "next" { call "shop.order.get" id="=inner.id" }
            }
        }
        observe "after" after="way" { call "shop.order.get" id="=input.id" }"#;
    let time = bound(steps).time;
    assert_eq!(time.own.micros, 4 * CALL, "99 s of the second arm are longer than a minute");
    assert_eq!(time.own.words(), "before 33s, inner 33s, next 33s, after 33s");
    assert_eq!(time.declared.micros, MINUTE);
}

#[test]
fn a_loop_is_its_rounds() {
    let each = |parallel: u32| {
        format!(
            r#"flow "f" {{
                input {{ field "ids" list<string> max=25 }}
                each "all" in="=input.ids" max=25 max-parallel={parallel} {{
                    observe "order" {{ call "shop.order.get" id="=item" }}
                    act "tag" {{ call "shop.order.tag" id="=order.id" }}
                }}
            }}"#
        )
    };
    assert_eq!(own(&each(1)), 25 * 2 * CALL);
    assert_eq!(own(&each(10)), 3 * 2 * CALL);
    assert_eq!(own(&each(100)), 2 * CALL);
    assert_eq!(bound(&each(10)).time.own.words(), "all 3m 18s (3 rounds of order 33s, tag 33s)");
    // What only the items wait for is waited for once.
    let outside = r#"flow "f" {
        input { field "id" string; field "ids" list<string> max=6 }
        observe "before" { call "shop.order.get" id="=input.id" }
        each "outer" in="=input.ids" max=6 max-parallel=2 {
            each "inner" in="=['a', 'b']" as="letter" max=2 { act "tag" { call "shop.order.tag" id="=before.id + letter" } }
        }
    }"#;
    assert_eq!(own(outside), CALL + 3 * 2 * CALL);
}

#[test]
fn waits_are_as_long_as_their_expressions_say() {
    let wait = |how: &str| own(&format!("wait \"a\" {how}"));
    assert_eq!(wait(r#"for="2h""#), 2 * HOUR);
    assert_eq!(wait(r#"for="=settings.patience""#), 3 * MINUTE);
    assert_eq!(wait(r#"for="=duration('24h') * (input.days + 1)""#), 6 * 24 * HOUR);
    assert_eq!(wait(r#"for="=input.id == 'x' ? duration('1m') : duration('2m')""#), 2 * MINUTE);
    assert_eq!(wait(r#"until="=run.now + duration('5m')""#), 5 * MINUTE);
    assert_eq!(wait(r#"until="=between(input.due, run.now, run.now + duration('1h'))""#), HOUR);
    assert_eq!(wait(r#"until="=run.now - duration('5m')""#), 0, "that has passed");
    assert_eq!(wait(r#"event="shop.paid" within="21d" on-timeout=skip"#), 21 * 24 * HOUR);
    let open = bound(r#"wait "a" until="=input.due""#).time;
    assert_eq!((open.own.micros, open.open.len()), (0, 1));
}

#[test]
fn a_wait_until_a_fixed_instant_ends_there() {
    let told = |how: &str| {
        let time = bound(&format!("wait \"a\" {how}")).time;
        (time.open.len(), time.fixed.iter().map(|fixed| fixed.why.clone()).collect::<Vec<_>>(), time.declared.micros)
    };
    assert_eq!(told(r#"until="2026-12-24T00:00:00Z""#), (0, vec!["waits until `2026-12-24T00:00:00Z`".to_owned()], 0));
    assert_eq!(told(r#"until="=timestamp('2026-12-24T00:00:00Z')""#).0, 0);
    assert_eq!(told(r#"until="=least(input.due, timestamp('2026-12-24T00:00:00Z') + duration('1h'))""#).0, 0);
    assert_eq!(told(r#"until="=between(input.due, run.now, timestamp('2026-12-24T00:00:00Z'))""#).0, 0);
    assert_eq!(told(r#"until="=greatest(input.due, timestamp('2026-12-24T00:00:00Z'))""#).0, 1);
    let act = bound(r#"act "a" not-before="2020-01-01T00:00:00Z" { call "shop.order.tag" id="=input.id" }"#).time;
    assert_eq!((act.open.len(), act.fixed.len(), act.declared.micros), (0, 1, 0));
}

#[test]
fn an_act_that_is_held_back_waits_first() {
    let act = r#"act "a" not-before="=run.now + duration('2h')" { call "shop.order.tag" id="=input.id" }"#;
    let time = bound(act).time;
    assert_eq!((time.own.micros, time.declared.micros), (2 * HOUR + CALL, 2 * HOUR));
}

#[test]
fn a_wait_that_grows_with_its_place_is_summed_round_by_round() {
    let each = |parallel: u32| {
        format!(
            r#"flow "f" {{
                input {{ field "ids" list<string> max=5 }}
                each "all" in="=input.ids" index="n" max=5 max-parallel={parallel} {{ wait "a" for="=duration('1m') * (n + 1)" }}
            }}"#
        )
    };
    assert_eq!(own(&each(1)), (1 + 2 + 3 + 4 + 5) * MINUTE);
    assert_eq!(own(&each(2)), (2 + 4 + 5) * MINUTE);
    assert_eq!(own(&each(5)), 5 * MINUTE);
}

#[test]
fn a_step_with_a_deadline_takes_no_longer() {
    assert_eq!(own(r#"observe "a" deadline="12s" { call "shop.order.get" id="=input.id" }"#), 12 * SECOND);
}

#[test]
fn people_are_a_figure_of_their_own_and_count_where_the_flow_says_so() {
    let ask = r#"ask "a" to="support" within="8h" on-timeout=stop { question "Well?"; answer "answer" }"#;
    assert_eq!(both(ask), (0, 8 * HOUR));
    assert_eq!(bound(ask).time.declared.micros, 0);
    let counted = format!("flow \"f\" {{ input \"order\"; deadline \"9h\" counts=people\n{ask}\n}}");
    assert_eq!(bound(&counted).time.declared.micros, 8 * HOUR);
}

#[test]
fn a_reflection_judges_every_version_and_writes_all_but_the_first() {
    let steps = r#"
        decide "draft" { draft "note" route="copy" prompt="Write." }
        reflect "good" of="draft" max-revisions=2 else=escalate { critic "tone"; escalate to="support" within="1h" on-timeout=stop }"#;
    // A draft; then three judgements and two drafts, 3 minutes each.
    assert_eq!(both(steps), (3 * MINUTE + (3 + 2) * 3 * MINUTE, HOUR));
}

#[test]
fn an_agent_takes_its_turns_with_the_slowest_tool() {
    let steps = r#"agent "a" type="note" route="copy" max-steps=4 {
        user "Look."
        tool "shop.order.get" as="look_up" max-calls=3 { fixed id="=input.id" }
        require "size(a.text) > 0"
    }"#;
    assert_eq!(own(steps), 4 * (3 * MINUTE + CALL));
}

#[test]
fn another_flow_takes_what_it_takes_until_its_own_deadline() {
    let flows = |deadline: &str| {
        format!(
            r#"flow "f" {{ input "order"; act "a" {{ flow "g" id="=input.id" }}; act "b" {{ flow "g" id="=input.id" }} }}
            flow "g" {{
                input {{ field "id" string }}
                {deadline}
                act "ship" {{ call "shop.order.ship" id="=input.id" }}
                ask "c" to="support" within="8h" on-timeout=stop {{ question "Well?"; answer "answer" }}
            }}"#
        )
    };
    let ship = 3 * (20 * SECOND + CALL);
    assert_eq!(both(&flows("")), (2 * ship, 16 * HOUR));
    // What it began by its deadline is finished.
    assert_eq!(both(&flows("deadline \"1s\"")).0, 2 * ship);
    let reads = r#"flow "f" { input "order"; act "a" { flow "g" id="=input.id" } }
        flow "g" { input { field "id" string }; deadline "5s"; observe "order" { call "shop.order.get" id="=input.id" } }"#;
    assert_eq!(own(reads), 5 * SECOND);
}

#[test]
fn what_follows_a_failure_is_apart() {
    let text = r#"flow "f" {
        input "order"
        act "ship" { call "shop.order.ship" id="=input.id" }
        act "tag" on-error=undo { call "shop.order.tag" id="=input.id" }
        on-failure { act "note" { call "shop.order.tag" id="=input.id" }; wait "a" for="1m" }
    }"#;
    let time = bound(text).time;
    assert_eq!(time.own.micros, 3 * (20 * SECOND + CALL) + CALL);
    assert_eq!(time.after_failure, CALL + CALL + CALL + MINUTE, "the tag and the shipment are taken back, then the flow's own steps");
    assert_eq!((time.closing, time.doubts.len()), (3 * (20 * SECOND + CALL), 2));
}

#[test]
fn time_is_said_in_the_words_of_people() {
    let said = [0, 1, 1_500_000, 59 * SECOND, MINUTE, HOUR + 30 * SECOND, 49 * HOUR].map(length);
    assert_eq!(said, ["0s", "0.000001s", "1.5s", "59s", "1m", "1h 30s", "2d 1h"]);
}
