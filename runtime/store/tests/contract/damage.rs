//! Damaged files: every kind of file of a store cut short and overwritten.
//!
//! Either opening or reading says `Damaged`, or what can be read is an unbroken part of the log from its beginning. The
//! database repairs the tail of its own log without a word, so a log that lost its end is only found by who knows the end.

use crate::*;
use std::fs;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name().unwrap() != "LOCK" {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { assert!(fs::copy(&path, &target).is_ok()) }
    }
}

#[derive(Debug, Clone, Copy)]
enum Harm {
    Half,
    Empty,
    Garbage,
    Middle,
    Gone,
}

fn harm(file: &Path, harm: Harm) {
    let mut bytes = fs::read(file).unwrap();
    let half = bytes.len() / 2;
    match harm {
        Harm::Half => bytes.truncate(half),
        Harm::Empty => bytes.clear(),
        Harm::Garbage => bytes.iter_mut().for_each(|byte| *byte = 0xA5),
        Harm::Middle => bytes.iter_mut().skip(half).take(64).for_each(|byte| *byte ^= 0xFF),
        Harm::Gone => return fs::remove_file(file).unwrap(),
    }
    fs::write(file, bytes).unwrap();
}

/// Opens and reads a store that was harmed; says what became of it.
async fn outcome(folder: &Folder, segments: &[Segment]) -> String {
    let log = match folder.open().await {
        Ok(log) => log,
        Err(error) => {
            assert!(matches!(error, StoreError::Damaged(_)), "refused as {error:?}");
            return format!("refused: {error:?}");
        }
    };
    let told = match all(&log, 0).await {
        Ok(found) if found.iter().zip(segments).all(|(found, segment)| found == segment) && found.len() <= segments.len() => {
            format!("{} of {} segments", found.len(), segments.len())
        }
        Ok(found) => {
            assert!(found.iter().any(|segment| !segment.is_intact()), "other segments than were written, and nobody could tell");
            "a segment that is not intact".to_owned()
        }
        Err(error) => {
            assert!(matches!(error, StoreError::Damaged(_)), "refused as {error:?}");
            format!("unreadable: {error:?}")
        }
    };
    let _ = log.close().await;
    told
}

/// Segments of which the first 20 are in tables and the others in the database's own log, as after a kill.
async fn half_in_tables(folder: &Folder, whole: &Path) -> Vec<Segment> {
    let segments = chain(0, 40, 4, 6_000);
    for part in segments.chunks(20) {
        let log = folder.open().await.unwrap();
        let epoch = log.take(0).await.unwrap().epoch;
        append_all(&log, epoch, part).await;
        copy(&folder.store(), whole);
        log.close().await.unwrap();
    }
    segments
}

#[tokio::test]
async fn damage_is_never_taken_for_the_log() {
    let folder = Folder::new("damage");
    let whole = folder.0.join("whole");
    let segments = half_in_tables(&folder, &whole).await;

    let names: Vec<PathBuf> = files(&whole).iter().map(|path| path.strip_prefix(&whole).unwrap().to_path_buf()).collect();
    for name in names {
        for kind in [Harm::Half, Harm::Empty, Harm::Garbage, Harm::Middle, Harm::Gone] {
            copy(&whole, &folder.store());
            harm(&folder.store().join(&name), kind);
            let told = outcome(&folder, &segments).await;
            println!("{} {kind:?}: {told}", name.display());
        }
    }
    copy(&whole, &folder.store());
    assert_eq!(outcome(&folder, &segments).await, "40 of 40 segments");
}

#[tokio::test]
async fn a_repair_that_was_interrupted_begins_anew() {
    let folder = Folder::new("repair");
    let whole = folder.0.join("whole");
    let segments = half_in_tables(&folder, &whole).await;
    copy(&whole, &folder.store());
    let logs = files(&folder.store().join("wal"));
    let [log] = logs.as_slice() else { panic!("{logs:?}") };
    // A torn tail, and the half that an earlier repair had copied when it was killed.
    let bytes = fs::read(log).unwrap();
    fs::write(log, &bytes[..bytes.len() - 1]).unwrap();
    let repair = folder.store().join("wal/repair_temp");
    fs::create_dir(&repair).unwrap();
    fs::write(repair.join("00000000000000000000.wal"), &bytes[..bytes.len() / 2]).unwrap();
    for _ in 0..3 {
        let log = folder.open().await.unwrap();
        let found = all(&log, 0).await.unwrap();
        assert!(found.len() >= 39 && segments.starts_with(&found), "only {} of 40 segments are left", found.len());
        drop(log.close().await);
    }
}

#[tokio::test]
async fn data_without_its_manifest_is_no_empty_store() {
    let folder = Folder::new("manifest");
    let whole = folder.0.join("whole");
    let _ = half_in_tables(&folder, &whole).await;
    for gone in ["tables", "wal"] {
        copy(&whole, &folder.store());
        fs::remove_dir_all(folder.store().join("manifest")).unwrap();
        fs::create_dir(folder.store().join("manifest")).unwrap();
        if gone == "tables" {
            fs::remove_dir_all(folder.store().join("sstables")).unwrap();
        }
        let refused = folder.open().await.err();
        assert!(matches!(&refused, Some(StoreError::Damaged(why)) if why.contains("the manifest that names it")), "{refused:?}");
    }
}
