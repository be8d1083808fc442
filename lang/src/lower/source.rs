//! The git repository that an environment follows. Nothing of it is reached here, and no secret is read: only what is written is judged.

use super::context::{Context, name_of};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{Access, After, Follows, Source, StatusOf};
use crate::shape::Shaped;

/// How often a source is asked for news where nothing is said: two minutes, as others of its kind do.
const POLL: i64 = 120_000_000;
/// The shortest time between two questions.
const SHORTEST_POLL: i64 = 1_000_000;
/// The user of a token where none is named; hosts look at the token alone.
const USER: &str = "x-access-token";

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Web,
    Shell,
    File,
}

impl Context<'_> {
    pub(crate) fn lower_source(&mut self, node: &Node, environment: &str, around: &Node, project: &Node) -> Option<Source> {
        let value = node.argument(0)?.clone();
        let url = self.text(&value, "the address of a source")?;
        let way = match way_of(&url) {
            Ok(way) => Some(way),
            Err(why) => {
                let help = "write `https://…`, `ssh://USER@HOST/…` or `file:///…`, without a password";
                let mut diagnostic =
                    Diagnostic::new(&meaning::SOURCE_UNFIT, value.span, format!("the source {why}")).label("cannot be followed");
                if let Some(rest) = url.strip_prefix("http://").filter(|rest| way_of(&format!("https://{rest}")).is_ok()) {
                    diagnostic = diagnostic.proposal("write `https://`", value.span, format!("\"https://{rest}\""));
                }
                self.report(diagnostic.help(help));
                None
            }
        };
        let follows = self.follows(node);
        let folder = self.folder_of(node);
        let poll = match self.span_of_time(node, "poll") {
            Some(poll) if poll < SHORTEST_POLL => {
                let value = node.setting("poll")?.clone();
                self.unfit(
                    &value,
                    "a source is asked at most once a second".to_owned(),
                    "write `poll \"2m\"`, and let a webhook tell of pushes",
                );
                POLL
            }
            other => other.unwrap_or(POLL),
        };
        let keeps_history = match node.setting("force-push").cloned() {
            Some(value) => self.word(&value, "`force-push`", &["refuse", "follow"])? == "refuse",
            None => false,
        };
        let access = self.access(node, way, &[around, project]);
        let webhook = node.setting("webhook").cloned().and_then(|value| self.secret_reference(&value));
        let status = node.first("status").cloned().and_then(|status| self.status_of(&status, &access));
        let after = node.first("after").cloned().and_then(|after| self.after(&after, environment, node));
        let signers = self.setting_text(node, "signers");
        way?;
        Some(Source { url, follows: follows?, folder: folder?, poll, keeps_history, signers, access, webhook, status, after })
    }

    fn unfit(&mut self, value: &Literal, message: String, help: &str) {
        self.report(Diagnostic::new(&meaning::SOURCE_UNFIT, value.span, message).label("cannot be followed").help(help));
    }

    fn follows(&mut self, node: &Node) -> Option<Follows> {
        let given: Vec<&str> = ["branch", "tag", "commit"].into_iter().filter(|name| node.setting(name).is_some()).collect();
        let name = match given.as_slice() {
            [] => return Some(Follows::Branch("main".to_owned())),
            [only] => *only,
            [_, second, ..] => {
                let value = node.setting(second)?.clone();
                self.unfit(&value, format!("a source follows one thing, not both `{}`", given.join("` and `")), "keep one of them");
                return None;
            }
        };
        let value = node.setting(name)?.clone();
        let text = self.text(&value, &format!("`{name}`"))?;
        let fits = if name == "commit" { is_commit(&text) } else { is_reference(&text) };
        if !fits {
            let help =
                if name == "commit" { "write its whole name, 40 or 64 hexadecimal digits" } else { "write its name as `git` lists it" };
            self.unfit(&value, format!("`{text}` names no {name}"), help);
            return None;
        }
        Some(match name {
            "branch" => Follows::Branch(text),
            "tag" => Follows::Tag(text),
            _ => Follows::Commit(text),
        })
    }

    fn folder_of(&mut self, node: &Node) -> Option<String> {
        let Some(value) = node.setting("folder").cloned() else { return Some(String::new()) };
        let text = self.text(&value, "`folder`")?;
        let trimmed = text.trim_end_matches('/');
        let plain =
            |part: &str| !part.is_empty() && part != "." && part != ".." && !part.eq_ignore_ascii_case(".git") && !part.contains(':');
        if trimmed.split('/').all(plain) && !text.contains(char::is_control) {
            return Some(trimmed.to_owned());
        }
        self.unfit(
            &value,
            format!("`{text}` is no folder of the source"),
            "write its path from the root of the source, such as `shops/eu`",
        );
        None
    }

    fn access(&mut self, node: &Node, way: Option<Way>, holders: &[&Node]) -> Access {
        let (token, key) = (node.setting("token").cloned(), node.first("ssh-key").cloned());
        if let Some(token) = &token {
            if way.is_some_and(|way| way != Way::Web) {
                self.unfit(
                    token,
                    "a token enters a source over HTTPS alone".to_owned(),
                    "leave it out, or write the source as `https://…`",
                );
            }
            let user = self.setting_text(node, "user").unwrap_or_else(|| USER.to_owned());
            return self.secret_reference(token).map_or(Access::Open, |secret| Access::Token { user, secret });
        }
        let Some(key) = key else {
            if way == Some(Way::Shell) {
                self.missing(node, "ssh-key", "write `ssh-key (secret)\"NAME\" known-hosts=\"FILE\"`: nobody is asked for a password");
            }
            return Access::Open;
        };
        let Some(value) = key.argument(0).cloned() else { return Access::Open };
        if way.is_some_and(|way| way != Way::Shell) {
            self.unfit(
                &value,
                "a key enters a source over SSH alone".to_owned(),
                "leave it out, or write the source as `ssh://USER@HOST/…`",
            );
        }
        let known_hosts = self.setting_text(&key, "known-hosts");
        if known_hosts.is_none() {
            self.missing(&key, "known-hosts", "write `known-hosts=\"FILE\"`: a host that nobody knows is not believed");
        }
        let Some(secret) = self.secret_reference(&value) else { return Access::Open };
        let declared = holders.iter().flat_map(|holder| holder.all("secret")).find(|own| name_of(own).is_some_and(|of| of.text == secret));
        if declared.is_some_and(|own| own.setting("file").is_none()) {
            self.unfit(
                &value,
                format!("the key `{secret}` is no file"),
                "write `secret \"NAME\" file=\"PATH\"`: `ssh` reads it from there",
            );
        }
        known_hosts.map_or(Access::Open, |known_hosts| Access::Key { secret, known_hosts })
    }

    fn status_of(&mut self, node: &Node, access: &Access) -> Option<StatusOf> {
        let value = node.argument(0)?.clone();
        let url = self.text(&value, "where statuses are written")?;
        if way_of(&url) != Ok(Way::Web) {
            let help = "write the repository in the host's API, such as `https://api.github.com/repos/acme/shop`";
            self.unfit(&value, format!("statuses cannot be written to `{url}`"), help);
        }
        let secret = node.setting("token").cloned().and_then(|token| self.secret_reference(&token));
        if secret.is_none() && node.setting("token").is_none() && !matches!(access, Access::Token { .. }) {
            self.missing(node, "token", "write `token=(secret)\"NAME\"`: the source itself is entered without one");
        }
        Some(StatusOf { url: url.trim_end_matches('/').to_owned(), secret })
    }

    fn after(&mut self, node: &Node, environment: &str, source: &Node) -> Option<After> {
        let value = node.argument(0)?.clone();
        let before = self.reference(&value, "environment")?;
        if before == environment {
            self.unfit(&value, format!("`{environment}` cannot come after itself"), "name the environment that has a commit first");
        }
        if source.first("status").is_none() {
            let help = "write `status \"URL\"` beside it: an environment tells the next one by the statuses of commits";
            self.unfit(&value, format!("nothing says what became of a commit in `{before}`"), help);
        }
        if node.setting("for").is_none() {
            self.missing(node, "for", "write `for=\"1h\"`: how long it must have had the commit");
        }
        Some(After { environment: before, stood: self.span_of_time(node, "for")? })
    }
}

/// How an address is reached, or why it is not.
fn way_of(url: &str) -> Result<Way, String> {
    if url.is_empty()
        || url.starts_with('-')
        || url.contains(|letter: char| letter.is_control() || letter.is_whitespace() || letter == '\\')
    {
        return Err("is no address".to_owned());
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        // `git@host:path`, as SSH is often written.
        let shell = url.split_once(':').filter(|(host, path)| host.contains('@') && !host.contains('/') && !path.is_empty());
        return shell.map(|_| Way::Shell).ok_or_else(|| "is no address".to_owned());
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host_only = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let own = matches!(host_only, "localhost" | "127.0.0.1" | "[::1]");
    if url.contains(['?', '#']) {
        return Err("has a query or a fragment".to_owned());
    }
    match scheme {
        "file" if authority.is_empty() && rest.len() > 1 => Ok(Way::File),
        "file" => Err("names a file of another machine".to_owned()),
        "ssh" if user.contains(':') => Err("holds a password".to_owned()),
        "ssh" if host.is_empty() || host.starts_with('-') || user.starts_with('-') => Err("names no host".to_owned()),
        "ssh" => Ok(Way::Shell),
        "https" | "http" if !user.is_empty() || authority.contains('@') => Err("holds a user or a password".to_owned()),
        "https" | "http" if host_only.is_empty() => Err("names no host".to_owned()),
        "http" if !own => Err("is not encrypted on its way".to_owned()),
        "https" | "http" => Ok(Way::Web),
        other => Err(format!("is reached by `{other}`, which is not followed")),
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// What `git check-ref-format` lets pass, and nothing that begins like an option.
fn is_reference(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let odd = |letter: char| letter.is_control() || " ~^:?*[\\".contains(letter);
    text.split('/').all(part)
        && !text.starts_with('-')
        && !text.ends_with('.')
        && !text.contains("..")
        && !text.contains("@{")
        && text != "@"
        && !text.contains(odd)
}
