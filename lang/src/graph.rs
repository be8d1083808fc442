//! A flow as a graph for people and programs: text, Mermaid, Graphviz, JSON. It computes nothing new.

use crate::plan::{EffectKind, Flow, OnError, Plan, Step, StepId, StepKind};
use std::fmt::Write as _;

/// What a step does, in a word or two.
#[must_use]
pub fn verb(kind: &StepKind) -> String {
    match kind {
        StepKind::Let { .. } => "let".to_owned(),
        StepKind::Call { operation, .. } => format!("observe {operation}"),
        StepKind::Recall { memory, .. } => format!("recall {memory}"),
        StepKind::Classify { labels, route, .. } => format!("classify {labels} by route {route}"),
        StepKind::Draft { record, route, .. } => format!("draft {record} by route {route}"),
        StepKind::Rules { rules, .. } => format!("decide by {} rules", rules.len()),
        StepKind::Reflect { requires, go_on } => {
            format!("reflect on {} requirements, else {}", requires.len(), if *go_on { "continue" } else { "stop" })
        }
        StepKind::Ask { escalation, .. } => format!("ask {} within {}", escalation.to, span(escalation.within)),
        StepKind::Act { operation, .. } => format!("act {operation}"),
        StepKind::Remember { memory, .. } => format!("remember in {memory}"),
        StepKind::Choose { arms } => format!("choose among {}", arms.len()),
    }
}

/// A span of time as people write it.
#[must_use]
pub fn span(micros: i64) -> String {
    const UNITS: &[(i64, &str)] = &[(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")];
    for (unit, name) in UNITS {
        if micros != 0 && micros % unit == 0 {
            return format!("{}{name}", micros / unit);
        }
    }
    format!("{micros}us")
}

/// What holds an act: the policies that cover it, and whether it is staged.
fn guards(plan: &Plan, step: &Step) -> Vec<String> {
    let StepKind::Act { operation, stage, .. } = &step.kind else { return Vec::new() };
    let kind = plan.operations.get(operation).map(|operation| match operation.effect {
        EffectKind::Read => "read",
        EffectKind::Reversible => "reversible",
        EffectKind::Compensable => "compensable",
        EffectKind::Irreversible => "irreversible",
    });
    let policies = plan.policies.values().filter(|policy| policy.on.contains(operation)).map(|policy| format!("policy {}", policy.name));
    let staged = stage.iter().map(|stage| format!("staged to {}", stage.escalation.to));
    kind.map(str::to_owned).into_iter().chain(policies).chain(staged).collect()
}

fn name_of(flow: &Flow, id: StepId) -> &str {
    flow.steps.get(usize::from(id.0)).map_or("?", |step| step.name.as_str())
}

fn errors(step: &Step) -> Vec<&'static str> {
    let error = (step.on_error == OnError::Skip).then_some("on error: skip");
    let denied = step.skip_denied.then_some("denied: skip");
    error.into_iter().chain(denied).collect()
}

/// Lines for a terminal: each step with what it waits for and what guards it.
#[must_use]
pub fn text(plan: &Plan, flow: &Flow) -> String {
    let mut out = format!("{} ({}): {}\n", flow.name, flow.input, flow.summary);
    for step in &flow.steps {
        let mut depth = 1;
        let mut within = step.within;
        while let Some((choose, _)) = within {
            depth += 1;
            within = flow.steps.get(usize::from(choose.0)).and_then(|step| step.within);
        }
        let arm = step.within.map(|(choose, arm)| format!(" [{} arm {}]", name_of(flow, choose), arm + 1)).unwrap_or_default();
        let _ = writeln!(out, "{}{}: {}{arm}", "  ".repeat(depth), step.name, verb(&step.kind));
        let indent = "  ".repeat(depth + 2);
        if let Some(when) = &step.when {
            let _ = writeln!(out, "{indent}when {}", when.source);
        }
        if !step.depends.is_empty() {
            let names: Vec<&str> = step.depends.iter().map(|id| name_of(flow, *id)).collect();
            let _ = writeln!(out, "{indent}after {}", names.join(", "));
        }
        let notes: Vec<String> = guards(plan, step).into_iter().chain(errors(step).into_iter().map(str::to_owned)).collect();
        if !notes.is_empty() {
            let _ = writeln!(out, "{indent}{}", notes.join("; "));
        }
    }
    out
}

/// Mermaid's flowchart.
#[must_use]
pub fn mermaid(plan: &Plan, flow: &Flow) -> String {
    let mut out = "flowchart TD\n".to_owned();
    for (at, step) in flow.steps.iter().enumerate() {
        let notes = guards(plan, step).into_iter().map(|note| format!("<br/>{note}")).collect::<String>();
        let label = format!("{}<br/>{}{notes}", step.name, verb(&step.kind)).replace('"', "'");
        let (open, close) = match step.kind {
            StepKind::Act { .. } => ("[[", "]]"),
            StepKind::Ask { .. } => ("[/", "/]"),
            StepKind::Choose { .. } | StepKind::Reflect { .. } => ("{", "}"),
            _ => ("[", "]"),
        };
        let _ = writeln!(out, "    s{at}{open}\"{label}\"{close}");
    }
    for (at, step) in flow.steps.iter().enumerate() {
        for id in &step.depends {
            let _ = writeln!(out, "    s{} --> s{at}", id.0);
        }
        if let Some((choose, arm)) = step.within {
            let _ = writeln!(out, "    s{} -. \"arm {}\" .-> s{at}", choose.0, arm + 1);
        }
    }
    out
}

/// Graphviz's language.
#[must_use]
pub fn dot(plan: &Plan, flow: &Flow) -> String {
    let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = format!("digraph \"{}\" {{\n    node [shape=box];\n", quote(&flow.name));
    for (at, step) in flow.steps.iter().enumerate() {
        let notes = guards(plan, step).into_iter().map(|note| format!("\\n{}", quote(&note))).collect::<String>();
        let _ = writeln!(out, "    s{at} [label=\"{}\\n{}{notes}\"];", quote(&step.name), quote(&verb(&step.kind)));
    }
    for (at, step) in flow.steps.iter().enumerate() {
        for id in &step.depends {
            let _ = writeln!(out, "    s{} -> s{at};", id.0);
        }
        if let Some((choose, arm)) = step.within {
            let _ = writeln!(out, "    s{} -> s{at} [style=dashed, label=\"arm {}\"];", choose.0, arm + 1);
        }
    }
    out.push_str("}\n");
    out
}

/// JSON, version 1.
#[must_use]
pub fn json(plan: &Plan, flow: &Flow) -> serde_json::Value {
    let steps = flow.steps.iter().map(|step| {
        serde_json::json!({
            "name": step.name,
            "does": verb(&step.kind),
            "type": step.ty.to_string(),
            "within": step.within.map(|(choose, arm)| serde_json::json!({ "choose": name_of(flow, choose), "arm": arm + 1 })),
            "when": step.when.as_ref().map(|when| when.source.clone()),
            "after": step.depends.iter().map(|id| name_of(flow, *id)).collect::<Vec<_>>(),
            "guards": guards(plan, step),
            "on_error": if step.on_error == OnError::Skip { "skip" } else { "fail" },
            "on_denied": if step.skip_denied { "skip" } else { "stop" },
        })
    });
    serde_json::json!({ "version": 1, "flow": flow.name, "digest": plan.digest().to_string(), "steps": steps.collect::<Vec<_>>() })
}
