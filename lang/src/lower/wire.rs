//! What a connector puts on the wire: addresses, paths and headers that cannot be sent as written, and secrets that would be read on
//! the way, in a log of addresses, or in the repository.

use super::context::Context;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::Field;

/// Headers whose value lets somebody in.
const KEYS: &[&str] = &["authorization", "proxy-authorization", "cookie"];
/// Parts of the names of such headers.
const KEY_PARTS: &[&str] = &["token", "secret", "api-key", "apikey", "password"];
/// How values of theirs begin.
const KEY_STARTS: &[&str] = &["bearer ", "basic ", "sk-", "sk_"];

/// Whether a text names a path, such as `account.token`.
fn names(text: &str, path: &str) -> bool {
    let inside = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    text.split(|letter| !inside(letter)).any(|word| word == path)
}

/// The secret field of the account that a text names.
fn secret_in<'f>(text: &str, account: &'f [Field]) -> Option<&'f Field> {
    account.iter().find(|field| field.marks.secret && names(text, &format!("account.{}", field.name)))
}

/// Whether everybody on the way can read what is sent to an address.
fn is_open(base: &str) -> bool {
    let Some(rest) = base.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.strip_prefix('[').map_or_else(|| authority.split(':').next(), |inner| inner.split(']').next()).unwrap_or_default();
    !(matches!(host, "localhost" | "::1") || host.starts_with("127."))
}

/// A letter of a header's name, as RFC 9110 has it.
fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter)
}

/// Why a path cannot be sent as it is written.
fn unsendable(path: &str) -> Option<(&'static str, &'static str)> {
    let opened = path.split('{').skip(1);
    if opened.clone().any(|after| after.split_once('}').is_none_or(|(name, _)| name.is_empty())) {
        return Some(("has a `{` without a field", "write `{FIELD}` for a field of the request"));
    }
    if path.contains(['?', '#']) {
        return Some(("has a query in it", "write `query { name \"=request.name\" }` in `http`"));
    }
    let steps_out = path.split('/').any(|part| matches!(part, "." | ".."));
    steps_out.then_some(("leaves its folder", "write the path without `.` and `..`"))
}

impl Context<'_> {
    /// The address of a connector, its hosts, and what its headers give away.
    pub(crate) fn check_wire(&mut self, node: &Node, base: &Literal, account: &[Field]) {
        let written = base.text().unwrap_or_default().to_owned();
        if let Some(field) = secret_in(&written, account) {
            let message = format!("the secret `{}` would stand in an address, which is printed", field.name);
            self.secret_on_the_wire(base.span, message, "in the address", "send it in a header");
        }
        for host in node.first("base-url").map(|base| base.list("hosts")).unwrap_or_default() {
            let any = host.text().is_some_and(|host| host.split('.').all(|part| part.is_empty() || part == "*"));
            if any {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, host.span, "these hosts are all hosts").label("holds nothing");
                self.report(diagnostic.help("write the provider's own, such as `hosts \"*.shop.example\"`"));
            }
        }
        let batched = node.all("operation").filter_map(|operation| operation.first("batch")?.first("http"));
        let requests = node.all("operation").filter_map(|operation| operation.first("http")).chain(batched);
        let headers = requests.chain([node]).flat_map(|node| node.all("header"));
        let open =
            headers.filter_map(|header| header.argument(1)).find(|value| secret_in(value.text().unwrap_or_default(), account).is_some());
        if let Some(value) = open.filter(|_| is_open(&written)) {
            let span = value.span;
            let message = "a secret would be sent to an `http` address, where everybody on the way reads it".to_owned();
            self.secret_on_the_wire(span, message, "sent in clear", "write `https://` in the connector's `base-url`");
        }
    }

    fn secret_on_the_wire(&mut self, span: Span, message: String, label: &str, help: &str) {
        self.report(Diagnostic::new(&meaning::SECRET_WRITTEN, span, message).label(label).help(help));
    }

    /// Headers that can be sent, and that hold no key as it stands.
    pub(crate) fn check_headers(&mut self, node: &Node, account: &[Field]) {
        for header in node.all("header").collect::<Vec<_>>() {
            let (Some(name), Some(value)) = (header.argument(0), header.argument(1)) else { continue };
            let (named, text) = (name.text().unwrap_or_default(), value.text().unwrap_or_default());
            if named.is_empty() || !named.chars().all(is_token) {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, name.span, format!("`{named}` is no name of a header"));
                self.report(diagnostic.label("cannot be sent").help("write letters, digits and `-`, as in \"X-Client\""));
            }
            if text.chars().any(char::is_control) {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, "a header's value is one line");
                self.report(diagnostic.label("cannot be sent").help("leave out the line break"));
            }
            let lower = named.to_lowercase();
            let begins = text.to_lowercase();
            let key = KEYS.contains(&lower.as_str()) || KEY_PARTS.iter().any(|part| lower.contains(part));
            let key = key || KEY_STARTS.iter().any(|start| begins.starts_with(start));
            let plain = !text.starts_with('=') && !text.contains("{{") && !text.is_empty();
            if key && plain {
                let message = format!("the header `{named}` holds a key as it stands, for everybody who reads this file");
                let field = account.iter().find(|field| field.marks.secret).map_or("token", |field| field.name.as_str());
                let help =
                    format!("write `account \"main\" {{ field \"{field}\" string secret }}`, and \"='Bearer ' + account.{field}\" here");
                self.secret_on_the_wire(value.span, message, "a secret is named, never written", &help);
            }
        }
    }

    /// The path of an operation.
    pub(crate) fn check_path(&mut self, value: &Literal, path: &str) {
        let Some((why, help)) = unsendable(path) else { return };
        let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("the path `{path}` {why}"));
        self.report(diagnostic.label("cannot be sent").help(help));
    }
}
