//! The least of HTTP/1.1: a server that answers every POST by its body, and callers with a connection each. So that what is measured is
//! not a framework of one side or the other; it refuses everything that the programs here do not send.

use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The longest message.
const LONGEST: usize = 1 << 20;

/// What a server says: status and body; nothing where it never answers.
pub type Said = Option<(u16, String)>;

/// Serves until the process ends. Each connection has its requests answered one after the other.
///
/// # Errors
/// The listener is gone.
pub async fn serve<A, F>(listener: TcpListener, answer: A) -> Result<(), String>
where
    A: Fn(Vec<u8>) -> F + Send + Sync + 'static,
    F: Future<Output = Said> + Send + 'static,
{
    let answer = Arc::new(answer);
    loop {
        let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let mut connection = Connection { stream, read: Vec::new() };
            while let Ok((_, body)) = connection.message().await {
                let Some((status, body)) = answer(body).await else { return std::future::pending().await };
                let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
                if connection.stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody is there.
    pub async fn to(address: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("{address}: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Sends a POST; status and body of its answer. `headers` are whole lines, each with its end.
    ///
    /// # Errors
    /// The connection broke, or what came is no answer.
    pub async fn post(&mut self, path: &str, headers: &str, body: &str) -> Result<(u16, Vec<u8>), String> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.map_err(|error| error.to_string())?;
        let (head, body) = self.message().await?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Ok((status.ok_or_else(|| format!("no status: {head}"))?, body))
    }

    /// The next message: its head, and its body by length or in chunks.
    async fn message(&mut self) -> Result<(String, Vec<u8>), String> {
        let end = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                break end;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(self.read.get(..end).unwrap_or_default()).into_owned();
        self.read.drain(..end + 4);
        let lower = head.to_ascii_lowercase();
        if lower.contains("transfer-encoding: chunked") {
            return Ok((head, self.chunks().await?));
        }
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")).and_then(|length| length.trim().parse().ok());
        let length: usize = length.unwrap_or(0);
        while self.read.len() < length {
            self.more().await?;
        }
        Ok((head, self.read.drain(..length).collect()))
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = find(&self.read, b"\r\n") {
                    break end;
                }
                self.more().await?;
            };
            let line = String::from_utf8_lossy(self.read.get(..end).unwrap_or_default()).into_owned();
            let size = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16).map_err(|error| error.to_string())?;
            while self.read.len() < end + 2 + size + 2 {
                self.more().await?;
            }
            body.extend(self.read.drain(..end + 2 + size + 2).skip(end + 2).take(size));
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn more(&mut self) -> Result<(), String> {
        if self.read.len() > LONGEST {
            return Err("a message has no end".to_owned());
        }
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) => Err("the connection was closed".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}
