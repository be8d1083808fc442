//! Inputs of a flow from a file: one JSON object, or one a line. A broken line is kept with its reason and stops nothing.

use crate::exit::{Exit, Failure};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::path::Path;
use tradewind_lang::code::run;
use tradewind_lang::conform;
use tradewind_lang::plan::Plan;
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// One input as it stood in the file.
#[derive(Debug)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    /// As written.
    pub(crate) text: String,
    /// Its value, or why it is none.
    pub(crate) input: Result<Value, String>,
}

/// Reads every input of a file. `.jsonl` and `.ndjson` hold one a line; anything else is one JSON value or a list of them.
pub(crate) fn read(path: &Path, record: &str, plan: &Plan) -> Result<Vec<Line>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(Exit::Tool, &run::CANNOT_READ, format!("`{}` cannot be read: {error}", path.display()))
            .help("name a .jsonl or .json file with --input")
    })?;
    let ty = Ty::Record(record.to_owned());
    let by_line = path.extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson");
    if by_line {
        let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
        return Ok(lines.map(|(at, line)| read_line(at + 1, line, &ty, plan)).collect());
    }
    match serde_json::from_slice::<Json>(&bytes) {
        Ok(Json::Array(items)) => {
            Ok(items.iter().enumerate().map(|(at, item)| read_json(at + 1, item.to_string(), item, &ty, plan)).collect())
        }
        Ok(item) => Ok(vec![read_json(1, item.to_string(), &item, &ty, plan)]),
        Err(error) => Ok(vec![Line {
            number: error.line(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
            input: Err(format!("not JSON: {error}")),
        }]),
    }
}

fn read_line(number: usize, bytes: &[u8], ty: &Ty, plan: &Plan) -> Line {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if std::str::from_utf8(bytes).is_err() {
        return Line { number, text, input: Err("not UTF-8 text".to_owned()) };
    }
    match serde_json::from_str::<Json>(&text) {
        Ok(json) => read_json(number, text, &json, ty, plan),
        Err(error) => Line { number, text, input: Err(format!("not JSON: {error}")) },
    }
}

fn read_json(number: usize, text: String, json: &Json, ty: &Ty, plan: &Plan) -> Line {
    let input = conform::from_json(json, ty, &plan.types).map_err(|problems| {
        let reasons: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.reason)).collect();
        reasons.join("; ")
    });
    Line { number, text, input }
}

/// Writes rejected lines beside the old file and renames; removes the file of an earlier run where nothing was rejected.
/// Says whether there is a file.
pub(crate) fn write_rejects(path: &Path, rejected: &[&Line]) -> Result<bool, Failure> {
    if rejected.is_empty() {
        // A missing file is what we want.
        let _ = std::fs::remove_file(path);
        return Ok(false);
    }
    let written = (|| {
        let beside = path.with_extension("new");
        let mut file = std::fs::File::create(&beside)?;
        for line in rejected {
            let reason = line.input.as_ref().err().cloned().unwrap_or_default();
            writeln!(file, "{}", json!({ "line": line.number, "reason": reason, "text": line.text }))?;
        }
        file.sync_all()?;
        std::fs::rename(&beside, path)
    })();
    written.map_err(|error: std::io::Error| {
        Failure::new(Exit::Tool, &run::CANNOT_WRITE, format!("`{}` cannot be written: {error}", path.display()))
    })?;
    Ok(true)
}
