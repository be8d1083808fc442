//! The flows of the simulation that ask models behind a network: drafts with repairs, a second call and a judge, many at once under one cap,
//! an agent with tools, labels. Each of them takes of a budget: of a task, of a run, of a day, of a flow.

/// 1 USD for 1,000 tokens read, 2 USD for 1,000 written: a question reserves about 3 USD, and costs a tenth of that.
pub(super) const TALKING: &str = r#"
model "small" provider=openai name="s" base-url="http://127.0.0.1:1/v1" {
    price input="1 USD" output="2 USD" per="1k tokens"
    context 8000
    max-output 100
    can text classify tools
    cleared pii
}
model "large" provider=anthropic name="l" base-url="http://127.0.0.1:1" {
    price input="1 USD" output="2 USD" per="1k tokens"
    context 8000
    max-output 100
    can text classify tools
    cleared pii
}
type "copy" { field "title" string max=20; field "tags" list<string>; field "note" string? }
type "spoken" { field "text" string max=100 }
route "copy" needs=text deadline="10m" {
    candidate "small"
    candidate "large" hedge="p95"
    fail "nobody wrote it"
    budget "25 USD" per=day
    budget "16 USD" per=run
}
route "judging" needs=text { candidate "large"; fail "nobody judged it"; budget "30 USD" per=day }
route "talk" needs=text { candidate "small"; fail "nobody answered"; repairs 2; budget "7 USD" per=task; budget "40 USD" per="6h" }
route "far" needs=classify { candidate "small"; candidate "kind"; value "praise" confidence=0.0; repairs 0 }
critic "brand" of="copy" { judge route="judging" min=0.7 prompt="Is this us? {{ draft.title }}" }
flow "describe" {
    summary "Describe an order, as a judge likes it"
    input "wish"
    key "=input.id"
    deadline "6h"
    cost-cap "20 USD"
    decide "copy" { draft "copy" route="copy" { system "You write copy."; user "Describe order {{ input.order }}" } }
    reflect "accepted" of="copy" max-revisions=1 { critic "brand" }
    act "tell" { call "desk.reply" message_id="=input.id" words="=accepted.title" }
    output { title "=accepted.title" }
}
flow "catalogue" {
    summary "Describe several at once, under one cap"
    input "texts"
    key "=input.id"
    deadline "6h"
    cost-cap "12 USD"
    each "all" in="=input.all" as="text" key="=text.id" max=20 max-parallel=3 on-error=skip {
        decide "words" { draft "copy" route="copy" prompt="Describe {{ text.one }}" }
        output { title "=words.title" }
    }
    output { count "=size(all)" }
}
flow "help" {
    summary "Help with an order, by tools"
    input "wish"
    key "=input.id"
    deadline "6h"
    agent "reply" type="spoken" route="talk" max-steps=3 {
        user "What of order {{ input.order }}?"
        tool "shop.order.get" as="order" max-calls=2 { one-of id="=[input.order]" }
        tool "pay.credit" as="credit" max-calls=1 { fixed order_id="=input.order" amount="='5 USD'" line="='goodwill-' + input.id" }
        require "reply.text != ''" code="empty"
    }
    output { text "=reply.text" }
}
flow "label" {
    summary "What models say a text is, the far one first"
    input "text"
    key "=input.id"
    deadline "6h"
    decide "kind" { classify "kinds" route="far" text="=input.one" }
    output { kind "=kind.label" }
}
"#;
