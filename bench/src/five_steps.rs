//! The workload of durable steps: five pure steps, each of which reads the one before, so that none shares a commit with another; or
//! five effects, one after the other, each with its intent and its outcome.

use std::sync::Arc;
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Five pure steps.
    Pure,
    /// Five effects outside.
    Effects,
}

impl Work {
    /// The flow.
    #[must_use]
    pub fn flow(self) -> &'static str {
        match self {
            Self::Pure => "five-steps",
            Self::Effects => "five-effects",
        }
    }
}

/// Steps of a run.
pub const STEPS: usize = 5;

/// Length of the input's text; each step's value is one longer than the one before, so that the last has 200 bytes.
const TEXT: usize = 195;

const CONFIGURATION: &str = r#"
project "bench" { currency "USD" }
type "job" { field "id" string; field "text" string }
flow "five-steps" {
    input "job"
    key "=input.id"
    let "one" "=input.text + '1'"
    let "two" "=one + '2'"
    let "three" "=two + '3'"
    let "four" "=three + '4'"
    let "five" "=four + '5'"
}
type "put" { field "id" string }
connector "world" version="1" {
    base-url "https://world.example"
    operation "put" effect=compensable {
        request { field "id" string; field "text" string }
        http POST "/put" {
            header "Idempotency-Key" "=effect.key"
            body { id "=request.id"; text "=request.text" }
        }
        response "put"
        target "=request.id"
        idempotent key="=effect.key" for="24h"
        undo { call "world.take" id="=request.id" }
    }
    operation "take" effect=irreversible {
        request { field "id" string }
        http POST "/take" {
            header "Idempotency-Key" "=effect.key"
            body { id "=request.id" }
        }
        response "put"
        target "=request.id"
        idempotent key="=effect.key" for="24h"
    }
}
policy "world" {
    on "world.put" "world.take"
    limit "flood" count=1000000 per="1h"
}
flow "five-effects" {
    input "job"
    key "=input.id"
    act "one" { call "world.put" id="=input.id" text="=input.text" }
    act "two" { call "world.put" id="=input.id" text="=input.text" }
    act "three" { call "world.put" id="=input.id" text="=input.text" }
    act "four" { call "world.put" id="=input.id" text="=input.text" }
    act "five" { call "world.put" id="=input.id" text="=input.text" }
}
"#;

/// The plan.
///
/// # Errors
/// The configuration's mistakes: it has none unless the language changed.
pub fn plan() -> Result<Arc<Plan>, String> {
    let files = [("tradewind.kdl".to_owned(), CONFIGURATION.to_owned())];
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &|_| None, environment: None });
    let mistakes: Vec<String> = compiled.diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
    compiled.plan.map(Arc::new).ok_or_else(|| mistakes.join("; "))
}

/// The key of a run.
#[must_use]
pub fn key(number: usize) -> String {
    format!("run-{number:08}")
}

/// The text of a run: of its own, so that no store can compress much.
#[must_use]
pub fn text(number: usize) -> String {
    let mut text = String::new();
    for part in 0.. {
        if text.len() >= TEXT {
            break;
        }
        text.push_str(blake3::hash(format!("{number} {part}").as_bytes()).to_hex().as_str());
    }
    text.truncate(TEXT);
    text
}

/// The input of a run.
#[must_use]
pub fn input(number: usize) -> Value {
    Value::record([("id", Value::string(key(number).as_str())), ("text", Value::string(text(number).as_str()))])
}
