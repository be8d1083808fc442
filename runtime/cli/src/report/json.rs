//! Diagnostics as JSON of our own, version 1. Fields are added within a version, never renamed or removed.

use super::{Findings, Region, level};
use crate::render;
use serde_json::{Value, json};
use tradewind_lang::diagnostic::{Diagnostic, Fix};
use tradewind_lang::source::{SourceMap, Span};

/// The report.
pub(crate) fn report(findings: &Findings<'_>, fixed: Option<Vec<Value>>) -> Value {
    let (errors, warnings) = render::counts(findings.compiled);
    let each: Vec<Value> = findings.compiled.diagnostics.iter().map(|found| one(found, &findings.compiled.sources)).collect();
    let mut report = json!({ "version": 1, "valid": errors == 0, "errors": errors, "warnings": warnings, "diagnostics": each });
    if let Some(fields) = report.as_object_mut() {
        fields.extend(fixed.map(|fixed| ("fixed".to_owned(), Value::Array(fixed))));
        let plan = findings.compiled.plan.as_ref();
        let flows = plan.into_iter().flat_map(|plan| plan.flows.values().map(|flow| (flow, plan.not_runnable(flow))));
        let lacking = flows.filter(|(_, lacking)| !lacking.is_empty()).map(|(flow, lacking)| {
            let needs = lacking.iter().map(|lacking| json!({ "at": lacking.place, "what": lacking.what }));
            json!({ "flow": flow.name, "needs": needs.collect::<Vec<_>>() })
        });
        fields.insert("not_runnable".to_owned(), lacking.collect());
    }
    report
}

/// One diagnostic.
pub(crate) fn one(found: &Diagnostic, sources: &SourceMap) -> Value {
    let also: Vec<Value> = found.secondary.iter().map(|label| json!({ "text": label.text, "at": place(label.span, sources) })).collect();
    json!({
        "code": found.code.id,
        "severity": level(found),
        "message": found.message,
        "label": found.label,
        "at": place(found.span, sources),
        "also": also,
        "help": found.help,
        "fixes": found.fixes.iter().map(|one| fix(one, sources)).collect::<Vec<_>>(),
    })
}

fn fix(fix: &Fix, sources: &SourceMap) -> Value {
    let edits: Vec<Value> = fix.edits.iter().map(|edit| json!({ "at": place(edit.span, sources), "text": edit.text })).collect();
    json!({ "title": fix.title, "safe": fix.safe, "edits": edits })
}

/// A place: `start` and `end` are bytes, lines and columns are from 1, columns count characters.
fn place(span: Span, sources: &SourceMap) -> Value {
    let region = Region::of(span, sources);
    json!({
        "path": sources.path(span),
        "line": region.line,
        "column": region.column,
        "end_line": region.end_line,
        "end_column": region.end_column,
        "start": span.start,
        "end": span.end,
    })
}
