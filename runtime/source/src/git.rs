//! The `git` program, so that nothing decides what it does but what it is told here: no configuration of the system or of a user, no
//! hook, no helper, no question to anybody, one way out, and an end in time.

use crate::access::Entry;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// What is told on every call, over any configuration.
const TOLD: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "credential.helper=",
    "protocol.version=2",
    "transfer.fsckObjects=true",
    "fetch.recurseSubmodules=no",
    // Always as packs, so that what arrives can be watched in one folder.
    "fetch.unpackLimit=1",
    "http.followRedirects=false",
    "gc.auto=0",
    "maintenance.auto=false",
    // Signatures by SSH keys count; no other program is asked about one.
    "gpg.format=ssh",
    "gpg.program=false",
    "gpg.x509.program=false",
    "gpg.minTrustLevel=fully",
];

/// Of our own environment, what it is given: where programs are, and which authorities vouch for hosts.
const HANDED_ON: &[&str] = &["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "LD_LIBRARY_PATH", "GIT_EXEC_PATH"];

/// Most that is kept of what it says on standard error.
const MOST_SAID: usize = 16 * 1024;

/// `git` for one bare repository.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    /// The bare repository.
    pub(crate) folder: PathBuf,
    /// An empty folder that stands for a user's own.
    pub(crate) home: PathBuf,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its exit code; none where it was ended.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: Vec<u8>,
    /// The end of standard error, without secrets.
    pub(crate) said: String,
}

impl Answer {
    /// Standard output where it ended well.
    pub(crate) fn well(self) -> Result<Vec<u8>, String> {
        if self.code == Some(0) { Ok(self.out) } else { Err(self.said) }
    }
}

/// How much a call may take.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    /// How long.
    pub(crate) time: Duration,
    /// Bytes of standard output.
    pub(crate) output: usize,
    /// A folder that may not grow beyond so many bytes meanwhile.
    pub(crate) folder: Option<(PathBuf, u64)>,
}

impl Bounds {
    pub(crate) fn small() -> Self {
        Self { time: Duration::from_secs(30), output: 1 << 20, folder: None }
    }
}

impl Git {
    pub(crate) fn command(&self, arguments: &[&str], entry: &Entry) -> Command {
        let mut command = Command::new("git");
        command.env_clear();
        for name in HANDED_ON {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", &self.home)
            .env("LC_ALL", "C")
            .env("GIT_DIR", &self.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            // Nothing is reached unless the call says how.
            .env("GIT_ALLOW_PROTOCOL", "")
            .envs(&entry.variables);
        for told in TOLD {
            command.args(["-c", told]);
        }
        // Of a group of its own, so that Ctrl-C ends the process that serves and not what it waits for, and that all of it can be ended.
        command.args(arguments).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, within bounds; the error is for people.
    pub(crate) async fn run(&self, arguments: &[&str], entry: &Entry, bounds: &Bounds) -> Result<Answer, String> {
        let mut child = spawn(&mut self.command(arguments, entry))?;
        let group = child.id();
        let (out, said) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let (status, out, said) = tokio::join!(child.wait(), read(out, bounds.output), read_end(said));
            (status, out, said)
        };
        let what = arguments.first().copied().unwrap_or_default();
        let ended = tokio::select! {
            ended = work => Ok(ended),
            () = tokio::time::sleep(bounds.time) => Err(format!("`git {what}` took longer than {} s", bounds.time.as_secs())),
            size = outgrown(bounds.folder.as_ref()) => Err(format!("`git {what}` brought more than {size} bytes")),
        };
        let (status, out, said) = match ended {
            Ok(ended) => ended,
            Err(why) => {
                end_group(group);
                return Err(why);
            }
        };
        let status = status.map_err(|error| format!("`git {what}` cannot be waited for: {error}"))?;
        let said = entry.scrub(&told(&String::from_utf8_lossy(&said)));
        let out = match out {
            Ok(out) => out,
            Err(why) => return Err(format!("`git {what}` {why}")),
        };
        Ok(Answer { code: status.code(), out, said })
    }
}

pub(crate) fn spawn(command: &mut Command) -> Result<Child, String> {
    command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no program `git`".to_owned(),
        _ => format!("`git` cannot be started: {error}"),
    })
}

/// Ends a process that was started here with all that it started itself.
pub(crate) fn end_group(group: Option<u32>) {
    let Some(group) = group else { return };
    // The shell's own `kill`: the standard library ends one process, not a group of them.
    let ended = std::process::Command::new("sh").args(["-c", &format!("kill -KILL -{group}")]).stderr(Stdio::null()).status();
    if let Err(error) = ended {
        tracing::warn!("what `git` started cannot be ended: {error}");
    }
}

async fn read(from: Option<impl AsyncRead + Unpin>, most: usize) -> Result<Vec<u8>, String> {
    let (Some(mut from), mut bytes, mut chunk) = (from, Vec::new(), vec![0; 64 * 1024]) else { return Ok(Vec::new()) };
    loop {
        match from.read(&mut chunk).await {
            Ok(0) => return Ok(bytes),
            Ok(count) if bytes.len() + count <= most => bytes.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Ok(_) => return Err(format!("says more than {most} bytes")),
            Err(error) => return Err(format!("cannot be read: {error}")),
        }
    }
}

/// The last of what is said.
pub(crate) async fn read_end(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let (Some(mut from), mut bytes, mut chunk) = (from, Vec::new(), vec![0; 8 * 1024]) else { return Vec::new() };
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let surplus = bytes.len().saturating_sub(MOST_SAID);
        bytes.drain(..surplus);
    }
    bytes
}

/// What `git` calls fatal where `ssh` could not get through; why it could not is what `ssh` said just before.
const NO_REMOTE: &str = "fatal: Could not read from remote repository.";

/// What is told to people of what `git` said: what it calls fatal, or its last lines.
fn told(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let plain = |line: &&str| {
        line.trim_start_matches("fatal: ").trim_start_matches("error: ").chars().filter(|letter| !letter.is_control()).collect::<String>()
    };
    if let Some(at) = lines.iter().position(|line| *line == NO_REMOTE)
        && at > 0
    {
        let before = lines.get(..at).unwrap_or_default();
        // Around a changed key it draws a frame.
        let words: Vec<&&str> = before.iter().filter(|line| !line.starts_with('@')).collect();
        return words.iter().rev().take(2).rev().map(|line| plain(line)).collect::<Vec<_>>().join("; ");
    }
    let fatal: Vec<String> =
        lines.iter().filter(|line| line.starts_with("fatal: ") || line.starts_with("error: ")).take(3).map(plain).collect();
    if fatal.is_empty() { lines.iter().rev().take(2).rev().map(plain).collect::<Vec<_>>().join("; ") } else { fatal.join("; ") }
}

/// Returns when a folder has grown beyond its bound.
async fn outgrown(folder: Option<&(PathBuf, u64)>) -> u64 {
    let Some((folder, most)) = folder else { return std::future::pending().await };
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if size_of(folder) > *most {
            return *most;
        }
    }
}

/// Bytes of the files directly in a folder.
pub(crate) fn size_of(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}
