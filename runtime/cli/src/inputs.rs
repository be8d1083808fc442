//! Inputs of a flow from a file: one JSON object, or one a line. A broken line is kept with its reason and stops nothing.

use crate::exit::{Exit, Failure};
use serde_json::{Value as Json, json};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tradewind_lang::code::run;
use tradewind_lang::conform;
use tradewind_lang::plan::{Digest, Plan};
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

/// Where rejected lines go.
#[derive(Debug, Clone)]
pub(crate) struct Rejects {
    path: PathBuf,
    /// Whether we chose the name; only such a file is ever removed.
    ours: bool,
}

impl Rejects {
    /// The file that was asked for, or one in `folder`, named after the input. The input itself is refused, and so is what is no file.
    pub(crate) fn place(asked: Option<&Path>, input: &Path, folder: &Path) -> Result<Self, Failure> {
        let Some(path) = asked else {
            // Two inputs in two folders may have one name.
            let whole = std::fs::canonicalize(input).unwrap_or_else(|_| input.to_owned());
            let digest: String = Digest::of(whole.as_os_str().as_encoded_bytes()).to_string().chars().take(8).collect();
            let stem = input.file_stem().map_or_else(|| "input".into(), |stem| stem.to_string_lossy().into_owned());
            return Ok(Self { path: folder.join(format!("{stem}-{digest}.rejects.jsonl")), ours: true });
        };
        let wrong = |message: String| Err(Failure::new(Exit::Usage, &run::USAGE, message).help("name a file of its own with --rejects"));
        if path.file_name().is_none() {
            return wrong(format!("`{}` names no file", path.display()));
        }
        if let Ok(there) = std::fs::metadata(path) {
            let input = std::fs::metadata(input).ok().map(|input| (input.dev(), input.ino()));
            if input == Some((there.dev(), there.ino())) {
                return wrong(format!("`{}` is the input itself, and would be overwritten", path.display()));
            }
            if !there.is_file() {
                return wrong(format!("`{}` is no regular file", path.display()));
            }
        }
        Ok(Self { path: path.to_owned(), ours: false })
    }

    /// Writes rejected lines into a new file and renames it. Where nothing was rejected, an earlier file goes if its name is ours.
    /// Gives the path where there is something to read.
    pub(crate) fn write(self, rejected: &[&Line]) -> Result<Option<PathBuf>, Failure> {
        if rejected.is_empty() {
            if self.ours {
                // A missing file is what we want.
                let _ = std::fs::remove_file(&self.path);
            }
            return Ok(None);
        }
        let mut beside = std::ffi::OsString::from(".");
        beside.push(self.path.file_name().unwrap_or_default());
        beside.push(format!(".{}", std::process::id()));
        let beside = self.path.with_file_name(beside);
        let written = (|| {
            let mut file = std::io::BufWriter::new(std::fs::File::create_new(&beside)?);
            for line in rejected {
                let reason = line.input.as_ref().err().cloned().unwrap_or_default();
                writeln!(file, "{}", json!({ "line": line.number, "reason": reason, "text": line.text }))?;
            }
            file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&beside, &self.path)
        })();
        written.map_err(|error: std::io::Error| {
            // What could not be renamed is of no use to anybody.
            let _ = std::fs::remove_file(&beside);
            Failure::new(Exit::Tool, &run::CANNOT_WRITE, format!("`{}` cannot be written: {error}", self.path.display()))
        })?;
        Ok(Some(self.path))
    }
}
