//! The git repository that an environment follows, in the plan. Secrets are names here; nothing of it is reached.

use super::Micros;
use serde::{Deserialize, Serialize};

/// A `source` node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Where it is: `https://…`, `ssh://…`, `file:///…`; `http://` on this machine alone.
    pub url: String,
    /// What of it is followed.
    pub follows: Follows,
    /// The folder that is the repository of the configuration, from the root; empty for the root.
    pub folder: String,
    /// How often it is asked for news.
    pub poll: Micros,
    /// Whether a commit that does not descend from the one before it is refused.
    pub keeps_history: bool,
    /// A file of the served folder with the keys whose signatures count, as `ssh-keygen` reads them; any commit will do without.
    pub signers: Option<String>,
    /// How it is entered.
    pub access: Access,
    /// The secret by which a git host proves that it calls `POST /source/push`.
    pub webhook: Option<String>,
    /// Where it is told what became of each commit.
    pub status: Option<StatusOf>,
    /// The environment that must have had a commit before this one takes it.
    pub after: Option<After>,
}

/// What of a repository is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Follows {
    /// The newest commit of a branch.
    Branch(String),
    /// The commit of a tag.
    Tag(String),
    /// One commit for ever, by its whole name in hexadecimal digits.
    Commit(String),
}

impl std::fmt::Display for Follows {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Branch(name) => write!(out, "branch `{name}`"),
            Self::Tag(name) => write!(out, "tag `{name}`"),
            Self::Commit(name) => write!(out, "commit `{name}`"),
        }
    }
}

/// How a repository is entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// By anybody.
    Open,
    /// With a token, as the password of a user.
    Token {
        /// The user; most hosts take any.
        user: String,
        /// The secret that holds the token.
        secret: String,
    },
    /// With an SSH key.
    Key {
        /// The secret whose file is the private key.
        secret: String,
        /// The file of the served folder that names the hosts' own keys.
        known_hosts: String,
    },
}

/// Where commit statuses are written, by the API that GitHub, Gitea and Forgejo share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusOf {
    /// The repository in the host's API, such as `https://api.github.com/repos/acme/shop`.
    pub url: String,
    /// The secret that holds the token; that of the source itself where it names none.
    pub secret: Option<String>,
}

/// The environment before this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// Its name.
    pub environment: String,
    /// How long it must have had the commit.
    pub stood: Micros,
}

/// The path under which a git host tells of a push.
pub const PUSH_PATH: &str = "/source/push";

/// The name under which an environment tells of its commits.
#[must_use]
pub fn status_name(environment: &str) -> String {
    format!("tradewind/{environment}")
}
