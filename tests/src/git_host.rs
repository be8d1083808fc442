//! A git host on this machine: it serves the repositories of a folder over HTTP to whoever shows a token, and keeps the statuses of their
//! commits. It may be slow, and it looks whether anybody's token stands in the arguments of a process.

use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The token that it lets in.
pub const TOKEN: &str = "s3cret-of-the-host";
/// The same as a user of the name `x-access-token` shows it.
const SHOWN: &str = "Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0LW9mLXRoZS1ob3N0";

#[derive(Debug, Default)]
struct Known {
    /// Commit and status, oldest first.
    statuses: Vec<(String, Json)>,
    refused: usize,
    fetches: usize,
    betrayed: Vec<String>,
    /// A pause before each piece of a pack.
    pause: Duration,
}

/// A host.
#[derive(Debug, Clone)]
pub struct GitHost {
    /// Such as `http://127.0.0.1:4711`.
    pub url: String,
    root: PathBuf,
    known: Arc<Mutex<Known>>,
}

/// A request, read whole.
struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl GitHost {
    /// Serves the repositories of a folder.
    #[must_use]
    pub fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let host = Self { url, root: root.to_owned(), known: Arc::default() };
        let serving = host.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let host = serving.clone();
                // Whoever is killed breaks off: that is no failure of the host.
                std::thread::spawn(move || host.serve(stream));
            }
        });
        host
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The repository in its API.
    #[must_use]
    pub fn api(&self) -> String {
        format!("{}/api/v1/repos/acme/shop", self.url)
    }

    /// State and description of every status, oldest first, by context.
    #[must_use]
    pub fn statuses(&self, commit: &str) -> Vec<(String, String, String)> {
        let text = |json: &Json, name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let known = self.known();
        let of = known.statuses.iter().filter(|(of, _)| of == commit);
        of.map(|(_, status)| (text(status, "context"), text(status, "state"), text(status, "description"))).collect()
    }

    /// How many callers showed no token, or a wrong one.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.known().refused
    }

    /// How often a pack was asked for.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.known().fetches
    }

    /// Processes that had the token in their arguments.
    #[must_use]
    pub fn betrayed(&self) -> Vec<String> {
        self.known().betrayed.clone()
    }

    /// Waits so long before each piece of a pack.
    pub fn be_slow(&self, pause: Duration) {
        self.known().pause = pause;
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        let request = read(&stream)?;
        let mut stream = stream;
        if request.path.starts_with("/api/v1/") {
            let (code, answer) = self.answer(&request);
            return respond(&mut stream, code, &[("content-type", "application/json")], answer.to_string().as_bytes());
        }
        if request.header("authorization") != SHOWN {
            self.known().refused += 1;
            return respond(&mut stream, 401, &[("www-authenticate", "Basic realm=\"git\"")], b"who are you?");
        }
        let betrayed = with_argument(TOKEN);
        self.known().betrayed.extend(betrayed);
        self.git(&request, &mut stream)
    }

    fn answer(&self, request: &Request) -> (u16, Json) {
        if request.header("authorization") != format!("Bearer {TOKEN}") {
            return (401, json!({ "message": "who are you?" }));
        }
        let mut parts = request.path.trim_start_matches("/api/v1/repos/acme/shop/").split('/');
        match (request.method.as_str(), parts.next(), parts.next(), parts.next()) {
            ("POST", Some("statuses"), Some(commit), None) => {
                let mut status: Json = serde_json::from_slice(&request.body).unwrap_or_default();
                let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
                let at = tradewind_lang::literal::timestamp_text(i64::try_from(micros).unwrap_or(0));
                if let Some(fields) = status.as_object_mut() {
                    fields.insert("created_at".to_owned(), json!(at));
                }
                self.known().statuses.push((commit.to_owned(), status.clone()));
                (201, status)
            }
            ("GET", Some("commits"), Some(commit), Some("statuses")) => {
                let known = self.known();
                let of = known.statuses.iter().rev().filter(|(of, _)| of == commit);
                (200, Json::Array(of.map(|(_, status)| status.clone()).collect()))
            }
            _ => (404, json!({ "message": "there is no such route" })),
        }
    }

    /// Hands a request to `git http-backend`, and its answer back.
    fn git(&self, request: &Request, stream: &mut TcpStream) -> Option<()> {
        let mut child = Command::new("git")
            .arg("http-backend")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", &request.path)
            .env("QUERY_STRING", &request.query)
            .env("CONTENT_TYPE", request.header("content-type"))
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", request.header("content-encoding"))
            .env("GIT_PROTOCOL", request.header("git-protocol"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git runs");
        let (Some(mut asking), Some(answering)) = (child.stdin.take(), child.stdout.take()) else {
            let _ = child.wait();
            return None;
        };
        let body = request.body.clone();
        let writing = std::thread::spawn(move || asking.write_all(&body));
        let mut answer = Vec::new();
        let read = BufReader::new(answering).read_to_end(&mut answer);
        // The system wants to be asked how it ended, whatever was read.
        let _ = (writing.join(), child.wait());
        read.ok()?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, body) = answer.split_at(end);
        let head = String::from_utf8_lossy(head).into_owned();
        let fields: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
        let status = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("status"));
        let code = status.and_then(|(_, value)| value.split(' ').next()?.parse().ok()).unwrap_or(200);
        let is_pack = request.path.ends_with("/git-upload-pack") && request.body.windows(5).any(|five| five == b"fetch");
        let pause = {
            let mut known = self.known();
            known.fetches += usize::from(is_pack);
            known.pause
        };
        let body = body.get(4..).unwrap_or_default();
        if !is_pack || pause.is_zero() {
            return respond(stream, code, &fields, body);
        }
        head_of(stream, code, &fields, body.len())?;
        for piece in body.chunks(16 * 1024) {
            std::thread::sleep(pause);
            stream.write_all(piece).ok()?;
        }
        Some(())
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut request = Request { method, path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() };
    match request.header("content-length").parse::<usize>() {
        Ok(length) => {
            request.body = vec![0; length];
            reader.read_exact(&mut request.body).ok()?;
        }
        Err(_) if request.header("transfer-encoding") == "chunked" => loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            chunk.truncate(size);
            request.body.extend(&chunk);
            if size == 0 {
                break;
            }
        },
        Err(_) => {}
    }
    Some(request)
}

fn head_of(stream: &mut TcpStream, code: u16, fields: &[(&str, &str)], length: usize) -> Option<()> {
    let mut head = format!("HTTP/1.1 {code} as told\r\nconnection: close\r\ncontent-length: {length}\r\n");
    let own = |name: &str| ["status", "content-length", "connection"].iter().any(|own| name.eq_ignore_ascii_case(own));
    fields.iter().filter(|(name, _)| !own(name)).for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()
}

fn respond(stream: &mut TcpStream, code: u16, fields: &[(&str, &str)], body: &[u8]) -> Option<()> {
    head_of(stream, code, fields, body.len())?;
    stream.write_all(body).ok()
}

/// Command lines of processes that hold a text, where the system shows them.
fn with_argument(text: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(text)).collect()
}
