//! Where a store is: reads `surrealkv://PATH` and `memory://`.
//! Refuses every setting that would let a commit be acknowledged before it is on disk.

use std::path::{Path, PathBuf};
use tradewind_engine::ports::StoreError;

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// In the memory of this process.
    Memory,
    /// In a folder.
    Folder(PathBuf),
}

pub(crate) fn parse(url: &str, folder: &Path) -> Result<Address, StoreError> {
    let (place, settings) = url.split_once('?').unwrap_or((url, ""));
    let Some((scheme, path)) = place.split_once("://") else {
        return Err(StoreError::Other(format!("`{url}` is not the address of a store; write `surrealkv://PATH` or `memory://`")));
    };
    let address = match (scheme, path) {
        ("memory" | "mem", "") => Address::Memory,
        ("memory" | "mem", _) => {
            return Err(StoreError::NotDurable(format!("`{url}`: a store in memory has no path; write `surrealkv://{path}`")));
        }
        ("surrealkv", "") => return Err(StoreError::Other(format!("`{url}` names no folder; write `surrealkv://PATH`"))),
        ("surrealkv", _) => Address::Folder(folder.join(path)),
        _ => return Err(StoreError::Other(format!("`{scheme}` is not a kind of store; write `surrealkv://PATH` or `memory://`"))),
    };
    for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        match name.to_lowercase().as_str() {
            "sync" | "sync_data" if value.eq_ignore_ascii_case("every") => {}
            "sync" | "sync_data" => {
                return Err(StoreError::NotDurable(format!(
                    "`{setting}` acknowledges commits before they are on disk; write `sync=every`"
                )));
            }
            _ => return Err(StoreError::Other(format!("`{setting}` is not a setting of a store"))),
        }
    }
    Ok(address)
}
