//! What is archived is read in its file, as if it were still in the store; and is missed only by whoever wants it.

use crate::*;
use std::fs;
use tradewind_engine::anchor::Anchor;
use tradewind_engine::export::{Header, Writing};

/// Writes segments as an export, and says so.
fn archived(folder: &Folder, name: &str, segments: &[Segment]) -> Anchor {
    let (first, last) = (segments.first().unwrap(), segments.last().unwrap());
    let header = Header { tenant: "shop".to_owned(), shard: 0, from: first.first, previous: String::new(), at: 0 };
    let mut writing = Writing::begin(Vec::new(), header, first.previous).unwrap();
    segments.iter().for_each(|segment| writing.segment(segment).unwrap());
    let file = folder.0.join(name);
    fs::write(&file, writing.end().unwrap().0).unwrap();
    let end = last.first + u64::from(last.count) - 1;
    Anchor { shard: 0, from: first.first, last: end, head: last.hash, file: file.display().to_string(), line: "signed".to_owned() }
}

#[tokio::test]
async fn archived_segments_are_read_where_they_are_and_the_chain_goes_on() {
    let folder = Folder::new("archiving");
    let segments = chain(0, 300, 3, 200);
    let log = folder.open().await.unwrap();
    let epoch = log.take(0).await.unwrap().epoch;
    append_all(&log, epoch, &segments[..290]).await;
    log.prune(archived(&folder, "one", &segments[..150])).await.unwrap();
    log.prune(archived(&folder, "two", &segments[150..200])).await.unwrap();
    append_all(&log, epoch, &segments[290..]).await;
    for _ in 0..2 {
        assert_eq!(all(&log, 0).await.unwrap(), segments);
        for place in [0, 1, 63, 64, 149, 150, 199, 200, 299] {
            let from = segments[place].first;
            assert_eq!(log.scan(0, from, 7).await.unwrap(), segments[place..(place + 7).min(300)], "from segment {place}");
            assert_eq!(log.scan(0, from + 1, 1).await.unwrap().first(), segments.get(place + 1), "from inside segment {place}");
        }
    }
    log.close().await.unwrap();
    drop(log);
    let log = folder.open().await.unwrap();
    assert_eq!(log.anchors(0).iter().map(|anchor| anchor.last).collect::<Vec<_>>(), [450, 600]);
    assert_eq!(all(&log, 0).await.unwrap(), segments);
    // Said twice, as after an interrupted deletion, nothing changes.
    log.prune(archived(&folder, "two", &segments[150..200])).await.unwrap();
    assert_eq!(all(&log, 0).await.unwrap(), segments);

    fs::rename(folder.0.join("one"), folder.0.join("elsewhere")).unwrap();
    let refused = log.scan(0, 1, 5).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Archived(text) if text.contains("events 1 to 450")), "{refused:?}");
    assert_eq!(log.scan(0, segments[150].first, 5).await.unwrap(), segments[150..155]);
    log.close().await.unwrap();
    drop(log);
    let log = folder.open().await.unwrap();
    fs::write(folder.0.join("one"), fs::read(folder.0.join("two")).unwrap()).unwrap();
    assert!(matches!(log.scan(0, 1, 5).await, Err(StoreError::Archived(text)) if text.contains("another part")));
}
