//! The shop of the generated flows: what they are told, what they can do, and which of it no cap holds.

/// What every program declares beside its flows.
pub(super) const FRAME: &str = r#"
type "part" { field "id" string; field "order" string; field "amount" money; field "words" string untrusted }
type "message" {
    field "id" string
    field "order_id" string
    field "text" string untrusted
    field "note" string? untrusted
    field "count" int untrusted { min 0; max 5 }
    field "amount" money
    field "known" list<string>
    field "parts" list<part>
    field "prices" map<money>
    field "gift" string?
}
type "said" { field "order_id" string; field "amount" money; field "pay" bool }
type "words" { field "text" string }
type "told" { field "id" string; field "order_id" string; field "amount" money; field "words" string untrusted }
type "parcel" { field "order_id" string; field "paid" money; field "note" string untrusted }
type "fact" subject="customer_id" {
    field "customer_id" string
    field "order_id" string
    field "amount" money
    field "words" string untrusted
}
memory "facts" tier=long-term record="fact" subject="customer_id" retention="30d" cap=2 { fulltext "words" }
model "far" provider=openai name="f" base-url="http://127.0.0.1:1/v1" { price "0 USD"; context 200000; can text tools; cleared pii }
route "far" needs=text { candidate "far"; fail "nobody wrote it" }
type "drafted" { field "words" string; field "order" string; field "amount" money; field "loud" bool }
type "review" { field "id" string; field "order_id" string; field "text" string untrusted }
connector "talk" version="1" {
    base-url "http://127.0.0.1:1/talk"
    timeout connect="2s" total="10s"
    retry max=2 from="100ms" to="5s" { when "status == 503" }
    operation "review.get" effect=read {
        request { field "id" string }
        http GET "/reviews/{id}"
        response "review" at="=body.review"
    }
}
connector "vault" version="1" {
    base-url "http://127.0.0.1:1/vault"
    timeout connect="2s" total="10s"
    retry max=2 from="100ms" to="5s" { when "status == 503" }
    operation "hold" effect=compensable {
        request { field "order_id" string; field "amount" money; field "line" string }
        http POST "/holds" { header "Idempotency-Key" "=effect.key"; body { order_id "=request.order_id"; amount "=request.amount"; line "=request.line" } }
        response "desk.sent" at="=body.hold"
        target "=request.order_id"
        money "=request.amount" as=out
        unique "=request.line"
        idempotent key="=effect.key" for="24h"
        undo { call "vault.release" order_id="=request.order_id" line="=request.line" }
    }
    operation "release" effect=irreversible {
        request { field "order_id" string; field "line" string }
        http POST "/releases" { body { order_id "=request.order_id"; line "=request.line" } }
        response "desk.sent" at="=body.release"
        target "=request.order_id"
        idempotent natural
    }
}
policy "refunds" owner="leads" {
    on "pay.refund"
    needs "paid" money
    deny "beyond" when="effect.amount > evidence.paid + '200 USD'" message="{{ effect.amount }} is more than {{ evidence.paid }}"
    limit "daily" sum="=effect.amount" max="1000000 USD" per="24h"
}
policy "replies" {
    on "desk.reply"
    deny "rude" when="effect.words.contains('rude')" message="It says {{ effect.words }}"
    limit "flood" count=100000 per="24h"
}
policy "holds" owner="leads" { on "vault.hold"; limit "daily" count=100000 per="24h" }
"#;

/// Covers what is not capped, so that only control decides: what denies, asks now and then, or counts only some is no cap.
pub(super) const UNCAPPED: &str = r#"
policy "credits" owner="leads" {
    on "pay.credit"
    deny "absurd" when="effect.amount > '100000 USD'"
    escalate "large" when="effect.amount > '250 USD'" to="leads" within="6h" on-timeout=deny
    limit "some" count=100000 where="effect.amount > '250 USD'" per="24h"
}
policy "pages" { on "desk.page"; deny "nothing" when="effect.text == ''" }
policy "releases" { on "vault.release"; deny "nothing" when="effect.line == ''" }
"#;

/// The same effects with a cap, which is never reached.
pub(super) const CAPPED: &str = r#"
policy "credits" owner="leads" {
    on "pay.credit"
    deny "absurd" when="effect.amount > '100000 USD'"
    escalate "large" when="effect.amount > '250 USD'" to="leads" within="6h" on-timeout=deny
    limit "daily" count=100000 per="24h"
}
policy "pages" { on "desk.page"; limit "daily" count=100000 per="24h" }
policy "releases" { on "vault.release"; limit "daily" count=100000 per="24h" }
"#;

/// What no cap holds: the operations, and which of their parameters say whom, how much and where.
pub(super) const GRAVE: &[&str] = &["pay.credit", "desk.page", "vault.release"];

/// Outside texts: classes and confidences, ids that are known, amounts, numbers, spans, what patterns match, nothing, very much.
pub(super) const TEXTS: &[&str] = &[
    "complaint 0.9: x",
    "praise 0.8: a long and quiet text",
    "o1",
    "o2",
    "complaint 0.3: xx",
    "",
    "5 USD",
    "7.25 USD",
    "12",
    "-3",
    "x-17",
    "rude x",
    "refuse this, o1",
    "a",
    "b",
    "c1",
    "c2",
    "one two three four five six",
    "o1 o2",
    "é🦀",
    "true",
    LONG,
];

const LONG: &str =
    "praise 0.7: very long very long very long very long very long very long very long very long very long very long very long x";
