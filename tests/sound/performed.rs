//! A program run by the engine, on twins that answer with whatever fits the declared types. It only gathers what was said of failures.

use crate::given;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tradewind_engine::approval::{ApprovalKind, Verdict};
use tradewind_engine::arrival::Arrival;
use tradewind_engine::engine::{Config, Engine, StartError};
use tradewind_engine::event::{Event, EventKind, Outcome};
use tradewind_engine::failure::FailureKind;
use tradewind_engine::ports::Classification;
use tradewind_engine::twin::{ManualClock, MemoryLog, Reply, ScriptedConnectors, ScriptedModels};
use tradewind_lang::plan::Plan;
use tradewind_lang::ty::{Ty, TypeTable};
use tradewind_lang::value::Value;
use tradewind_tests::random::Random;

const START: i64 = 1_767_225_600_000_000;
const HOUR: i64 = 3_600_000_000;

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Performed {
    /// How many events its log has.
    pub(crate) events: usize,
    /// Sentences of failures of expressions and templates, and of denials.
    pub(crate) said: Vec<String>,
    /// How often each kind of event is in it.
    pub(crate) kinds: BTreeMap<&'static str, usize>,
}

/// Tells of a parcel: runs may wait for one, or for the time that it may take.
async fn tell(engine: &Engine, random: &Mutex<Random>, types: &TypeTable, turn: usize) {
    let payload = given::value(&mut random.lock().expect("no panic while it is held"), &Ty::Record("parcel".to_owned()), types);
    for name in ["post.came", "parcel"] {
        let id = format!("{name}-{turn}").into();
        let arrival = Arrival { name: name.into(), source: "test".into(), account: "".into(), id, payload: payload.clone() };
        engine.receive(arrival).await.expect("a payload of the event's type");
    }
}

/// Runs the flow `f` on one input until nothing goes on.
pub(crate) async fn run(plan: &Arc<Plan>, input: Value, seed: u64) -> Performed {
    let random = Arc::new(Mutex::new(Random::of(seed)));
    let (own, dice) = (plan.clone(), random.clone());
    let connectors = ScriptedConnectors::new(move |request| {
        let ty = own.operations.get(&request.operation).map_or(Ty::Null, |operation| operation.response.clone());
        Reply::Done(given::value(&mut dice.lock().expect("no panic while it is held"), &ty, &own.types))
    });
    let dice = random.clone();
    let models = ScriptedModels::new(move |_, labels, _| {
        let mut dice = dice.lock().expect("no panic while it is held");
        let label = labels[crate::expression::below(&mut dice, labels.len())].clone();
        Ok(Classification { label, confidence: dice.below(100) as f64 / 100.0, artifact: "a".to_owned() })
    });
    let clock = Arc::new(ManualClock::at(START));
    let config = Config::new(plan.clone(), Arc::new(MemoryLog::new()), Arc::new(connectors), Arc::new(models), clock.clone());
    let engine = Engine::open(config).await.expect("an engine opens");
    match engine.start("f", input, "test").await {
        Ok(_) => {}
        // A key may have no value, as any expression may.
        Err(StartError::Key(sentence)) => return Performed { events: 1, said: vec![format!("key: {sentence}")], kinds: BTreeMap::new() },
        Err(error) => panic!("{error}"),
    }
    for turn in 0..16 {
        // Whatever waits for a person is answered, or its time runs out.
        while tokio::time::timeout(std::time::Duration::from_millis(20), engine.wait_idle()).await.is_err() {
            clock.advance(HOUR / 60);
        }
        let open = engine.approvals().await.expect("a list of items");
        if open.is_empty() {
            let progress = engine.subscribe().progress;
            let (running, waiting) = (progress.borrow().running, progress.borrow().waiting);
            if running + waiting == 0 {
                break;
            }
            tell(&engine, &random, &plan.types, turn).await;
            if turn % 3 == 2 {
                clock.advance(24 * 24 * HOUR);
            }
            continue;
        }
        for item in open {
            let roll = random.lock().expect("no panic while it is held").below(4);
            let verdict = match (&item.approval.kind, &item.approval.answer) {
                _ if roll == 0 => None,
                (ApprovalKind::Ask, Some(record)) => {
                    let mut dice = random.lock().expect("no panic while it is held");
                    Some(Verdict::Answer(given::value(&mut dice, &Ty::Record(record.clone()), &plan.types)))
                }
                _ if roll == 1 => Some(Verdict::Deny { reason: "no".to_owned() }),
                _ => Some(Verdict::Approve { edits: Value::Null }),
            };
            match verdict {
                // A refusal leaves it open, and the clock closes it.
                Some(verdict) => drop(engine.answer(&item.approval.id, "ann@example.com", verdict).await),
                None => clock.advance(9 * HOUR),
            }
        }
    }
    let performed = said(&engine.events(1, usize::MAX, None).await.expect("a log"));
    engine.shutdown().await;
    performed
}

/// What a log says of failures and denials.
fn said(events: &[Event]) -> Performed {
    let mut performed = Performed { events: events.len(), said: Vec::new(), kinds: BTreeMap::new() };
    for event in events {
        *performed.kinds.entry(event.kind.name()).or_default() += 1;
        match &event.kind {
            EventKind::StepFailed { failure, .. } | EventKind::EffectSettled { outcome: Outcome::Failed(failure), .. }
                if failure.kind == FailureKind::Rule || failure.kind == FailureKind::Schema =>
            {
                performed.said.push(failure.message.clone());
            }
            EventKind::RunFailed { failure } => performed.said.push(failure.message.clone()),
            EventKind::EffectDenied { rule, message, .. } => performed.said.push(format!("{rule}: {message}")),
            _ => {}
        }
    }
    performed
}
