//! The files of one commit, laid out as they stand in it: byte for byte, and only where each is a plain file of a bearable size. No
//! attribute, filter, hook or link of the repository has any part in it.

use crate::access::Entry;
use crate::commit::Commit;
use crate::git::{Bounds, Git, end_group, read_end, spawn};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

/// Most files of a commit's folder.
const MOST_FILES: usize = 20_000;
/// The largest of them.
const LARGEST_FILE: u64 = 16 << 20;
/// Most bytes of all of them.
const MOST_BYTES: u64 = 256 << 20;
/// The deepest a file may lie.
const DEEPEST: usize = 64;
/// How long laying them out may take.
const TIME: Duration = Duration::from_secs(120);

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob {
    id: String,
    size: u64,
    path: String,
}

/// Why a commit is not laid out.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// It is not one that may be taken, today or ever.
    Commit(String),
    /// Something failed that has nothing to do with it.
    Failed(String),
}

/// Lays out a folder of a commit as `to`, which appears whole or not at all.
pub(crate) async fn lay_out(git: &Git, commit: &Commit, folder: &str, to: &Path) -> Result<(), Unfit> {
    let files = list(git, commit, folder).await?;
    if !files.iter().any(|file| file.path == "tradewind.kdl") {
        let place = if folder.is_empty() { "at its root".to_owned() } else { format!("in `{folder}`") };
        return Err(Unfit::Commit(format!("it has no `tradewind.kdl` {place}")));
    }
    let beside = to.with_file_name(format!(".{}.new", to.file_name().unwrap_or_default().to_string_lossy()));
    let failed = |error: std::io::Error| Unfit::Failed(format!("`{}` cannot be written: {error}", beside.display()));
    remove(&beside).map_err(failed)?;
    fs::create_dir_all(&beside).map_err(failed)?;
    let written = tokio::time::timeout(TIME, write(git, &files, &beside)).await;
    let written = written.unwrap_or_else(|_| Err(Unfit::Failed("laying out its files took too long".to_owned())));
    if let Err(error) = written {
        // What is not whole is of no use; where it cannot be removed, the next attempt does.
        let _ = remove(&beside);
        return Err(error);
    }
    remove(to).and_then(|()| fs::rename(&beside, to)).map_err(failed)?;
    to.parent().map_or(Ok(()), |parent| File::open(parent).and_then(|folder| folder.sync_all())).map_err(failed)
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The files of a folder of a commit.
async fn list(git: &Git, commit: &Commit, folder: &str) -> Result<Vec<Blob>, Unfit> {
    let tree = format!("{commit}:{folder}");
    let kind = git.run(&["cat-file", "-t", &tree], &Entry::default(), &Bounds::small()).await.map_err(Unfit::Failed)?;
    match kind.well() {
        Ok(kind) if kind == b"tree\n" => {}
        Ok(_) => return Err(Unfit::Commit(format!("`{folder}` is no folder in it"))),
        Err(_) if folder.is_empty() => return Err(Unfit::Failed("the commit cannot be read".to_owned())),
        Err(_) => return Err(Unfit::Commit(format!("it has no folder `{folder}`"))),
    }
    let bounds = Bounds { output: 64 << 20, ..Bounds::small() };
    let listed = git.run(&["ls-tree", "-r", "-l", "-z", "--full-tree", &tree], &Entry::default(), &bounds).await;
    let listed = listed.and_then(crate::git::Answer::well).map_err(Unfit::Failed)?;
    read_list(&listed).map_err(Unfit::Commit)
}

/// Reads what `git ls-tree -r -l -z` lists; the error says which entry may not be in a commit that is taken.
fn read_list(listed: &[u8]) -> Result<Vec<Blob>, String> {
    let (mut files, mut bytes) = (Vec::new(), 0_u64);
    for entry in listed.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        let entry = std::str::from_utf8(entry).map_err(|_| "it has a file whose name is no text".to_owned())?;
        let (head, path) = entry.split_once('\t').ok_or("its files cannot be listed")?;
        let fields: Vec<&str> = head.split_ascii_whitespace().collect();
        let [mode, _, id, size] = fields.as_slice() else { return Err("its files cannot be listed".to_owned()) };
        match *mode {
            "120000" => return Err(format!("`{path}` is a link: a commit holds files alone")),
            "160000" => return Err(format!("`{path}` is a submodule, which is not fetched")),
            _ => {}
        }
        if let Some(why) = unfit_path(path) {
            return Err(format!("`{}` {why}", path.escape_debug()));
        }
        let size: u64 = size.parse().map_err(|_| format!("`{path}` has no size"))?;
        if size > LARGEST_FILE {
            return Err(format!("`{path}` has {size} bytes, and {LARGEST_FILE} are the most"));
        }
        bytes = bytes.saturating_add(size);
        files.push(Blob { id: (*id).to_owned(), size, path: path.to_owned() });
        if files.len() > MOST_FILES {
            return Err(format!("it has more than {MOST_FILES} files"));
        }
        if bytes > MOST_BYTES {
            return Err(format!("its files have more than {MOST_BYTES} bytes"));
        }
    }
    Ok(files)
}

fn unfit_path(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('/').collect();
    let leads_out = |part: &&str| matches!(*part, "" | "." | "..") || part.eq_ignore_ascii_case(".git");
    if parts.iter().any(leads_out) || path.contains('\\') {
        return Some("leads out of its folder");
    }
    if path.contains(char::is_control) {
        return Some("is a name that cannot be shown");
    }
    (parts.len() > DEEPEST || path.len() > 1024).then_some("lies too deep")
}

/// Writes every file; each is on the disk when this returns.
async fn write(git: &Git, files: &[Blob], to: &Path) -> Result<(), Unfit> {
    let failed = |error: &dyn std::fmt::Display| Unfit::Failed(format!("the files of the commit cannot be read: {error}"));
    let mut command = git.command(&["cat-file", "--batch"], &Entry::default());
    command.stdin(Stdio::piped());
    let mut child = spawn(&mut command).map_err(Unfit::Failed)?;
    let group = child.id();
    let (Some(mut asking), Some(answers), said) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(failed(&"no pipe"));
    };
    let names: String = files.iter().map(|file| format!("{}\n", file.id)).collect();
    let ask = tokio::spawn(async move {
        // Where nobody reads any more, that is told by the answers.
        let _ = asking.write_all(names.as_bytes()).await;
        drop(asking);
    });
    let listen = tokio::spawn(read_end(said));
    let mut answers = BufReader::with_capacity(256 * 1024, answers);
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut result = Ok(());
    for file in files {
        result = one(&mut answers, file, to, &mut folders).await;
        if result.is_err() {
            break;
        }
    }
    if result.is_err() {
        end_group(group);
    }
    ask.abort();
    listen.abort();
    let ended = child.wait().await;
    result?;
    match ended {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(failed(&status)),
        Err(error) => return Err(failed(&error)),
    }
    folders.push(to.to_owned());
    let synced = folders.iter().try_for_each(|folder| File::open(folder).and_then(|folder| folder.sync_all()));
    synced.map_err(|error| failed(&error))
}

async fn one(answers: &mut (impl AsyncBufReadExt + Unpin), file: &Blob, to: &Path, folders: &mut Vec<PathBuf>) -> Result<(), Unfit> {
    let broken = || Unfit::Failed(format!("`{}` cannot be read from the mirror", file.path));
    let mut head = String::new();
    answers.read_line(&mut head).await.map_err(|_| broken())?;
    if head.trim_end() != format!("{} blob {}", file.id, file.size) {
        return Err(broken());
    }
    let mut bytes = vec![0; usize::try_from(file.size).map_err(|_| broken())?];
    answers.read_exact(&mut bytes).await.map_err(|_| broken())?;
    if answers.read_u8().await.map_err(|_| broken())? != b'\n' {
        return Err(broken());
    }
    let path = to.join(&file.path);
    let wrong = |error: std::io::Error| Unfit::Failed(format!("`{}` cannot be written: {error}", path.display()));
    if let Some(folder) = path.parent()
        && !folders.iter().any(|known| known == folder)
    {
        fs::create_dir_all(folder).map_err(wrong)?;
        folders.extend(folder.ancestors().take_while(|around| around.starts_with(to)).map(Path::to_owned));
        folders.sort();
        folders.dedup();
    }
    let mut out = File::options().write(true).create_new(true).open(&path).map_err(wrong)?;
    out.write_all(&bytes).and_then(|()| out.sync_all()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(listed: &str) -> String {
        read_list(listed.replace('~', "\0").as_bytes()).unwrap_err()
    }

    #[test]
    fn only_plain_files_of_a_bearable_size_within_the_folder_are_taken() {
        let files = read_list(b"100644 blob aa     12\ttradewind.kdl\x00100755 blob bb 3\tflows/a b.kdl\0").unwrap();
        assert_eq!(
            files.iter().map(|file| (file.path.as_str(), file.size)).collect::<Vec<_>>(),
            [("tradewind.kdl", 12), ("flows/a b.kdl", 3)]
        );
        for (listed, why) in [
            ("120000 blob aa 4\tflows~", "`flows` is a link"),
            ("160000 commit aa -\tvendor~", "`vendor` is a submodule"),
            ("100644 blob aa 4\t../out~", "leads out"),
            ("100644 blob aa 4\tx/.GIT/hooks/a~", "leads out"),
            ("100644 blob aa 4\t/etc/passwd~", "leads out"),
            ("100644 blob aa 4\ta\nb~", "cannot be shown"),
            ("100644 blob aa 17000000\trows.jsonl~", "17000000 bytes"),
        ] {
            assert!(refused(listed).contains(why), "{}", refused(listed));
        }
        let many: String = (0..=MOST_FILES).map(|place| format!("100644 blob aa 1\tf{place}~")).collect();
        assert!(refused(&many).contains("more than 20000 files"));
        let large: String = (0..17).map(|place| format!("100644 blob aa 16000000\tf{place}~")).collect();
        assert!(refused(&large).contains("more than 268435456 bytes"));
    }
}
