//! A generated repository of any size: flows as people write them, each of about fifty lines with types of its own.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

/// What all flows share.
const MANIFEST: &str = r#"project "generated" {
    currency "USD"
    time-zone "America/Chicago"
    setting "min_confidence" double 0.6
    setting "return_window" duration "30d"
    setting "goodwill_share" double 0.15
}
team "support" {
    member "lead@generated.example"
}
enum "kind" complaint neutral praise
model "kind" provider=linear rows="rows.jsonl" label="kind" {
    price "0 USD"
    can classify
}
route "kind" needs=classify {
    candidate "kind"
    value "neutral" confidence=0.0
}
policy "refunds" owner="support" {
    on "payments.refund.create"
    needs "order" shop.order
    needs "confidence" double default=0.0 untrusted
    deny "over-order" when="effect.amount > evidence.order.paid" message="{{ effect.amount }} is more than was paid"
    limit "per-order" sum="=effect.amount" max="=evidence.order.paid" by="=effect.order_id"
    limit "per-day" sum="=effect.amount" max="20000 USD" per="24h"
    escalate "large" when="effect.amount > '500 USD'" to="support" within="8h" on-timeout=deny
}
policy "replies" owner="support" {
    on "helpdesk.reply"
    limit "flood" count=20000 per="24h"
}
"#;

const ROWS: &str = "{\"text\": \"It broke.\", \"kind\": \"complaint\"}\n";

/// One flow; `NUMBER` is its own.
const FLOW: &str = r#"// A customer wrote about an order: refund, answer, or ask a person. Number NUMBER.
type "message_NUMBER" subject="customer_id" {
    field "message_id" string
    field "order_id" string
    field "customer_id" string
    field "text" string pii untrusted
    field "received_at" timestamp
}
type "reply_NUMBER" { field "text" string }
type "verdict_NUMBER" { field "kind" kind; field "note" string }
route "reply-NUMBER" needs=text {
    template "Thank you for writing about {{ order.product }}. {% if remedy.value != 'none' %}We refund {{ amount }}.{% endif %}"
}
flow "triage-NUMBER" {
    summary "Decide what a customer's message needs, for shop NUMBER"
    input "message_NUMBER"
    key "=input.message_id"
    deadline "1h"
    observe "order" { call "shop.order.get" id="=input.order_id" }
    decide "kind" { classify "kind" route="kind" text="=input.text" }
    reflect "sure" else=continue {
        require "kind.confidence >= settings.min_confidence" code="unsure"
        require "order.paid > '0 USD'" code="unpaid"
    }
    choose "verdict" {
        when "sure.passed" {
            output { kind "=kind.label"; by "model"; confidence "=kind.confidence" }
        }
        otherwise {
            ask "person" to="support" within="4h" on-timeout=stop {
                question "What is this message about order {{ order.id }} ({{ order.product }})? Guess: {{ kind.label }}"
                show "=input.text" "=order" "=sure.codes"
                answer "verdict_NUMBER"
            }
            output { kind "=person.kind"; by "person"; confidence 1.0 }
        }
    }
    decide "remedy" {
        rule "late" when="verdict.kind == 'complaint' && input.received_at > order.shipped_at + settings.return_window" value="none"
        rule "complaint in time" when="verdict.kind == 'complaint'" value="goodwill"
        otherwise value="none"
    }
    let "amount" "=round(order.paid * settings.goodwill_share)"
    act "refund" when="remedy.value != 'none'" on-denied="skip" {
        call "payments.refund.create" order_id="=order.id" amount="=amount" reason="=remedy.value"
        evidence order="=order" confidence="=verdict.confidence"
    }
    decide "answer" { draft "reply_NUMBER" route="reply-NUMBER" }
    act "reply" { call "helpdesk.reply" message_id="=input.message_id" body="=answer.text" }
    output { kind "=verdict.kind"; remedy "=remedy.value"; refunded "=steps.refund.ran" }
}
"#;

/// A flow whose steps have names that no other flow has, so that hardly an expression repeats.
fn varied(flow: &str) -> String {
    let mut text = flow.replace("shop.order", "SHOP");
    for (word, renamed) in [
        ("\"order\"", "\"order_NUMBER\""),
        ("=order\"", "=order_NUMBER\""),
        ("order.", "order_NUMBER."),
        ("sure", "sure_NUMBER"),
        ("verdict", "verdict_NUMBER"),
        ("remedy", "remedy_NUMBER"),
        ("person", "person_NUMBER"),
        ("kind.", "kind_NUMBER."),
        ("decide \"kind\"", "decide \"kind_NUMBER\""),
        ("Thank you", "For NUMBER times, thank you"),
        ("\"late\"", "\"late NUMBER\""),
        ("complaint in time", "complaint NUMBER in time"),
    ] {
        text = text.replace(word, renamed);
    }
    text.replace("SHOP", "shop.order")
}

/// The files of a repository with so many flows, ten to a file, and how many lines they have. `different`: flows have step names and
/// texts of their own, as those of different people have; otherwise only their types and routes differ.
#[must_use]
pub fn repository(flows: usize, different: bool) -> (Vec<(String, String)>, usize) {
    let flow = if different { varied(FLOW) } else { FLOW.to_owned() };
    let mut files = vec![("tradewind.kdl".to_owned(), MANIFEST.to_owned()), ("rows.jsonl".to_owned(), ROWS.to_owned())];
    let mut number = 0;
    while number < flows {
        let mut text = String::new();
        let path = format!("flows/part-{:04}.kdl", number / 10);
        for _ in 0..10.min(flows - number) {
            let _ = write!(text, "{}", flow.replace("NUMBER", &format!("{number:05}")));
            number += 1;
        }
        files.push((path, text));
    }
    let lines = files.iter().map(|(_, text)| text.lines().count()).sum();
    (files, lines)
}

/// Writes files below a folder.
///
/// # Errors
/// A file that cannot be written.
pub fn write(folder: &Path, files: &[(String, String)]) -> io::Result<()> {
    for (path, text) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tradewind_lang::compile::{Repository, compile};

    #[test]
    fn a_generated_repository_has_no_mistake() {
        without_mistake(repository(12, false));
        without_mistake(repository(12, true));
    }

    fn without_mistake((files, lines): (Vec<(String, String)>, usize)) {
        let read = |path: &str| files.iter().find(|(other, _)| other == path).map(|(_, text)| text.clone());
        let configuration: Vec<(String, String)> = files.iter().filter(|(path, _)| path.ends_with(".kdl")).cloned().collect();
        let repository = Repository { configuration: &configuration, library: tradewind_stdlib::LIBRARY, read: &read, environment: None };
        let compiled = compile(&repository);
        let mistakes: Vec<&str> = compiled.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
        assert!(mistakes.is_empty(), "{mistakes:#?}");
        assert_eq!(compiled.plan.unwrap().flows.len(), 12);
        assert!(lines > 12 * 48, "{lines} lines");
    }
}
