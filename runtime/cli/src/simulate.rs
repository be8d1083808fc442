//! A dry run: the compiled plan on the real engine, with the log in memory and twins for everything outside. Nothing leaves the process:
//! there is no socket, and no file is written outside a folder of its own that goes with it. The same inputs give the same bytes.

mod effects;
mod fault;
mod told;

pub(crate) use fault::fault;
pub(crate) use told::Told;

use crate::all_models::offline_vectors;
use crate::arguments::simulating::Until;
use crate::inputs::Line;
use crate::stage::{Seen, Stage, VirtualClock};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tradewind_connectors::twin::{Fault, TwinConnectors, TwinWorld};
use tradewind_engine::approval::{ApprovalKind, PendingApproval, Verdict};
use tradewind_engine::engine::{Config, Engine, StartError};
use tradewind_engine::ports::{BoxFuture, Classification, Clock, Embedded, Made, Models};
use tradewind_engine::question::{Answer, Prompt, Silence};
use tradewind_engine::summary::RunStatus;
use tradewind_engine::twin::MemoryLog;
use tradewind_lang::plan::{Micros, Model, Plan};
use tradewind_lang::value::Value;
use tradewind_memory::Ranker;
use tradewind_models::{LocalModels, OfflineModels};

/// In whose name runs begin: nobody who could approve anything.
const ACTOR: &str = "simulation";
/// How long a run that waits for a time, or for nobody's answer, is followed.
const HORIZON: i64 = 400 * 86_400 * 1_000_000;
/// How often its clock runs out in that time.
const MOMENTS: u32 = 1_000;
/// How often people are asked again before a run is given up: each answer may lead to the next question.
const ROUNDS: u32 = 200;
/// 2026-01-01T00:00:00Z.
const OTHERWISE: i64 = 1_767_225_600_000_000;

/// How it is played.
pub(crate) struct Terms {
    pub(crate) until: Until,
    pub(crate) faults: Vec<Fault>,
    /// When it begins.
    pub(crate) at: i64,
}

/// A folder of its own, which goes with the process. What models learned before is taken along, so that they need not learn it again.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// # Errors
    /// The folder cannot be made; for people.
    pub(crate) fn new(learned: &Path) -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("tradewind-simulate-{}", std::process::id()));
        let scratch = Self(path.clone());
        std::fs::create_dir_all(&path).map_err(|error| format!("the folder `{}` cannot be made: {error}", path.display()))?;
        for file in std::fs::read_dir(learned).into_iter().flatten().flatten().filter(|file| file.path().is_file()) {
            // What cannot be read is learned anew.
            let _ = std::fs::copy(file.path(), path.join(file.file_name()));
        }
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left lies where the system clears up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The models of this process, and the twin of those behind a network.
struct Inert(LocalModels);

impl Models for Inert {
    fn classify(&self, model: Arc<Model>, labels: Arc<[String]>, text: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        self.0.classify(model, labels, text)
    }

    fn embed(&self, model: Option<Arc<Model>>, texts: Vec<Arc<str>>) -> BoxFuture<'_, Result<Embedded, String>> {
        self.0.embed(model, texts)
    }

    fn vectors(&self, _: Arc<Model>, texts: Vec<Arc<str>>, _: Micros) -> BoxFuture<'_, Result<Made, Silence>> {
        Box::pin(offline_vectors(texts))
    }

    fn say(&self, prompt: Arc<Prompt>) -> BoxFuture<'_, Answer> {
        Box::pin(std::future::ready(OfflineModels::say(&prompt)))
    }
}

/// The newest instant in an input; that of a fixed day where there is none, so that the clock of the machine decides nothing.
pub(crate) fn newest(lines: &[Line]) -> i64 {
    lines.iter().filter_map(|line| line.input.as_ref().ok()).filter_map(newest_in).max().unwrap_or(OTHERWISE)
}

fn newest_in(value: &Value) -> Option<i64> {
    match value {
        Value::Timestamp(at) => Some(*at),
        Value::Record(record) => record.0.iter().filter_map(|(_, value)| newest_in(value)).max(),
        Value::List(items) => items.iter().filter_map(newest_in).max(),
        _ => None,
    }
}

/// Plays every input, one after the other.
///
/// # Errors
/// The engine stopped, or a run does not end; for people.
pub(crate) async fn play(
    (root, scratch): (&Path, &Scratch),
    plan: &Arc<Plan>,
    flow: &str,
    lines: &mut [Line],
    (world, terms): (TwinWorld, Terms),
) -> Result<Told, String> {
    let clock = Arc::new(VirtualClock::at(terms.at));
    let twins = Arc::new(TwinConnectors::new(Arc::new(plan.types.clone()), world));
    terms.faults.iter().for_each(|fault| twins.fault(fault.clone()));
    let models: Arc<dyn Models> = Arc::new(Inert(LocalModels::new(root, scratch.0.clone())));
    let finder = Arc::new(Ranker::default());
    let (connectors, models) = (Seen::by(&clock, twins), Seen::by(&clock, models));
    let log = Arc::new(MemoryLog::new());
    let config = Config::new(plan.clone(), log.clone(), connectors, models, clock.clone());
    let engine = Engine::open(Config { finder, ..config }).await.map_err(|error| format!("the engine did not open: {error:?}"))?;
    let stage = Stage { engine, clock };
    let (mut told, mut open) = (Told::new(flow, &terms), BTreeSet::new());
    for line in lines {
        let Ok(input) = &line.input else { continue };
        match stage.engine.start(flow, input.clone(), ACTOR).await {
            Ok(started) if started.is_new => {
                stage.settle().await?;
                follow(&stage, plan, &started.run_id, (terms.until, &mut open)).await?;
                told.begun(line.number, started.run_id);
            }
            Ok(started) if started.conflict => line.input = Err("another input has the same key".to_owned()),
            Ok(_) => told.again(line.number),
            Err(StartError::Input(why) | StartError::Key(why)) => line.input = Err(why),
            Err(error) => return Err(format!("line {}: {error}", line.number)),
        }
    }
    told.read((&stage.engine, &*log), plan).await?;
    stage.engine.shutdown().await;
    Ok(told)
}

/// Goes on with a run as far as it goes: people say what they are to say, and times that it waits for pass.
/// `open`: what earlier runs have left open, to which it adds.
async fn follow(stage: &Stage, plan: &Plan, run: &str, (until, open): (Until, &mut BTreeSet<Arc<str>>)) -> Result<(), String> {
    let end = stage.clock.now().saturating_add(HORIZON);
    for _ in 0..ROUNDS {
        let waiting = waiting_of(stage, run, open).await?;
        let mut moved = false;
        match until {
            Until::Asked => {}
            Until::Approved | Until::Denied => {
                for item in &waiting {
                    moved |= answered(stage, plan, item, until).await?;
                }
            }
            Until::Silence if !waiting.is_empty() => moved = passed(stage, run, end).await?,
            Until::Silence => {}
        }
        if !moved && waiting.is_empty() {
            moved = passed(stage, run, end).await?;
        }
        if !moved {
            open.extend(waiting.into_iter().map(|item| item.approval.id.clone()));
            return Ok(());
        }
    }
    Err(format!("the run {run} asks people again and again"))
}

/// What a run, and those within it, wait for people for.
async fn waiting_of(stage: &Stage, run: &str, open: &BTreeSet<Arc<str>>) -> Result<Vec<PendingApproval>, String> {
    let stopped = |error| format!("the engine stopped: {error:?}");
    let found = stage.engine.run(run).await.map_err(stopped)?;
    if found.is_none_or(|found| found.summary.status != RunStatus::Waiting) {
        return Ok(Vec::new());
    }
    let items = stage.engine.approvals().await.map_err(stopped)?;
    Ok(items.into_iter().filter(|item| !open.contains(&item.approval.id)).collect())
}

/// Lets everybody say yes, or somebody no. Whether anything was said: nobody can be played who knows an answer, or what a provider did.
async fn answered(stage: &Stage, plan: &Plan, item: &PendingApproval, until: Until) -> Result<bool, String> {
    if matches!(item.approval.kind, ApprovalKind::Ask | ApprovalKind::Settle) {
        return Ok(false);
    }
    let members = item.approval.to.iter().filter_map(|team| plan.teams.get(team)).flat_map(|team| &team.members);
    let mut said = false;
    for member in members {
        let verdict = match until {
            Until::Denied => Verdict::Deny { reason: "denied in a simulation".to_owned() },
            _ => Verdict::Approve { edits: Value::Null },
        };
        // Who may not answer, or is not needed any more, says nothing.
        said |= stage.engine.answer(&item.approval.id, member, verdict).await.is_ok();
    }
    stage.settle().await?;
    Ok(said)
}

/// Lets time pass to the next instant for which the run may wait; whether there is one.
async fn passed(stage: &Stage, run: &str, end: i64) -> Result<bool, String> {
    for _ in 0..MOMENTS {
        let found = stage.engine.run(run).await.map_err(|error| format!("the engine stopped: {error:?}"))?;
        let Some(details) = found.filter(|found| found.summary.status == RunStatus::Waiting) else { return Ok(false) };
        let Some(at) = stage.next_before(end).await else { return Ok(false) };
        stage.clock.set(at);
        stage.settle().await?;
        let after = stage.engine.run(run).await.map_err(|error| format!("the engine stopped: {error:?}"))?;
        if after.is_none_or(|after| after.summary.last != details.summary.last) {
            return Ok(true);
        }
    }
    Ok(false)
}
