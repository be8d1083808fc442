//! What becomes of a call when the transport, or the provider, is at its worst.

use super::provider::{Provider, Then};
use super::support::{call, connector, constant, failure, http, operation, probe};
use crate::HttpConnectors;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tradewind_engine::ports::{CallOutcome, Connectors};
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::{Failure, Idempotent};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// The outcome of a read and of a write against the same provider.
async fn both(url: &str) -> (CallOutcome, CallOutcome) {
    let http = http();
    (http.call(probe("GET", url)).await, http.call(probe("POST", url)).await)
}

fn is_unknown(outcome: &CallOutcome) -> bool {
    matches!(outcome, CallOutcome::Unknown(_))
}

#[tokio::test]
async fn nothing_is_sent_where_nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let (read, write) = both(&url).await;
    for outcome in [read, write] {
        let failure = failure(outcome);
        assert_eq!((failure.code.as_str(), failure.retry), ("connect", true), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_sending_leaves_a_write_unknown() {
    let provider = Provider::start("", Then::Close).await;
    let (read, write) = both(&provider.url).await;
    let read = failure(read);
    assert_eq!((read.code.as_str(), read.retry), ("connection", true));
    assert!(is_unknown(&write), "{write:?}");
    assert_eq!(provider.seen(), 2, "one attempt each, no repeat of its own");
}

#[tokio::test]
async fn silence_and_slow_answers_meet_the_total_time_out() {
    let silent = Provider::start("", Then::Hold).await;
    let headers_only = Provider::start("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", Then::Hold).await;
    let slow_headers = Provider::start("HTTP/1.1 200 OK\r\nX-Slow: ", Then::Trickle).await;
    let slow_body = Provider::start("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", Then::Trickle).await;
    for provider in [silent, headers_only, slow_headers, slow_body] {
        let begun = Instant::now();
        let (read, write) = both(&provider.url).await;
        assert!(begun.elapsed() < Duration::from_secs(5), "two calls of 0.8 s each");
        let read = failure(read);
        assert_eq!((read.code.as_str(), read.retry), ("time-out", true), "{}", read.message);
        assert!(is_unknown(&write), "{write:?}");
    }
}

#[tokio::test]
async fn a_refusal_whose_body_never_ends_is_still_a_refusal() {
    let provider = Provider::start("HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\n", Then::Hold).await;
    let failure = failure(http().call(probe("POST", &provider.url)).await);
    assert_eq!((failure.code.as_str(), failure.retry), ("http-403", false));
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let declared = Provider::start("HTTP/1.1 200 OK\r\nContent-Length: 900000000\r\n\r\n", Then::Flood).await;
    let undeclared = Provider::start("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", Then::Flood).await;
    for provider in [declared, undeclared] {
        let (read, write) = both(&provider.url).await;
        let read = failure(read);
        assert_eq!((read.code.as_str(), read.retry), ("schema", false), "{}", read.message);
        assert!(read.message.contains("larger than 1048576 bytes"), "{}", read.message);
        assert!(is_unknown(&write), "{write:?}");
    }
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let elsewhere = Provider::answering("200 OK", "", "{}").await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let provider = Provider::answering(status, &format!("Location: {}/probe\r\n", elsewhere.url), "").await;
        let (read, write) = both(&provider.url).await;
        let read = failure(read);
        assert_eq!((read.code.as_str(), read.retry), (format!("http-{}", &status[..3]).as_str(), false));
        assert!(is_unknown(&write), "{status}: {write:?}");
    }
    assert_eq!(elsewhere.seen(), 0);
}

#[tokio::test]
async fn statuses_say_whether_it_happened() {
    // Status, then of a read: whether a retry may help; of a write: `None` is unknown.
    let table: [(&str, bool, Option<bool>); 11] = [
        ("400 Bad Request", false, Some(false)),
        ("401 Unauthorized", false, Some(false)),
        ("404 Not Found", false, Some(false)),
        ("408 Request Timeout", true, None),
        ("409 Conflict", false, Some(false)),
        ("422 Unprocessable", false, Some(false)),
        ("429 Too Many Requests", true, Some(true)),
        ("500 Internal Server Error", true, None),
        ("502 Bad Gateway", true, None),
        ("503 Service Unavailable", true, None),
        ("504 Gateway Timeout", true, None),
    ];
    for (status, read_retry, write_retry) in table {
        let provider = Provider::answering(status, "", "<html>no JSON</html>").await;
        let (read, write) = both(&provider.url).await;
        let code = format!("http-{}", &status[..3]);
        let read = failure(read);
        assert_eq!((&read.code, read.retry), (&code, read_retry), "read, {status}");
        match write_retry {
            None => assert!(is_unknown(&write), "write, {status}: {write:?}"),
            Some(retry) => {
                let write = failure(write);
                assert_eq!((write.code, write.retry), (code, retry), "write, {status}");
            }
        }
    }
}

#[tokio::test]
async fn a_declared_failure_of_a_write_is_certain_only_where_the_provider_decided() {
    // Status, whether the write has a key, whether it certainly failed.
    let table = [
        ("200 OK", false, true),
        ("422 Unprocessable", false, true),
        ("409 Conflict", false, true),
        ("409 Conflict", true, false),
        ("408 Request Timeout", false, false),
        ("302 Found", false, false),
        ("503 Service Unavailable", false, false),
    ];
    for (status, keyed, certain) in table {
        let provider = Provider::answering(status, "", "{}").await;
        let mut call = probe("POST", &provider.url);
        let operation = Arc::make_mut(&mut call.operation);
        operation.idempotent = keyed.then_some(Idempotent::Key { window: 1 });
        let always = Expr::constant(Value::Bool(true), Ty::Bool);
        operation.failures = vec![Failure { code: "refused".to_owned(), when: always, message: None, retry: false }];
        match http().call(call).await {
            CallOutcome::Failed(failure) => assert!(certain && failure.code == "refused", "{status}"),
            outcome => assert!(!certain && is_unknown(&outcome), "{status}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_in_doubt() {
    let provider = Provider::answering("200 OK", "", "<html>maintenance</html>").await;
    let (read, write) = both(&provider.url).await;
    let read = failure(read);
    assert_eq!((read.code.as_str(), read.retry), ("schema", true));
    assert!(!read.message.contains("maintenance"), "the text of an answer is not repeated: {}", read.message);
    assert!(is_unknown(&write), "{write:?}");
}

#[tokio::test]
async fn retry_after_is_carried_in_microseconds() {
    let day = 24 * 60 * 60 * 1_000_000;
    let table = [
        ("Retry-After: 7\r\n", Some(7_000_000)),
        ("Retry-After: 0\r\n", Some(0)),
        ("Retry-After: 4000000\r\n", Some(day)),
        ("Date: Mon, 23 Nov 2026 07:00:00 GMT\r\nRetry-After: Mon, 23 Nov 2026 07:01:30 GMT\r\n", Some(90_000_000)),
        ("Date: Mon, 23 Nov 2026 07:00:00 GMT\r\nRetry-After: Mon, 23 Nov 2026 06:00:00 GMT\r\n", Some(0)),
        ("Retry-After: soon\r\n", None),
        ("Retry-After: -5\r\n", None),
        ("", None),
    ];
    for (headers, wait) in table {
        let provider = Provider::answering("429 Too Many Requests", headers, "{}").await;
        let failure = failure(http().call(probe("POST", &provider.url)).await);
        assert_eq!((failure.retry, failure.retry_after), (true, wait), "{headers}");
    }
}

#[tokio::test]
async fn calls_do_not_wait_for_each_other() {
    let provider = Provider::start("", Then::Hold).await;
    let http = Arc::new(http());
    let begun = Instant::now();
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let (http, call) = (http.clone(), probe("GET", &provider.url));
            tokio::spawn(async move { http.call(call).await })
        })
        .collect();
    for call in calls {
        assert_eq!(failure(call.await.unwrap()).code, "time-out");
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "ten calls of 0.8 s each took {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_value_cannot_leave_its_path_segment_or_its_header() {
    let provider = Provider::answering("200 OK", "", "{}").await;
    let get = |id: &str| {
        let request = Value::record([("id", Value::string(id))]);
        call(connector("shop", &provider.url), operation("GET", "/orders/{id}"), request, "")
    };
    for id in ["", ".", ".."] {
        assert_eq!(failure(http().call(get(id)).await).code, "request", "`{id}`");
    }
    for id in ["../admin", "a/b", "a?b=c", "a#b", "%2e%2e", "a\r\nX: y", "ünï", "a\\b", "{id}"] {
        assert_eq!(http().call(get(id)).await, CallOutcome::Answered(Value::record([])), "`{id}`");
    }
    let seen = provider.seen();
    for text in ["a\r\nX-Admin: 1", "a\nb", "a\0b"] {
        let mut bad = operation("POST", "/orders");
        bad.headers.push(("X-Note".to_owned(), constant(text)));
        let failure = failure(http().call(call(connector("shop", &provider.url), bad, Value::record([]), "")).await);
        assert_eq!((failure.code.as_str(), failure.retry), ("request", false));
    }
    assert_eq!(provider.seen(), seen, "nothing of these was sent");
}

#[tokio::test]
async fn messages_hold_no_secret() {
    let provider = Provider::answering("422 Unprocessable", "", "{}").await;
    let mut shop = connector("shop", &provider.url);
    shop.headers.push(("Authorization".to_owned(), constant("Bearer sk-live-1234567")));
    let mut refusing = operation("POST", "/x");
    refusing.failures.push(tradewind_lang::plan::Failure {
        code: "refused".to_owned(),
        when: tradewind_lang::expr::Expr::constant(Value::Bool(true), tradewind_lang::ty::Ty::Bool),
        message: Some(constant("the key sk-live-1234567\n in `Bearer sk-live-1234567` is\u{7} old")),
        retry: false,
    });
    let failure = failure(http().call(call(shop, refusing, Value::record([]), "")).await);
    assert_eq!(failure.message, "the key [secret] in `[secret]` is old");
}

#[test]
fn a_twin_is_of_this_machine() {
    for bad in ["http://192.168.1.5:7411", "https://twin.example", "127.0.0.1:7411", "http://0.0.0.0:7411", ""] {
        assert!(HttpConnectors::new(Some(bad)).is_err(), "`{bad}`");
    }
    for good in ["http://127.0.0.1:7411", "http://localhost:7411/", "http://[::1]:7411"] {
        assert!(HttpConnectors::new(Some(good)).is_ok(), "`{good}`");
    }
}
