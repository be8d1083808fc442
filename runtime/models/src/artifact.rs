//! Trained models as files, named by the digest of what made them. A file that does not verify is as good as none.

use crate::embedding::Embedder;
use crate::linear::Linear;
use crate::rows::LabelledRow;
use crate::settings::{Settings, TRAINER_VERSION};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tradewind_lang::plan::Gate;

/// First bytes of every artifact; the last is the version of the format.
const MAGIC: &[u8; 8] = b"TWLINEA\x01";
const DIGEST_LENGTH: usize = 32;

/// What names a model that keeps no artifact, as its rows say it again at once: the digest of what it learns, its labels and its rows.
pub(crate) fn of_rows(gate: &Gate, labels: &[String], rows: &str) -> Result<String, String> {
    let parts = rmp_serde::to_vec(&(TRAINER_VERSION, gate, labels, rows)).map_err(|problem| problem.to_string())?;
    Ok(blake3::hash(&parts).to_hex().to_string())
}

/// The digest of rows, labels, trainer and settings: it names the artifact.
pub(crate) fn name(rows: &[LabelledRow], labels: &[String], numbers: &[String], settings: &Settings) -> Result<String, String> {
    let mut digest = blake3::Hasher::new();
    let mut add = |part: &[u8]| {
        digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(part);
    };
    add(&TRAINER_VERSION.to_le_bytes());
    add(&Embedder::shared()?.digest);
    add(&rmp_serde::to_vec(settings).map_err(|problem| problem.to_string())?);
    add(&rmp_serde::to_vec(labels).map_err(|problem| problem.to_string())?);
    if !numbers.is_empty() {
        add(&rmp_serde::to_vec(numbers).map_err(|problem| problem.to_string())?);
    }
    for row in rows {
        for number in &row.numbers {
            add(&number.to_le_bytes());
        }
        add(row.text.as_bytes());
        add(row.group.as_bytes());
        add(&u64::try_from(row.truth).unwrap_or(u64::MAX).to_le_bytes());
    }
    Ok(digest.finalize().to_hex().to_string())
}

/// Where the artifact of that name lies.
pub(crate) fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.model"))
}

/// The bytes of a model: magic, digest of the body, body.
pub(crate) fn bytes(model: &Linear) -> Result<Vec<u8>, String> {
    let body = rmp_serde::to_vec(model).map_err(|problem| problem.to_string())?;
    Ok([MAGIC.as_slice(), blake3::hash(&body).as_bytes(), &body].concat())
}

/// The model in these bytes, or `None` where they are damaged or of another format.
pub(crate) fn model(bytes: &[u8]) -> Option<Linear> {
    let (digest, body) = bytes.strip_prefix(MAGIC)?.split_at_checked(DIGEST_LENGTH)?;
    let model: Linear = if blake3::hash(body).as_bytes() == digest { rmp_serde::from_slice(body).ok()? } else { return None };
    model.is_sound().then_some(model)
}

/// Loads the artifact, or trains and stores it. A damaged or missing file means training, never an error.
pub(crate) fn load_or_train(folder: &Path, name: &str, train: impl FnOnce() -> Result<Linear, String>) -> Result<Linear, String> {
    let path = path(folder, name);
    if let Some(model) = std::fs::read(&path).ok().as_deref().and_then(model) {
        return Ok(model);
    }
    let trained = train()?;
    write_whole(folder, &path, &bytes(&trained)?)
        .map_err(|problem| format!("the trained model `{}` cannot be stored: {problem}", path.display()))?;
    Ok(trained)
}

/// A reader sees the old file or the whole new one, never a part.
fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    std::fs::create_dir_all(folder)?;
    let temporary = path.with_extension(format!("{}-{}.part", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let written = std::fs::File::create(&temporary).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    let renamed = written.and_then(|()| std::fs::rename(&temporary, path));
    if renamed.is_err() {
        // The failure that matters is already in hand; a left-over part is only untidy.
        drop(std::fs::remove_file(&temporary));
    }
    renamed
}
