//! Base URLs and names of connectors, held against the egress guard of the engine at the moment of use.

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;
use tradewind_engine::egress::{self, Parsed, admit};

/// Checks a base URL against the declared hosts; the error is for people.
pub(crate) fn base_url(text: &str, hosts: &[String]) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("the base URL cannot be read: {error}"))?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    let has_query = url.query().is_some() || url.fragment().is_some();
    let parsed = Parsed { scheme: url.scheme(), host: url.host_str().unwrap_or_default(), has_user, has_query };
    egress::check(text, parsed, hosts)?;
    Ok(url)
}

/// Whether the URL is of this machine, in so many words.
pub(crate) fn is_loopback(url: &Url) -> bool {
    egress::is_loopback(url.host_str().unwrap_or_default())
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
