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

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<Address, StoreError> {
        parse(url, Path::new("/shop"))
    }

    #[test]
    fn relative_paths_are_relative_to_the_folder() {
        assert_eq!(parsed("surrealkv://.tradewind/store"), Ok(Address::Folder("/shop/.tradewind/store".into())));
        assert_eq!(parsed("surrealkv:///srv/store?sync=every"), Ok(Address::Folder("/srv/store".into())));
        assert_eq!(parsed("memory://"), Ok(Address::Memory));
    }

    #[test]
    fn settings_that_are_not_durable_are_named() {
        for setting in ["sync=never", "sync=5s", "SYNC=Never", "sync=", "sync", "sync_data=false"] {
            let Err(StoreError::NotDurable(text)) = parsed(&format!("surrealkv://store?{setting}")) else {
                panic!("`{setting}` was taken");
            };
            assert!(text.contains(&format!("`{setting}`")), "{text}");
        }
        assert!(matches!(parsed("surrealkv://store?sync=every&sync=never"), Err(StoreError::NotDurable(_))));
        assert!(matches!(parsed("memory://store"), Err(StoreError::NotDurable(_))));
    }

    #[test]
    fn other_addresses_are_refused() {
        for url in ["", "store", "rocksdb://store", "surrealkv://", "surrealkv://store?versioned=true", "file://store"] {
            assert!(matches!(parsed(url), Err(StoreError::Other(_))), "`{url}` was taken");
        }
    }
}
