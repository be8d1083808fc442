//! The follower on real repositories in temporary folders, by the real `git`.

mod follow;
mod refuse;
mod sturdy;
mod telling;

use crate::{Follower, News, OpenSecret, Place};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use tradewind_lang::plan::{Access, Digest, Follows, Source};

/// A declaration that says nothing but where the source is.
pub(crate) fn source(url: &str) -> Source {
    Source {
        url: url.to_owned(),
        follows: Follows::Branch("main".to_owned()),
        folder: String::new(),
        poll: 1_000_000,
        keeps_history: false,
        signers: None,
        access: Access::Open,
        webhook: None,
        status: None,
        after: None,
    }
}

/// A repository that people push to.
struct Upstream {
    folder: TempDir,
}

impl Upstream {
    fn new() -> Self {
        let own = Self { folder: TempDir::with_prefix("tradewind-upstream-").unwrap() };
        own.git(&["init", "--quiet", "--initial-branch=main"]);
        own
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.current_dir(self.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command.args(["-c", "user.name=Ana", "-c", "user.email=ana@shop.example", "-c", "commit.gpgsign=false"]).args(arguments);
        command
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits these files on top of what is there; its name.
    fn commit(&self, files: &[(&str, &str)]) -> String {
        files.iter().for_each(|(path, text)| self.write(path, text));
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Feeds `git fast-import`.
    fn import(&self, stream: &[u8]) {
        use std::io::Write;
        let mut child = self.command(&["fast-import", "--quiet", "--force"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stream).unwrap();
        assert!(child.wait().unwrap().success());
    }
}

/// A served folder.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { folder: TempDir::with_prefix("tradewind-home-").unwrap() }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join(".tradewind/source")
    }

    fn open(&self, source: Source) -> Follower {
        let secrets: OpenSecret = Arc::new(|name| Ok(format!("secret of {name}")));
        let place = Place { home: self.folder.path().to_owned(), state: self.state(), secrets, key_file: Arc::new(|_| None) };
        Follower::open(source, place).unwrap()
    }
}

/// Asks, and takes what may be taken; what there was to take.
async fn take(follower: &mut Follower) -> (String, PathBuf) {
    match follower.ask(1).await {
        News::Take(taken) => {
            follower.show(&taken.folder).unwrap();
            follower.taken(&taken.commit, Digest::of(taken.commit.as_str().as_bytes()), 1).await.unwrap();
            (taken.commit.to_string(), taken.folder)
        }
        other => panic!("nothing to take: {other:?}"),
    }
}

/// Code and reason of a refusal.
async fn refusal(follower: &mut Follower) -> (&'static str, String) {
    match follower.ask(1).await {
        News::Refused(refusal) => (refusal.code.id, refusal.why),
        other => panic!("not refused: {other:?}"),
    }
}

const MANIFEST: (&str, &str) = ("tradewind.kdl", "project \"shop\" { currency \"EUR\" }\n");
