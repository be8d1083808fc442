//! Kill -9 at random moments: whatever was acknowledged is there, and the chain is whole.
//!
//! The test binary starts itself as a child process that runs one test, which sees a variable and plays the writer.

use crate::*;
use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// The folder of the store that a child is to open.
const VARIABLE: &str = "TRADEWIND_STORE_OF_CHILD";

/// In a child process, the store it is to open.
pub(crate) async fn as_child() -> Option<Arc<SurrealLog>> {
    let folder = std::env::var_os(VARIABLE)?;
    Some(open("surrealkv://store", Path::new(&folder)).await.unwrap())
}

/// This test binary as a child process. It is killed when dropped.
pub(crate) struct Child {
    process: std::process::Child,
    output: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(test: &str, folder: &Folder) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(VARIABLE, &folder.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, output }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The next number that the child says was acknowledged; nothing once it is dead.
    pub(crate) fn acknowledged(&mut self) -> Option<u64> {
        loop {
            let mut line = String::new();
            // A line cut by the kill was not said.
            if self.output.read_line(&mut line).unwrap() == 0 || !line.ends_with('\n') {
                return None;
            }
            if let Some((_, number)) = line.trim_end().split_once("acknowledged ") {
                return Some(number.parse().unwrap());
            }
        }
    }

    /// Kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn append_for_ever(log: &SurrealLog) {
    let epoch = log.take(0).await.unwrap().epoch;
    let mut last = all(log, 0).await.unwrap().pop();
    loop {
        let segment = next(0, last.as_ref(), 8, 60_000);
        log.append(epoch, segment.clone()).await.unwrap();
        println!("acknowledged {}", segment.first);
        last = Some(segment);
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    if let Some(log) = as_child().await {
        append_for_ever(&log).await;
    }
    let folder = Folder::new("killed");
    let mut seed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let mut acknowledged = 0;
    for round in 0..10 {
        let mut child = Child::start("killed::nothing_acknowledged_is_lost_by_kill_9", &folder);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_millis((seed >> 33) % 300);
        acknowledged = child.acknowledged().unwrap();
        let started = Instant::now();
        while started.elapsed() < moment {
            acknowledged = child.acknowledged().unwrap();
        }
        child.kill();
        // Said before the kill, read after it.
        while let Some(number) = child.acknowledged() {
            acknowledged = number;
        }
        let log = folder.open().await.unwrap();
        let found = all(&log, 0).await.unwrap();
        assert_unbroken(&found);
        let last = found.last().unwrap().first;
        println!("round {round}: killed after {moment:?}; acknowledged up to {acknowledged}, found up to {last}");
        assert!(last == acknowledged || last == acknowledged + 8, "acknowledged up to {acknowledged}, found up to {last}");
        log.close().await.unwrap();
    }
    assert!(acknowledged > 80, "the children hardly wrote anything");
}
