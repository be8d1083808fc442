//! The engine's contract suite, on both kinds of store; the twin passes it in the engine's own tests.

use crate::*;
use std::time::Duration;
use tradewind_engine::contract;

#[tokio::test]
async fn the_store_in_memory_keeps_the_contract() {
    let log = in_memory().await;
    contract::log_store(|| {
        let log: Arc<dyn LogStore> = log.clone();
        async { log }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_store_on_disk_keeps_the_contract() {
    let folder = Folder::new("suite");
    contract::log_store(|| async {
        // An earlier handle that was dropped lets go of the folder a moment later.
        for _ in 0..500 {
            match folder.open().await {
                Ok(log) => return log as Arc<dyn LogStore>,
                Err(StoreError::Locked(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error:?}"),
            }
        }
        panic!("the folder was never let go");
    })
    .await
    .unwrap();
}
