//! Bounds of each kind of step, with figures computed by hand.

mod costs;
mod growing;
mod multiplying;
mod times;

use super::Bound;
use crate::compile::{Repository, compile};
use crate::plan::Plan;

/// What every test may name. A call takes up to 10 s and is tried three times, with pauses of up to 1 and 2 s: 33 s.
const SHOP: &str = r#"
project "example" { currency "USD"; setting "patience" duration "3m" }
team "support" { member "ana@shop.example" }
type "order" { field "id" string max=10; field "note" string; field "total" money; field "due" timestamp; field "days" int min=0 max=5 }
type "answer" { field "yes" bool }
type "note" { field "text" string }
type "ping" { field "id" string }
enum "kinds" good bad
connector "shop" version="1" {
    base-url "https://shop.example"
    timeout connect="2s" total="10s"
    retry max=2 from="1s" to="5s"
    operation "order.get" effect=read {
        request { field "id" string }
        http GET "/orders/{id}"
        response "order" at="=body"
    }
    operation "order.tag" effect=reversible {
        request { field "id" string }
        http PUT "/orders/{id}/tag"
        target "=request.id"
        idempotent natural
        undo { call "shop.order.tag" id="=request.id" }
    }
    operation "order.ship" effect=compensable {
        request { field "id" string }
        http POST "/orders/{id}/ship" { header "Idempotency-Key" "=effect.key" }
        target "=request.id"
        idempotent key="=effect.key" for="24h"
        lookup { call "shop.order.get" id="=request.id"; done when="found.note == 'shipped'" }
        undo { call "shop.order.tag" id="=request.id" }
    }
    operation "order.print" effect=irreversible {
        request { field "id" string }
        http POST "/orders/{id}/print"
        target "=request.id"
        lookup { call "shop.order.get" id="=request.id"; done when="found.note == 'printed'" }
    }
    webhook "/hooks" { verify hmac=sha256 header="X" encoding=hex secret="=account.secret"; id "=headers['x-id']" }
    account "main" { field "secret" string secret }
    event "paid" when="true" { payload "ping" { id "=string(body.id)" } }
}
policy "prints" {
    on "shop.order.print"
    limit "many" count=5 per=day else=escalate to="support" within="2h" on-timeout=deny
    escalate "odd" when="effect.id == 'odd'" to="support" within="1h" on-timeout=deny
}
model "kind" provider=linear rows="rows.jsonl" label="kind" { price "0.02 USD"; can classify }
model "writer" provider=anthropic name="writer" { price input="2 USD" output="10 USD" per="1M tokens"; context 100000; max-output 1000; can text tools vision }
model "other" provider=mistral name="other" { price "0.10 EUR"; context 8000; max-output 500; can text tools }
route "kind" needs=classify { candidate "kind"; value "good" confidence=0.0 }
route "copy" needs=text { candidate "writer"; fail "nobody" ; repairs 2 }
route "quick" needs=text deadline="20s" { candidate "writer"; candidate "other" hedge="p95"; person "support" within="4h" on-timeout=fail; repairs 0 }
critic "tone" of="note" as="draft" { judge route="copy" min=0.5 prompt="Good?" }
"#;

fn compiled(text: &str) -> Result<Plan, Vec<String>> {
    let rows = "{\"text\":\"x\",\"kind\":\"good\"}\n{\"text\":\"y\",\"kind\":\"bad\"}\n";
    let configuration = [("tradewind.kdl".to_owned(), SHOP.to_owned()), ("flow.kdl".to_owned(), text.to_owned())];
    let read = |_: &str| Some(rows.to_owned());
    let compiled = compile(&Repository { configuration: &configuration, library: &[], read: &read, environment: None });
    let found = compiled.diagnostics.iter().map(|found| format!("{} {}", found.code.id, found.message)).collect();
    compiled.plan.ok_or(found)
}

/// The bound of the flow `f` with these steps, which has an order for its input.
fn bound(steps: &str) -> Bound {
    let text = if steps.contains("flow \"f\"") {
        steps.to_owned()
    } else {
        format!("flow \"f\" {{\n    input \"order\"\n    deadline \"90d\"\n{steps}\n}}")
    };
    let plan = compiled(&text).unwrap_or_else(|found| panic!("{text}\n{found:#?}"));
    plan.bound(&plan.flows["f"])
}

#[test]
fn a_bound_above_a_cap_is_said_beside_it() {
    let text = r#"flow "f" {
        input "order"
        deadline "1m"
        cost-cap "0.015 USD"
        observe "order" { call "shop.order.get" id="=input.id" }
        decide "note" { draft "note" route="copy" prompt="Write about {{ order.id }}." }
    }"#;
    let plan = compiled(text).unwrap();
    let flow = &plan.flows["f"];
    let lines = plan.bound(flow).words(flow, plan.project.currency);
    assert_eq!(
        lines,
        [
            "deadline 1m; waits for people do not count",
            "takes at most 3m 33s by itself; the deadline may end it before",
            "longest path: order 33s, note 3m",
            "beyond that, a provider out of reach holds a run until the deadline; one that asks to be left alone, for up to a day",
            "cost cap 0.015 USD",
            "models cost at most 0.060894 USD; the cap may end it before",
        ]
    );
}
