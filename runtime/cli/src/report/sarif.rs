//! Diagnostics as SARIF 2.1.0 (OASIS), for code scanning. One run; columns count characters; paths are relative to version control.
//! It keeps to the limits of those who read it, the errors first, and says how many it left out.

use super::{Findings, Region, level, with_help};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tradewind_lang::code::Code;
use tradewind_lang::diagnostic::{Diagnostic, Fix};
use tradewind_lang::plan::Digest;
use tradewind_lang::source::Span;

/// Most results of a run that code scanning takes.
const MOST: usize = 25_000;
/// Most results of a run that code scanning shows.
const SHOWN: usize = 5_000;
/// Most places of one result.
const PLACES: usize = 1_000;

/// A report and what it does not hold.
pub(crate) struct Sarif {
    pub(crate) log: Value,
    /// How many diagnostics there are beyond what a reader takes.
    pub(crate) left_out: usize,
}

/// The report.
pub(crate) fn report(findings: &Findings<'_>) -> Sarif {
    let sorted = findings.by_severity();
    let left_out = sorted.len().saturating_sub(MOST);
    let kept = sorted.get(..sorted.len().min(MOST)).unwrap_or_default();
    let rules = rules(kept);
    let mut seen = BTreeMap::new();
    let results: Vec<Value> = kept.iter().map(|found| result(found, findings, &rules, &mut seen)).collect();
    let driver = json!({
        "name": "Tradewind",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": rules.iter().map(rule).collect::<Vec<_>>(),
    });
    let run = json!({
        "tool": { "driver": driver },
        "columnKind": "unicodeCodePoints",
        "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": notices(sorted.len(), left_out) }],
        "results": results,
        "properties": { "total": sorted.len(), "leftOut": left_out },
    });
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    });
    Sarif { log, left_out }
}

/// What a reader should know of the report itself.
fn notices(total: usize, left_out: usize) -> Vec<Value> {
    let notice = |text: String| json!({ "level": "warning", "message": { "text": text } });
    let beyond = (left_out > 0).then(|| notice(format!("{left_out} of {total} diagnostics are left out: a run holds {MOST} results")));
    let hidden = (total > SHOWN).then(|| notice(format!("of {total} diagnostics the first {SHOWN} are shown by code scanning")));
    beyond.into_iter().chain(hidden).collect()
}

/// The codes that occur, in order of id.
fn rules(found: &[&Diagnostic]) -> Vec<Code> {
    let mut codes: Vec<Code> = found.iter().map(|found| found.code).collect();
    codes.sort_by_key(|code| code.id);
    codes.dedup_by_key(|code| code.id);
    codes
}

fn rule(code: &Code) -> Value {
    let level = if code.severity == tradewind_lang::diagnostic::Severity::Error { "error" } else { "warning" };
    let title = code.title;
    // The first paragraph after the heading says what the code means.
    let meaning = code.page.split("\n\n").nth(1).unwrap_or(title).trim();
    json!({
        "id": code.id,
        "shortDescription": { "text": title },
        "fullDescription": { "text": meaning },
        "help": { "text": meaning, "markdown": code.page },
        "defaultConfiguration": { "level": level },
    })
}

fn result(found: &Diagnostic, findings: &Findings<'_>, rules: &[Code], seen: &mut BTreeMap<Vec<u8>, usize>) -> Value {
    let related = found.secondary.iter().take(PLACES - 1).enumerate().map(|(at, label)| {
        let mut place = location(label.span, findings);
        if let Some(fields) = place.as_object_mut() {
            fields.insert("id".to_owned(), json!(at + 1));
            fields.insert("message".to_owned(), json!({ "text": label.text }));
        }
        place
    });
    json!({
        "ruleId": found.code.id,
        "ruleIndex": rules.iter().position(|code| code.id == found.code.id),
        "level": level(found),
        "message": { "text": with_help(found) },
        "locations": [location(found.span, findings)],
        "relatedLocations": related.collect::<Vec<_>>(),
        "partialFingerprints": { "tradewind/v1": fingerprint(found, findings, seen) },
        "fixes": found.fixes.iter().map(|one| fix(one, findings)).collect::<Vec<_>>(),
    })
}

/// The same for the same mistake when lines above it come and go: code, file, message, and which of several such it is.
fn fingerprint(found: &Diagnostic, findings: &Findings<'_>, seen: &mut BTreeMap<Vec<u8>, usize>) -> String {
    let mut identity = [found.code.id, &findings.path(found.span), &found.message].join("\0").into_bytes();
    let before = seen.entry(identity.clone()).or_default();
    identity.extend_from_slice(format!("\0{before}").as_bytes());
    *before += 1;
    Digest::of(&identity).to_string().chars().take(32).collect()
}

fn location(span: Span, findings: &Findings<'_>) -> Value {
    json!({ "physicalLocation": { "artifactLocation": artifact(span, findings), "region": region(span, findings) } })
}

fn artifact(span: Span, findings: &Findings<'_>) -> Value {
    json!({ "uri": percent_encoded(&findings.path(span)) })
}

fn region(span: Span, findings: &Findings<'_>) -> Value {
    let Region { line, column, end_line, end_column } = Region::of(span, &findings.compiled.sources);
    json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column })
}

fn fix(fix: &Fix, findings: &Findings<'_>) -> Value {
    let mut changes: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
    for edit in &fix.edits {
        let replacement = json!({ "deletedRegion": region(edit.span, findings), "insertedContent": { "text": edit.text } });
        let change = changes.entry(findings.path(edit.span)).or_insert_with(|| (artifact(edit.span, findings), Vec::new()));
        change.1.push(replacement);
    }
    let changes: Vec<Value> = changes
        .into_values()
        .map(|(artifact, replacements)| json!({ "artifactLocation": artifact, "replacements": replacements }))
        .collect();
    json!({ "description": { "text": fix.title }, "artifactChanges": changes })
}

/// A path as a relative reference (RFC 3986): everything but unreserved characters and `/` is encoded.
fn percent_encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{notices, percent_encoded};

    #[test]
    fn a_path_becomes_a_relative_reference() {
        assert_eq!(percent_encoded("flows/über uns/a:b%.kdl"), "flows/%C3%BCber%20uns/a%3Ab%25.kdl");
    }

    #[test]
    fn what_a_reader_does_not_take_or_show_is_counted() {
        assert!(notices(5_000, 0).is_empty());
        assert_eq!(notices(5_001, 0).len(), 1);
        let both = notices(25_003, 3);
        assert!(both[0]["message"]["text"].as_str().unwrap().starts_with("3 of 25003 "), "{both:?}");
    }
}
