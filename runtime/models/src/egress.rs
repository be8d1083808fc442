//! Base URLs and names of providers, held against the egress guard of the engine at the moment of use.

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;
use tradewind_engine::egress::{Parsed, admit, check};

/// The URL of a path below a base URL; the error is for people.
pub(crate) fn url(base: &str, path: &str) -> Result<Url, String> {
    let url = Url::parse(base).map_err(|error| format!("the base URL cannot be read: {error}"))?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    let has_query = url.query().is_some() || url.fragment().is_some();
    check(base, Parsed { scheme: url.scheme(), host: url.host_str().unwrap_or_default(), has_user, has_query }, &[])?;
    let text = format!("{}{path}", url.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|error| format!("the URL cannot be read: {error}"))
}

/// Whether a provider may be told to fetch an image from an address; the error is for people.
pub(crate) fn image(address: &str) -> Result<(), String> {
    let url = Url::parse(address).map_err(|error| format!("the address of the image cannot be read: {error}"))?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    check(address, Parsed { scheme: url.scheme(), host: url.host_str().unwrap_or_default(), has_user, has_query: false }, &[])?;
    if url.scheme() == "https" { Ok(()) } else { Err("an image is fetched over https alone".to_owned()) }
}

/// Resolves names and hands on only addresses that may be reached. One bad address spoils the name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardedResolver;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            admit(name.as_str(), found.iter().map(SocketAddr::ip))?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
