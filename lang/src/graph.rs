//! A flow as a graph for people and programs: text, Mermaid, Graphviz, SVG, JSON. It computes nothing new: bounds come from
//! [`crate::bound`].

use crate::bound::{Bound, Leg, Open};
use crate::plan::{Flow, Micros, OnError, Plan, StepId, StepKind};
use std::fmt::Write as _;

mod necessary;
mod place;
mod svg;
mod view;
mod words;

pub use words::verb;

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

fn name_of(flow: &Flow, id: StepId) -> &str {
    flow.steps.get(usize::from(id.0)).map_or("?", |step| step.name.as_str())
}

fn loops(flow: &Flow, id: StepId) -> bool {
    matches!(flow.steps.get(usize::from(id.0)).map(|step| &step.kind), Some(StepKind::Each(_)))
}

/// Where an inner step stands: in an arm of a choice, or in a loop.
fn place(flow: &Flow, around: StepId, arm: u16) -> String {
    let name = name_of(flow, around);
    if loops(flow, around) { format!("in {name}") } else { format!("{name} arm {}", arm + 1) }
}

/// Lines for a terminal: each step with what it waits for and what guards it.
#[must_use]
pub fn text(plan: &Plan, flow: &Flow) -> String {
    let mut out = format!("{} ({}): {}\n", flow.name, flow.input, flow.summary);
    let bound = plan.bound(flow);
    for line in words::terms(flow).into_iter().chain(bound.words(flow, plan.project.currency)) {
        let _ = writeln!(out, "  {line}");
    }
    for (at, step) in flow.steps.iter().enumerate() {
        let mut depth = 1;
        let mut within = step.within;
        while let Some((choose, _)) = within {
            depth += 1;
            within = flow.steps.get(usize::from(choose.0)).and_then(|step| step.within);
        }
        let arm = step.within.map(|(around, arm)| format!(" [{}]", place(flow, around, arm))).unwrap_or_default();
        let _ = writeln!(out, "{}{}: {}{arm}", "  ".repeat(depth), step.name, words::does(plan, &step.kind));
        let indent = "  ".repeat(depth + 2);
        if let Some(when) = &step.when {
            let _ = writeln!(out, "{indent}when {}", when.source);
        }
        if !step.depends.is_empty() {
            let names: Vec<&str> = step.depends.iter().map(|id| name_of(flow, *id)).collect();
            let _ = writeln!(out, "{indent}after {}", names.join(", "));
        }
        let notes = view::guards(plan, flow, step).into_iter().chain(view::bounds(plan, &bound, at, step));
        for note in notes.chain(view::branches(plan, flow, step)) {
            let _ = writeln!(out, "{indent}{note}");
        }
    }
    for endorsed in view::endorsed_elsewhere(flow) {
        let _ = writeln!(out, "  {endorsed}");
    }
    out
}

/// Mermaid's flowchart.
#[must_use]
pub fn mermaid(plan: &Plan, flow: &Flow) -> String {
    let view = view::of(plan, flow);
    // Entities of Mermaid are numbers between `#` and `;`.
    let quote = |text: &str| text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;");
    let mut out = "flowchart TD\n".to_owned();
    for (at, node) in view.nodes.iter().enumerate() {
        let lines = node.lines.iter().map(|(_, line)| format!("<br/>{}", quote(line))).collect::<String>();
        let (open, close) = match node.kind {
            view::Kind::End => ("([", "])"),
            view::Kind::Effect => ("[[", "]]"),
            view::Kind::Gate => ("[/", "/]"),
            view::Kind::Choose => ("{", "}"),
            view::Kind::Arm => ("(", ")"),
            view::Kind::Read | view::Kind::Decide => ("[", "]"),
        };
        let _ = writeln!(out, "    n{at}{open}\"{}{lines}\"{close}", quote(&node.title));
    }
    for edge in &view.edges {
        let _ = writeln!(out, "    n{} --> n{}", edge.from, edge.to);
    }
    if !view.facts.is_empty() {
        // A box that nothing leads to.
        let lines = view.facts.iter().map(|fact| quote(fact)).collect::<Vec<_>>().join("<br/>");
        let _ = writeln!(out, "    facts>\"{lines}\"]");
    }
    out
}

/// Graphviz's language.
#[must_use]
pub fn dot(plan: &Plan, flow: &Flow) -> String {
    let view = view::of(plan, flow);
    let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = format!("digraph \"{}\" {{\n    node [shape=box, fontname=\"monospace\"];\n", quote(&flow.name));
    let facts = view.facts.iter().map(|fact| format!("{}\\l", quote(fact))).collect::<String>();
    let _ = writeln!(out, "    graph [label=\"{facts}\", labelloc=t, labeljust=l, fontname=\"monospace\"];");
    for (at, node) in view.nodes.iter().enumerate() {
        // `\l` ends a line that is set to the left.
        let lines = node.lines.iter().map(|(_, line)| format!("{}\\l", quote(line))).collect::<String>();
        let shape = match node.kind {
            view::Kind::End | view::Kind::Arm => ", style=rounded",
            view::Kind::Gate => ", peripheries=2",
            view::Kind::Effect => ", style=bold",
            view::Kind::Choose => ", style=diagonals",
            view::Kind::Read | view::Kind::Decide => "",
        };
        let _ = writeln!(out, "    n{at} [label=\"{}\\n{lines}\"{shape}];", quote(&node.title));
    }
    for edge in &view.edges {
        let _ = writeln!(out, "    n{} -> n{};", edge.from, edge.to);
    }
    out.push_str("}\n");
    out
}

/// A picture that stands alone.
#[must_use]
pub fn svg(plan: &Plan, flow: &Flow) -> String {
    svg::draw(plan, flow)
}

/// JSON, version 1.
#[must_use]
pub fn json(plan: &Plan, flow: &Flow) -> serde_json::Value {
    let bound = plan.bound(flow);
    let steps = flow.steps.iter().enumerate().map(|(at, step)| {
        serde_json::json!({
            "name": step.name,
            "does": words::does(plan, &step.kind),
            "type": step.ty.to_string(),
            "within": step.within.map(|(around, arm)| match loops(flow, around) {
                true => serde_json::json!({ "each": name_of(flow, around) }),
                false => serde_json::json!({ "choose": name_of(flow, around), "arm": arm + 1 }),
            }),
            "when": step.when.as_ref().map(|when| when.source.clone()),
            "after": step.depends.iter().map(|id| name_of(flow, *id)).collect::<Vec<_>>(),
            "guards": view::guards(plan, flow, step),
            "bounds": view::bounds(plan, &bound, at, step),
            "branches": view::branches(plan, flow, step),
            "on_error": match step.on_error {
                OnError::Fail => "fail",
                OnError::Skip => "skip",
                OnError::Undo => "undo",
            },
            "on_denied": if step.skip_denied { "skip" } else { "stop" },
        })
    });
    let lacks: Vec<String> = plan.not_runnable(flow).into_iter().map(|lacking| format!("{}: {}", lacking.place, lacking.what)).collect();
    serde_json::json!({
        "version": 1,
        "flow": flow.name,
        "input": flow.input,
        "digest": plan.digest().to_string(),
        "deadline": flow.deadline.map(span),
        "cost_cap": flow.cost_cap.map(|cap| cap.to_string()),
        "time": time_json(&bound, flow),
        "cost": cost_json(&bound, flow),
        "terms": words::terms(flow),
        "steps": steps.collect::<Vec<_>>(),
        "lacks": lacks,
    })
}

/// How long a run takes at most, in microseconds.
fn time_json(bound: &Bound, flow: &Flow) -> serde_json::Value {
    let time = &bound.time;
    serde_json::json!({
        "deadline_micros": flow.deadline,
        "people_count": flow.terms.people_count,
        "own_micros": time.own.micros,
        "own_path": path_json(&time.own.legs),
        "with_people_micros": time.with_people.micros,
        "with_people_path": path_json(&time.with_people.legs),
        "declared_waiting_micros": time.declared.micros,
        "closing_micros": time.closing,
        "after_failure_micros": time.after_failure,
        "beyond_counting": time.own.micros.max(time.with_people.micros) == Micros::MAX,
        "unbounded": open_json(&time.open),
        "doubts_for_people": time.doubts,
    })
}

fn path_json(legs: &[Leg]) -> Vec<serde_json::Value> {
    // Bounded: loops nest no deeper than a file does.
    let leg =
        |leg: &Leg| serde_json::json!({ "step": leg.step, "micros": leg.micros, "rounds": leg.rounds, "inside": path_json(&leg.inside) });
    legs.iter().map(leg).collect()
}

fn open_json(open: &[Open]) -> Vec<serde_json::Value> {
    open.iter().map(|open| serde_json::json!({ "step": open.step, "why": open.why })).collect()
}

/// What its models cost at most, an amount for each currency; `at_most` is absent where nothing bounds it.
fn cost_json(bound: &Bound, flow: &Flow) -> serde_json::Value {
    let cost = &bound.cost;
    let most: Vec<String> = cost.most.amounts().map(|money| money.to_string()).collect();
    serde_json::json!({
        "cap": flow.cost_cap.map(|cap| cap.to_string()),
        "at_most": cost.open.is_empty().then_some(most),
        "beyond_counting": cost.most.is_beyond(),
        "unbounded": open_json(&cost.open),
        "whole_context": cost.whole_context,
    })
}
