//! The routes over real connections, with an office that notes what it is asked.

use super::*;
use serde_json::json;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Default)]
struct Noting(Mutex<Vec<Wanted>>);

impl Office for Noting {
    fn ask(&self, wanted: Wanted) -> Answer<'_> {
        self.0.lock().unwrap().push(wanted.clone());
        Box::pin(async move {
            match wanted {
                Wanted::Start { input, .. } => Ok(match input.get("id").and_then(Json::as_str) {
                    Some("new") => json!({ "run": "r1", "new": true, "conflict": false }),
                    Some("known") => json!({ "run": "r1", "new": false, "conflict": false }),
                    Some("other") => json!({ "run": "r1", "new": false, "conflict": true }),
                    _ => json!({ "rejected": "id: missing" }),
                }),
                Wanted::Run { .. } => {
                    Err(Refusal { kind: Kind::Missing, code: "TW0530".into(), message: "there is no run".into(), help: None })
                }
                _ => Ok(json!({ "version": 1 })),
            }
        })
    }
}

async fn served(token: Option<&str>) -> (Listening, Arc<Noting>) {
    let office = Arc::new(Noting::default());
    let options = Options { listen: "127.0.0.1:0".parse().unwrap(), token: token.map(str::to_owned) };
    (Server::new(options, office.clone()).start().await.unwrap(), office)
}

/// Status and body of one request.
async fn ask(server: &Listening, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let host = if head.contains("host:") { "" } else { "host: localhost\r\n" };
    let kind = if head.contains("content-type:") { "" } else { "content-type: application/json\r\n" };
    let (line, rest) = head.split_once('\n').map_or((head, String::new()), |(line, rest)| (line, rest.replace('\n', "\r\n") + "\r\n"));
    let length = body.len();
    let text = format!("{line} HTTP/1.1\r\n{rest}{host}{kind}connection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    // A server that has refused already may not read the rest.
    let _ = stream.write_all(text.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("{answer}")), answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[tokio::test]
async fn a_start_is_new_known_in_conflict_or_no_input() {
    let (server, office) = served(None).await;
    for (id, status) in [("new", 202), ("known", 200), ("other", 409), ("none", 422)] {
        let (found, body) = ask(&server, "POST /v1/flows/triage/runs", &format!("{{\"id\":\"{id}\"}}")).await;
        assert_eq!(found, status, "{body}");
    }
    assert_eq!(ask(&server, "POST /v1/flows/triage/runs", "{").await.0, 422);
    assert_eq!(office.0.lock().unwrap()[0], Wanted::Start { flow: "triage".into(), input: json!({ "id": "new" }) });
    server.end().await;
}

#[tokio::test]
async fn what_is_wanted_arrives_as_it_was_asked_and_refusals_are_problems() {
    let (server, office) = served(None).await;
    assert_eq!(ask(&server, "GET /healthz", "").await, (200, "fine\n".to_owned()));
    assert_eq!(ask(&server, "GET /v1/runs?status=waiting&limit=7", "").await.0, 200);
    assert_eq!(ask(&server, "GET /v1/runs?limit=many", "").await.0, 400);
    let (status, body) = ask(&server, "GET /v1/runs/r9", "").await;
    assert_eq!(status, 404);
    let problem: Json = serde_json::from_str(&body).unwrap();
    assert_eq!((problem["code"].as_str(), problem["status"].as_u64()), (Some("TW0530"), Some(404)));
    for (body, status) in [
        (r#"{"by":"ann","approve":true}"#, 200),
        (r#"{"by":"ann","approve":{"amount":"5 USD"}}"#, 200),
        (r#"{"by":"ann","deny":"no"}"#, 200),
        (r#"{"by":"ann","answer":{"kind":"praise"}}"#, 200),
        (r#"{"by":"ann","approve":true,"deny":"no"}"#, 422),
        (r#"{"by":"ann","approve":false}"#, 422),
        (r#"{"approve":true}"#, 422),
    ] {
        assert_eq!(ask(&server, "POST /v1/approvals/a1", body).await.0, status, "{body}");
    }
    let asked = office.0.lock().unwrap().clone();
    assert_eq!(asked[0], Wanted::Runs { flow: None, status: Some("waiting".into()), limit: 7 });
    assert_eq!(asked.iter().filter(|wanted| matches!(wanted, Wanted::Decide { .. })).count(), 4);
    assert_eq!(ask(&server, "GET /v2/runs", "").await.0, 404);
    server.end().await;
}

#[tokio::test]
async fn a_token_is_asked_of_everybody_where_there_is_one() {
    let (server, office) = served(Some("secret")).await;
    assert_eq!(ask(&server, "GET /v1/status", "").await.0, 401);
    assert_eq!(ask(&server, "GET /v1/status\nauthorization: Bearer secre", "").await.0, 401);
    assert_eq!(ask(&server, "GET /v1/status\nauthorization: Bearer secret", "").await.0, 200);
    assert_eq!(ask(&server, "GET /healthz", "").await.0, 200);
    assert_eq!(office.0.lock().unwrap().len(), 1);
    server.end().await;
}

#[tokio::test]
async fn without_a_token_pages_of_browsers_and_other_machines_are_refused() {
    let (server, office) = served(None).await;
    assert_eq!(ask(&server, "GET /v1/status\nhost: shop.example", "").await.0, 403);
    assert_eq!(ask(&server, "GET /v1/status\nhost: 127.0.0.1:7420", "").await.0, 200);
    assert_eq!(ask(&server, "GET /v1/status\nhost: [::1]:7420", "").await.0, 200);
    assert_eq!(ask(&server, "POST /v1/flows/triage/runs\ncontent-type: text/plain", "{}").await.0, 415);
    assert_eq!(office.0.lock().unwrap().len(), 2);
    let everywhere = Options { listen: "0.0.0.0:0".parse().unwrap(), token: None };
    let refused = Server::new(everywhere, office.clone()).start().await;
    assert_eq!(refused.err(), Some(Refused::NoToken));
    let taken = Options { listen: server.address, token: None };
    assert!(matches!(Server::new(taken, office).start().await.err(), Some(Refused::Address(_))));
    server.end().await;
}

#[tokio::test]
async fn a_body_has_a_limit_and_more_routes_stand_behind_the_same_guard() {
    let office = Arc::new(Noting::default());
    let options = Options { listen: "127.0.0.1:0".parse().unwrap(), token: Some("secret".into()) };
    let more = Router::new().route("/v1/more", axum::routing::get(|| async { "more" }));
    let server = Server::new(options, office.clone()).with(more).start().await.unwrap();
    assert_eq!(ask(&server, "GET /v1/more", "").await.0, 401);
    assert_eq!(ask(&server, "GET /v1/more\nauthorization: Bearer secret", "").await.0, 200);
    let large = format!("{{\"id\":\"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(ask(&server, "POST /v1/flows/triage/runs\nauthorization: Bearer secret", &large).await.0, 413);
    assert!(office.0.lock().unwrap().is_empty());
    server.end().await;
}
