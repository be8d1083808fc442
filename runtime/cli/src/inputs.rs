//! Inputs of a flow from a file: one JSON object, or one a line. A broken line is kept with its reason and stops nothing.

use crate::exit::{Exit, Failure};
use serde_json::{Value as Json, json};
use std::io::{BufRead, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tradewind_engine::seal::is_personal;
use tradewind_lang::code::run;
use tradewind_lang::conceal::{conceal, has_secrets};
use tradewind_lang::conform;
use tradewind_lang::json_keys;
use tradewind_lang::plan::{Digest, Flow, Plan};
use tradewind_lang::ty::{Ty, TypeTable};
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
    /// The run that another input under its key began earlier.
    pub(crate) conflict: Option<Conflict>,
    /// Which of its fields do not fit: the reason without what stands in them.
    places: Option<String>,
}

/// An earlier input under the same key.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Conflict {
    /// The key.
    pub(crate) key: String,
    /// The run.
    pub(crate) run: String,
}

impl Line {
    fn new(number: usize, text: String, input: Result<Value, String>) -> Self {
        Self { number, text, input, conflict: None, places: None }
    }

    /// Why it became no run, where it did not.
    fn reason(&self) -> Option<String> {
        match (&self.input, &self.conflict) {
            (Err(reason), _) => Some(reason.clone()),
            (Ok(_), Some(conflict)) => Some(format!("another input was already started under the key `{}`", conflict.key)),
            (Ok(_), None) => None,
        }
    }

    /// Whether it became no run.
    pub(crate) fn is_rejected(&self) -> bool {
        self.input.is_err() || self.conflict.is_some()
    }
}

/// Longest first line that is read to see who wrote a file.
const LONGEST_RECORD: u64 = 64 << 20;
/// What some editors put before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads every input of a file. `.jsonl` and `.ndjson` hold one a line; anything else is one JSON value or a list of them.
pub(crate) fn read(path: &Path, record: &str, plan: &Plan) -> Result<Vec<Line>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(Exit::Tool, &run::CANNOT_READ, format!("`{}` cannot be read: {error}", path.display()))
            .help("name a .jsonl or .json file with --input")
    })?;
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let ty = Ty::Record(record.to_owned());
    let by_line = path.extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson");
    if by_line {
        let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
        return Ok(lines.map(|(at, line)| read_line(at + 1, line, &ty, plan)).collect());
    }
    if let Err(reason) = json_keys::check(bytes) {
        return Ok(vec![Line::new(1, String::from_utf8_lossy(bytes).into_owned(), Err(reason))]);
    }
    match serde_json::from_slice::<Json>(bytes) {
        Ok(Json::Array(items)) => {
            Ok(items.iter().enumerate().map(|(at, item)| read_json(at + 1, item.to_string(), item, &ty, plan)).collect())
        }
        Ok(item) => Ok(vec![read_json(1, item.to_string(), &item, &ty, plan)]),
        Err(error) => Ok(vec![Line::new(error.line(), String::from_utf8_lossy(bytes).into_owned(), Err(format!("not JSON: {error}")))]),
    }
}

fn read_line(number: usize, bytes: &[u8], ty: &Ty, plan: &Plan) -> Line {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if std::str::from_utf8(bytes).is_err() {
        return Line::new(number, text, Err("not UTF-8 text".to_owned()));
    }
    if let Err(reason) = json_keys::check(bytes) {
        return Line::new(number, text, Err(reason));
    }
    match serde_json::from_str::<Json>(&text) {
        Ok(json) => read_json(number, text, &json, ty, plan),
        Err(error) => Line::new(number, text, Err(format!("not JSON: {error}"))),
    }
}

fn read_json(number: usize, text: String, json: &Json, ty: &Ty, plan: &Plan) -> Line {
    let mut places = None;
    let input = conform::from_json(json, ty, &plan.types).map_err(|problems| {
        let named: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        places = Some(format!("{}: does not fit; name a file with --rejects to see what stands there", named.join(", ")));
        let reasons: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.reason)).collect();
        reasons.join("; ")
    });
    Line { places, ..Line::new(number, text, input) }
}

/// Whether a path, which need not exist, lies below a folder.
fn is_below(path: &Path, root: &Path) -> bool {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::canonicalize(folder).is_ok_and(|folder| folder.starts_with(root))
}

/// Whether a file is empty, or begins with a rejected line as we write it.
fn is_ours(path: &Path) -> bool {
    let Ok(file) = std::fs::File::open(path) else { return false };
    let mut first = String::new();
    match std::io::BufReader::new(file.take(LONGEST_RECORD)).read_line(&mut first) {
        Ok(0) => true,
        Ok(_) => serde_json::from_str::<Json>(&first).is_ok_and(|record| {
            let has = |name: &str, is: fn(&Json) -> bool| record.get(name).is_some_and(is);
            has("line", Json::is_u64) && has("reason", Json::is_string) && has("text", Json::is_string)
        }),
        Err(_) => false,
    }
}

/// Where rejected lines go.
#[derive(Debug, Clone)]
pub(crate) struct Rejects {
    path: PathBuf,
    /// Whether we chose the name; only such a file is ever removed.
    ours: bool,
    /// Whether the lines themselves are left out: they hold personal data, and nobody named a place for them.
    silent: bool,
    /// The type of the inputs and what it is made of, where fields of it are secrets: those stand in no file of ours.
    secrets: Option<Arc<(Ty, TypeTable)>>,
}

impl Rejects {
    /// The same; where we chose the place, without the lines of inputs that hold personal data: the number of a line finds it again.
    pub(crate) fn of(self, plan: &Plan, flow: &Flow) -> Self {
        let ty = Ty::Record(flow.input.clone());
        let secrets = has_secrets(&ty, &plan.types).then(|| Arc::new((ty, plan.types.clone())));
        Self { silent: self.ours && is_personal(plan, flow), secrets, ..self }
    }

    /// A line as it is written down.
    fn shown(&self, text: &str) -> String {
        let Some(known) = &self.secrets else { return text.to_owned() };
        // What cannot be read may be a secret anywhere.
        let mut value = serde_json::from_str::<Json>(text).map_or(Value::string(text), |json| conform::untyped(&json));
        conceal(&mut value, &known.0, &known.1);
        if let Value::String(text) = &value { text.to_string() } else { conform::to_json(&value).to_string() }
    }

    /// The file that was asked for, or one in `folder`, named after the input. The input itself is refused, and so are what is no
    /// file, what something else wrote, and configuration below `root`.
    pub(crate) fn place(asked: Option<&Path>, input: &Path, folder: &Path, root: &Path) -> Result<Self, Failure> {
        let Some(path) = asked else {
            // Two inputs in two folders may have one name.
            let whole = std::fs::canonicalize(input).unwrap_or_else(|_| input.to_owned());
            let digest: String = Digest::of(whole.as_os_str().as_encoded_bytes()).to_string().chars().take(8).collect();
            let stem = input.file_stem().map_or_else(|| "input".into(), |stem| stem.to_string_lossy().into_owned());
            return Ok(Self { path: folder.join(format!("{stem}-{digest}.rejects.jsonl")), ours: true, silent: false, secrets: None });
        };
        let wrong = |message: String| Err(Failure::new(Exit::Usage, &run::USAGE, message).help("name a file of its own with --rejects"));
        if path.file_name().is_none() {
            return wrong(format!("`{}` names no file", path.display()));
        }
        if path.extension().is_some_and(|extension| extension == "kdl") && is_below(path, root) {
            return wrong(format!("`{}` would be configuration of this repository", path.display()));
        }
        if let Ok(there) = std::fs::metadata(path) {
            let input = std::fs::metadata(input).ok().map(|input| (input.dev(), input.ino()));
            if input == Some((there.dev(), there.ino())) {
                return wrong(format!("`{}` is the input itself, and would be overwritten", path.display()));
            }
            if !there.is_file() {
                return wrong(format!("`{}` is no regular file", path.display()));
            }
            if !is_ours(path) {
                return wrong(format!("`{}` holds something else than rejected lines, and would be overwritten", path.display()));
            }
        }
        Ok(Self { path: path.to_owned(), ours: false, silent: false, secrets: None })
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
                let reason = line.reason().unwrap_or_default();
                let mut record = match self.silent {
                    true => json!({ "line": line.number, "reason": line.places.as_ref().unwrap_or(&reason), "text": "" }),
                    false => json!({ "line": line.number, "reason": reason, "text": self.shown(&line.text) }),
                };
                if let (Some(conflict), Some(fields)) = (&line.conflict, record.as_object_mut()) {
                    fields.insert("key".to_owned(), json!(conflict.key));
                    fields.insert("run".to_owned(), json!(conflict.run));
                }
                writeln!(file, "{record}")?;
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
