//! The memory caps and the sync setting, as the database itself reports them when it opens.

use crate::*;
use std::io::Write;
use std::sync::Mutex;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_database_reports_our_caps() {
    let lines = Lines::default();
    tracing_subscriber::fmt().with_env_filter("surrealdb::core::kvs::surrealkv=info").with_ansi(false).with_writer(lines.clone()).init();
    let folder = Folder::new("caps");
    let log = folder.open().await.unwrap();
    let told = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for wanted in ["Setting block cache capacity: 33554432", "Setting max memtable size: 33554432", "Sync mode: every transaction commit"] {
        assert!(told.lines().any(|line| line.ends_with(wanted)), "no `{wanted}` in\n{told}");
    }
    log.close().await.unwrap();
}
