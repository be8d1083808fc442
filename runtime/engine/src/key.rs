//! Stable names: of runs, effects and inbox items. The same words always give the same name.

use std::fmt::Write;
use std::sync::Arc;
use tradewind_lang::plan::Digest;
use tradewind_lang::value::Value;

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        // The length goes first, so that two lists of parts never give the same bytes.
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// The first 16 bytes of the digest of parts.
pub(crate) fn short_digest(parts: &[&str]) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(digest(parts)).for_each(|(to, from)| *to = from);
    short
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> Arc<str> {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

/// The name of a run, and its trace: both are the same 128 bits.
#[must_use]
pub fn run_id(tenant: &str, flow: &str, key: &str) -> (Arc<str>, [u8; 16]) {
    run_of(&["run", tenant, flow, key])
}

fn run_of(parts: &[&str]) -> (Arc<str>, [u8; 16]) {
    let digest = digest(parts);
    let mut trace = [0; 16];
    trace.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    (hexadecimal(&trace), trace)
}

/// The name of a run within a run, and its trace: of its parent, the step there, and what identifies it among its siblings.
#[must_use]
pub fn child_id(parent: &str, step: &str, key: &str) -> (Arc<str>, [u8; 16]) {
    run_of(&["child", parent, step, key])
}

/// The key under which an effect happens at most once: of tenant, run and step.
#[must_use]
pub fn effect_key(tenant: &str, run: &str, step: &str) -> Arc<str> {
    let digest = digest(&["effect", tenant, run, step]);
    hexadecimal(digest.get(..16).unwrap_or(&digest))
}

/// The key of the effect that takes another one back, by that one's key: the same however often it is asked for.
#[must_use]
pub fn undo_key(of: &str) -> Arc<str> {
    let digest = digest(&["undo", of]);
    hexadecimal(digest.get(..16).unwrap_or(&digest))
}

/// The name of an inbox item: of run, step and how many were asked before it.
#[must_use]
pub fn approval_id(run: &str, step: &str, before: u16) -> Arc<str> {
    let digest = digest(&["approval", run, step, &before.to_string()]);
    hexadecimal(digest.get(..8).unwrap_or(&digest))
}

/// What the questions of a run have in common that are one item of the inbox: its step, why it asks, and whom.
#[must_use]
pub fn batch_id(run: &str, step: &str, rules: &[String], teams: &[String]) -> Arc<str> {
    let digest = digest(&["batch", run, step, &rules.join(" and "), &teams.join(", ")]);
    hexadecimal(digest.get(..8).unwrap_or(&digest))
}

/// The name of a question to a model: of run, step and number.
#[must_use]
pub fn question_key(run: &str, step: &str, number: u32) -> Arc<str> {
    let digest = digest(&["question", run, step, &number.to_string()]);
    hexadecimal(digest.get(..16).unwrap_or(&digest))
}

/// A number from 0 up to 1 that only depends on an effect and an attempt: jitter that a replay repeats.
#[must_use]
pub fn jitter(effect: &str, attempt: u32) -> f64 {
    let digest = digest(&["jitter", effect, &attempt.to_string()]);
    let bits = digest.iter().take(4).fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

/// The digest of a value.
#[must_use]
pub fn digest_of(value: &impl serde::Serialize) -> Digest {
    Digest::of(&rmp_serde::to_vec(value).unwrap_or_default())
}

/// A value as the text of a key: a scalar as people write it, anything else by digest.
#[must_use]
pub fn text_of(value: &Value) -> Arc<str> {
    match value {
        Value::String(text) => text.clone(),
        Value::Int(number) | Value::Timestamp(number) | Value::Duration(number) => number.to_string().into(),
        Value::Bool(truth) => truth.to_string().into(),
        Value::Money(money) => money.to_string().into(),
        Value::Decimal(number) => number.normalize().to_string().into(),
        other => digest_of(other).to_string().into(),
    }
}
