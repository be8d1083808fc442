//! Models: one beside the engine that is right, silent, or answers what nobody asked for; and one behind a network that times out, refuses,
//! loses answers, breaks off, says what has not the wanted form, calls tools that it does not have, and wants to be paid for what it did.

use super::super::random::Random;
use super::super::world::SECOND;
use super::clock::SimulatedClock;
use super::disk::Process;
use super::judge::Judge;
use super::quiet::Activity;
use crate::ports::{BoxFuture, Classification, Clock, Models};
use crate::question::{Answer, Prompt, Purpose, Reply, Silence, ToolCall, Turn, Usage};
use std::sync::{Arc, Mutex};
use tradewind_lang::money::Money;
use tradewind_lang::plan::Model;

/// Who serves the models behind the network; one for all processes.
pub(super) struct Vendor {
    inner: Mutex<(Random, bool)>,
    clock: Arc<SimulatedClock>,
    judge: Arc<Mutex<Judge>>,
    activity: Arc<Activity>,
}

/// What becomes of a question on its way.
enum Weather {
    Fine,
    /// It works, and nobody ever hears of it.
    Silent,
    /// It takes so long.
    Slow(i64),
    /// It refuses before it works, and may say when to come again.
    Busy(Option<i64>),
    /// It fails after it has worked, or before.
    Fails(bool),
    Refuses,
    /// It works, and the connection breaks.
    Lost,
    /// The request never arrives.
    Unreached,
    /// It says half of it.
    BreaksOff,
    /// It says something else.
    Says(&'static str),
    /// It calls these tools.
    Calls(&'static [(&'static str, &'static str)]),
    /// It does not say what it counts.
    Uncounted,
}

impl Vendor {
    pub(super) fn new(seed: u64, clock: Arc<SimulatedClock>, judge: Arc<Mutex<Judge>>, activity: Arc<Activity>) -> Self {
        Self { inner: Mutex::new((Random(seed ^ 0x7171), false)), clock, judge, activity }
    }

    pub(super) fn calm(&self) {
        self.inner.lock().unwrap().1 = true;
    }

    fn below(&self, bound: u64) -> u64 {
        self.inner.lock().unwrap().0.below(bound)
    }

    fn weather(&self, prompt: &Prompt) -> Weather {
        if self.inner.lock().unwrap().1 {
            return Weather::Fine;
        }
        match self.below(36) {
            0 => Weather::Silent,
            1 => Weather::Slow(SECOND * (1 + self.below(70) as i64)),
            2 => Weather::Busy(None),
            3 => Weather::Busy(Some(SECOND * (1 + self.below(40) as i64))),
            4 => Weather::Fails(self.below(2) == 0),
            5 => Weather::Refuses,
            6 | 7 => Weather::Lost,
            8 => Weather::Unreached,
            9 => Weather::BreaksOff,
            10 => Weather::Says("Sure! Here is what you asked for."),
            11 => Weather::Says(r#"{"title": "a title that is far longer than twenty letters", "tags": "oak"}"#),
            12 => Weather::Says(r#"{"name": "Oslo", "score": 3, "text": 7}"#),
            13 => Weather::Says(""),
            14 => Weather::Says(r#"{"score": 0.1, "reason": "it boasts"}"#),
            15 => Weather::Uncounted,
            16 => Weather::Calls(&[("refund", "{}")]),
            17 if !prompt.tools.is_empty() => {
                Weather::Calls(&[("refund", r#"{"id": "o1"}"#), ("pay.credit", r#"{"id": "o2"}"#), ("desk.page", r#"{"id": "o3"}"#)])
            }
            18 if !prompt.tools.is_empty() => Weather::Calls(&[("credit", r#"{"amount": "900 USD", "order_id": "o9", "line": "x"}"#)]),
            19 if !prompt.tools.is_empty() => Weather::Calls(&[("order", r#"{"id": "o9"}"#), ("order", r#"{"id": "#)]),
            20 if !prompt.tools.is_empty() => Weather::Calls(&[("credit", "{}"), ("credit", "{}"), ("credit", "{}")]),
            _ => Weather::Fine,
        }
    }

    /// It works, and wants this for it.
    fn charge(&self, prompt: &Prompt, calls: u64) -> Usage {
        let read: u64 = prompt.turns.iter().map(Turn::bytes).sum();
        let usage = Usage { input: 40 + read / 3, cached: 0, output: 5 + self.below(90), reasoning: 0 };
        let once = price(&prompt.model, usage);
        let all = (1..calls).fold(once, |sum, _| sum.plus(once).unwrap());
        self.judge.lock().unwrap().charged(&prompt.question.key, all);
        usage
    }

    fn reply(&self, text: &str, calls: &[(&str, &str)], usage: Option<Usage>) -> Reply {
        let call = |(place, (name, arguments)): (usize, &(&str, &str))| ToolCall {
            id: format!("c{place}").into(),
            name: (*name).into(),
            arguments: (*arguments).into(),
        };
        let calls = calls.iter().enumerate().map(call).collect();
        Reply { text: text.into(), calls, usage, by: "s-1".into(), hedged: false, took: 1_000 }
    }

    /// What it was asked for, in its form.
    fn answer(&self, prompt: &Prompt, usage: Option<Usage>) -> Reply {
        let calm = self.inner.lock().unwrap().1;
        let is_told = prompt.turns.iter().any(|turn| matches!(turn, Turn::Tool { .. }));
        match prompt.question.purpose {
            Purpose::Draft | Purpose::Revision(_) => self.reply(r#"{"title": "Oslo", "tags": ["oak"], "note": null}"#, &[], usage),
            Purpose::Judge(_) if calm || self.below(3) > 0 => self.reply(r#"{"score": 0.9, "reason": "plain"}"#, &[], usage),
            Purpose::Judge(_) => self.reply(r#"{"score": 0.4, "reason": "it boasts"}"#, &[], usage),
            Purpose::Label => self.reply(r#"{"label": "praise", "confidence": 0.8}"#, &[], usage),
            Purpose::Turn(_) if is_told => self.reply(r#"{"text": "It is on its way."}"#, &[], usage),
            Purpose::Turn(_) => {
                let order = format!(r#"{{"id": "{}"}}"#, order_of(prompt));
                match self.below(3) {
                    0 => self.reply("", &[("order", &order)], usage),
                    1 => self.reply("", &[("order", &order), ("credit", "{}")], usage),
                    _ => self.reply("", &[("credit", "{}")], usage),
                }
            }
        }
    }
}

/// The order that an agent is asked about: `What of order o1?`.
fn order_of(prompt: &Prompt) -> String {
    let asked = prompt.turns.iter().find_map(|turn| match turn {
        Turn::User(text) => Some(text.split_once("order ")?.1.split_once('?')?.0.to_owned()),
        _ => None,
    });
    asked.unwrap_or_default()
}

fn price(model: &Model, usage: Usage) -> Money {
    let prices = &model.remote.as_ref().unwrap().prices;
    let ((input, per), (output, of)) = (prices.input.unwrap(), prices.output.unwrap());
    input.part(usage.input, per).unwrap().plus(output.part(usage.output, of).unwrap()).unwrap()
}

/// The models as one process reaches them.
pub(super) struct SimulatedModels {
    pub(super) own: Mutex<Random>,
    pub(super) vendor: Arc<Vendor>,
    pub(super) process: Arc<Process>,
}

impl SimulatedModels {
    async fn travel(&self, prompt: &Prompt) -> Answer {
        let vendor = &self.vendor;
        let lost = || Answer::Silent(Silence::doubtful("connection", "the connection broke"));
        vendor.activity.note();
        if !self.process.sends() {
            return lost();
        }
        vendor.judge.lock().unwrap().asked(prompt);
        let (sent, weather) = (vendor.clock.now(), vendor.weather(prompt));
        tokio::task::yield_now().await;
        vendor.activity.note();
        match weather {
            Weather::Busy(retry_after) => Answer::Silent(Silence { retry_after, ..Silence::free("http-429", "too many", true) }),
            Weather::Unreached => Answer::Silent(Silence::free("connect", "nobody is there", true)),
            Weather::Fails(false) => Answer::Silent(Silence::doubtful("http-500", "it failed")),
            Weather::Fails(true) | Weather::Lost => {
                vendor.charge(prompt, 1);
                lost()
            }
            Weather::Silent => {
                vendor.charge(prompt, 1);
                std::future::pending().await
            }
            Weather::Refuses => {
                let usage = Some(vendor.charge(prompt, 1));
                Answer::Silent(Silence { usage, retry: false, ..Silence::doubtful("refused", "it would not say") })
            }
            Weather::Slow(by) => {
                let usage = Some(vendor.charge(prompt, 1));
                vendor.clock.sleep_until(sent + by).await;
                Answer::Said(vendor.answer(prompt, usage))
            }
            Weather::BreaksOff => {
                let usage = Some(vendor.charge(prompt, 1));
                Answer::Said(vendor.reply(r#"{"title": "Os"#, &[], usage))
            }
            Weather::Says(text) => {
                let usage = Some(vendor.charge(prompt, 1));
                Answer::Said(vendor.reply(text, &[], usage))
            }
            Weather::Calls(calls) => {
                let usage = Some(vendor.charge(prompt, 1));
                Answer::Said(vendor.reply("", calls, usage))
            }
            Weather::Uncounted => {
                vendor.charge(prompt, 1);
                Answer::Said(vendor.answer(prompt, None))
            }
            Weather::Fine => {
                // A second call beside the first, where the route says so: the one that was given up is paid, too.
                let hedged = prompt.hedge.is_some() && vendor.below(3) == 0;
                let usage = vendor.charge(prompt, 1 + u64::from(hedged));
                Answer::Said(Reply { hedged, ..vendor.answer(prompt, Some(usage)) })
            }
        }
    }
}

impl Models for SimulatedModels {
    fn classify(&self, _: Arc<Model>, labels: Arc<[String]>, text: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        Box::pin(async move {
            self.vendor.activity.note();
            tokio::task::yield_now().await;
            let confidence = if text.contains("unsure") { 0.3 } else { 0.9 };
            let label = if text.starts_with("complaint") { "complaint" } else { "praise" };
            let said = |label: &str, confidence| Ok(Classification { label: label.to_owned(), confidence, artifact: "a1".to_owned() });
            match self.own.lock().unwrap().below(12) {
                0 => Err("it is silent".to_owned()),
                1 => said("nonsense", 0.9),
                2 => said(labels.first().map_or("", String::as_str), f64::NAN),
                _ => said(label, confidence),
            }
        })
    }

    fn say(&self, prompt: Arc<Prompt>) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let answer = self.travel(&prompt).await;
            // Whoever stands still hears it later.
            self.process.awake().await;
            answer
        })
    }
}
