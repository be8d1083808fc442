//! The flows of the simulation that know people: what somebody wrote is answered, remembered, and found again by what it is about; and whoever
//! wants it is forgotten.

/// What people wrote.
pub(super) const LETTERS: &str = r#"
type "letter" subject="customer" {
    field "id" string
    field "customer" string
    field "text" string pii untrusted
    field "kind" string
}
type "mailed" { field "id" string }
memory "letters" tier=long-term record="letter" subject="customer" retention=forever { fulltext "text" }
connector "mail" version="1" {
    base-url "http://127.0.0.1:1/mail"
    timeout connect="2s" total="10s"
    retry max=3 from="100ms" to="5s" { when "status == 503" }
    operation "send" effect=irreversible {
        request { field "to" string; field "body" string pii untrusted }
        http POST "/mails" { header "Idempotency-Key" "=effect.key"; body { body "=request.body" } }
        response "mailed" at="=body.mail"
        target "=request.to"
        idempotent key="=effect.key" for="24h"
    }
}
policy "mails" owner="leads" { on "mail.send"; limit "flood" count=20000 per="24h" }
flow "correspond" {
    summary "Answer a letter, and remember it"
    input "letter"
    key "=input.id"
    deadline "9h"
    observe "like" on-error=skip { recall "letters" subject="=input.customer" query="=input.text" top=3 }
    act "mail" on-denied="skip" on-error=skip { call "mail.send" to="=input.id" body="=input.text" }
    remember "kept" in="letters" subject="=input.customer" {
        id "=input.id"; customer "=input.customer"; text "=input.text"; kind "=input.kind"
    }
    wait "rest" for="20m"
    observe "after" { recall "letters" subject="=input.customer" where="fact.kind != ''" last=40 }
    output { like "=steps.like.ran"; after "=size(after)" }
}
flow "tally" {
    summary "Count what is late, whoever wrote it"
    input "wish"
    key "=input.id"
    observe "late" { recall "letters" where="fact.kind == 'late'" last=40 }
    output { count "=size(late)" }
}
"#;
