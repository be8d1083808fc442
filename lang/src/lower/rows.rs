//! Labelled rows of `linear` models: every line must be readable and every label known, before anything is trained.
//! It judges form, not quality: how well a model does on its rows is `eval`'s question.

use super::context::{Context, name_of};
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{Model, Rung};
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
            let Err(fault) = judge(&text, &model, &enums) else { continue };
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
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let fault = |problem: String, label, help| Fault { message: format!("line {} of `{rows}` {problem}", at + 1), label, help };
        let form = "write one object a line, with `text` and the labels";
        let row: serde_json::Value =
            serde_json::from_str(line).map_err(|_| fault("is not JSON".to_owned(), "a row cannot be read", form.to_owned()))?;
        let Some(row) = row.as_object() else {
            return Err(fault("is not an object".to_owned(), "a row cannot be read", form.to_owned()));
        };
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
        if !row.get("text").is_some_and(serde_json::Value::is_string) {
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
