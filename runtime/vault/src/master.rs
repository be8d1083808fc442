//! The key that the vault itself is sealed with: a file of its own, or made of a passphrase. It is never in the vault.

use ring::pbkdf2;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use tradewind_engine::ports::StoreError;

/// Rounds of PBKDF2 with HMAC-SHA-256, as OWASP advises in 2023.
const ROUNDS: u32 = 600_000;

/// Where the key of the vault comes from.
#[derive(Clone)]
pub enum Master {
    /// A file of 32 bytes that nobody else may read; made where there is none.
    File(PathBuf),
    /// A passphrase.
    Passphrase(String),
}

impl fmt::Debug for Master {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => out.debug_tuple("File").field(path).finish(),
            Self::Passphrase(_) => out.write_str("Passphrase"),
        }
    }
}

fn failed(what: &str, path: &std::path::Path, error: &dyn fmt::Display) -> StoreError {
    StoreError::Keys(format!("the key of the vault `{}` cannot be {what}: {error}", path.display()))
}

impl Master {
    /// The key, with the salt of a vault; `make`: a file that is not there is made.
    pub(crate) fn key(&self, salt: &[u8; 16], make: bool) -> Result<[u8; 32], StoreError> {
        match self {
            Self::Passphrase(passphrase) => {
                let mut key = [0; 32];
                let rounds = NonZeroU32::new(ROUNDS).unwrap_or(NonZeroU32::MIN);
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, passphrase.as_bytes(), &mut key);
                Ok(key)
            }
            Self::File(path) => {
                let bytes = match fs::read(path) {
                    Ok(bytes) => bytes,
                    Err(error) if error.kind() == ErrorKind::NotFound && make => self.made(path)?.to_vec(),
                    Err(error) => return Err(failed("read", path, &error)),
                };
                let mode = fs::metadata(path).map_err(|error| failed("read", path, &error))?.permissions().mode();
                if mode & 0o077 != 0 {
                    return Err(failed("trusted", path, &"others may read it; `chmod 600` it"));
                }
                let secret = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| failed("used", path, &"it does not have 32 bytes"))?;
                let mut hasher = blake3::Hasher::new_derive_key("tradewind 2026-11-30 vault: key of the file");
                hasher.update(&secret);
                hasher.update(salt);
                Ok(*hasher.finalize().as_bytes())
            }
        }
    }

    fn made(&self, path: &std::path::Path) -> Result<[u8; 32], StoreError> {
        let secret = crate::drawn()?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| failed("written", path, &error))?;
        file.write_all(&secret).and_then(|()| file.sync_all()).map_err(|error| failed("written", path, &error))?;
        crate::file::sync_folder(path).map_err(|error| failed("written", path, &error))?;
        Ok(secret)
    }
}
