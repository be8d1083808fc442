//! The release binary as a process of its own: what it prints, how long it takes, what it uses.

use crate::machine::{Lap, Stopwatch, peak_memory};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often the memory of a running program is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// What a program did.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: i32,
    /// What it wrote to standard output.
    pub output: String,
    /// How long it took; `own` is its processor time and that of its children.
    pub lap: Lap,
    /// Peak of its memory in MiB, as last seen before it ended.
    pub peak: f64,
}

/// The `tradewind` beside the running benchmark, unless one is named.
///
/// # Errors
/// There is none.
pub fn tradewind(named: Option<&Path>) -> Result<PathBuf, String> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => std::env::current_exe().map_err(|error| error.to_string())?.with_file_name("tradewind"),
    };
    path.canonicalize().map_err(|error| format!("{}: {error}; build it first, or name it with --tradewind", path.display()))
}

/// Runs a program in a folder to its end.
///
/// # Errors
/// It cannot be started.
pub fn run(program: &Path, folder: &Path, arguments: &[&str]) -> Result<Ended, String> {
    let text = |error: std::io::Error| format!("{}: {error}", program.display());
    let watch = Stopwatch::start();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(text)?;
    let reader = child.stdout.take().map(|mut out| {
        std::thread::spawn(move || {
            let mut output = String::new();
            let _ = out.read_to_string(&mut output);
            output
        })
    });
    let process = child.id().to_string();
    let mut peak = 0.0_f64;
    let status = loop {
        peak = peak_memory(&process).map_or(peak, |now| now.max(peak));
        match child.try_wait().map_err(text)? {
            Some(status) => break status,
            None => std::thread::sleep(LOOK),
        }
    };
    let lap = watch.lap();
    let output = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    Ok(Ended { status: status.code().unwrap_or(-1), output, lap, peak })
}
