//! What goes wrong around the follower: sources that are gone or garbage, mirrors that are broken, processes that were killed, many
//! commits, pushes meanwhile.

use super::{Home, MANIFEST, Upstream, source, take};
use crate::News;
use std::sync::atomic::{AtomicBool, Ordering};
use tradewind_lang::plan::{Digest, Follows, Source};

async fn unreached(follower: &mut crate::Follower) -> String {
    match follower.ask(1).await {
        News::Unreached(why) => why,
        other => panic!("it was reached: {other:?}"),
    }
}

#[tokio::test]
async fn a_source_that_is_gone_or_garbage_is_told_and_harms_nothing() {
    let (upstream, home) = (Upstream::new(), Home::new());
    let first = upstream.commit(&[MANIFEST]);
    let mut follower = home.open(source(&upstream.url()));
    take(&mut follower).await;
    let missing = unreached(&mut home.open(source("file:///nowhere/at/all"))).await;
    assert!(missing.contains("does not appear to be a git repository"), "{missing}");
    let branch = Source { follows: Follows::Branch("release".to_owned()), ..source(&upstream.url()) };
    let missing = unreached(&mut home.open(branch)).await;
    assert!(missing.contains("find remote ref refs/heads/release"), "{missing}");

    // Objects that are not what their names say.
    let second = upstream.commit(&[("flows/a.kdl", "two")]);
    let object = upstream.path().join(format!(".git/objects/{}/{}", &second[..2], &second[2..]));
    let good = std::fs::read(&object).unwrap();
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, b"garbage").unwrap();
    let why = unreached(&mut follower).await;
    assert!(!why.is_empty());
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, good).unwrap();
    assert_eq!(follower.kept().active.as_ref().unwrap().commit.as_str(), first);
    assert_eq!(take(&mut follower).await.0, second);
}

#[tokio::test]
async fn a_broken_mirror_is_made_anew() {
    let (upstream, home) = (Upstream::new(), Home::new());
    upstream.commit(&[MANIFEST]);
    let mut follower = home.open(source(&upstream.url()));
    take(&mut follower).await;
    let second = upstream.commit(&[("flows/a.kdl", "two")]);
    for file in std::fs::read_dir(home.state().join("mirror.git/objects/pack")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "pack") {
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, b"garbage").unwrap();
        }
    }
    assert_eq!(take(&mut follower).await.0, second);
    std::fs::write(home.state().join("mirror.git/HEAD"), "garbage").unwrap();
    let third = upstream.commit(&[("flows/a.kdl", "three")]);
    assert_eq!(take(&mut follower).await.0, third);
    // What was known beside it is garbage: the newest is taken anew.
    std::fs::write(home.state().join("source.json"), "{").unwrap();
    assert_eq!(take(&mut home.open(source(&upstream.url()))).await.0, third);
}

#[tokio::test]
async fn what_a_killed_process_left_is_cleared_away() {
    let (upstream, home) = (Upstream::new(), Home::new());
    upstream.commit(&[MANIFEST]);
    take(&mut home.open(source(&upstream.url()))).await;
    let second = upstream.commit(&[("flows/a.kdl", "two")]);
    let mirror = home.state().join("mirror.git");
    for left in ["objects/pack/tmp_pack_x1", "refs/tradewind/wanted.lock", "packed-refs.lock", "config.lock", "HEAD.lock"] {
        std::fs::write(mirror.join(left), "half").unwrap();
    }
    let half = home.state().join("commits").join(format!(".{second}-{}.new", Digest::of(b"").short()));
    std::fs::create_dir_all(half.join("flows")).unwrap();
    std::fs::write(half.join("flows/b.kdl"), "half").unwrap();
    std::fs::write(home.state().join(".source.json.new"), "half").unwrap();
    std::os::unix::fs::symlink("commits", home.state().join(".current.new")).unwrap();
    let (commit, folder) = take(&mut home.open(source(&upstream.url()))).await;
    assert_eq!(commit, second);
    assert!(!folder.join("flows/b.kdl").exists());
    assert!(!mirror.join("objects/pack/tmp_pack_x1").exists());
    assert_eq!(std::fs::read_dir(home.state().join("commits")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_fetch_that_is_dropped_at_any_moment_leaves_nothing_in_the_way() {
    let (upstream, home) = (Upstream::new(), Home::new());
    let mut noise = String::new();
    (0..60_000_u64).for_each(|line| noise.push_str(&format!("{:x}\n", line.wrapping_mul(0x9E37_79B9_7F4A_7C15))));
    upstream.commit(&[MANIFEST, ("rows.jsonl", &noise)]);
    for millis in [1, 5, 15, 40, 80] {
        let mut follower = home.open(source(&upstream.url()));
        let asked = tokio::time::timeout(std::time::Duration::from_millis(millis), follower.ask(1)).await;
        if matches!(asked, Ok(News::Take(_))) {
            break;
        }
    }
    let second = upstream.commit(&[("flows/a.kdl", "two")]);
    let (commit, folder) = take(&mut home.open(source(&upstream.url()))).await;
    assert_eq!((commit, std::fs::read_to_string(folder.join("rows.jsonl")).unwrap()), (second, noise));
}

#[tokio::test]
async fn ten_thousand_commits_are_followed_to_the_newest() {
    let (upstream, home) = (Upstream::new(), Home::new());
    let mut stream = String::new();
    for number in 1..=10_000 {
        let text = format!("// {number}\n{}", MANIFEST.1);
        stream.push_str(&format!("commit refs/heads/main\nmark :{number}\ncommitter Ana <ana@shop.example> {number} +0000\ndata 1\nc\n"));
        if number > 1 {
            stream.push_str(&format!("from :{}\n", number - 1));
        }
        stream.push_str(&format!("M 100644 inline tradewind.kdl\ndata {}\n{text}\n", text.len()));
    }
    upstream.import(stream.as_bytes());
    let mut follower = home.open(Source { keeps_history: true, ..source(&upstream.url()) });
    let (commit, folder) = take(&mut follower).await;
    assert_eq!(commit, upstream.git(&["rev-parse", "main"]));
    assert!(std::fs::read_to_string(folder.join("tradewind.kdl")).unwrap().starts_with("// 10000\n"));
    upstream.git(&["reset", "--quiet", "--hard", "main"]);
    let next = upstream.commit(&[MANIFEST]);
    assert_eq!(take(&mut follower).await.0, next);
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_meanwhile_are_seen_whole_or_not_at_all() {
    let (upstream, home) = (Upstream::new(), Home::new());
    upstream.commit(&[MANIFEST, ("a.txt", "0"), ("b.txt", "0")]);
    let done = AtomicBool::new(false);
    let mut follower = home.open(source(&upstream.url()));
    let (mut seen, mut last) = (0, String::new());
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for number in 1..=40 {
                let number = number.to_string();
                upstream.commit(&[("a.txt", &number), ("b.txt", &number)]);
            }
            done.store(true, Ordering::Release);
        });
        let runtime = tokio::runtime::Handle::current();
        loop {
            let ends = done.load(Ordering::Acquire);
            let news = tokio::task::block_in_place(|| runtime.block_on(follower.ask(1)));
            if let News::Take(taken) = news {
                let read = |name: &str| std::fs::read_to_string(taken.folder.join(name)).unwrap();
                assert_eq!(read("a.txt"), read("b.txt"), "{}", taken.commit);
                (seen, last) = (seen + 1, read("a.txt"));
                tokio::task::block_in_place(|| runtime.block_on(follower.taken(&taken.commit, Digest::default(), 1))).unwrap();
            }
            if ends {
                break;
            }
        }
    });
    assert!(seen > 1, "it saw {seen}");
    assert_eq!(last, "40");
}
