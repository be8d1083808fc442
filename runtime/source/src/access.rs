//! How a repository is entered: what `git` is told in its environment, so that no secret stands in an argument, a file or a message.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tradewind_lang::plan::{Access, Source};

/// Opens a secret by name.
pub type OpenSecret = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;
/// Where the file of a secret lies, where it is one.
pub type KeyFile = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a call of `git` that reaches the repository is given.
#[derive(Default)]
pub(crate) struct Entry {
    /// Variables of its environment.
    pub(crate) variables: BTreeMap<&'static str, String>,
    /// What must not occur in anything that is said.
    hidden: Vec<String>,
}

impl Entry {
    /// Opens what the source names. `known_hosts` is found below `root`, the folder that is served.
    pub(crate) fn of(
        source: &Source,
        root: &Path,
        secrets: &OpenSecret,
        key_file: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let mut entry = Self::default();
        // The one way by which this repository is reached, whatever it refers to.
        entry.variables.insert("GIT_ALLOW_PROTOCOL", protocol(&source.url).to_owned());
        match &source.access {
            Access::Open => {}
            Access::Token { user, secret } => {
                let token = secrets(secret)?;
                let token =
                    token.lines().map(str::trim).find(|line| !line.is_empty()).ok_or_else(|| format!("the secret `{secret}` is empty"))?;
                let encoded = base64(format!("{user}:{token}").as_bytes());
                entry.variables.insert("GIT_CONFIG_COUNT", "1".to_owned());
                // Of this host alone; redirections are not followed.
                entry.variables.insert("GIT_CONFIG_KEY_0", format!("http.{}.extraHeader", origin(&source.url)));
                entry.variables.insert("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {encoded}"));
                entry.hidden.extend([token.to_owned(), encoded]);
            }
            Access::Key { secret, known_hosts } => {
                let key = key_file(secret).ok_or_else(|| format!("the key `{secret}` is no file"))?;
                entry.variables.insert("GIT_SSH_COMMAND", ssh(&root.join(key), &root.join(known_hosts))?);
                entry.variables.insert("GIT_SSH_VARIANT", "ssh".to_owned());
            }
        }
        Ok(entry)
    }

    /// A text without what is hidden.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let hide = |text: String, secret: &String| if secret.is_empty() { text } else { text.replace(secret.as_str(), "***") };
        self.hidden.iter().fold(text.to_owned(), hide)
    }
}

fn protocol(url: &str) -> &'static str {
    match url.split_once("://").map(|(scheme, _)| scheme) {
        Some("https") => "https",
        Some("http") => "http",
        Some("file") => "file",
        _ => "ssh",
    }
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    format!("{scheme}://{}/", rest.split('/').next().unwrap_or_default())
}

/// `ssh` with this key and these hosts alone: no configuration, no agent, nothing asked, nothing forwarded, nothing learnt.
fn ssh(key: &Path, known_hosts: &Path) -> Result<String, String> {
    let quoted = |path: &Path| {
        let text = path.to_str().filter(|text| !text.contains(['\'', '\n', '"', '\\', '%']));
        text.map(|text| format!("'{text}'")).ok_or_else(|| format!("`{}` cannot be named to `ssh`", path.display()))
    };
    let options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "UpdateHostKeys=no",
        "GlobalKnownHostsFile=none",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "PreferredAuthentications=publickey",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "ProxyCommand=none",
        "ConnectTimeout=15",
        "ServerAliveInterval=15",
        "ServerAliveCountMax=2",
    ];
    let options: String = options.iter().map(|option| format!(" -o {option}")).collect();
    // Within the option its own quotes: the path may hold spaces.
    let hosts = quoted(known_hosts)?.replace('\'', "\"");
    Ok(format!("ssh -F none -i {}{options} -o 'UserKnownHostsFile={hosts}'", quoted(key)?))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let joined = (0..3).fold(0_u32, |joined, place| joined << 8 | u32::from(group.get(place).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter = LETTERS.get((joined >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_in_the_header_of_its_own_host_and_nowhere_else() {
        let source = crate::tests::source("https://git.example:8443/acme/shop.git");
        let source = Source { access: Access::Token { user: "bot".to_owned(), secret: "git".to_owned() }, ..source };
        let secrets: OpenSecret = Arc::new(|_| Ok("s3cret\nold\n".to_owned()));
        let entry = Entry::of(&source, Path::new("."), &secrets, &|_| None).unwrap();
        assert_eq!(entry.variables["GIT_CONFIG_KEY_0"], "http.https://git.example:8443/.extraHeader");
        assert_eq!(entry.variables["GIT_CONFIG_VALUE_0"], "Authorization: Basic Ym90OnMzY3JldA==");
        assert_eq!(entry.variables["GIT_ALLOW_PROTOCOL"], "https");
        assert_eq!(entry.scrub("fatal: s3cret and Ym90OnMzY3JldA=="), "fatal: *** and ***");
    }

    #[test]
    fn ssh_believes_the_named_hosts_alone_and_asks_nobody() {
        let command = ssh(Path::new("keys/deploy key"), Path::new("hosts")).unwrap();
        for part in ["-F none", "-i 'keys/deploy key'", "StrictHostKeyChecking=yes", "BatchMode=yes", "'UserKnownHostsFile=\"hosts\"'"] {
            assert!(command.contains(part), "{command}");
        }
        assert!(ssh(Path::new("a'; rm -r b; '"), Path::new("hosts")).is_err());
    }

    #[test]
    fn base64_is_that_of_the_specification() {
        for (text, wanted) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE=")] {
            assert_eq!(base64(text.as_bytes()), wanted);
        }
    }
}
