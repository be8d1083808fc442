//! Logs of every release: each is still whole, can still be read, and is decided again to the same bytes.
//!
//! `tests/golden` holds one export for each version, made by that version. A change that breaks this test breaks every log out there.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tradewind_engine::export::{self, Frame, Reading};
use tradewind_engine::ports::LogStore;
use tradewind_engine::replay::replay;
use tradewind_engine::twin::MemoryLog;
use tradewind_tests::root;
use tradewind_vault::{Keyed, Master, Paths, Vault};

/// Name, events, hash of the last segment, decisions.
const LOGS: &[(&str, u64, &str, u64)] = &[("log-0.1.0.export", 42, "b98f3eb0acdd70a02c2cb0aa7ae752c8a00d75bdc528f9f439eba890cfe1a3a0", 33)];

fn golden() -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(root().join("tests/golden")).unwrap().flatten();
    let mut logs: Vec<(String, PathBuf)> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name.ends_with(".export"))
        .collect();
    logs.sort();
    logs
}

/// The keys of its people, which lie beside it.
fn keys_of(log: &Path) -> Vault {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::beside(&folder.path().join("store"));
    fs::copy(log.with_extension("vault"), &paths.vault).unwrap();
    fs::set_permissions(&paths.vault, fs::Permissions::from_mode(0o600)).unwrap();
    Vault::open(&paths, Master::Passphrase("golden logs".to_owned())).unwrap()
}

#[test]
fn every_release_has_a_golden_log() {
    let names: Vec<String> = golden().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, LOGS.iter().map(|(name, ..)| (*name).to_owned()).collect::<Vec<_>>());
    let own = format!("log-{}.export", env!("CARGO_PKG_VERSION"));
    assert!(
        names.contains(&own),
        "this version needs a golden log: tradewind log export tests/golden/{own}, and its vault (passphrase `golden logs`) beside it"
    );
}

#[tokio::test]
async fn every_golden_log_is_whole_and_is_decided_again_to_the_same_bytes() {
    for ((name, path), (_, events, head, decisions)) in golden().iter().zip(LOGS) {
        let bytes = fs::read(path).unwrap();
        let report = export::verify(&*bytes, None).unwrap_or_else(|damage| panic!("{name}: {damage}"));
        assert_eq!((report.events(), report.head.to_string().as_str()), (*events, *head), "{name}");
        assert!(report.checkpoints > 0, "{name} holds no signed checkpoint");
        let log = Keyed::new(Arc::new(MemoryLog::new()), Arc::new(keys_of(path)));
        let epoch = log.take(0).await.unwrap().epoch;
        let mut reading = Reading::begin(&*bytes, None).unwrap();
        while let Some(frame) = reading.next().unwrap() {
            if let Frame::Segment(segment) = frame {
                log.append(epoch, segment).await.unwrap();
            }
        }
        let replayed = replay(&log, 0).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(replayed.decisions, *decisions, "{name}");
    }
}
