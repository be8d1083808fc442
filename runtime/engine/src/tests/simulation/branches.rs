//! The flows of the simulation that work in the name of several accounts, at a place, or by the arms of a rollout; and those whose reversals
//! and versions are asked about all at once.

/// What an environment adds for them.
pub(super) const PLACES: &str =
    r#"place "edge"; account "branch.north" domain="north.shop.example"; account "branch.south" domain="south.shop.example""#;

/// Two branches of one shop; what one of them answers says which it was.
pub(super) const BRANCHES: &str = r#"
type "page" { field "id" string; field "title" string; field "by" string }
type "titling" { field "id" string; field "page" string; field "shop" string }
connector "branch" version="1" {
    account "shop" { field "domain" string }
    base-url "https://{{ account.domain }}" { hosts "*.shop.example" }
    timeout connect="2s" total="10s"
    retry max=3 from="100ms" to="5s" { when "status == 503" }
    operation "get" effect=read {
        request { field "id" string }
        http GET "/pages/{id}"
        response "page" at="=body"
    }
    operation "find" effect=read {
        request { field "key" string }
        http GET "/writes" { query { key "=request.key" } }
        response list<page> at="=body.writes"
    }
    operation "set" effect=reversible {
        request { field "id" string; field "title" string untrusted }
        http PUT "/pages/{id}" { header "Idempotency-Key" "=effect.key"; body { title "=request.title" } }
        response "page" at="=body"
        target "=request.id"
        idempotent key="=effect.key" for="24h"
        before { call "get" id="=request.id" }
        undo { call "set" id="=request.id" title="=before.title" }
        lookup { call "find" key="=effect.key"; done when="size(found) > 0" result="=found[0]" }
    }
    operation "open" effect=irreversible {
        request { field "id" string }
        unique "=request.id"
        http POST "/opens" { header "Idempotency-Key" "=effect.key"; body { id "=request.id" } }
        response "page" at="=body"
        idempotent key="=effect.key" for="24h"
    }
}
policy "branches" owner="leads" { on "branch.set" "branch.open"; limit "each" count=100000 by="=action.account.or('')" per=day }
flow "retitle" {
    summary "Open a page of a branch, and give it another title"
    input "titling"
    key "=input.id"
    deadline "9h"
    observe "now" account="=input.shop" { call "branch.get" id="=input.page" }
    act "open" account="=input.shop" on-denied="skip" on-error=skip { call "branch.open" id="=input.page" }
    act "set" account="=input.shop" { call "branch.set" id="=input.page" title="=input.id" }
    act "tell" on-error=undo { call "desk.reply" message_id="=input.id" words="=now.title" }
    output { title "=set.title" }
}
flow "offer" {
    summary "Tell an amount, by the arm of its order"
    place "edge"
    input "wish"
    key "=input.id"
    deadline "9h"
    decide "amount" {
        split "prices" by="=input.order" {
            arm "current" { otherwise value="=input.amount" }
            arm "lower" { otherwise value="=input.amount * 0.5" }
        }
    }
    act "tell" { call "desk.reply" message_id="=input.id" words="=amount.arm" }
    output { amount "=amount.value"; arm "=amount.arm" }
}
flow "return" {
    summary "Take back several holds, and ask about all of them at once"
    input "wish"
    key "=input.id"
    deadline "9h"
    act "back" on-denied="skip" on-error=skip {
        undo flow="reserve" step="hold" where="effect.order_id != ''" last=4 since="14d"
        stage to="leads" within="6h" on-timeout=deny batch=run
    }
    output { ran "=steps.back.ran" }
}
flow "captions" {
    summary "Caption several at once; what the judge does not like is asked about in one item"
    input "texts"
    key "=input.id"
    deadline "6h"
    cost-cap "30 USD"
    each "all" in="=input.all" as="text" key="=text.id" max=20 max-parallel=2 on-error=skip {
        decide "words" { draft "copy" route="copy" prompt="Caption {{ text.one }}" }
        reflect "accepted" of="words" max-revisions=1 else=escalate {
            critic "brand"
            escalate to="leads" within="4h" on-timeout=stop batch=run
        }
        output { title "=accepted.title" }
    }
    output { count "=size(all)" }
}
"#;

/// The rollout of one plan of a life. A larger share takes nobody back.
pub(super) fn rollout(share: &str) -> String {
    format!(
        r#"
metric "orders" from="runs" window="1d" value="=count()" better=higher
rollout "prices" {{
    unit "order"
    control "current"
    treatment "lower"
    share "{share}" hold="3d" min-sample=400
    share "100%"
    guard "orders" worse-by="3%"
    on-breach revert
}}
"#
    )
}
