//! Files by the digest of their bytes, with where each comes from. They are written whole or not at all, never changed, and what does not
//! have the digest of its name is as good as none. It takes only images that models read.

use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The largest file that is kept, in bytes.
pub const LARGEST_ASSET: usize = 20 * 1024 * 1024;
/// Bytes of a digest as text.
const DIGEST: usize = 64;

/// A file, as a flow knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// The BLAKE3 digest of its bytes, hexadecimal.
    pub digest: String,
    /// Such as `image/png`.
    pub media_type: String,
    /// How many bytes there are.
    pub bytes: u64,
}

/// A file with where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The file.
    #[serde(flatten)]
    pub asset: Asset,
    /// Where it comes from, for people: who brought it, or which model made it for which question.
    pub origin: String,
}

/// A folder of files.
#[derive(Debug, Clone)]
pub struct Assets {
    folder: PathBuf,
}

impl Assets {
    /// Files are in that folder, which is made when it is needed.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Keeps a file. The same bytes are one file, whose first origin stays.
    ///
    /// # Errors
    /// Why it is not kept, for people.
    pub fn keep(&self, bytes: &[u8], origin: &str) -> Result<Asset, String> {
        if bytes.len() > LARGEST_ASSET {
            return Err(format!("it has {} bytes, and {LARGEST_ASSET} are kept at most", bytes.len()));
        }
        let media_type = media_type(bytes).ok_or("it begins like no image that models read: PNG, JPEG, GIF, WebP")?;
        let digest = blake3::hash(bytes).to_hex().to_string();
        let asset = Asset { digest: digest.clone(), media_type: media_type.to_owned(), bytes: bytes.len() as u64 };
        if self.open(&digest).is_err() {
            let about = serde_json::to_vec(&Kept { asset: asset.clone(), origin: origin.to_owned() }).map_err(|error| error.to_string())?;
            let written = std::fs::create_dir_all(&self.folder).and_then(|()| write_whole(&self.folder.join(&digest), bytes));
            let written = written.and_then(|()| write_whole(&self.about(&digest), &about));
            written.map_err(|error| format!("it cannot be kept in `{}`: {error}", self.folder.display()))?;
        }
        Ok(asset)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// It is not here, or not whole; for people.
    pub fn open(&self, digest: &str) -> Result<Vec<u8>, String> {
        let short: String = digest.chars().take(12).collect();
        if digest.len() != DIGEST || !digest.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(format!("`{short}` is no digest of a file"));
        }
        let bytes = std::fs::read(self.folder.join(digest)).map_err(|_| format!("there is no file {short} here"))?;
        let same = blake3::hash(&bytes).to_hex().as_str() == digest;
        if same { Ok(bytes) } else { Err(format!("the file {short} is not what it was")) }
    }

    /// Everything that is kept, by digest; what cannot be read is left out.
    #[must_use]
    pub fn all(&self) -> Vec<Kept> {
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let about = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|kind| kind == "json"));
        let mut all: Vec<Kept> = about.filter_map(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok()).collect();
        all.sort_by(|one, other| one.asset.digest.cmp(&other.asset.digest));
        all
    }

    fn about(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.json"))
    }
}

/// The media type of an image, by its first bytes.
pub(crate) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let kinds: [(&str, &[u8]); 3] = [("image/png", b"\x89PNG\r\n\x1a\n"), ("image/jpeg", b"\xff\xd8\xff"), ("image/gif", b"GIF8")];
    let known = kinds.into_iter().find(|(_, begins)| bytes.starts_with(begins)).map(|(kind, _)| kind);
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    known.or(webp.then_some("image/webp"))
}

/// A reader sees the whole file or none.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let temporary = path.with_extension(format!("{}-{}.part", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let written = std::fs::File::create(&temporary).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    let renamed = written.and_then(|()| std::fs::rename(&temporary, path));
    if renamed.is_err() {
        // The failure that matters is already in hand; a left-over part is only untidy.
        drop(std::fs::remove_file(&temporary));
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    #[test]
    fn a_file_is_what_its_digest_says_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let assets = Assets::new(folder.path().join("assets"));
        let asset = assets.keep(PNG, "a test").unwrap();
        assert_eq!((asset.media_type.as_str(), asset.bytes, asset.digest.len()), ("image/png", 12, DIGEST));
        assert_eq!(assets.keep(PNG, "another").unwrap(), asset);
        assert_eq!(assets.open(&asset.digest).unwrap(), PNG);
        assert_eq!(assets.all(), [Kept { asset: asset.clone(), origin: "a test".to_owned() }]);
        std::fs::write(folder.path().join("assets").join(&asset.digest), b"changed").unwrap();
        assert!(assets.open(&asset.digest).unwrap_err().contains("is not what it was"));
        assert!(assets.keep(PNG, "again").is_ok() && assets.open(&asset.digest).is_ok(), "it is mended by whoever has it");
    }

    #[test]
    fn no_name_leads_out_of_the_folder_and_nothing_else_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let assets = Assets::new(folder.path());
        for name in ["../secret", "", &"g".repeat(64), &"/".repeat(64)] {
            assert!(assets.open(name).is_err(), "{name}");
        }
        assert!(assets.keep(b"<svg/>", "a test").unwrap_err().contains("no image"));
        assert!(assets.keep(b"RIFF....AVI ", "a test").is_err());
        let large = [PNG, &vec![0; LARGEST_ASSET]].concat();
        assert!(assets.keep(&large, "a test").unwrap_err().contains("are kept at most"));
        assert_eq!(assets.all(), []);
    }
}
