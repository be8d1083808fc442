//! Commits that are not taken, each once, with what is at work staying.

use super::{Home, MANIFEST, Upstream, refusal, source, take};
use crate::{Follower, News};
use std::process::Command;
use tradewind_lang::plan::Source;

fn at_work(follower: &Follower) -> &str {
    follower.kept().active.as_ref().unwrap().commit.as_str()
}

#[tokio::test]
async fn a_history_that_was_rewritten_is_refused_where_that_is_declared() {
    let (upstream, home) = (Upstream::new(), Home::new());
    let first = upstream.commit(&[MANIFEST]);
    let second = upstream.commit(&[("flows/a.kdl", "two")]);
    let declared = Source { keeps_history: true, ..source(&upstream.url()) };
    let mut follower = home.open(declared.clone());
    take(&mut follower).await;

    upstream.git(&["reset", "--quiet", "--hard", &first]);
    let other = upstream.commit(&[("flows/a.kdl", "other")]);
    let (code, why) = refusal(&mut follower).await;
    assert_eq!((code, why), ("TW0592", format!("it does not descend from {}, which is at work", &second[..12])));
    // Once, over restarts too; what is at work stays.
    assert_eq!(follower.ask(2).await, News::Same);
    let mut follower = home.open(declared.clone());
    assert_eq!(follower.ask(3).await, News::Same);
    assert_eq!(at_work(&follower), second);
    assert_eq!(follower.kept().tried.as_ref().unwrap().commit.as_str(), other);
    // What follows the rewritten one is no better.
    upstream.commit(&[("flows/a.kdl", "other still")]);
    assert_eq!(refusal(&mut follower).await.0, "TW0592");
    // A mirror that does not know the old one any more changes nothing.
    std::fs::remove_dir_all(home.state().join("mirror.git")).unwrap();
    upstream.commit(&[("flows/a.kdl", "anew")]);
    assert_eq!(refusal(&mut follower).await.0, "TW0592");
    // Where the old history comes back, it goes on.
    upstream.git(&["reset", "--quiet", "--hard", &second]);
    assert_eq!(follower.ask(4).await, News::Same);
    assert_eq!(follower.kept().tried, None);
    let next = upstream.commit(&[("flows/a.kdl", "three")]);
    assert_eq!(take(&mut follower).await.0, next);
    // Where it is not declared, the source is followed wherever it goes.
    let (home, mut follower) = (Home::new(), None);
    let follower = follower.get_or_insert_with(|| home.open(source(&upstream.url())));
    take(follower).await;
    upstream.git(&["reset", "--quiet", "--hard", &first]);
    assert_eq!(take(follower).await.0, first);
}

fn key(home: &Home, name: &str) -> (String, String) {
    let path = home.folder.path().join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path).status().unwrap();
    assert!(made.success());
    (path.display().to_string(), std::fs::read_to_string(path.with_extension("pub")).unwrap())
}

#[tokio::test]
async fn a_commit_is_taken_where_a_known_key_has_signed_it() {
    let (upstream, home) = (Upstream::new(), Home::new());
    let (known, public) = key(&home, "known");
    let (other, _) = key(&home, "other");
    std::fs::write(home.folder.path().join("signers"), format!("ana@shop.example namespaces=\"git\" {public}")).unwrap();
    let signed = |key: &str, text: &str| {
        upstream.write("flows/a.kdl", text);
        upstream.git(&["add", "--all"]);
        upstream.git(&[
            "-c",
            "gpg.format=ssh",
            "-c",
            &format!("user.signingkey={key}"),
            "commit",
            "--quiet",
            "--gpg-sign",
            "--message=signed",
        ]);
        upstream.git(&["rev-parse", "HEAD"])
    };
    upstream.commit(&[MANIFEST]);
    let first = signed(&known, "one");
    let mut follower = home.open(Source { signers: Some("signers".to_owned()), ..source(&upstream.url()) });
    assert_eq!(take(&mut follower).await.0, first);

    let unsigned = upstream.commit(&[("flows/a.kdl", "two")]);
    assert_eq!(refusal(&mut follower).await, ("TW0593", "nobody in `signers` has signed it: it has no signature".to_owned()));
    assert_eq!(follower.kept().tried.as_ref().unwrap().commit.as_str(), unsigned);
    assert_eq!(at_work(&follower), first);
    // A good signature by a key that nobody knows is none.
    signed(&other, "three");
    let (code, why) = refusal(&mut follower).await;
    assert!(code == "TW0593" && why.starts_with("nobody in `signers`"), "{why}");
    // A commit whose text was changed under the signature of another.
    let good = upstream.git(&["cat-file", "commit", &first]);
    upstream.write("forged", &good.replace("signed", "forged"));
    let forged = upstream.git(&["hash-object", "-t", "commit", "-w", "forged"]);
    upstream.git(&["update-ref", "refs/heads/main", &forged]);
    let (code, why) = refusal(&mut follower).await;
    assert!(code == "TW0593", "{why}");
    // The newest counts: it vouches for everything before it.
    upstream.git(&["reset", "--quiet", "--hard", &unsigned]);
    let last = signed(&known, "four");
    assert_eq!(take(&mut follower).await.0, last);
    // Without the keys nothing is known of any commit, which is nobody's refusal.
    std::fs::remove_file(home.folder.path().join("signers")).unwrap();
    signed(&known, "five");
    assert!(matches!(follower.ask(5).await, News::Unreached(why) if why.contains("signers' keys")));
}

#[tokio::test]
async fn links_submodules_large_files_and_strangers_are_refused() {
    let (upstream, home) = (Upstream::new(), Home::new());
    let first = upstream.commit(&[MANIFEST]);
    let mut follower = home.open(source(&upstream.url()));
    take(&mut follower).await;

    std::os::unix::fs::symlink("/etc/passwd", upstream.path().join("flows")).unwrap();
    upstream.commit(&[]);
    assert_eq!(refusal(&mut follower).await, ("TW0594", "`flows` is a link: a commit holds files alone".to_owned()));
    std::fs::remove_file(upstream.path().join("flows")).unwrap();
    upstream.git(&["add", "--all"]);

    upstream.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{first},vendor")]);
    upstream.git(&["commit", "--quiet", "--message=submodule"]);
    assert_eq!(refusal(&mut follower).await, ("TW0594", "`vendor` is a submodule, which is not fetched".to_owned()));
    upstream.git(&["rm", "--quiet", "--cached", "vendor"]);

    std::fs::write(upstream.path().join("huge.jsonl"), vec![b'x'; (16 << 20) + 1]).unwrap();
    upstream.commit(&[]);
    assert_eq!(refusal(&mut follower).await, ("TW0594", "`huge.jsonl` has 16777217 bytes, and 16777216 are the most".to_owned()));
    std::fs::remove_file(upstream.path().join("huge.jsonl")).unwrap();

    std::fs::remove_file(upstream.path().join("tradewind.kdl")).unwrap();
    upstream.commit(&[]);
    assert_eq!(refusal(&mut follower).await, ("TW0594", "it has no `tradewind.kdl` at its root".to_owned()));
    // Nothing of them was left, and what is at work stands as it stood.
    assert_eq!(at_work(&follower), first);
    let laid_out: Vec<String> =
        std::fs::read_dir(home.state().join("commits")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert!(laid_out.len() == 1 && laid_out[0].starts_with(&first), "{laid_out:?}");

    let mut elsewhere = home.open(Source { folder: "shops".to_owned(), ..source(&upstream.url()) });
    upstream.commit(&[MANIFEST]);
    assert_eq!(refusal(&mut elsewhere).await, ("TW0594", "it has no folder `shops`".to_owned()));
}

#[tokio::test]
async fn another_declaration_gives_a_commit_another_chance() {
    let (upstream, home) = (Upstream::new(), Home::new());
    upstream.commit(&[MANIFEST]);
    let strict = Source { signers: Some("signers".to_owned()), ..source(&upstream.url()) };
    std::fs::write(home.folder.path().join("signers"), "").unwrap();
    assert_eq!(refusal(&mut home.open(strict.clone())).await.0, "TW0593");
    assert_eq!(home.open(strict).ask(2).await, News::Same);
    take(&mut home.open(source(&upstream.url()))).await;
}
