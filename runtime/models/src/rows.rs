//! Labelled rows: one JSON object a line with `text`, a label, the numbers of the model, and perhaps a `group`. A broken line is refused by number and reason.

use std::path::Path;
use tradewind_lang::plan::INSTANT;

/// One example to learn from or to be judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledRow {
    /// What a customer wrote.
    pub text: String,
    /// Place of its label among the labels asked for.
    pub truth: usize,
    /// Rows of one group (one author) stay on one side of every split; the line's number where none is given.
    pub group: String,
    /// The numbers that the model reads, in the order of their names.
    pub numbers: Vec<f64>,
    /// When that was, in microseconds since 1970, where the row says so.
    pub at: Option<i64>,
}

/// Reads a file of labelled rows; see [`parse_rows`].
pub fn read_rows(path: &Path, label: &str, labels: &[String], numbers: &[String]) -> Result<Vec<LabelledRow>, String> {
    let text = std::fs::read_to_string(path).map_err(|problem| format!("the rows `{}` cannot be read: {problem}", path.display()))?;
    parse_rows(&text, label, labels, numbers).map_err(|problem| format!("`{}`, {problem}", path.display()))
}

/// Reads labelled rows. A row without the label (or with `null`) says nothing about it and is left out; blank lines are allowed. Where
/// there are numbers, a row needs no text.
pub fn parse_rows(text: &str, label: &str, labels: &[String], numbers: &[String]) -> Result<Vec<LabelledRow>, String> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row = parse_row(line, index + 1, (label, labels), numbers).map_err(|problem| format!("line {}: {problem}", index + 1))?;
        rows.extend(row);
    }
    Ok(rows)
}

fn parse_row(line: &str, number: usize, (label, labels): (&str, &[String]), numbers: &[String]) -> Result<Option<LabelledRow>, String> {
    let row: serde_json::Value = serde_json::from_str(line).map_err(|problem| format!("not JSON: {problem}"))?;
    let Some(row) = row.as_object() else { return Err("not an object".to_owned()) };
    let given = match row.get(label) {
        None | Some(serde_json::Value::Null) => return Ok(None),
        Some(value) => value.as_str().ok_or_else(|| format!("the label `{label}` is not a text"))?,
    };
    let truth = labels.iter().position(|known| known == given);
    let truth = truth.ok_or_else(|| format!("`{given}` is not one of the labels {}", listed(labels)))?;
    let text = match row.get("text") {
        None if !numbers.is_empty() => String::new(),
        text => text.and_then(serde_json::Value::as_str).ok_or("no `text`")?.to_owned(),
    };
    let at = row.get(INSTANT).and_then(serde_json::Value::as_str).and_then(tradewind_lang::literal::timestamp);
    let numbers = numbers.iter().filter(|name| *name != INSTANT).map(|name| {
        let number = row.get(name).and_then(serde_json::Value::as_f64).filter(|number| number.is_finite());
        number.ok_or_else(|| format!("no number `{name}`"))
    });
    let numbers = numbers.collect::<Result<Vec<f64>, String>>()?;
    let group = match row.get("group") {
        None | Some(serde_json::Value::Null) => format!("line {number}"),
        Some(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
    };
    Ok(Some(LabelledRow { text, truth, group, numbers, at }))
}

/// Names for people: `a`, `b`, `c`.
pub(crate) fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
