//! A provider that misbehaves exactly as told: raw bytes over loopback.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What it does after its answer.
#[derive(Clone, Copy)]
pub(super) enum Then {
    Close,
    Hold,
    /// One more byte every 20 ms, for ever.
    Trickle,
    /// As much as is taken, for ever.
    Flood,
}

pub(super) struct Provider {
    pub(super) url: String,
    seen: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    /// Reads each request to the end of its headers, writes `answer` and goes on with `then`.
    pub(super) async fn start(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(AtomicUsize::new(0));
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let (count, notes, answer) = (seen.clone(), heard.clone(), answer.into());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, answer.clone(), then, notes.clone()));
            }
        });
        Self { url, seen, heard }
    }

    /// One whole answer.
    pub(super) async fn answering(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::start(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"), Then::Close).await
    }

    /// What it was sent, as far as it read: the head of each request, at least.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// How many connections it had.
    pub(super) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, answer: Vec<u8>, then: Then, heard: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    heard.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    if stream.write_all(&answer).await.is_err() {
        return;
    }
    match then {
        Then::Close => {}
        Then::Hold => tokio::time::sleep(Duration::from_secs(20)).await,
        Then::Trickle => {
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Then::Flood => while stream.write_all(&[b' '; 64 * 1024]).await.is_ok() {},
    }
}
