//! The vault as an operator would lose, restore and steal it.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

fn place() -> (TempDir, Paths) {
    let folder = TempDir::new().unwrap();
    let paths = Paths::beside(&folder.path().join("store"));
    (folder, paths)
}

fn open(paths: &Paths) -> Vault {
    Vault::open(paths, Master::File(paths.master.clone())).unwrap()
}

fn refusal(paths: &Paths, master: Master) -> String {
    match Vault::open(paths, master) {
        Err(StoreError::Keys(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// A vault with keys of so many subjects.
fn filled(paths: &Paths, subjects: u32) -> Vec<(KeyName, Kept)> {
    let vault = open(paths);
    (0..subjects)
        .map(|number| {
            let name = vault.of_subject(&format!("c{number}")).unwrap();
            vault.settle().unwrap();
            (name, vault.key(name))
        })
        .collect()
}

#[test]
fn keys_are_found_again_by_subject_and_nobody_else_may_read_the_files() {
    let (_folder, paths) = place();
    let vault = open(&paths);
    assert!(!paths.vault.exists(), "nothing is made before it is needed");
    assert_eq!(vault.known("c1"), None);
    let name = vault.of_subject("c1").unwrap();
    assert_eq!(vault.of_subject("c1").unwrap(), name);
    assert_ne!(vault.of_subject("c2").unwrap().of, name.of);
    let run = KeyName::of_run("r1");
    assert!(matches!(vault.make(run).unwrap(), Kept::Here(_)));
    assert!(vault.is_unsettled());
    vault.settle().unwrap();
    assert!(!vault.is_unsettled());
    let again = open(&paths);
    assert_eq!(again.known("c1"), Some(name));
    assert!(again.is_of(name, "c1") && !again.is_of(name, "c2"));
    assert_eq!((again.key(name), again.key(run)), (vault.key(name), vault.key(run)));
    assert_eq!(again.digest(b"x").unwrap(), vault.digest(b"x").unwrap());
    assert_ne!(again.digest(b"x").unwrap(), Digest::of(b"x"));
    for path in [&paths.vault, &paths.master, &paths.forgotten] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    // Neither subject nor key is in the file as it is.
    let bytes = fs::read(&paths.vault).unwrap();
    let Kept::Here(key) = vault.key(name) else { panic!() };
    assert!(!bytes.windows(32).any(|part| part == key.0) && !bytes.windows(16).any(|part| part == name.of));
}

#[test]
fn a_forgotten_key_is_gone_from_the_file_and_the_next_one_is_another() {
    let (_folder, paths) = place();
    let keys = filled(&paths, 3);
    let vault = open(&paths);
    let (name, _) = &keys[1];
    vault.want_gone(&[*name], "ann@example.com", 7).unwrap();
    vault.destroy(&[*name]).unwrap();
    for vault in [vault, open(&paths)] {
        assert_eq!(vault.key(*name), Kept::Erased);
        assert_eq!(vault.known("c1"), None);
        assert_eq!(vault.key(keys[0].0), keys[0].1);
        assert_eq!(vault.gone(), [*name]);
    }
    let vault = open(&paths);
    let new = vault.of_subject("c1").unwrap();
    assert_eq!((new.of, new.generation), (name.of, name.generation + 1));
    assert_ne!(vault.key(new), keys[1].1);
    assert_eq!(vault.key(*name), Kept::Erased);
}

#[test]
fn a_key_that_is_laid_aside_is_gone_at_once_and_from_the_file_when_it_is_destroyed() {
    let (_folder, paths) = place();
    let keys = filled(&paths, 2);
    let vault = open(&paths);
    let (name, _) = &keys[1];
    vault.lay_aside(&[*name]);
    assert_eq!((vault.key(*name), vault.known("c1")), (Kept::Erased, None));
    let new = vault.of_subject("c1").unwrap();
    assert_eq!((new.of, new.generation), (name.of, name.generation + 1));
    assert_eq!(open(&paths).key(*name), keys[1].1, "a process that is opened before it is destroyed has it still");
    vault.destroy(&[*name]).unwrap();
    let vault = open(&paths);
    assert_eq!((vault.key(*name), vault.known("c1")), (Kept::Erased, Some(new)));
}

#[test]
fn a_process_that_dies_anywhere_leaves_every_key_that_was_used() {
    let (_folder, paths) = place();
    let keys = filled(&paths, 2);
    let before = fs::read(&paths.vault).unwrap();
    let vault = open(&paths);
    let third = vault.of_subject("c9").unwrap();
    vault.settle().unwrap();
    let after = fs::read(&paths.vault).unwrap();
    for length in before.len()..after.len() {
        fs::write(&paths.vault, &after[..length]).unwrap();
        let vault = open(&paths);
        assert!(keys.iter().all(|(name, key)| vault.key(*name) == *key), "at {length}");
        assert_eq!(vault.key(third), Kept::Missing);
        // And it goes on behind the torn end.
        let next = vault.of_subject("c9").unwrap();
        vault.settle().unwrap();
        assert!(matches!(open(&paths).key(next), Kept::Here(_)), "at {length}");
    }
    // What a rewriting left that did not come to its end is in nobody's way.
    fs::write(paths.vault.with_file_name("store.vault.new"), b"half").unwrap();
    open(&paths).destroy(&[keys[0].0]).unwrap();
    assert_eq!(open(&paths).key(keys[0].0), Kept::Erased);
    assert!(!paths.vault.with_file_name("store.vault.new").exists());
}

#[test]
fn a_restored_vault_forgets_again_what_was_forgotten_since() {
    let (_folder, paths) = place();
    let keys = filled(&paths, 2);
    let backup = fs::read(&paths.vault).unwrap();
    let vault = open(&paths);
    vault.want_gone(&[keys[0].0], "ann@example.com", 7).unwrap();
    vault.destroy(&[keys[0].0]).unwrap();
    drop(vault);
    fs::write(&paths.vault, &backup).unwrap();
    assert_eq!(replay_forgets(&paths, Master::File(paths.master.clone())).unwrap(), 1);
    let vault = open(&paths);
    assert_eq!((vault.key(keys[0].0), vault.key(keys[1].0)), (Kept::Erased, keys[1].1.clone()));
    assert_ne!(fs::read(&paths.vault).unwrap(), backup);
    // Half a line of the list is of somebody to whom nothing was promised yet.
    let mut list = fs::read(&paths.forgotten).unwrap();
    list.extend_from_slice(b"{\"at\":9,\"by\":\"an");
    fs::write(&paths.forgotten, &list).unwrap();
    let vault = open(&paths);
    vault.want_gone(&[keys[1].0], "ann@example.com", 8).unwrap();
    assert_eq!(open(&paths).gone(), [keys[0].0, keys[1].0]);
    assert_eq!(open(&paths).key(keys[1].0), Kept::Erased, "wanted and not done: done when it is opened");
}

#[test]
fn a_lost_vault_a_wrong_key_and_a_changed_byte_are_told() {
    let (_folder, paths) = place();
    let keys = filled(&paths, 60);
    let whole = fs::read(&paths.vault).unwrap();
    let key = fs::read(&paths.master).unwrap();

    fs::remove_file(&paths.vault).unwrap();
    let vault = open(&paths);
    assert_eq!(vault.key(keys[0].0), Kept::Missing);
    match vault.of_subject("c1") {
        Err(StoreError::Keys(why)) => assert!(why.contains("is gone"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(!paths.vault.exists(), "no other takes its place");

    fs::write(&paths.vault, &whole).unwrap();
    fs::write(&paths.master, [7; 32]).unwrap();
    assert!(refusal(&paths, Master::File(paths.master.clone())).contains("another key"));
    assert!(refusal(&paths, Master::Passphrase("a guess".to_owned())).contains("another key"));
    fs::write(&paths.master, &key).unwrap();
    fs::set_permissions(&paths.master, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refusal(&paths, Master::File(paths.master.clone())).contains("others may read it"));
    fs::set_permissions(&paths.master, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(&paths.master).unwrap();
    assert!(refusal(&paths, Master::File(paths.master.clone())).contains("cannot be read"), "no key is made for a vault that is there");
    fs::write(&paths.master, &key).unwrap();
    fs::set_permissions(&paths.master, fs::Permissions::from_mode(0o600)).unwrap();

    let mut changed = whole.clone();
    changed[400] ^= 1;
    fs::write(&paths.vault, &changed).unwrap();
    assert!(refusal(&paths, Master::File(paths.master.clone())).contains("was changed after it was written"));
}

#[test]
fn a_passphrase_opens_what_it_sealed() {
    let (_folder, paths) = place();
    let with = |words: &str| Vault::open(&paths, Master::Passphrase(words.to_owned()));
    let vault = with("correct horse").unwrap();
    let name = vault.of_subject("c1").unwrap();
    vault.settle().unwrap();
    assert_eq!(with("correct horse").unwrap().key(name), vault.key(name));
    assert!(with("battery staple").is_err());
    assert!(!paths.master.exists());
}

#[test]
fn keys_in_memory_are_kept_by_the_same_rules() {
    let vault = Vault::in_memory();
    let name = vault.of_subject("c1").unwrap();
    vault.settle().unwrap();
    assert!(matches!(vault.key(name), Kept::Here(_)));
    vault.destroy(&[name]).unwrap();
    assert_eq!(vault.key(name), Kept::Erased);
    assert_eq!(vault.of_subject("c1").unwrap().generation, 2);
}
