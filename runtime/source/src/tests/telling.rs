//! Statuses at a host, and promotion by them; the host is one on this machine that keeps what it is told.

use super::{Home, MANIFEST, Upstream, source, take};
use crate::{Commit, News, State, Statuses, Teller, Told};
use serde_json::{Value as Json, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::plan::{After, Source, StatusOf};

/// What came: method, path, the token shown, body.
type Asked = (String, String, String, Json);

#[derive(Default)]
struct Known {
    asked: Vec<Asked>,
    /// Statuses by commit, newest first.
    statuses: Vec<(String, Json)>,
    /// Answers that are given before it works.
    failures: Vec<u16>,
}

#[derive(Clone)]
struct Host {
    known: Arc<Mutex<Known>>,
    url: String,
}

impl Host {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = Self { known: Arc::default(), url: format!("http://{}/repos/acme/shop", listener.local_addr().unwrap()) };
        let known = host.known.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(&known, stream)));
        host
    }

    fn says(&self, commit: &str, context: &str, state: &str, at: i64) {
        let status = json!({ "state": state, "context": context, "description": "as it was told", "created_at": timestamp_text(at) });
        self.known.lock().unwrap().statuses.push((commit.to_owned(), status));
    }

    fn told(&self) -> Vec<(String, String, String)> {
        let text = |json: &Json, name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let known = self.known.lock().unwrap();
        known
            .asked
            .iter()
            .filter(|asked| asked.0 == "POST")
            .map(|asked| (asked.1.rsplit('/').next().unwrap().to_owned(), text(&asked.3, "state"), text(&asked.3, "description")))
            .collect()
    }
}

fn serve(known: &Mutex<Known>, stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length, mut token) = (String::new(), 0, String::new());
    reader.read_line(&mut line).unwrap();
    let (method, path) = (line.split(' ').next().unwrap().to_owned(), line.split(' ').nth(1).unwrap_or_default().to_owned());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let header = header.trim().to_owned();
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(": ").unwrap();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => token = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut known = known.lock().unwrap();
    known.asked.push((method.clone(), path.clone(), token, serde_json::from_slice(&body).unwrap_or_default()));
    let (code, answer) = match known.failures.pop() {
        Some(code) => (code, json!({ "message": "no" })),
        None if method == "POST" => (201, json!({})),
        None => {
            let commit = path.split("/commits/").nth(1).unwrap().split('/').next().unwrap().to_owned();
            (200, Json::Array(known.statuses.iter().filter(|(of, _)| *of == commit).map(|(_, status)| status.clone()).collect()))
        }
    };
    let answer = answer.to_string();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {code} x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}",
        answer.len()
    )
    .unwrap();
}

fn with_status(upstream: &Upstream, host: &Host) -> Source {
    Source { status: Some(StatusOf { url: host.url.clone(), secret: Some("api".to_owned()) }), ..source(&upstream.url()) }
}

fn statuses(source: &Source) -> Statuses {
    Statuses::of(source, Arc::new(|name| Ok(format!("secret of {name}\n")))).unwrap().unwrap()
}

fn told(commit: &str, state: State, description: &str) -> Told {
    Told { commit: Commit::parse(commit).unwrap(), state, description: description.to_owned() }
}

#[tokio::test]
async fn a_host_is_told_once_of_each_commit_and_again_where_it_failed() {
    let (upstream, host) = (Upstream::new(), Host::start());
    let source = with_status(&upstream, &host);
    let (one, two) = ("a".repeat(40), "b".repeat(40));
    host.known.lock().unwrap().failures = vec![503, 502];
    let teller = Teller::begin(statuses(&source), "tradewind/prod".to_owned(), Some(told(&two, State::Success, "at work")));
    teller.tell(told(&one, State::Failure, &format!("it has 2 mistakes\n{}", "x".repeat(200))));
    // What the host knows already is not told again.
    teller.tell(told(&two, State::Success, "at work"));
    teller.settle(Duration::from_secs(20)).await;
    assert_eq!(teller.trouble(), None);
    let said = host.told();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(
        said.iter()
            .all(|(commit, state, text)| *commit == one && state == "failure" && text.chars().count() == 140 && !text.contains('\n'))
    );
    let known = host.known.lock().unwrap();
    let (method, path, token, body) = &known.asked[2];
    assert_eq!(
        (method.as_str(), path.as_str(), token.as_str()),
        ("POST", format!("/repos/acme/shop/statuses/{one}").as_str(), "Bearer secret of api")
    );
    assert_eq!(body["context"], "tradewind/prod");
}

#[tokio::test]
async fn what_will_never_do_is_given_up_and_told_of() {
    let (upstream, host) = (Upstream::new(), Host::start());
    host.known.lock().unwrap().failures = vec![422];
    let teller = Teller::begin(statuses(&with_status(&upstream, &host)), "tradewind/prod".to_owned(), None);
    teller.tell(told(&"a".repeat(40), State::Success, "at work"));
    teller.settle(Duration::from_secs(20)).await;
    assert_eq!(teller.trouble().unwrap(), "the host answered 422 Unprocessable Entity");
    assert_eq!(host.told().len(), 1);
}

const HOUR: i64 = 3_600_000_000;

#[tokio::test]
async fn a_commit_is_taken_when_the_environment_before_has_had_it_for_long_enough() {
    let (upstream, home, host) = (Upstream::new(), Home::new(), Host::start());
    let declared = Source { after: Some(After { environment: "staging".to_owned(), stood: HOUR }), ..with_status(&upstream, &host) };
    let first = upstream.commit(&[MANIFEST]);
    let mut follower = home.open(declared.clone());
    let now = 1_800_000_000_000_000;
    let waits = |commit: &str, why: &str| News::Waits(Commit::parse(commit).unwrap(), why.to_owned());
    assert_eq!(follower.ask(now).await, waits(&first, "`staging` has told nothing of it"));
    // The same is no news.
    assert_eq!((follower.ask(now).await, follower.waits()), (News::Same, Some("`staging` has told nothing of it")));
    host.says(&first, "tradewind/staging", "success", now);
    host.says(&first, "tradewind/prod", "failure", now + 1);
    assert_eq!(follower.ask(now + HOUR - 1).await, News::Same);
    assert_eq!(follower.waits().unwrap(), format!("`staging` has had {} for 59m59s of 1h", &first[..12]));
    assert!(matches!(follower.ask(now + HOUR).await, News::Take(_)));
    let taken = Commit::parse(&first).unwrap();
    follower.taken(&taken, tradewind_lang::plan::Digest::default(), now).await.unwrap();

    // Of two newer ones staging refused the second, and had the first for long enough.
    let second = upstream.commit(&[("flows/a.kdl", "two")]);
    let third = upstream.commit(&[("flows/a.kdl", "three")]);
    host.says(&second, "tradewind/staging", "success", now + HOUR);
    host.says(&third, "tradewind/staging", "failure", now + 2 * HOUR);
    assert_eq!(follower.ask(now + HOUR + 1).await, waits(&third, "`staging` says failure: as it was told"));
    match follower.ask(now + 3 * HOUR).await {
        News::Take(taken) => assert_eq!(taken.commit.as_str(), second),
        other => panic!("{other:?}"),
    }
    follower.taken(&Commit::parse(&second).unwrap(), tradewind_lang::plan::Digest::default(), now).await.unwrap();

    // One that was at work there for ten minutes only was not tried out, however long ago that is.
    let fourth = upstream.commit(&[("flows/a.kdl", "four")]);
    let fifth = upstream.commit(&[("flows/a.kdl", "five")]);
    host.says(&fourth, "tradewind/staging", "success", now + 4 * HOUR);
    host.says(&fifth, "tradewind/staging", "success", now + 4 * HOUR + HOUR / 6);
    assert_eq!(follower.ask(now + 5 * HOUR).await, waits(&fifth, &format!("`staging` has had {} for 50m of 1h", &fifth[..12])));
    match follower.ask(now + 6 * HOUR).await {
        News::Take(taken) => assert_eq!(taken.commit.as_str(), fifth),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_host_that_is_down_promotes_nothing_and_stops_nothing() {
    let (upstream, home, host) = (Upstream::new(), Home::new(), Host::start());
    upstream.commit(&[MANIFEST]);
    let mut follower = home.open(with_status(&upstream, &host));
    take(&mut follower).await;
    upstream.commit(&[("flows/a.kdl", "two")]);
    let after = Some(After { environment: "staging".to_owned(), stood: HOUR });
    host.known.lock().unwrap().failures = vec![500];
    let mut follower = home.open(Source { after, ..with_status(&upstream, &host) });
    assert_eq!(follower.ask(1).await, News::Unreached("the host answered 500 Internal Server Error".to_owned()));
    assert!(follower.active_folder().is_some());
}
