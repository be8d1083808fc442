//! The workload of durable steps: five pure steps, each of which reads the one before, so that none shares a commit with another.

use std::sync::Arc;
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

/// The flow.
pub const FLOW: &str = "five-steps";
/// Steps of a run.
pub const STEPS: usize = 5;

/// Length of the input's text; each step's value is one longer than the one before, so that the last has 200 bytes.
const TEXT: usize = 195;

const CONFIGURATION: &str = r#"
project "bench" { currency "USD" }
type "job" subject="owner" { field "id" string; field "owner" string; field "text" string PII }
flow "five-steps" {
    input "job"
    key "=input.id"
    let "one" "=input.text + '1'"
    let "two" "=one + '2'"
    let "three" "=two + '3'"
    let "four" "=three + '4'"
    let "five" "=four + '5'"
}
"#;

/// Whose texts they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct People {
    /// Of so many people, in turn.
    pub count: usize,
    /// Whether the texts are marked as personal, so that they are sealed.
    pub sealed: bool,
}

/// The plan; the same steps whether texts are marked as personal or not.
///
/// # Errors
/// The configuration's mistakes: it has none unless the language changed.
pub fn plan(people: People) -> Result<Arc<Plan>, String> {
    let text = CONFIGURATION.replace("PII", if people.sealed { "pii" } else { "" });
    let files = [("tradewind.kdl".to_owned(), text)];
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &|_| None, environment: None });
    let mistakes: Vec<String> = compiled.diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
    compiled.plan.map(Arc::new).ok_or_else(|| mistakes.join("; "))
}

/// The key of a run.
#[must_use]
pub fn key(number: usize) -> String {
    format!("run-{number:08}")
}

/// The input of a run: a text of its own that no store can compress much.
#[must_use]
pub fn input(number: usize, people: People) -> Value {
    let mut text = String::new();
    for part in 0.. {
        if text.len() >= TEXT {
            break;
        }
        text.push_str(blake3::hash(format!("{number} {part}").as_bytes()).to_hex().as_str());
    }
    text.truncate(TEXT);
    let owner = format!("owner-{:08}", number % people.count.max(1));
    Value::record([("id", Value::string(key(number))), ("owner", Value::string(owner)), ("text", Value::string(text))])
}
