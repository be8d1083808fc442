//! Rows of models of this process: every line must be readable and every label known, before anything is trained.
//! It judges form, not quality: how well a model does on its rows is `eval`'s question.

use super::context::{Context, name_of};
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{FEWEST, Gate, INSTANT, Learns, Model, Rung};
use crate::shape::Shaped;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Context<'_> {
    /// Reads the rows of every model, against every enum that some step asks it for.
    pub(crate) fn check_rows(&mut self, nodes: &[Node]) {
        let asked = self.asked_for();
        for node in nodes.iter().filter(|node| node.name.text == "model") {
            let Some((name, rows)) = name_of(node).zip(node.setting("rows")) else { continue };
            let Some(model) = self.plan.models.get(&name.text).cloned() else { continue };
            // A file that cannot be read was reported where the model was lowered.
            let Some(text) = (self.read)(&model.rows) else { continue };
            let enums = asked.get(&name.text).into_iter().flatten();
            let enums: Vec<(String, Vec<String>)> =
                enums.filter_map(|name| Some((name.clone(), self.plan.types.enums.get(name)?.clone()))).collect();
            let judged = match &model.gate {
                Some(gate) if gate.learns.reads_no_text() => judge_numbers(&text, &model.rows, gate),
                _ => judge(&text, &model, &enums),
            };
            let Err(fault) = judged else { continue };
            let diagnostic = Diagnostic::new(&meaning::UNUSABLE_ROWS, rows.span, fault.message).label(fault.label).help(fault.help);
            self.report(diagnostic);
        }
    }

    /// For each model the enums whose values it is asked to choose from.
    fn asked_for(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let steps = self.plan.flows.values().flat_map(|flow| flow.steps.iter());
        for (labels, route) in steps.flat_map(|step| step.kind.classifies()) {
            let rungs = self.plan.routes.get(route).into_iter().flat_map(|route| route.rungs.iter());
            for rung in rungs {
                if let Rung::Candidate { model } = rung {
                    asked.entry(model.clone()).or_default().insert(labels.to_owned());
                }
            }
        }
        asked
    }
}

/// What is wrong with a file of rows: its first mistake.
struct Fault {
    message: String,
    label: &'static str,
    help: String,
}

fn judge(text: &str, model: &Arc<Model>, enums: &[(String, Vec<String>)]) -> Result<(), Fault> {
    let Model { rows, label, .. } = &**model;
    let mut labelled = 0;
    let numbers = model.gate.as_ref().map_or(&[][..], |gate| &gate.asked);
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fault = |problem: String, label, help| Fault { message: format!("line {} of `{rows}` {problem}", at + 1), label, help };
        let form = "write one object a line, with `text` and the labels";
        let row = object(line).map_err(|problem| fault(problem.to_owned(), "a row cannot be read", form.to_owned()))?;
        let given = match row.get(label) {
            // A row that says nothing about this label serves another model.
            None | Some(serde_json::Value::Null) => continue,
            Some(serde_json::Value::String(given)) => given,
            Some(_) => {
                let help = format!("write the label as text: `\"{label}\": \"…\"`");
                return Err(fault(format!("has a `{label}` that is not text"), "a label cannot be read", help));
            }
        };
        if let Some((name, values)) = enums.iter().find(|(_, values)| !values.contains(given)) {
            let listed = values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
            let help = format!("values of `{name}`: {listed}");
            return Err(fault(format!("has the label `{given}`, which is no value of `{name}`"), "an unknown label", help));
        }
        number_of(&row, numbers).map_err(|name| fault(format!("has no number `{name}`"), "a row cannot be read", each_row(numbers)))?;
        let text = row.get("text");
        if !text.is_some_and(serde_json::Value::is_string) && (numbers.is_empty() || text.is_some()) {
            return Err(fault("has no `text`".to_owned(), "a row cannot be read", form.to_owned()));
        }
        labelled += 1;
    }
    match labelled {
        0 => Err(Fault {
            message: format!("no row of `{rows}` has the label `{label}`"),
            label: "nothing to learn from",
            help: format!("add rows with `{label}`, or name the label that they have with `label=\"…\"`"),
        }),
        _ => Ok(()),
    }
}

/// A line of rows.
fn object(line: &str) -> Result<serde_json::Map<String, serde_json::Value>, &'static str> {
    match serde_json::from_str(line) {
        Ok(serde_json::Value::Object(row)) => Ok(row),
        Ok(_) => Err("is not an object"),
        Err(_) => Err("is not JSON"),
    }
}

/// What each row must have.
fn each_row(names: &[String]) -> String {
    format!("give every row {}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and "))
}

/// Whether a row has these numbers, or the name of one that it has not.
fn number_of<'a>(row: &serde_json::Map<String, serde_json::Value>, names: &'a [String]) -> Result<(), &'a str> {
    names
        .iter()
        .find(|name| !row.get(*name).is_some_and(|value| value.as_f64().is_some_and(f64::is_finite)))
        .map_or(Ok(()), |name| Err(name))
}

/// Rows of numbers: what is usual, or what was sold at which price.
fn judge_numbers(text: &str, rows: &str, gate: &Gate) -> Result<(), Fault> {
    let (names, positive, dated) = match &gate.learns {
        Learns::Usual { number, season, .. } => (vec![number.clone()], false, season.is_some()),
        Learns::Response { .. } => (vec!["price".to_owned(), "sold".to_owned()], true, false),
        Learns::Labels => return Ok(()),
    };
    let mut prices = BTreeSet::new();
    let mut many = 0;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fault = |problem: String, help: String| Fault {
            message: format!("line {} of `{rows}` {problem}", at + 1),
            label: "a row cannot be read",
            help,
        };
        let row = object(line).map_err(|problem| fault(problem.to_owned(), each_row(&names)))?;
        number_of(&row, &names).map_err(|name| fault(format!("has no number `{name}`"), each_row(&names)))?;
        if dated && row.get(INSTANT).and_then(serde_json::Value::as_str).is_none_or(|text| crate::literal::timestamp(text).is_none()) {
            let help = format!("a season wants to know when each row was: `\"{INSTANT}\": \"2026-01-05T09:00:00Z\"`");
            return Err(fault(format!("has no instant `{INSTANT}`"), help));
        }
        let small =
            names.iter().find(|name| positive && row.get(*name).and_then(serde_json::Value::as_f64).is_none_or(|value| value <= 0.0));
        if let Some(name) = small {
            let help = "an elasticity compares ratios: sum the rows over spans of time in which something was sold";
            return Err(fault(format!("has a `{name}` that is not above zero"), help.to_owned()));
        }
        prices.extend(row.get("price").filter(|_| positive).map(ToString::to_string));
        many += 1;
    }
    let unusable = |message: String, help: &str| Err(Fault { message, label: "nothing to learn from", help: help.to_owned() });
    if many < FEWEST {
        let counted = if many == 1 { "1 row".to_owned() } else { format!("{many} rows") };
        return unusable(format!("`{rows}` has {counted}, and {FEWEST} are needed"), "add rows");
    }
    if positive && prices.len() < 2 {
        return unusable(
            format!("every row of `{rows}` has the same price"),
            "add rows of another price: only a change shows how sales answer",
        );
    }
    Ok(())
}
