//! The Unix socket in the store's folder: while a process holds the store, every other command reaches it there.
//!
//! One JSON request and one JSON answer a connection, each on a line. The socket is for its owner alone (mode 0600).

use crate::desk::{Desk, Problem, Request};
use serde::{Deserialize, Serialize};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// Longest request that is read.
const LONGEST: u64 = 4 << 20;

#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    Fine(serde_json::Value),
    Problem(Problem),
}

/// The socket of a store's folder.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("tradewind.sock")
}

/// A listening socket; its file goes when this goes.
#[derive(Debug)]
pub(crate) struct Listening {
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        // A missing file is what we want.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Answers on the socket until the result is dropped. Only the process that holds the store may call this:
/// an old socket file is then a dead one, and is replaced.
pub(crate) fn listen(folder: &Path, desk: Desk) -> std::io::Result<Listening> {
    let path = path(folder);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let desk = desk.clone();
            tokio::spawn(async move {
                if let Err(error) = serve(stream, &desk).await {
                    tracing::debug!("a command on the socket broke off: {error}");
                }
            });
        }
    });
    Ok(Listening { path, task })
}

async fn serve(stream: UnixStream, desk: &Desk) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(LONGEST)).read_line(&mut line).await?;
    let reply = match serde_json::from_str::<Request>(&line) {
        Ok(request) => match desk.answer(request).await {
            Ok(value) => Reply::Fine(value),
            Err(problem) => Reply::Problem(problem),
        },
        Err(error) => Reply::Problem(Problem::usage(format!("the request cannot be read: {error}"))),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    write.write_all(&text).await?;
    write.shutdown().await
}

/// Asks the process that holds the store; `None` where nobody listens.
pub(crate) async fn ask(folder: &Path, request: &Request) -> Option<Result<serde_json::Value, Problem>> {
    let stream = UnixStream::connect(path(folder)).await.ok()?;
    let exchange = async {
        let (read, mut write) = stream.into_split();
        let mut text = serde_json::to_vec(request)?;
        text.push(b'\n');
        write.write_all(&text).await?;
        let mut line = String::new();
        BufReader::new(read).read_line(&mut line).await?;
        serde_json::from_str::<Reply>(&line).map_err(std::io::Error::from)
    };
    Some(match exchange.await {
        Ok(Reply::Fine(value)) => Ok(value),
        Ok(Reply::Problem(problem)) => Err(problem),
        Err(error) => Err(Problem::broken(format!("the process that holds the store broke off: {error}"))),
    })
}
