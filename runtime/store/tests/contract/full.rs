//! A full disk, and one that cannot be written: a small file system in memory, where this process may mount one.

use crate::*;
use std::fs;
use std::process::Command;

/// A file system of its own; unmounted in the end.
struct Mount(Folder);

impl Mount {
    /// `None`, with a line that says so, where mounting is not allowed.
    fn new(name: &str, size: &str) -> Option<Self> {
        let folder = Folder::new(name);
        let mounted = mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", folder.0.to_str().unwrap()]);
        if !mounted {
            // Straight to standard error: the test runner keeps what is printed by tests that pass.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("skipped: `{name}` needs to mount a tmpfs, which is not allowed here\n").as_bytes(),
            );
            return None;
        }
        Some(Self(folder))
    }

    fn again(&self, options: &str) {
        assert!(mount(&["-o", &format!("remount,{options}"), self.0.0.to_str().unwrap()]));
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0.0).status();
    }
}

fn mount(arguments: &[&str]) -> bool {
    Command::new("mount").args(arguments).stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
}

#[tokio::test]
async fn a_full_disk_stops_writing_and_loses_nothing() {
    let Some(mount) = Mount::new("full", "24m") else { return };
    let ballast = mount.0.0.join("ballast");
    fs::write(&ballast, vec![1; 8 << 20]).unwrap();

    let log = mount.0.open().await.unwrap();
    let epoch = log.take(0).await.unwrap().epoch;
    let mut written: Vec<Segment> = Vec::new();
    let refused = loop {
        let segment = next(0, written.last(), 4, 100_000);
        match log.append(epoch, segment.clone()).await {
            Ok(()) => written.push(segment),
            Err(error) => break error,
        }
        assert!(written.len() < 1_000, "24 MB never ended");
    };
    println!("full after {} segments: {refused:?}", written.len());
    assert!(matches!(refused, StoreError::Full(_)), "{refused:?}");
    assert!(written.len() > 20);
    // What was acknowledged can be read; nothing more is written, space or no space, until the store is opened again.
    assert_eq!(log.scan(0, 0, written.len()).await.unwrap(), written);
    let small = next(0, written.last(), 1, 10);
    for space in [false, true] {
        if space {
            fs::remove_file(&ballast).unwrap();
        }
        assert!(matches!(log.append(epoch, small.clone()).await, Err(StoreError::Full(_))));
        assert!(matches!(log.take(0).await, Err(StoreError::Full(_))));
    }
    // As much as still fits.
    assert!(fs::write(&ballast, vec![1; 24 << 20]).is_err());
    let _ = log.close().await;
    drop(log);

    // Opening on the full disk either works, for reading, or says why not.
    match mount.0.open().await {
        Ok(log) => {
            println!("opened on the full disk");
            assert!(all(&log, 0).await.unwrap().starts_with(&written), "an acknowledged segment is gone");
            let _ = log.close().await;
        }
        Err(refused) => {
            println!("not opened on the full disk: {refused:?}");
            assert!(matches!(refused, StoreError::Full(_)), "{refused:?}");
        }
    }

    // The database copies its own log to repair it, so it needs as much space again.
    fs::remove_file(&ballast).unwrap();
    mount.again("size=64m");
    let log = mount.0.open().await.unwrap();
    let found = all(&log, 0).await.unwrap();
    assert_unbroken(&found);
    assert!(found.starts_with(&written), "an acknowledged segment is gone");
    assert!(found.len() <= written.len() + 1, "more than the one in doubt");
    let epoch = log.take(0).await.unwrap().epoch;
    log.append(epoch, next(0, found.last(), 1, 10)).await.unwrap();
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_start_is_named() {
    let Some(mount) = Mount::new("full-at-start", "1m") else { return };
    let ballast = mount.0.0.join("ballast");
    let _ = fs::write(&ballast, vec![1; 2 << 20]);
    let refused = mount.0.open().await.err();
    println!("{refused:?}");
    assert!(matches!(&refused, Some(StoreError::Full(text)) if text.contains(mount.0.0.to_str().unwrap())), "{refused:?}");
    fs::remove_file(&ballast).unwrap();
    mount.again("size=64m");
    let log = mount.0.open().await.unwrap();
    assert_eq!(log.take(0).await.unwrap().epoch, 1);
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let Some(mount) = Mount::new("read-only", "64m") else { return };
    let log = mount.0.open().await.unwrap();
    log.close().await.unwrap();
    drop(log);
    mount.again("ro");
    let refused = mount.0.open().await.err();
    println!("{refused:?}");
    assert!(matches!(&refused, Some(StoreError::NotWritable(text)) if text.contains(mount.0.0.to_str().unwrap())), "{refused:?}");
    let refused = open("surrealkv://new", &mount.0.0).await.err();
    assert!(matches!(&refused, Some(StoreError::NotWritable(_))), "{refused:?}");
}
