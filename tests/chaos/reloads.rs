//! Many reloads while runs go on: each changes the plan's digest, some are mistakes, some are written by halves. What is done outside is
//! what one undisturbed run does. `TRADEWIND_RELOADS=N` says how many.

use crate::workload::{PROGRAM, Work};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tradewind_tests::random::{Random, seed};
use tradewind_tests::serving::{Serving, address, http_at};
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

const POLICIES: &str = "policies/refunds.kdl";
/// Most messages: the shipped ones have a few more orders.
const MOST: usize = 100;

fn work_of(messages: &str) -> Work {
    let stage = Stage::trained(PROGRAM);
    stage.write("work.jsonl", messages);
    let twin = Twin::start(&stage, &["--latency", "20"]);
    Work { stage, twin }
}

/// Hands the messages over by HTTP, one after the other and again and again, until the reloads are through. A `run` would read the files
/// of the moment, which may be mistakes.
fn load(address: &str, messages: &[&str], pause: Duration, through: &AtomicBool) -> usize {
    let mut handed = 0;
    for message in messages.iter().cycle() {
        let (status, answer) = http_at(address, "POST", "/v1/flows/returns-triage/runs", None, message);
        assert!(matches!(status, 200 | 202), "{status} {answer}");
        handed += 1;
        if through.load(Ordering::Relaxed) && handed >= messages.len() {
            break;
        }
        std::thread::sleep(if through.load(Ordering::Relaxed) { Duration::ZERO } else { pause });
    }
    handed
}

/// One change of the policies: a limit that nothing reaches has another number each time.
fn change(work: &Work, text: &str, number: u64, random: &mut Random) -> bool {
    let next = text.replace("count=20000", &format!("count={}", 20_001 + number));
    match random.below(100) {
        0..10 => {
            work.stage.write(POLICIES, &next.replace("on \"helpdesk.reply\"", "on \"helpdesk.replies\""));
            false
        }
        10..15 => {
            let half = usize::try_from(random.below(next.len() as u64)).unwrap();
            work.stage.write(POLICIES, &next[..half]);
            std::thread::sleep(Duration::from_millis(random.below(40)));
            work.stage.write(POLICIES, &next);
            true
        }
        15..40 => {
            work.stage.write("policies/.next", &next);
            std::fs::rename(work.stage.path("policies/.next"), work.stage.path(POLICIES)).unwrap();
            true
        }
        _ => {
            work.stage.write(POLICIES, &next);
            true
        }
    }
}

#[test]
fn reloads_under_load_lose_and_double_nothing() {
    let reloads: u64 = std::env::var("TRADEWIND_RELOADS").ok().and_then(|number| number.parse().ok()).unwrap_or(50);
    let seed = seed();
    println!("seed {seed}, {reloads} reloads");
    let mut random = Random::of(seed);
    let count = usize::try_from(reloads * 2).unwrap().min(MOST);
    // The first pass over the messages takes about as long as the reloads; after it, known ones come again.
    let pause = Duration::from_millis((reloads * 400 / count as u64).clamp(15, 3_000));
    let messages = Stage::shipped(PROGRAM).messages_of_distinct_orders(count);
    let undisturbed = work_of(&messages);
    let expected = {
        let ended = undisturbed.run();
        assert!(ended.code == Some(0), "{ended}");
        undisturbed.effects()
    };
    assert!(expected.len() > count / 4, "too little is done");

    let work = work_of(&messages);
    let serving = Serving::start(&work.stage, &work.twin);
    let text = work.stage.read(POLICIES);
    let (lines, address): (Vec<&str>, String) = (messages.lines().collect(), address(&work.stage));
    let (through, began) = (AtomicBool::new(false), Instant::now());
    let (mut valid, mut refused) = (0_u64, 0_u64);
    let handed = std::thread::scope(|scope| {
        let loading = scope.spawn(|| load(&address, &lines, pause, &through));
        for number in 0..reloads {
            let before = Serving::status(&work.stage)["generation"]["number"].as_u64();
            let is_valid = change(&work, &text, number, &mut random);
            (valid, refused) = (valid + u64::from(is_valid), refused + u64::from(!is_valid));
            // Now and then one that comes upon another; else each is waited for.
            if random.below(8) > 0 {
                let wanted = 20_001 + number;
                Serving::until(&work.stage, &format!("reload {number} (limit {wanted})"), |status| {
                    let state = status["generation"]["state"].as_str();
                    let is_new = status["generation"]["number"].as_u64() > before;
                    is_new && state == Some(if is_valid { "applied" } else { "refused" })
                });
            }
        }
        work.stage.write(POLICIES, &text);
        // Also where a reload was not seen: whoever loads must end.
        through.store(true, Ordering::Relaxed);
        loading.join().unwrap()
    });
    let last = work.ask(&["plan", "--format", "json"]).json()["next"].clone();
    Serving::until(&work.stage, "the last reload", |status| status["plan"]["active"] == last);
    let ended = work.run();
    work.judge(&ended, &expected, &format!("seed {seed}"));
    let adopted = work.ask(&["log", "--limit", "10000"]).out.matches("plan-adopted").count();
    let generations = Serving::status(&work.stage)["generation"]["number"].clone();
    let seconds = began.elapsed().as_secs();
    println!(
        "{valid} valid, {refused} refused, {handed} inputs handed over, {generations} generations in {seconds} s; {adopted} adoptions in the first 10,000 events"
    );
    assert!(generations.as_u64() > Some(reloads / 2), "most reloads were never seen");
    let _ = serving.end("TERM").exits(0);
}
