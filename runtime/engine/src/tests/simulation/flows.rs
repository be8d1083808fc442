//! The shop of the simulation: flows that use every kind of step that the engine runs.

use super::super::world::{PROJECT, TRIAGE, plan};
use super::branches::{BRANCHES, PLACES, rollout};
use super::letters::LETTERS;
use super::moving::{AFTER, BEFORE};
use super::shelves::SHELVES;
use super::sold::SOLD;
use super::talking::TALKING;
use super::together::TOGETHER;
use crate::pinned::Pinned;
use std::sync::Arc;

/// What `desk.page` says: nothing makes it harmless to send twice.
const OTHERS: &str = r#"
type "line" { field "id" string; field "amount" money; field "good" bool }
type "claim" { field "order" string; field "lines" list<line> }
type "whole" { field "order" string; field "orders" list<claim> }
type "wish" { field "id" string; field "order" string; field "amount" money }
type "text" { field "id" string; field "one" string; field "two" string; field "three" string }
type "texts" { field "id" string; field "all" list<text> }
type "paid" { field "order_id" string; field "amount" int; field "note" string default="" }
type "shipped" { field "order_id" string }
type "parcel" { field "order_id" string; field "weight" int }
type "seen" { field "page" string }
type "stock.held" { field "id" string; field "order_id" string }
type "stock.level" { field "id" string; field "count" int }
connector "stock" version="1" {
    base-url "http://127.0.0.1:1/stock"
    timeout connect="2s" total="10s"
    retry max=3 from="100ms" to="5s" { when "status == 503" }
    operation "hold" effect=compensable {
        request { field "order_id" string; field "part" string }
        http POST "/holds" { header "Idempotency-Key" "=effect.key"; body { order_id "=request.order_id" } }
        response "stock.held" at="=body.hold"
        target "=request.order_id"
        idempotent key="=effect.key" for="24h"
        before { call "stock.level" id="=request.order_id" }
        undo { call "stock.release" id="=response.id" }
        lookup { call "stock.find" key="=effect.key"; done when="size(found) > 0" result="=found[0]" }
    }
    operation "release" effect=irreversible {
        request { field "id" string }
        http POST "/releases" { header "Idempotency-Key" "=effect.key"; body { id "=request.id" } }
        response "desk.sent" at="=body.release"
        idempotent key="=effect.key" for="24h"
    }
    operation "level" effect=read {
        request { field "id" string }
        http GET "/levels/{id}"
        response "stock.level" at="=body.level"
    }
    operation "find" effect=read {
        request { field "key" string }
        http GET "/holds" { query { key "=request.key" } }
        response list<stock.held> at="=body.holds"
    }
}
policy "stock" owner="leads" {
    on "stock.hold"
    limit "flood" count=10000 per=day
    escalate "odd" when="before.count > 100" to="leads" within="2h" on-timeout=deny
}
policy "releases" owner="leads" { on "stock.release"; limit "flood" count=10000 per=day }
flow "reserve" {
    summary "Hold two parts and say so, or neither"
    input "wish"
    key "=input.id"
    deadline "5h"
    act "hold" { call "stock.hold" order_id="=input.order" part="=input.id + '-one'" }
    act "more" on-error=undo { call "stock.hold" order_id="=input.order" part="=input.id + '-two'" }
    act "tell" on-error=undo { call "desk.reply" message_id="=input.id" words="Held" }
    output { held "=steps.more.ran" }
}
flow "revert" {
    summary "Take back what was held last for an order"
    input "wish"
    key "=input.id"
    act "back" on-error=skip { undo flow="reserve" step="hold" where="effect.order_id == input.order" last=2 since="14d" }
    output { ran "=steps.back.ran" }
}
flow "credits" {
    summary "Credit the lines of an order"
    input "claim"
    key "=input.order"
    deadline "6h"
    each "lines" in="=input.lines" as="line" index="n" key="=line.id" where="line.good" max=20 max-parallel=2 {
        act "credit" deadline="5m" { call "pay.credit" order_id="=input.order" amount="=line.amount" line="=input.order + '-' + line.id" }
        output { id "=line.id"; place "=n" }
    }
    output { count "=size(lines)" }
    on-failure {
        act "tell" { call "desk.reply" message_id="=input.order" words="=failure.step + ' failed: ' + failure.message" }
        remember "log" in="notes" subject="=input.order" {
            - customer_id="=input.order" handled="=failure.step"
            - customer_id="=input.order" handled="=failure.kind"
        }
    }
}
flow "outer" {
    summary "Credit several orders"
    input "whole"
    key "=input.order"
    deadline "8h"
    each "orders" in="=input.orders" as="order" max=5 max-parallel=2 deadline="7h" on-error=skip {
        act "inner" { flow "credits" order="=order.order" lines="=order.lines" }
        output { order "=order.order"; count "=inner.count" }
    }
    output { done "=size(orders)" }
}
flow "gift" priority=high {
    summary "Credit what two people signed"
    input "wish"
    key "=input.id"
    deadline "12h"
    act "credit" on-denied="skip" {
        call "pay.credit" order_id="=input.order" amount="=input.amount" line="='gift-' + input.id"
        stage to="leads" within="6h" on-timeout=deny quorum=2 { editable "amount" }
    }
    output { ran "=steps.credit.ran" }
}
flow "alarm" {
    summary "Page somebody"
    input "wish"
    key "=input.id"
    act "page" on-error=skip { call "desk.page" text="=input.order" }
    output { ran "=steps.page.ran" }
}
flow "queue" {
    summary "One after the other"
    input "wish"
    key "=input.id"
    concurrency key="=input.order" busy=queue
    deadline "3h"
    wait "rest" for="5m"
    act "tell" { call "desk.reply" message_id="=input.id" words="Done" }
    output { ran "=steps.tell.ran" }
}
flow "single" {
    summary "Only where none is at work"
    input "wish"
    key "=input.id"
    concurrency key="=input.order" busy=skip
    wait "rest" for="2m"
    act "tell" { call "desk.reply" message_id="=input.id" words="Done" }
    output { ran "=steps.tell.ran" }
}
flow "newest" priority=low {
    summary "The newest replaces the others"
    input "wish"
    key "=input.id"
    concurrency key="=input.order" busy=replace
    act "credit" on-denied="skip" on-error=skip { call "pay.credit" order_id="=input.order" amount="=input.amount" line="='newest-' + input.id" }
    wait "rest" for="3m"
    output { ran "=steps.credit.ran" }
}
flow "later" {
    summary "Write later"
    input "wish"
    key "=input.id"
    deadline "9h"
    observe "order" deadline="45s" on-error=skip { call "shop.order.get" id="=input.order" }
    act "write" not-before="=run.now + duration('2h')" { call "desk.reply" message_id="=input.id" words="Hello" }
    output { known "=steps.order.ran" }
}
flow "sort" {
    summary "As many as the cap allows"
    input "text"
    key "=input.id"
    cost-cap "0.02 USD"
    decide "first" { classify "kinds" route="kind" text="=input.one" }
    decide "second" when="steps.first.ran" { classify "kinds" route="kind" text="=input.two" }
    decide "third" when="steps.second.ran" { classify "kinds" route="kind" text="=input.three" }
    decide "which" {
        rule "all" when="first.label == 'praise'" value="good"
        otherwise value="mixed"
    }
    output { which "=which.value" }
}
flow "sift" {
    summary "Several at once, under one cap"
    input "texts"
    key "=input.id"
    cost-cap "0.03 USD"
    each "all" in="=input.all" as="text" key="=text.id" max=20 max-parallel=2 {
        decide "kind" { classify "kinds" route="kind" text="=text.one" }
        output { kind "=kind.label" }
    }
    output { count "=size(all)" }
}
flow "letters" {
    summary "Tell several what somebody has read"
    input "texts"
    key "=input.id"
    deadline "9h"
    each "all" in="=input.all" as="text" key="=text.id" max=20 max-parallel=2 {
        act "tell" on-denied="skip" on-error=skip {
            call "desk.reply" message_id="=text.id" words="=text.one"
            stage to="leads" within="6h" on-timeout=deny batch=run { then to="finance" within="2h" }
        }
        output { ran "=steps.tell.ran" }
    }
    output { count "=size(all)" }
}
flow "ship" {
    summary "Ship what is paid"
    input { field "order_id" string; field "amount" int }
    key "=input.order_id"
    deadline "2d"
    trigger event="paid" where="event.amount > 10"
    wait "parcel" event="parcel" where="event.order_id == input.order_id" within="2h" on-timeout=skip
    act "thank" { call "desk.reply" message_id="=input.order_id" words="=string(parcel.weight.or(0))" }
    act "tell" { emit "shipped" order_id="=input.order_id" }
    output { came "=steps.parcel.ran" }
}
flow "count" {
    summary "Count what is shipped"
    input "shipped"
    trigger event="shipped"
    let "order" "=input.order_id"
    output { order "=order" }
}
flow "strict" {
    summary "Two parcels, or none"
    input "wish"
    key "=input.id"
    wait "first" event="parcel" within="1h" on-timeout=stop
    wait "second" event="parcel" within="1h" on-timeout=stop
    output { sum "=first.weight + second.weight" }
}
flow "look" {
    summary "Look at what was seen"
    input "seen"
    trigger event="seen" debounce="10s"
    let "page" "=input.page"
    output { page "=page" }
}
flow "every" {
    summary "By the clock, each"
    trigger every="6h" catch-up=all
    let "now" "=run.now"
    output { at "=now" }
}
flow "daily" {
    summary "By the clock on the wall, the latest"
    trigger every=day at="02:30" catch-up=latest
    let "now" "=run.now"
    output { at "=now" }
}
flow "punctual" {
    summary "By the clock, or not at all"
    trigger cron="15 1,2 * * *" catch-up=skip time-zone="Europe/Berlin"
    let "now" "=run.now"
    output { at "=now" }
}
policy "credits" owner="leads" {
    on "pay.credit"
    deny "huge" when="effect.amount > '1000 USD'"
    limit "daily" sum="=effect.amount" max="900 USD" per=day
    escalate "large" when="effect.amount > '200 USD'" to="leads" within="6h" on-timeout=deny {
        then to="finance" within="3h"
        then to="leads" within="1h"
    }
}
policy "pages" owner="leads" {
    on "desk.page"
    limit "flood" count=2 per="1h" else=escalate to="finance" within="3h" on-timeout=deny
}
"#;

/// The plans of the simulation.
pub(super) struct Plans {
    /// Every flow of it.
    pub(super) shop: Arc<Pinned>,
    /// What a reload brings: the same but for `moving`, for what an amount is in euros, and for the share of a rollout.
    pub(super) reloaded: Arc<Pinned>,
}

/// Every flow of the simulation, compiled; twice, as a reload brings another plan.
pub(super) fn plans() -> Plans {
    let project = |rate: &str| {
        let exchange = format!("currency \"USD\"\n    exchange \"1 USD\" \"{rate} EUR\"");
        PROJECT.replacen("currency \"USD\"", &exchange, 1).replacen("twins #true", &format!("twins #true; {PLACES}"), 1)
    };
    let shop = |rate, moving, share| {
        let (project, rollout) = (project(rate), rollout(share));
        let parts = [&*project, TRIAGE, OTHERS, TALKING, TOGETHER, SHELVES, BRANCHES, SOLD, LETTERS, &*rollout, moving];
        Arc::new(Pinned::new(plan(&parts)))
    };
    Plans { shop: shop("0.925", BEFORE, "40%"), reloaded: shop("0.975", AFTER, "70%") }
}
