//! Opening: addresses, locks, folders, versions.

use crate::damage::copy;
use crate::killed::{Child, as_child};
use crate::*;
use std::fs;
use surrealdb::Surreal;
use surrealdb::engine::local::Db;
use surrealdb_core::kvs::Datastore;

#[tokio::test]
async fn what_is_closed_is_there_again() {
    let folder = Folder::new("again");
    let segments = chain(0, 50, 3, 5_000);
    let mut epoch = 0;
    for part in segments.chunks(10) {
        let log = folder.open().await.unwrap();
        assert!(log.durable());
        let newer = log.take(0).await.unwrap().epoch;
        assert!(newer > epoch, "an epoch was given twice");
        epoch = newer;
        append_all(&log, epoch, part).await;
        log.close().await.unwrap();
        assert!(log.append(epoch, segments[0].clone()).await.is_err(), "it is closed");
    }
    assert_eq!(all(&folder.open().await.unwrap(), 0).await.unwrap(), segments);
}

#[tokio::test]
async fn a_store_in_memory_claims_no_durability() {
    assert!(!in_memory().await.durable());
}

#[tokio::test]
async fn settings_that_are_not_durable_are_refused_by_name() {
    let folder = Folder::new("settings");
    for setting in ["sync=never", "sync=5s", "SYNC=Never", "sync=", "sync", "sync_data=false", "sync=every&sync=never"] {
        let refused = open(&format!("surrealkv://store?{setting}"), &folder.0).await.err();
        let Some(StoreError::NotDurable(text)) = &refused else { panic!("`{setting}`: {refused:?}") };
        assert!(text.contains(setting.split('&').next_back().unwrap()), "{text}");
    }
    assert!(matches!(open("memory://store", &folder.0).await.err(), Some(StoreError::NotDurable(_))));
    for url in ["", "store", "rocksdb://store", "surrealkv://", "surrealkv://store?versioned=true", "file://store", "surrealkv://a?b?c"] {
        assert!(matches!(open(url, &folder.0).await.err(), Some(StoreError::Other(_))), "`{url}`");
    }
    assert!(!folder.store().exists(), "a refused address creates nothing");
    let log = open("surrealkv://store?sync=every", &folder.0).await.unwrap();
    assert!(log.durable());
}

#[tokio::test]
async fn a_store_that_another_process_holds_is_locked() {
    if let Some(log) = as_child().await {
        println!("acknowledged 0");
        log.take(0).await.unwrap();
        std::future::pending::<()>().await;
    }
    let folder = Folder::new("locked");
    let mut child = Child::start("opening::a_store_that_another_process_holds_is_locked", &folder);
    child.acknowledged();
    for _ in 0..2 {
        let refused = folder.open().await.err();
        let Some(StoreError::Locked(text)) = &refused else { panic!("{refused:?}") };
        assert!(text.contains(folder.store().to_str().unwrap()), "{text}");
        assert!(text.contains(&format!("process {}", child.id())), "{text}");
    }
    child.kill();
    folder.open().await.unwrap();
}

#[tokio::test]
async fn a_file_in_the_place_of_the_folder_is_not_touched() {
    let folder = Folder::new("file");
    fs::write(folder.store(), "precious").unwrap();
    let refused = folder.open().await.err();
    assert!(matches!(&refused, Some(StoreError::NotWritable(text)) if text.contains("is a file")), "{refused:?}");
    assert_eq!(fs::read_to_string(folder.store()).unwrap(), "precious");
    let refused = open("surrealkv://store/below", &folder.0).await.err();
    assert!(matches!(&refused, Some(StoreError::NotWritable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let folder = Folder::new("newer");
    let log = folder.open().await.unwrap();
    log.close().await.unwrap();
    drop(log);
    with_raw(&folder, "UPDATE meta:schema SET version = 99").await;
    for _ in 0..2 {
        let refused = folder.open().await.err();
        assert!(matches!(&refused, Some(StoreError::Newer(text)) if text.contains("99")), "{refused:?}");
    }
    // The refusal let go of the folder.
    with_raw(&folder, "UPDATE meta:schema SET version = 1").await;
    folder.open().await.unwrap();
}

/// A store as the first version wrote it is migrated when it is opened, and holds what it held.
#[tokio::test]
async fn a_store_of_the_first_version_is_migrated_and_holds_what_it_held() {
    let folder = Folder::new("golden");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/store-1"), &folder.store());
    for _ in 0..2 {
        let log = folder.open().await.unwrap();
        let segments = all(&log, 0).await.unwrap();
        assert_unbroken(&segments);
        let last = segments.last().unwrap();
        assert_eq!((segments.len(), last.first + u64::from(last.count) - 1), (16, 34));
        assert_eq!(last.hash.to_string(), "a0c0d5c33f0fc1c2985210ee4213a5a1ccd8110402823dfbc77a7e0191a8d919");
        log.close().await.unwrap();
    }
    // It can be written, and an older program would refuse it by its number.
    let log = folder.open().await.unwrap();
    let epoch = log.take(0).await.unwrap().epoch;
    let last = all(&log, 0).await.unwrap().pop();
    log.append(epoch, next(0, last.as_ref(), 2, 10)).await.unwrap();
    log.close().await.unwrap();
    drop(log);
    with_raw(&folder, "IF meta:schema.version != 2 OR meta:schema.program = NONE { THROW 'it was not migrated' }").await;
}

/// Changes a store behind the back of ours.
async fn with_raw(folder: &Folder, text: &str) {
    let datastore = Datastore::builder().build_with_path(&format!("surrealkv://{}", folder.store().display())).await.unwrap();
    let raw = Surreal::<Db>::unstable_from_datastore(Arc::clone(&datastore), None).await.unwrap();
    raw.use_ns("tradewind").use_db("log").await.unwrap();
    raw.query(text).await.unwrap().check().unwrap();
    datastore.shutdown().await.unwrap();
}
