//! A git repository in a temporary folder that people push to. It never touches the checkout, and knows no configuration but its own.

use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A repository with one branch, `main`.
#[derive(Debug)]
pub struct Upstream {
    folder: TempDir,
}

impl Upstream {
    /// An empty one.
    #[must_use]
    pub fn empty() -> Self {
        let own = Self { folder: TempDir::with_prefix("tradewind-upstream-").expect("a temporary folder") };
        let _ = own.git(&["init", "--quiet", "--initial-branch=main", "shop.git"]);
        own
    }

    /// The folder around it, for whoever serves it.
    #[must_use]
    pub fn around(&self) -> &Path {
        self.folder.path()
    }

    /// Its address on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        format!("file://{}", self.around().join("shop.git").display())
    }

    /// Runs `git` in it; what it printed.
    pub fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        let folder = self.around().join("shop.git");
        command.current_dir(if folder.exists() { &folder } else { self.around() });
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command.args(["-c", "user.name=Ana", "-c", "user.email=ana@shop.example"]).args(arguments);
        let output = command.output().expect("git runs");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits a file on top of what is there; the name of the commit.
    pub fn commit(&self, path: &str, text: &str) -> String {
        let path = self.around().join("shop.git").join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(&path)).expect("a folder in a temporary folder");
        std::fs::write(path, text).expect("a file in a temporary folder");
        let _ = self.git(&["add", "--all"]);
        let _ = self.git(&["commit", "--quiet", "--allow-empty", "--message=change"]);
        self.git(&["rev-parse", "HEAD"])
    }
}
