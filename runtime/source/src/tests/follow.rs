//! What is followed: a branch, a tag, a commit, a folder; byte for byte.

use super::{Home, MANIFEST, Upstream, source, take};
use crate::News;
use tradewind_lang::plan::{Follows, Source};

#[tokio::test]
async fn a_branch_is_followed_commit_by_commit() {
    let (upstream, home) = (Upstream::new(), Home::new());
    let first = upstream.commit(&[MANIFEST, ("flows/a.kdl", "one\r\n"), ("rows.bin", "\u{1}\u{0}x")]);
    let mut follower = home.open(source(&upstream.url()));
    let (commit, folder) = take(&mut follower).await;
    assert_eq!(commit, first);
    assert_eq!(std::fs::read_to_string(folder.join("flows/a.kdl")).unwrap(), "one\r\n");
    assert_eq!(std::fs::read(folder.join("rows.bin")).unwrap(), b"\x01\x00x");
    assert_eq!(follower.ask(2).await, News::Same);

    upstream.commit(&[("flows/a.kdl", "two")]);
    let third = upstream.commit(&[("flows/a.kdl", "three")]);
    let (commit, folder) = take(&mut follower).await;
    assert_eq!((commit, std::fs::read_to_string(folder.join("flows/a.kdl")).unwrap()), (third, "three".to_owned()));
    let shown = std::fs::read_to_string(home.state().join("current/flows/a.kdl")).unwrap();
    assert_eq!(shown, "three");
    // The files of the one before are gone: what is at work stays, and nothing else.
    assert_eq!(std::fs::read_dir(home.state().join("commits")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_tag_and_a_commit_are_followed_as_well() {
    let (upstream, home) = (Upstream::new(), Home::new());
    let first = upstream.commit(&[MANIFEST]);
    upstream.git(&["tag", "--annotate", "--message=release", "v1"]);
    let second = upstream.commit(&[("flows/a.kdl", "two")]);
    let mut follower = home.open(Source { follows: Follows::Tag("v1".to_owned()), ..source(&upstream.url()) });
    assert_eq!(take(&mut follower).await.0, first);
    upstream.git(&["tag", "--force", "v1", &second]);
    assert_eq!(take(&mut follower).await.0, second);

    let home = Home::new();
    let mut follower = home.open(Source { follows: Follows::Commit(first.clone()), ..source(&upstream.url()) });
    assert_eq!(take(&mut follower).await.0, first);
    upstream.commit(&[("flows/a.kdl", "three")]);
    assert_eq!(follower.ask(2).await, News::Same);
}

#[tokio::test]
async fn a_folder_of_it_stands_for_the_whole() {
    let (upstream, home) = (Upstream::new(), Home::new());
    upstream.commit(&[("shops/eu/tradewind.kdl", MANIFEST.1), ("shops/eu/flows/a.kdl", "eu"), ("README.md", "all")]);
    // What lies beside it is not looked at.
    std::os::unix::fs::symlink("/etc", upstream.path().join("etc")).unwrap();
    upstream.commit(&[]);
    let mut follower = home.open(Source { folder: "shops/eu".to_owned(), ..source(&upstream.url()) });
    let (_, folder) = take(&mut follower).await;
    assert_eq!(std::fs::read_to_string(folder.join("flows/a.kdl")).unwrap(), "eu");
    assert!(!folder.join("README.md").exists());
}

#[tokio::test]
async fn attributes_of_the_repository_change_no_byte() {
    let (upstream, home) = (Upstream::new(), Home::new());
    let attributes = "a.txt export-subst eol=crlf\nhidden.txt export-ignore\n*.bin filter=lfs\n";
    upstream.commit(&[MANIFEST, ("a.txt", "$Format:%H$\n"), ("hidden.txt", "here\n"), (".gitattributes", attributes)]);
    let (_, folder) = take(&mut home.open(source(&upstream.url()))).await;
    assert_eq!(std::fs::read_to_string(folder.join("a.txt")).unwrap(), "$Format:%H$\n");
    assert_eq!(std::fs::read_to_string(folder.join("hidden.txt")).unwrap(), "here\n");
}

#[tokio::test]
async fn what_is_at_work_is_known_over_restarts() {
    let (upstream, home) = (Upstream::new(), Home::new());
    let first = upstream.commit(&[MANIFEST]);
    take(&mut home.open(source(&upstream.url()))).await;
    let mut again = home.open(source(&upstream.url()));
    assert_eq!(again.kept().active.as_ref().unwrap().commit.as_str(), first);
    assert!(again.active_folder().unwrap().join("tradewind.kdl").is_file());
    assert_eq!(again.ask(2).await, News::Same);
    // And where the source is gone.
    drop(upstream);
    let mut again = home.open(source("file:///nowhere/at/all"));
    assert!(again.active_folder().is_some());
    assert!(matches!(again.ask(3).await, News::Unreached(_)));
}

#[tokio::test]
async fn git_is_told_everything_by_us_and_nothing_by_anybody_else() {
    let (upstream, home) = (Upstream::new(), Home::new());
    upstream.commit(&[MANIFEST]);
    let mut follower = home.open(source(&upstream.url()));
    take(&mut follower).await;
    let mirror = crate::mirror::Mirror::at(&home.state()).unwrap();
    let entry = crate::access::Entry::default();
    let bounds = crate::git::Bounds::small();
    let listed = mirror.git().run(&["config", "--list", "--show-scope"], &entry, &bounds).await.unwrap().well().unwrap();
    let listed = String::from_utf8(listed).unwrap();
    assert!(!listed.contains("global\t") && !listed.contains("system\t"), "{listed}");
    assert!(listed.contains("core.hookspath=/dev/null") && listed.contains("http.followredirects=false"), "{listed}");
    // And no way leads out of a call that names none.
    let fetched = mirror.git().run(&["ls-remote", &upstream.url()], &entry, &bounds).await.unwrap();
    assert!(fetched.code != Some(0) && fetched.said.contains("not allowed"), "{fetched:?}");
}
