//! Bytes fall into chunks anywhere.

use super::*;

#[test]
fn it_does_not_matter_where_a_stream_is_cut() {
    let text = ": alive\r\nevent: x\r\ndata: {\"choices\": [{\"delta\":\r\ndata:  {\"content\": \"d\u{e9}j\u{e0}\"}}]}\r\n\r\n\ndata: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n";
    for size in 1..text.len() {
        let mut streamed = Streamed::of("openai");
        let body = text.as_bytes().chunks(size).find_map(|chunk| streamed.take(chunk)).unwrap().unwrap();
        assert_eq!(body.pointer("/choices/0/message/content"), Some(&json!("d\u{e9}j\u{e0}")), "{size}");
        assert_eq!(body.pointer("/choices/0/finish_reason"), Some(&json!("stop")), "{size}");
    }
}

#[test]
fn silence_counts_from_the_first_event_on() {
    let mut streamed = Streamed::of("anthropic");
    assert!(streamed.quiet_until(STALL).is_none(), "it thinks");
    assert!(streamed.take(b": alive\n\nda").is_none() && streamed.quiet_until(STALL).is_none());
    assert!(streamed.take(b"ta: {\"type\": \"ping\"}\n\n").is_none() && streamed.quiet_until(STALL).is_some());
    assert_eq!((stall(Duration::from_secs(60)), stall(Duration::from_secs(4))), (STALL, Duration::from_secs(2)));
}
