//! How dear.

use super::bound;
use crate::bound::price::FRAME;
use crate::money::Money;

/// What the writer costs for so many tokens read and written, in millionths of a dollar.
fn writer(read: u64, written: u64) -> u64 {
    2 * read + 10 * written
}

/// The bound in millionths of a dollar; nothing else is spent.
fn micros(steps: &str) -> u64 {
    let cost = bound(steps).cost;
    assert!(cost.open.is_empty(), "{cost:?}");
    let amounts: Vec<Money> = cost.most.amounts().collect();
    assert!(amounts.iter().all(|money| money.currency.as_str() == "USD"), "{amounts:?}");
    amounts.first().map_or(0, |money| (money.amount * rust_decimal::Decimal::from(1_000_000)).to_string().parse::<f64>().unwrap() as u64)
}

/// A draft by the route `copy` of a prompt of so many bytes: the first call, and two repairs that read what was written before.
fn copy(bytes: u64) -> u64 {
    (0..3).map(|repair| writer(bytes + FRAME + repair * (1_000 + FRAME), 1_000)).sum()
}

/// The same where nothing says how long the text is.
const WHOLE: u64 = 3 * (2 * 100_000 + 10 * 1_000);

#[test]
fn a_fixed_price_is_paid_for_each_candidate() {
    assert_eq!(micros(r#"decide "a" { classify "kinds" route="kind" text="=input.note" }"#), 20_000);
}

#[test]
fn tokens_are_the_bytes_of_the_text_and_the_longest_answer() {
    // `Write about {{ input.id }}.`: 13 bytes of text, and 10 characters of up to 4 bytes.
    assert_eq!(micros(r#"decide "a" { draft "note" route="copy" prompt="Write about {{ input.id }}." }"#), copy(13 + 40));
    assert_eq!(micros(r#"decide "a" { draft "note" route="copy" prompt="{{ input.days }} {{ input.id | upper }}" }"#), copy(1 + 20 + 120));
    // A branch is counted whether it is taken or not.
    let text = "{% if input.days > 1 %}Many {{ input.id }}{% else %}Few{% endif %}";
    assert_eq!(micros(&format!(r#"decide "a" {{ draft "note" route="copy" prompt="{text}" }}"#)), copy(5 + 40 + 3));
}

#[test]
fn a_text_of_any_length_counts_as_all_that_a_model_can_read() {
    let cost = bound(r#"decide "a" { draft "note" route="copy" prompt="{{ input.note }}" }"#).cost;
    assert_eq!(cost.whole_context, ["a"]);
    assert_eq!(micros(r#"decide "a" { draft "note" route="copy" prompt="{{ input.note }}" }"#), WHOLE);
}

#[test]
fn currencies_are_never_added_up() {
    let cost = bound(r#"decide "a" { draft "note" route="quick" prompt="Write." }"#).cost;
    // No repairs; the second candidate is hedged.
    let said: Vec<String> = cost.most.amounts().map(|money| money.to_string()).collect();
    assert_eq!(writer(6 + FRAME, 1_000), 14_108);
    assert_eq!(said, ["0.20 EUR", "0.014108 USD"]);
}

#[test]
fn a_choice_costs_its_dearest_arm_and_a_loop_each_item() {
    let draft = |name: &str| format!(r#"decide "{name}" {{ draft "note" route="copy" prompt="Write." }}"#);
    let choice = format!(
        r#"choose "way" {{
            when "input.id == 'x'" {{ {} }}
            otherwise {{ {}; {} }}
        }}"#,
        draft("a"),
        draft("b"),
        draft("c")
    );
    assert_eq!(micros(&choice), 2 * copy(6));
    let each = format!(
        r#"flow "f" {{ input {{ field "ids" list<string> max=7 }}
            each "all" in="=input.ids" max=7 max-parallel=7 {{ {} }} }}"#,
        draft("a")
    );
    assert_eq!(micros(&each), 7 * copy(6));
}

#[test]
fn a_reflection_and_an_agent_pay_for_every_turn() {
    let reflect = r#"
        decide "draft" { draft "note" route="copy" prompt="Write." }
        reflect "good" of="draft" max-revisions=2 else=stop { critic "tone" }"#;
    // What is wrong with a version is told when it is written anew, and nothing says how long that is.
    assert_eq!(micros(reflect), copy(6) + 3 * copy(5) + 2 * WHOLE);
    let agent = r#"agent "a" type="note" route="copy" max-steps=4 { user "Look."; tool "shop.order.get" as="look_up" max-calls=3 { fixed id="=input.id" } }"#;
    assert_eq!(micros(agent), 4 * WHOLE);
}

#[test]
fn another_flow_costs_what_it_costs_up_to_its_own_cap() {
    let flows = |cap: &str| {
        format!(
            r#"flow "f" {{ input "order"; act "a" {{ flow "g" id="=input.id" }}; act "b" {{ flow "g" id="=input.id" }} }}
            flow "g" {{ input {{ field "id" string }}; {cap}; decide "a" {{ draft "note" route="copy" prompt="Write." }} }}"#
        )
    };
    assert_eq!(micros(&flows("priority normal")), 2 * copy(6));
    assert_eq!(micros(&flows("cost-cap \"0.02 USD\"")), 40_000);
}

#[test]
fn budgets_of_a_route_cap_what_it_costs() {
    let flow = |budget: &str| {
        format!(
            r#"route "held" needs=text {{ candidate "writer"; fail "nobody"; repairs 2; {budget} }}
            flow "f" {{
                input "order"
                decide "a" {{ draft "note" route="held" prompt="Write." }}
                decide "b" {{ draft "note" route="held" prompt="Write." }}
            }}"#
        )
    };
    assert_eq!(micros(&flow("budget \"5 USD\" per=task")), 2 * copy(6));
    assert_eq!(micros(&flow("budget \"0.01 USD\" per=task")), 20_000);
    assert_eq!(micros(&flow("budget \"0.01 USD\" per=run")), 10_000);
    assert_eq!(micros(&flow("budget \"0.01 USD\" per=day")), 2 * copy(6), "a run may last longer than a day");
}

#[test]
fn a_model_without_a_longest_answer_has_no_bound() {
    let flow = r#"model "open" provider=anthropic name="open" { price input="2 USD" output="10 USD" per="1M tokens"; context 1000; can text }
        route "open" needs=text { candidate "open"; fail "nobody" }
        flow "f" { input "order"; cost-cap "1 USD"; decide "a" { draft "note" route="open" prompt="Write." } }"#;
    let cost = bound(flow).cost;
    let open: Vec<(&str, &str)> = cost.open.iter().map(|open| (open.step.as_str(), open.why.as_str())).collect();
    assert_eq!(open, [("a", "asks `open`, which declares no `max-output`")]);
}

#[test]
fn images_and_seconds_are_paid_where_they_have_a_price() {
    let flow = r#"model "eye" provider=predict name="eye" base-url="https://eye.example" {
            price image="0.002 USD"
            price second="0.001 USD"
            context 1000
            can vision classify
            request "/look" { image "=images[0]" }
            response { label "=body.label"; confidence "=body.score" }
        }
        route "eye" needs=classify { candidate "eye"; value "good" confidence=0.0; repairs 0 }
        type "photo" { field "picture" asset }
        flow "f" { input "photo"; decide "a" { classify "kinds" route="eye" image="=input.picture" } }"#;
    // One image, and a minute.
    assert_eq!(micros(flow), 2_000 + 60_000);
}
