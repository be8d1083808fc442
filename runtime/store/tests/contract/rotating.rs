//! The database moves rows from memory to disk and begins a new file of its journal: nothing is lost around that, whenever the
//! process dies.

use crate::*;
use std::fs;
use std::time::{Duration, Instant};
use tradewind_store::MEMTABLE_BYTES;

/// Bytes of a segment; several hundred fill a table.
const SIZE: usize = 200_000;
/// How many tables are filled.
const TABLES: usize = 3;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What a process leaves that dies now: its files as they are. Where one goes while they are copied, all are copied again.
fn copy(from: &Path, to: &Path) {
    while let Err(error) = copied(from, to) {
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        fs::remove_dir_all(to).unwrap();
    }
}

fn copied(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for path in files(from) {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copied(&path, &target)?;
        } else if path.file_name().unwrap() != "LOCK" {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// Waits until full tables are on disk and the files that held them are gone.
fn settled(wal: &Path) {
    let began = Instant::now();
    while files(wal).len() > 1 {
        assert!(began.elapsed() < Duration::from_secs(60), "the files of full tables stay: {:?}", files(wal));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn a_segment_that_filled_a_table_survives_the_process() {
    let folder = Folder::new("rotating");
    let log = folder.open().await.unwrap();
    let epoch = log.take(0).await.unwrap().epoch;
    let wal = folder.store().join("wal");
    let (mut last, mut newest, mut filled) = (None, files(&wal).pop(), 0);
    for _ in 0..(TABLES + 1) * MEMTABLE_BYTES / SIZE {
        let segment = next(0, last.as_ref(), 8, SIZE);
        log.append(epoch, segment.clone()).await.unwrap();
        last = Some(segment);
        let now = files(&wal).pop();
        if now == newest {
            continue;
        }
        (newest, filled) = (now, filled + 1);
        settled(&wal);
        // It dies right behind the acknowledgement.
        let dead = Folder::new(&format!("rotated-{filled}"));
        copy(&folder.store(), &dead.store());
        let reopened = dead.open().await.unwrap();
        let found = all(&reopened, 0).await.unwrap();
        assert_unbroken(&found);
        assert_eq!(found.last().map(|segment| segment.first), last.as_ref().map(|segment| segment.first), "table {filled}");
        // It is known as the newest one, too: what is next goes behind it, and what is there is not written twice.
        let epoch = reopened.take(0).await.unwrap().epoch;
        assert!(reopened.append(epoch, last.clone().unwrap()).await.is_err());
        reopened.append(epoch, next(0, last.as_ref(), 8, 100)).await.unwrap();
        reopened.close().await.unwrap();
    }
    assert!(filled >= TABLES, "{filled} tables were filled");
    log.close().await.unwrap();
}
