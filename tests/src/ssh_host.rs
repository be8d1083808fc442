//! OpenSSH's own server on this machine, which lets in one key to the repositories of a folder.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where Debian puts it; `PATH` of a plain user does not name the folder.
const PROGRAMS: &[&str] = &["/usr/sbin/sshd", "/usr/local/sbin/sshd"];

/// A server that runs.
#[derive(Debug)]
pub struct SshHost {
    /// Its port on 127.0.0.1.
    pub port: u16,
    folder: TempDir,
    process: Child,
}

impl SshHost {
    /// Starts it; none where the machine has none, or it cannot run here.
    #[must_use]
    pub fn start() -> Option<Self> {
        let program = PROGRAMS.iter().map(Path::new).find(|path| path.exists())?;
        let folder = TempDir::with_prefix("tradewind-ssh-").ok()?;
        for name in ["host", "user", "other"] {
            keygen(&folder.path().join(name))?;
        }
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPidFile none\nStrictModes no\nUsePAM no\n",
            at("host"),
            at("user.pub"),
        );
        std::fs::write(folder.path().join("settings"), settings).ok()?;
        if Path::new("/run").is_dir() {
            // Where root starts it, it wants this folder of the boot scripts.
            let _ = std::fs::create_dir("/run/sshd");
        }
        let mut command = Command::new(program);
        command.args(["-D", "-f"]).arg(folder.path().join("settings")).args(["-E", &at("log")]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let mut host = Self { port, folder, process };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if host.process.try_wait().ok()?.is_some() || began.elapsed() > Duration::from_secs(10) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(host)
    }

    /// A file of it: `user`, the key that it lets in; `other`, one that it does not.
    #[must_use]
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The line of its own key among those of known hosts; `name` as in [`SshHost::key`], or `host`.
    #[must_use]
    pub fn known(&self, name: &str) -> String {
        let key = std::fs::read_to_string(self.key(&format!("{name}.pub"))).expect("a public key");
        format!("[127.0.0.1]:{} {key}", self.port)
    }
}

impl Drop for SshHost {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn keygen(file: &Path) -> Option<()> {
    let mut command = Command::new("ssh-keygen");
    let made = command.args(["-q", "-t", "ed25519", "-N", "", "-C", "a test", "-f"]).arg(file).status().ok()?;
    made.success().then_some(())
}
