//! Flows that are written otherwise by each of the two plans of a life, and the migrations that lead their runs there and back.

/// What the first plan says. `rests` waits for another time there, so that nobody is led over while he does.
pub(super) const BEFORE: &str = r#"
flow "stored" {
    summary "Note, rest, credit"
    input "wish"
    key "=input.id"
    deadline "9h"
    act "note" { call "desk.reply" message_id="=input.id" words="Stored" }
    let "check" "=input.amount < '500 USD'"
    wait "rest" for="20m"
    act "credit" when="check" on-denied="skip" on-error=skip {
        call "pay.credit" order_id="=input.order" amount="=input.amount" line="='stored-' + input.id"
    }
    output { ran "=steps.credit.ran" }
}
flow "rests" {
    summary "Rest"
    input "wish"
    key "=input.id"
    deadline "9h"
    wait "rest" for="15m"
    act "tell" { call "desk.reply" message_id="=input.id" words="Rested" }
    output { ran "=steps.tell.ran" }
}
migration "back" {
    flow "stored" { moved "told" to="note"; moved "small" to="check" }
    flow "rests"
}
"#;

/// What a reload brings: other names, one act more behind the wait, and one flow more that nobody starts.
pub(super) const AFTER: &str = r#"
flow "stored" {
    summary "Note, rest, credit, thank"
    input "wish"
    key "=input.id"
    deadline "9h"
    act "told" { call "desk.reply" message_id="=input.id" words="Stored" }
    let "small" "=input.amount < '500 USD'"
    wait "rest" for="20m"
    act "credit" when="small" on-denied="skip" on-error=skip {
        call "pay.credit" order_id="=input.order" amount="=input.amount" line="='stored-' + input.id"
    }
    act "thank" { call "desk.reply" message_id="='t-' + input.id" words="Thank you" }
    output { ran "=steps.credit.ran" }
}
flow "rests" {
    summary "Rest a little longer"
    input "wish"
    key "=input.id"
    deadline "9h"
    wait "rest" for="16m"
    act "tell" { call "desk.reply" message_id="=input.id" words="Rested" }
    output { ran "=steps.tell.ran" }
}
flow "spare" {
    summary "Nobody starts it"
    input "wish"
    let "order" "=input.order"
    output { order "=order" }
}
migration "forth" {
    flow "stored" { moved "note" to="told"; moved "check" to="small" }
    flow "rests"
}
"#;
