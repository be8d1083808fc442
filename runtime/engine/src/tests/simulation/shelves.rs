//! Flows of the simulation that remember what corrects what was known before, that ask an agent with a memory of its own, and that reckon
//! in another currency.

/// Things that stand somewhere; our own word counts more than a partner's.
pub(super) const SHELVES: &str = r#"
type "stand" { field "sku" string; field "shelf" string }
type "put" { field "id" string; field "sku" string; field "shelf" string }
memory "stands" tier=working record="stand" retention=forever key="sku"
connector "depot" version="1" trust=partner {
    base-url "http://127.0.0.1:1/depot"
    timeout connect="2s" total="10s"
    retry max=3 from="100ms" to="5s" { when "status == 503" }
    operation "get" effect=read {
        request { field "sku" string; field "shelf" string }
        http GET "/stands/{sku}" { query { shelf "=request.shelf" } }
        response "stand" at="=body"
    }
}
flow "shelve" {
    summary "Say where something stands"
    input "put"
    key "=input.id"
    observe "before" { recall "stands" where="fact.sku == input.sku" last=9 }
    remember "kept" in="stands" { sku "=input.sku"; shelf "=input.shelf" }
    wait "rest" for="1m"
    observe "after" { recall "stands" where="fact.sku == input.sku" last=9 }
    output { before "=size(before)"; after "=size(after)" }
}
flow "told" {
    summary "Say where a partner says that something stands"
    input "put"
    key "=input.id"
    deadline "9h"
    observe "now" { call "depot.get" sku="=input.sku" shelf="=input.shelf" }
    remember "kept" in="stands" { sku "=now.sku"; shelf "=now.shelf" }
    observe "after" { recall "stands" where="fact.sku == now.sku" last=9 }
    output { after "=size(after)" }
}
agent "clerk" type="spoken" route="talk" max-steps=3 {
    system "You help with order {{ key }}."
    tool "shop.order.get" as="order" max-calls=2 { one-of id="=[key]" }
    tool "pay.credit" as="credit" max-calls=1 { fixed order_id="=key" amount="='5 USD'" line="='clerk-' + key" }
    require "answer.text != ''" code="empty"
    budget "60 USD" per=day
}
flow "ask" {
    summary "Ask the clerk of an order"
    input "wish"
    key "=input.id"
    deadline "6h"
    agent "reply" use="clerk" key="=input.order" { user "What of order {{ input.order }}? {{ input.id }}" }
    output { text "=reply.text" }
}
flow "fee" {
    summary "What an amount is in euros, now and later"
    input "wish"
    key "=input.id"
    deadline "9h"
    let "first" "=exchange(input.amount, 'EUR')"
    wait "rest" for="10m"
    let "again" "=exchange(input.amount, 'EUR')"
    output { first "=first"; again "=again" }
}
"#;
