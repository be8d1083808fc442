//! `serve` that follows a git repository: what is taken, what is refused and why, what stays; by real repositories, a host on this
//! machine, and processes that are killed.

use crate::PROGRAM;
use serde_json::Value as Json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tradewind_tests::git_host::{GitHost, TOKEN};
use tradewind_tests::serving::{Serving, address};
use tradewind_tests::ssh_host::SshHost;
use tradewind_tests::stage::Stage;
use tradewind_tests::upstream::Upstream;

const LEAD: &str = "ana@shop.example";

/// The manifest of an environment; `source` goes into it.
fn manifest(source: &str) -> String {
    format!(
        "project \"shop\" {{\n    currency \"EUR\"\n    secret \"git\" env=\"GIT_TOKEN\"\n    environment \"prod\" {{\n        store \"surrealkv://.tradewind/store\"\n        {source}\n    }}\n}}\n"
    )
}

/// A flow that says a word.
fn flow(word: &str) -> String {
    format!("flow \"greet\" {{\n    input {{ field \"id\" string }}\n    let \"said\" \"='{word}'\"\n    output said=\"=said\"\n}}\n")
}

/// A folder that follows a repository.
fn following(url: &str, more: &str) -> Stage {
    let stage = Stage::empty(PROGRAM);
    stage.write("tradewind.kdl", &manifest(&format!("source \"{url}\" {{ poll \"1s\"; {more} }}")));
    stage
}

/// A repository whose flow says a word; its commit.
fn upstream(word: &str) -> (Upstream, String) {
    let upstream = Upstream::empty();
    upstream.commit("tradewind.kdl", &manifest(""));
    let commit = upstream.commit("flows/greet.kdl", &flow(word));
    (upstream, commit)
}

fn until_commit(stage: &Stage, commit: &str) -> Json {
    Serving::until(stage, &format!("commit {commit}"), |status| status["source"]["active"]["commit"] == commit)
}

fn until_refused(stage: &Stage, commit: &str) -> Json {
    Serving::until(stage, &format!("the refusal of {commit}"), |status| {
        status["source"]["state"] == "refused" && status["source"]["wanted"] == commit
    })
}

/// What a run of the flow at work says.
fn said(stage: &Stage, id: &str) -> String {
    stage.write("one.jsonl", &format!("{{\"id\":\"{id}\"}}\n"));
    let _ = stage.run(["run", "greet", "--input", "one.jsonl"]).exits(0);
    let runs = stage.run(["runs", "--format", "json"]).exits(0).json();
    let run = runs["runs"].as_array().unwrap().first().unwrap()["id"].as_str().unwrap().to_owned();
    let shown = stage.run(["runs", "show", &run, "--format", "json"]).exits(0).json();
    shown["run"]["output"]["said"].as_str().unwrap_or_else(|| panic!("{shown:#}")).to_owned()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::sleep(Duration::from_millis(30));
    }
}

#[test]
fn commits_take_effect_and_mistakes_do_not_over_restarts_too() {
    let (upstream, first) = upstream("one");
    let stage = following(&upstream.url(), "");
    // Before anything was taken there is nothing to run by.
    stage.write("one.jsonl", "{\"id\":\"0\"}\n");
    stage.write("flows/greet.kdl", &flow("folder"));
    let _ = stage.run(["run", "greet", "--input", "one.jsonl"]).exits(1).says("TW0595");
    let serving = Serving::alone(&stage, &[], &[]);
    until_commit(&stage, &first);
    assert_eq!(said(&stage, "1"), "one");
    let second = upstream.commit("flows/greet.kdl", &flow("two"));
    let plan = until_commit(&stage, &second)["plan"]["active"].clone();
    assert_eq!(said(&stage, "2"), "two");
    let _ = stage.run(["log", "--format", "json"]).exits(0).says(&format!("commit {second}"));

    let bad = upstream.commit("flows/greet.kdl", &flow("two").replace("=said", "=sid"));
    let status = until_refused(&stage, &bad);
    assert_eq!(
        (&status["source"]["code"], &status["plan"]["active"], &status["generation"]["state"]),
        (&"TW0509".into(), &plan, &"refused".into())
    );
    let _ = stage.run(["status"]).exits(0).says(&format!("commit {} is refused: TW0509: the repository has a mistake", &bad[..12]));
    serving.kill();
    // Nobody serves: what is at work is what was taken, not what lies in the folder.
    assert_eq!(said(&stage, "3"), "two");
    // It is not tried again, and the reason is still known.
    let tried = stage.read(".tradewind/source/source.json");
    let serving = Serving::alone(&stage, &[], &[]);
    let status = until_refused(&stage, &bad);
    assert_eq!(status["plan"]["active"], plan);
    let reasons = status["generation"]["refused"]["diagnostics"].to_string();
    assert!(reasons.contains("sid"), "{reasons}");
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(stage.read(".tradewind/source/source.json"), tried);
    let mended = upstream.commit("flows/greet.kdl", &flow("three"));
    until_commit(&stage, &mended);
    assert_eq!(said(&stage, "4"), "three");
    let _ = serving.end("TERM").exits(0).says("ended in order");
    let _ = stage.run(["log", "verify"]).exits(0).says("the chain holds");
}

#[test]
fn whoever_goes_back_stays_there_until_the_source_moves_past_it() {
    let (upstream, first) = upstream("one");
    let stage = following(&upstream.url(), "");
    let serving = Serving::alone(&stage, &[], &[]);
    let good = until_commit(&stage, &first)["plan"]["active"].clone();
    let second = upstream.commit("flows/greet.kdl", &flow("two"));
    let bad = until_commit(&stage, &second)["plan"]["active"].clone();
    let _ = stage.run(["rollback", "--by", LEAD]).exits(0);
    let status = Serving::until(&stage, "going back", |status| status["plan"]["active"] == good);
    assert_eq!(status["plan"]["held"], bad);
    std::thread::sleep(Duration::from_millis(2_500));
    // A commit that changes nothing of the plan does not move past it.
    let words = upstream.commit("README.md", "words\n");
    assert_eq!(until_refused(&stage, &words)["plan"]["active"], good);
    let _ = serving.end("TERM").exits(0);
    let serving = Serving::alone(&stage, &[], &[]);
    assert_eq!(Serving::status(&stage)["plan"]["active"], good);
    assert_eq!(said(&stage, "1"), "one");
    let third = upstream.commit("flows/greet.kdl", &flow("three"));
    let status = until_commit(&stage, &third);
    assert!(status["plan"]["held"].is_null());
    assert_eq!(said(&stage, "2"), "three");
    let _ = serving.end("TERM").exits(0);
}

#[test]
fn what_is_at_work_stays_while_the_source_is_rewritten_or_gone() {
    let (upstream, first) = upstream("one");
    let stage = following(&upstream.url(), "force-push \"refuse\"");
    let serving = Serving::alone(&stage, &[], &[]);
    until_commit(&stage, &first);
    upstream.git(&["commit", "--quiet", "--amend", "--message=other"]);
    let other = upstream.git(&["rev-parse", "HEAD"]);
    assert_eq!(until_refused(&stage, &other)["source"]["code"], "TW0592");
    let url = upstream.around().join("shop.git");
    let away = upstream.around().join("away.git");
    std::fs::rename(&url, &away).unwrap();
    let status = Serving::until(&stage, "trouble", |status| status["source"]["failures"].as_u64() > Some(0));
    assert!(status["source"]["unreached"].as_str().unwrap().contains("git repository"), "{status:#}");
    serving.kill();
    // It begins without the source, by what it has.
    let serving = Serving::alone(&stage, &[], &[]);
    assert_eq!(said(&stage, "1"), "one");
    let _ = stage.run(["status"]).exits(0).says("the source cannot be asked");
    std::fs::rename(&away, &url).unwrap();
    upstream.git(&["reset", "--quiet", "--hard", &first]);
    let next = upstream.commit("flows/greet.kdl", &flow("two"));
    until_commit(&stage, &next);
    let _ = serving.end("TERM").exits(0);
}

fn tokens() -> [(&'static str, &'static str); 1] {
    [("GIT_TOKEN", TOKEN)]
}

#[test]
fn a_token_opens_the_source_and_stands_nowhere_and_the_host_is_told() {
    let (upstream, first) = upstream("one");
    let host = GitHost::start(upstream.around());
    let declared = format!("token (secret)\"git\"; status \"{}\"", host.api());
    let stage = following(&format!("{}/shop.git", host.url), &declared);
    let wrong = stage.command(["serve", "--no-http"]).env("GIT_TOKEN", "wrong").output().unwrap();
    let wrong = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.contains("TW0591") && !wrong.contains("wrong"), "{wrong}");
    assert!(host.refused() > 0);

    let serving = Serving::alone(&stage, &[], &tokens());
    until_commit(&stage, &first);
    let told = |commit: &str, state: &str| host.statuses(commit).last().is_some_and(|status| status.1 == state);
    wait_until("the success", || told(&first, "success"));
    let bad = upstream.commit("flows/greet.kdl", "flow \"greet\" {");
    until_refused(&stage, &bad);
    wait_until("the failure", || told(&bad, "failure"));
    let (name, _, why) = host.statuses(&bad).pop().unwrap();
    assert_eq!(name, "tradewind/prod");
    assert!(why.starts_with("TW0509: the repository has"), "{why}");
    // Each is told once, however often the source is asked.
    std::thread::sleep(Duration::from_millis(2_500));
    for commit in [&first, &bad] {
        let mut states: Vec<String> = host.statuses(commit).into_iter().map(|status| status.1).collect();
        states.retain(|state| state != "pending");
        assert_eq!(states.len(), 1, "{commit}: {states:?}");
    }
    let _ = stage.run(["rollback", "--by", LEAD]).exits(64).says("TW0526");
    let ended = serving.end("TERM").exits(0);
    assert!(!format!("{}{}", ended.out, ended.err).contains(TOKEN));
    assert_eq!(host.betrayed(), Vec::<String>::new());
    assert!(!holds(&stage.path(".tradewind"), TOKEN), "the token was written down");
}

#[test]
fn a_first_commit_that_is_not_taken_is_told_to_the_host_although_nothing_is_served() {
    let upstream = Upstream::empty();
    upstream.commit("tradewind.kdl", &manifest(""));
    let bad = upstream.commit("flows/greet.kdl", "flow \"greet\" {");
    let host = GitHost::start(upstream.around());
    let declared = format!("token (secret)\"git\"; status \"{}\"", host.api());
    let stage = following(&format!("{}/shop.git", host.url), &declared);
    let serve = || stage.command(["serve", "--no-http"]).env("GIT_TOKEN", TOKEN).output().unwrap();
    let ended = serve();
    assert_eq!(ended.status.code(), Some(3), "{}", String::from_utf8_lossy(&ended.stderr));
    let failure = ("tradewind/prod".to_owned(), "failure".to_owned(), "TW0509: the repository has mistakes".to_owned());
    assert_eq!(host.statuses(&bad).last(), Some(&failure));
    // A commit is tried once, and its host hears of it once.
    assert_eq!(serve().status.code(), Some(3));
    assert_eq!(host.statuses(&bad).iter().filter(|status| status.1 == "failure").count(), 1);
    // The next one is taken, and told of.
    let good = upstream.commit("flows/greet.kdl", &flow("one"));
    let serving = Serving::alone(&stage, &[], &tokens());
    until_commit(&stage, &good);
    wait_until("the success", || host.statuses(&good).last().is_some_and(|status| status.1 == "success"));
    let _ = serving.end("TERM").exits(0);
}

/// Whether a file below a folder holds a text.
fn holds(folder: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => holds(&path, text),
            false => std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes())),
        }
    })
}

/// The answer to a push that is told of with a secret.
fn push(stage: &Stage, secret: &str) -> u16 {
    let mut stream = TcpStream::connect(address(stage)).unwrap();
    write!(
        stream,
        "POST /source/push HTTP/1.1\r\nhost: localhost\r\nx-gitlab-token: {secret}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_push_that_is_told_of_is_taken_at_once() {
    let (upstream, first) = upstream("one");
    let stage = following(&upstream.url(), "webhook (secret)\"git\"");
    stage.replace("tradewind.kdl", "poll \"1s\"", "poll \"24h\"");
    let serving = Serving::alone(&stage, &[], &tokens());
    until_commit(&stage, &first);
    let second = upstream.commit("flows/greet.kdl", &flow("two"));
    assert_eq!(push(&stage, "wrong"), 401);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(Serving::status(&stage)["source"]["active"]["commit"], first.as_str());
    assert_eq!(push(&stage, TOKEN), 202);
    until_commit(&stage, &second);
    let _ = serving.end("TERM").exits(0);
    // Where none is declared there is no such address.
    stage.replace("tradewind.kdl", "webhook (secret)\"git\"", "");
    let serving = Serving::alone(&stage, &[], &tokens());
    assert_eq!(push(&stage, TOKEN), 404);
    let _ = serving.end("TERM").exits(0);
}

#[test]
fn a_process_that_is_killed_while_it_fetches_goes_on_from_what_it_had() {
    let (upstream, first) = upstream("one");
    let host = GitHost::start(upstream.around());
    let stage = following(&format!("{}/shop.git", host.url), "token (secret)\"git\"");
    let serving = Serving::alone(&stage, &[], &tokens());
    until_commit(&stage, &first);
    let mut noise = 1_u64;
    let rows: String = (0..40_000)
        .map(|_| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{noise:x}\n")
        })
        .collect();
    host.be_slow(Duration::from_millis(400));
    let mut fetches = host.fetches();
    upstream.commit("rows.txt", &rows);
    let second = upstream.commit("flows/greet.kdl", &flow("two"));
    let mut serving = Some(serving);
    for _ in 0..3 {
        wait_until("a fetch", || host.fetches() > fetches);
        std::thread::sleep(Duration::from_millis(250));
        serving.take().unwrap().kill();
        assert_eq!(said(&stage, "1"), "one");
        fetches = host.fetches();
        serving = Some(Serving::alone(&stage, &[], &tokens()));
        assert_eq!(Serving::status(&stage)["source"]["active"]["commit"], first.as_str());
    }
    host.be_slow(Duration::ZERO);
    until_commit(&stage, &second);
    let taken = std::fs::read_to_string(stage.path(".tradewind/source/current/rows.txt")).unwrap();
    assert_eq!(taken, rows);
    let _ = serving.take().unwrap().end("TERM").exits(0);
    let _ = stage.run(["log", "verify"]).exits(0).says("the chain holds");
}

#[test]
fn production_takes_what_staging_has_had_for_long_enough() {
    let (upstream, _) = upstream("one");
    let host = GitHost::start(upstream.around());
    let source = |more: &str| {
        format!("source \"{}/shop.git\" {{ poll \"1s\"; token (secret)\"git\"; status \"{}\"; {more} }}", host.url, host.api())
    };
    let both = manifest("").replace(
        "    environment \"prod\"",
        "    environment \"staging\" {\n        store \"surrealkv://.tradewind/store\"\n    }\n    environment \"prod\"",
    );
    let first = upstream.commit("tradewind.kdl", &both);
    let served = |environment: &str, more: &str| {
        let stage = Stage::empty(PROGRAM);
        let at = format!("environment \"{environment}\" {{\n        store \"surrealkv://.tradewind/store\"\n");
        stage.write("tradewind.kdl", &both.replace(&at, &format!("{at}        {}\n", source(more))));
        stage
    };
    let (staging, prod) = (served("staging", ""), served("prod", "after \"staging\" for=\"4s\""));
    // Without staging there is nothing to begin with.
    let alone = prod.command(["serve", "--no-http", "--environment", "prod"]).env("GIT_TOKEN", TOKEN).output().unwrap();
    let alone = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(alone.contains("TW0595") && alone.contains("`staging` has told nothing of it"), "{alone}");
    let serving_staging = Serving::alone(&staging, &["--environment", "staging"], &tokens());
    wait_until("staging", || host.statuses(&first).iter().any(|status| status.0 == "tradewind/staging" && status.1 == "success"));
    std::thread::sleep(Duration::from_secs(4));
    let serving_prod = Serving::alone(&prod, &["--environment", "prod"], &tokens());
    wait_until("production", || Serving::status(&prod)["source"]["active"]["commit"] == first.as_str());
    // What staging refuses never comes.
    let bad = upstream.commit("flows/greet.kdl", "flow \"greet\" {");
    wait_until("the refusal in staging", || {
        host.statuses(&bad).iter().any(|status| status.0 == "tradewind/staging" && status.1 == "failure")
    });
    wait_until("production waiting", || {
        let status = Serving::status(&prod);
        status["source"]["state"] == "waits" && status["source"]["why"].as_str().unwrap().contains("`staging` says failure")
    });
    let next = upstream.commit("flows/greet.kdl", &flow("two"));
    wait_until("production", || Serving::status(&prod)["source"]["active"]["commit"] == next.as_str());
    let stood = host.statuses(&next);
    let place = |name: &str| stood.iter().position(|status| status.0 == name && status.1 == "success").unwrap();
    assert!(place("tradewind/staging") < place("tradewind/prod"), "{stood:?}");
    let _ = serving_staging.end("TERM").exits(0);
    let _ = serving_prod.end("TERM").exits(0);
}

/// Over SSH, at OpenSSH's own server: the key that it lets in, a key that it does not, and a host that nobody knows.
#[test]
fn a_repository_is_followed_over_ssh() {
    let Some(host) = SshHost::start() else {
        // Past the capture of tests: a test that was not run must not look as if it were.
        let _ = std::io::stderr().write_all(b"skipped: there is no sshd here\n");
        return;
    };
    let (upstream, first) = upstream("one");
    let stage = Stage::empty(PROGRAM);
    let user = std::process::Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    let url = format!("ssh://{}@127.0.0.1:{}{}", user.trim(), host.port, upstream.around().join("shop.git").display());
    let source = format!("source \"{url}\" {{ poll \"1s\"; ssh-key (secret)\"deploy\" known-hosts=\"known\" }}");
    stage.write("tradewind.kdl", &manifest(&source).replace("secret \"git\" env=\"GIT_TOKEN\"", "secret \"deploy\" file=\"key\""));
    let with = |key: &str, known: &str| {
        stage.write("known", &host.known(known));
        std::fs::copy(host.key(key), stage.path("key")).unwrap();
    };
    // A host with another key, and a key that the host does not let in: each says so, and nothing is served.
    with("user", "other");
    let _ = stage.run(["serve", "--no-http"]).exits(1).says("TW0591").says("Host key verification failed");
    with("other", "host");
    let _ = stage.run(["serve", "--no-http"]).exits(1).says("TW0591").says("Permission denied");
    with("user", "host");
    let serving = Serving::alone(&stage, &[], &[]);
    until_commit(&stage, &first);
    let second = upstream.commit("flows/greet.kdl", &flow("two"));
    until_commit(&stage, &second);
    assert_eq!(said(&stage, "1"), "two");
    let _ = serving.end("TERM").exits(0);
}
