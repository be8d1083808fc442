//! Non-interference: two runs that differ only in outside text do the same to the same, for as much, where no cap holds it.
//! A text may make a run fail, and so keep it from doing something; it may not make it do anything else, or more.
//!
//! Flows are generated; those that the compiler accepts are run twice. `TRADEWIND_PAIRS` says how many pairs.

use super::random::Random;
use super::world::*;
use crate::engine::Engine;
use crate::summary::{RunFilter, RunStatus};
use crate::twin::{Reply, Request};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

/// Pairs of runs where nothing else is asked for.
const PAIRS: usize = 1_000;

const FRAME: &str = r#"
type "message" {
    field "id" string
    field "order_id" string
    field "text" string untrusted
    field "amount" money
    field "known" list<string>
}
policy "refunds" owner="leads" {
    on "pay.refund"
    limit "daily" sum="=effect.amount" max="1000000 USD" per="24h"
}
policy "replies" { on "desk.reply"; limit "flood" count=100000 per="24h" }
"#;

/// Covers what is not capped, so that only control decides.
const UNCAPPED: &str = r#"
policy "credits" owner="leads" { on "pay.credit"; deny "absurd" when="effect.amount > '100000 USD'" }
policy "pages" { on "desk.page"; deny "nothing" when="effect.text == ''" }
"#;

const CAPPED: &str = r#"
policy "credits" owner="leads" { on "pay.credit"; limit "daily" count=100000 per="24h" }
policy "pages" { on "desk.page"; limit "daily" count=100000 per="24h" }
"#;

const TEXTS: [&str; 5] = ["complaint 0.9: x", "praise 0.8: a long and quiet text", "o1", "o2", "complaint 0.3: xx"];

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).unwrap()
}

fn one_of<'a>(random: &mut Random, words: &'a [String]) -> &'a str {
    &words[below(random, words.len())]
}

/// A flow in the making: what its later steps may say.
struct Draft {
    random: Random,
    number: usize,
    conditions: Vec<String>,
    texts: Vec<String>,
    amounts: Vec<String>,
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Draft {
    fn of(seed: u64) -> Self {
        Self {
            random: Random(seed),
            number: 0,
            conditions: owned(&["input.amount > '100 USD'", "input.id == 'm1'", "input.text.contains('x')"]),
            texts: owned(&[
                "input.order_id",
                "input.text",
                "among(input.text, input.known)",
                "endorse(input.text, 'a test')",
                "input.order_id",
            ]),
            amounts: owned(&["input.amount", "money('5 USD')", "(input.text == 'o1' ? money('5 USD') : input.amount)"]),
        }
    }

    fn name(&mut self, letter: char) -> String {
        self.number += 1;
        format!("{letter}{}", self.number)
    }

    fn condition(&mut self) -> String {
        let one = one_of(&mut self.random, &self.conditions).to_owned();
        match below(&mut self.random, 4) {
            0 => format!("!({one})"),
            1 => {
                let other = one_of(&mut self.random, &self.conditions).to_owned();
                format!("{one} && {other}")
            }
            _ => one,
        }
    }

    fn steps(&mut self, count: usize, depth: usize, out: &mut String) {
        for _ in 0..count {
            match below(&mut self.random, if depth == 0 { 7 } else { 6 }) {
                0 => self.rules(out),
                1 => self.reflection(out),
                2 => self.look_up(out),
                6 => self.choice(out),
                _ => self.act(out),
            }
        }
    }

    fn rules(&mut self, out: &mut String) {
        let (name, when) = (self.name('d'), self.condition());
        let amount = one_of(&mut self.random, &self.amounts).to_owned();
        let _ =
            writeln!(out, "decide \"{name}\" {{ rule \"one\" when=\"{when}\" value=\"={amount}\"; otherwise value=\"=money('7 USD')\" }}");
        self.amounts.push(format!("{name}.value"));
        self.conditions.push(format!("{name}.value > '6 USD'"));
    }

    fn reflection(&mut self, out: &mut String) {
        let (name, when) = (self.name('r'), self.condition());
        let otherwise = if below(&mut self.random, 3) == 0 { "stop" } else { "continue" };
        let _ = writeln!(out, "reflect \"{name}\" else={otherwise} {{ require \"{when}\" code=\"c\" }}");
        self.conditions.push(format!("{name}.passed"));
    }

    fn look_up(&mut self, out: &mut String) {
        let (name, id) = (self.name('o'), one_of(&mut self.random, &self.texts).to_owned());
        let _ = writeln!(out, "observe \"{name}\" {{ call \"shop.order.get\" id=\"={id}\" }}");
        self.texts.push(format!("{name}.id"));
        self.amounts.push(format!("{name}.paid"));
        self.conditions.push(format!("{name}.paid > '200 USD'"));
    }

    fn choice(&mut self, out: &mut String) {
        let (name, when) = (self.name('c'), self.condition());
        let kept = (self.conditions.len(), self.texts.len(), self.amounts.len());
        let _ = writeln!(out, "choose \"{name}\" {{ when \"{when}\" {{");
        self.steps(2, 1, out);
        self.conditions.truncate(kept.0);
        self.texts.truncate(kept.1);
        self.amounts.truncate(kept.2);
        let amount = one_of(&mut self.random, &self.amounts).to_owned();
        let _ = writeln!(out, "output {{ v \"={amount}\" }}\n}}\notherwise {{ output {{ v \"=money('9 USD')\" }} }} }}");
        self.amounts.push(format!("{name}.v"));
        self.conditions.push(format!("{name}.v > '8 USD'"));
    }

    fn act(&mut self, out: &mut String) {
        let name = self.name('a');
        let when = if below(&mut self.random, 3) == 0 { format!(" when=\"{}\"", self.condition()) } else { String::new() };
        let (order, amount) = (one_of(&mut self.random, &self.texts).to_owned(), one_of(&mut self.random, &self.amounts).to_owned());
        let call = match below(&mut self.random, 4) {
            0 => format!("\"pay.refund\" order_id=\"={order}\" amount=\"={amount}\" reason=\"r\""),
            1 => "\"desk.reply\" message_id=\"=input.id\" words=\"=input.text\"".to_owned(),
            2 => "\"desk.page\" text=\"look\"".to_owned(),
            _ => format!("\"pay.credit\" order_id=\"={order}\" amount=\"={amount}\" line=\"{name}\""),
        };
        let _ = writeln!(out, "act \"{name}\"{when} on-denied=\"skip\" {{ call {call} }}");
    }
}

fn flow(seed: u64) -> String {
    let mut draft = Draft::of(seed);
    let mut steps = String::new();
    let count = 2 + below(&mut draft.random, 5);
    draft.steps(count, 0, &mut steps);
    format!("flow \"f\" {{\ninput \"message\"\n{steps}}}\n")
}

/// The plan, or the codes of what is wrong.
fn try_plan(parts: &[&str]) -> Result<Arc<Plan>, Vec<&'static str>> {
    let files: Vec<(String, String)> = parts.iter().enumerate().map(|(at, text)| (format!("part{at}.kdl"), (*text).to_owned())).collect();
    let read = |_: &str| Some("{\"text\":\"x\",\"kind\":\"praise\"}\n".to_owned());
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &read, environment: None });
    compiled.plan.map(Arc::new).ok_or_else(|| compiled.diagnostics.iter().map(|diagnostic| diagnostic.code.id).collect())
}

/// Each order has a price of its own, so that it shows which was looked up.
fn provider(request: &Request) -> Option<Reply> {
    let id = request.request.get("id").filter(|_| request.operation == "shop.order.get")?;
    let paid = if id.as_str() == Some("o1") { "100 USD" } else { "300 USD" };
    Some(Reply::Done(Value::record([("id", id.clone()), ("customer_id", Value::string("c1")), ("paid", money(paid))])))
}

/// What a run did that nothing caps: to whom and how much, counted; and whether it came to its end.
#[derive(Debug, PartialEq)]
struct Did {
    counted: BTreeMap<String, usize>,
    ended: bool,
}

impl Did {
    /// The same; or less, where it failed on the way.
    fn agrees(&self, other: &Self) -> bool {
        let within = |one: &Self, two: &Self| one.counted.iter().all(|(what, count)| two.counted.get(what) >= Some(count));
        match (self.ended, other.ended) {
            (true, true) => self.counted == other.counted,
            (false, true) => within(self, other),
            (true, false) => within(other, self),
            (false, false) => within(self, other) || within(other, self),
        }
    }
}

async fn unguarded(plan: &Arc<Plan>, text: &str) -> Did {
    let world = World::new(plan.clone(), connectors(Arc::new(provider)));
    let engine: Engine = world.open().await;
    let known = Value::list(["o1", "o2"].map(Value::string));
    let input = Value::record([
        ("id", Value::string("m1")),
        ("order_id", Value::string("o1")),
        ("text", Value::string(text)),
        ("amount", money("150 USD")),
        ("known", known),
    ]);
    engine.start("f", input, "test").await.unwrap();
    world.settle(&engine).await;
    let mut counted = BTreeMap::new();
    for (operation, _, request) in world.connectors.effects() {
        if matches!(operation.as_str(), "pay.credit" | "desk.page") {
            let chosen: Vec<_> = ["order_id", "amount", "line"].iter().filter_map(|name| request.get(name)).collect();
            *counted.entry(format!("{operation} {chosen:?}")).or_default() += 1;
        }
    }
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    Did { counted, ended: runs.iter().all(|run| run.status == RunStatus::Completed) }
}

fn pairs() -> usize {
    std::env::var("TRADEWIND_PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(PAIRS)
}

#[tokio::test]
async fn outside_text_changes_nothing_that_no_cap_holds() {
    let (mut compared, mut did_something, mut refused, mut rightly) = (0, 0, 0, 0);
    for seed in 0.. {
        if compared >= pairs() {
            break;
        }
        assert!(seed < 400 * pairs() as u64, "hardly anything is accepted: {compared} pairs of {seed} flows");
        let text = flow(seed);
        match try_plan(&[PROJECT, FRAME, UNCAPPED, &text]) {
            Ok(plan) => {
                let one = unguarded(&plan, TEXTS[0]).await;
                did_something += usize::from(!one.counted.is_empty());
                for other in &TEXTS[1..] {
                    let two = unguarded(&plan, other).await;
                    assert!(one.agrees(&two), "seed {seed}, `{}` and `{other}`: {one:#?} {two:#?}\n{text}", TEXTS[0]);
                    compared += 1;
                }
            }
            // With a cap it is accepted: then it shows whether there was anything to refuse.
            Err(codes) if codes.iter().all(|code| *code == "TW0194") && refused < 100 => {
                refused += 1;
                let plan = try_plan(&[PROJECT, FRAME, CAPPED, &text]).unwrap_or_else(|codes| panic!("{codes:?}\n{text}"));
                let one = unguarded(&plan, TEXTS[0]).await;
                let mut differs = false;
                for other in &TEXTS[1..] {
                    differs |= !one.agrees(&unguarded(&plan, other).await);
                }
                rightly += usize::from(differs);
            }
            Err(_) => {}
        }
    }
    let accepted = compared / (TEXTS.len() - 1);
    assert!(did_something * 4 > accepted, "most of the accepted flows do nothing: only {did_something} of {accepted}");
    assert!(refused >= 50 && rightly * 4 > refused, "{rightly} of {refused} refused flows would really have differed");
}
