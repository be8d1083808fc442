//! The Unix socket in the store's folder: while a process holds the store, every other command reaches it there.
//!
//! One JSON request and one JSON answer a connection, each on a line. The socket is for its owner alone (mode 0600).

use crate::desk::{Desk, Problem, Request};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tradewind_lang::plan::Digest;

/// Its name.
const NAME: &str = "tradewind.sock";
/// Longest request that is read.
const LONGEST: u64 = 32 << 20;

#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    Fine(serde_json::Value),
    Problem(Problem),
    /// Ask again in a moment.
    Busy,
}

/// Longest address that every system takes for a socket.
const LONGEST_ADDRESS: usize = 103;
/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// The socket of a store's folder. Where its path is too long for a socket, one in a folder of the user's own, named after it.
fn address(folder: &Path) -> io::Result<PathBuf> {
    let near = folder.join(NAME);
    if near.as_os_str().len() <= LONGEST_ADDRESS {
        return Ok(near);
    }
    let folder = std::fs::canonicalize(folder)?;
    let far = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let far = far.join(format!("tradewind-{}", Digest::of(folder.as_os_str().as_encoded_bytes()).short()));
    match std::fs::DirBuilder::new().mode(0o700).create(&far) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let (found, owner) = (std::fs::symlink_metadata(&far)?, std::fs::metadata(&folder)?.uid());
    if !found.is_dir() || found.mode() & 0o077 != 0 || found.uid() != owner {
        return Err(io::Error::other(format!("`{}` is not a private folder of the store's owner", far.display())));
    }
    Ok(far.join(NAME))
}

/// A listening socket; its file goes when this goes.
#[derive(Debug)]
pub(crate) struct Listening {
    path: PathBuf,
    ending: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        self.task.abort();
        // A missing file is what we want.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Binds in a folder that nobody else may enter, and moves the socket out when it is its owner's alone: whatever the umask, nobody
/// else can connect in between. Replaces what an earlier process left.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let private = path.with_file_name(format!(".s{}", std::process::id()));
    // The remains of a process of the same number.
    let _ = std::fs::remove_dir_all(&private);
    std::fs::DirBuilder::new().mode(0o700).create(&private)?;
    let inside = private.join("s");
    let bound = UnixListener::bind(&inside).and_then(|listener| {
        std::fs::set_permissions(&inside, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&inside, path)?;
        Ok(listener)
    });
    let _ = std::fs::remove_dir_all(&private);
    bound
}

/// Answers on the socket until the result is dropped. Only the process that holds the store may call this:
/// an old socket file is then a dead one, and is replaced.
pub(crate) fn listen(folder: &Path, desk: Desk) -> io::Result<Listening> {
    let path = address(folder)?;
    let listener = bind(&path)?;
    let ending = Arc::new(AtomicBool::new(false));
    let told = ending.clone();
    let task = tokio::spawn(async move {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Too many open files, or a caller that has gone: both pass.
                    tracing::debug!("a command could not be let in: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let (desk, ending) = (desk.clone(), told.clone());
            tokio::spawn(async move {
                if let Err(error) = serve(stream, &desk, &ending).await {
                    tracing::debug!("a command on the socket broke off: {error}");
                }
            });
        }
    });
    Ok(Listening { path, ending, task })
}

async fn serve(stream: UnixStream, desk: &Desk, ending: &AtomicBool) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let arrived = tokio::time::timeout(ARRIVAL, BufReader::new(read.take(LONGEST)).read_line(&mut line)).await;
    if arrived.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? == 0 {
        // Somebody only wanted to know whether we are here.
        return Ok(());
    }
    let reply = match serde_json::from_str::<Request>(&line) {
        Ok(request) => {
            let only_looks = request.only_looks();
            match desk.answer(request).await {
                Ok(value) => Reply::Fine(value),
                // The engine ends under the request; the caller opens the store itself.
                Err(_) if only_looks && ending.load(Ordering::Relaxed) => Reply::Busy,
                Err(problem) => Reply::Problem(problem),
            }
        }
        Err(error) => Reply::Problem(Problem::usage(format!("the request cannot be read: {error}"))),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    write.write_all(&text).await?;
    write.shutdown().await
}

/// What came of asking.
pub(crate) enum Asked {
    /// Nobody listens.
    Nobody,
    /// The holder of the store answered.
    Answered(Result<serde_json::Value, Problem>),
    /// It ended or broke off before it had answered: why.
    BrokeOff(String),
}

/// Whether somebody listens.
pub(crate) async fn is_served(folder: &Path) -> bool {
    let Ok(path) = address(folder) else { return false };
    UnixStream::connect(path).await.is_ok()
}

/// Asks the process that holds the store.
pub(crate) async fn ask(folder: &Path, request: &Request) -> Asked {
    let Ok(path) = address(folder) else { return Asked::Nobody };
    let Ok(stream) = UnixStream::connect(path).await else { return Asked::Nobody };
    let exchange = async {
        let (read, mut write) = stream.into_split();
        let mut text = serde_json::to_vec(request)?;
        text.push(b'\n');
        write.write_all(&text).await?;
        let mut line = String::new();
        BufReader::new(read).read_line(&mut line).await?;
        serde_json::from_str::<Reply>(&line).map_err(io::Error::from)
    };
    match exchange.await {
        Ok(Reply::Fine(value)) => Asked::Answered(Ok(value)),
        Ok(Reply::Problem(problem)) => Asked::Answered(Err(problem)),
        Ok(Reply::Busy) => Asked::BrokeOff("the process that holds the store is ending".to_owned()),
        Err(error) => Asked::BrokeOff(format!("the process that holds the store broke off: {error}")),
    }
}
