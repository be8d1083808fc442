//! Looking for facts: which may be found is settled here, who ranks them is behind a port. The loop waits for none of it.

use super::Shard;
use crate::decide::Input;
use crate::failure::{Failure, FailureKind};
use crate::finding::{Finder, Finding, Sought, Unfound, Wanted};
use crate::memory::{Fact, past};
use crate::planted::{Bug, planted};
use crate::scope::{Over, StepScope, whole};
use crate::state::RunState;
use crate::vectors::{Payer, Vectors};
use std::sync::Arc;
use tradewind_lang::plan::{Memory, Plan, Search, StepId, StepKind};
use tradewind_lang::value::Value;

/// So many facts are held against a condition where the loop's own threads work; more go to one that may take its time.
const FEW: usize = 1_000;

/// A search under way.
struct Looking {
    wanted: Arc<Wanted>,
    search: Search,
    state: RunState,
    now: i64,
    /// The memory as the run's own plan has it: what a fact looks like to it.
    memory: Option<Arc<Memory>>,
    vectors: Vectors,
}

impl Shard {
    pub(super) fn search(&mut self, run: &Arc<str>, step: StepId, wanted: Arc<Wanted>) {
        let failed = Failure::new(FailureKind::Api, "nobody said what was found");
        let promise = self.promise(run, Input::Found { step, finding: Finding::default(), found: Err(failed) });
        self.sweeping.look(run, step, &wanted);
        let now = self.last_now;
        let Some(state) = self.books.live(run).map(|live| live.state.clone()) else { return };
        let Some(StepKind::Search(search)) = state.graph.step(step).map(|step| step.kind.clone()) else { return };
        let memory = state.pinned.plan.memories.get(&*wanted.memory).cloned();
        let payer = state.graph.flow.cost_cap.map(|cap| Payer { run: whole(&state).id.clone(), flow: state.graph.flow.name.clone(), cap });
        let vectors = self.ports.vectors.for_run(payer);
        let looking = Looking { wanted: wanted.clone(), search: *search, state, now, memory, vectors };
        let plan = self.active.plan.clone();
        let finder = self.ports.finder.clone();
        let subject = wanted.subject.as_deref().filter(|_| !planted(Bug::SearchOfEverybody));
        // What will be known tomorrow is not known yet.
        let Some(at) = wanted.as_of.filter(|at| *at < now) else {
            let facts = self.books.memories.standing(&plan, &wanted.memory, subject, now);
            tokio::spawn(async move {
                promise.keep(looking.input(step, looking.look(&plan, facts, now, &*finder).await));
            });
            return;
        };
        let (log, shard, forgotten) = (self.ports.log.clone(), self.shard, self.books.forgotten.clone());
        let snapshots = self.sweeping.snapshots.clone();
        tokio::spawn(async move {
            let looked = match past::until(&*log, shard, at, &forgotten, &snapshots).await {
                Ok(past) => {
                    let then = past.plan.unwrap_or(plan);
                    let facts = past.memories.standing(&then, &looking.wanted.memory, looking.wanted.subject.as_deref(), at);
                    looking.look(&then, facts, at, &*finder).await
                }
                Err(error) => Err(Failure::new(FailureKind::Api, format!("what was known then cannot be read: {error:?}"))),
            };
            promise.keep(looking.input(step, looked));
        });
    }
}

impl Shard {
    /// What a task of a run's came to. What a search found is looked for again where somebody was forgotten meanwhile: it may be his,
    /// and his keys are gone, so that it would be sealed as that of somebody new.
    pub(super) fn answered(&mut self, run: &Arc<str>, input: Input) {
        if let Input::Found { step, .. } = &input
            && let Some(wanted) = self.sweeping.overtaken(run, *step)
        {
            return self.look_anew(run, *step, wanted);
        }
        self.push(run, input, None);
    }
}

type Looked = Result<(Finding, Vec<Value>), Failure>;

impl Looking {
    fn input(&self, step: StepId, looked: Looked) -> Input {
        let as_of = self.wanted.as_of;
        match looked {
            Ok((finding, found)) => Input::Found { step, finding: Finding { as_of, ..finding }, found: Ok(found) },
            Err(failure) => Input::Found { step, finding: Finding { as_of, ..Finding::default() }, found: Err(failure) },
        }
    }

    /// Looks among facts as of an instant, by the plan of then.
    async fn look(&self, plan: &Plan, facts: Vec<Arc<Fact>>, at: i64, finder: &dyn Finder) -> Looked {
        let rule = |why: String| Failure::new(FailureKind::Rule, why);
        let passes = self.passing(&facts, at).await.map_err(rule)?;
        let among = passes.iter().filter(|passes| **passes).count();
        let most = self.search.most as usize;
        let (hits, by): (Vec<(usize, Option<f64>)>, Arc<str>) = match (&self.wanted.query, plan.memories.get(&*self.wanted.memory)) {
            (Some(query), Some(memory)) if among > 0 => {
                let model = memory.terms.embed.as_ref().and_then(|(_, model)| plan.models.get(model.as_ref()?)).cloned();
                let sought = Sought {
                    memory: memory.clone(),
                    model,
                    subject: self.wanted.subject.clone(),
                    query: query.clone(),
                    most,
                    facts: facts.clone(),
                    passes,
                    is_present: at == self.now,
                    vectors: self.vectors.clone(),
                };
                let ranked = finder.find(sought).await.map_err(Unfound::failure)?;
                (ranked.hits.into_iter().map(|(place, score)| (place, Some(score))).collect(), ranked.by)
            }
            _ => {
                let newest = passes.iter().enumerate().rev().filter(|(_, passes)| **passes).map(|(place, _)| (place, None));
                let mut newest: Vec<(usize, Option<f64>)> = newest.take(most).collect();
                newest.reverse();
                (newest, "".into())
            }
        };
        let given = hits.into_iter().filter_map(|(place, score)| Some((facts.get(place)?, score)));
        let mut finding = Finding { among: among as u64, by, ..Finding::default() };
        let mut values = Vec::new();
        for (fact, score) in given {
            finding.facts.push(fact.id());
            finding.scores.extend(score);
            values.push(self.given(fact, at));
        }
        Ok((finding, values))
    }

    fn given(&self, fact: &Fact, at: i64) -> Value {
        self.memory.as_ref().map_or_else(|| fact.fields.clone(), |memory| fact.given(memory, at))
    }

    /// Which facts are fresh enough and fulfil the condition.
    async fn passing(&self, facts: &[Arc<Fact>], at: i64) -> Result<Vec<bool>, String> {
        if self.search.condition.is_none() || facts.len() <= FEW {
            return passing(facts, &self.search, (&self.state, self.now), self.memory.as_deref(), at);
        }
        let (facts, search, state, memory, now) = (facts.to_vec(), self.search.clone(), self.state.clone(), self.memory.clone(), self.now);
        let work = move || passing(&facts, &search, (&state, now), memory.as_deref(), at);
        tokio::task::spawn_blocking(work).await.map_err(|error| format!("the condition was not looked at: {error}"))?
    }
}

fn passing(
    facts: &[Arc<Fact>],
    search: &Search,
    (state, now): (&RunState, i64),
    memory: Option<&Memory>,
    at: i64,
) -> Result<Vec<bool>, String> {
    let scope = StepScope { state, now };
    let mut passes = Vec::with_capacity(facts.len());
    for fact in facts {
        let fresh = fact.is_fresh(search.fresh, at);
        let holds = match &search.condition {
            Some(condition) if fresh => {
                let value = memory.map_or_else(|| fact.fields.clone(), |memory| fact.given(memory, at));
                match condition.evaluate(&Over { scope: &scope, name: "fact", value: &value }) {
                    Ok(Value::Bool(holds)) => holds,
                    Ok(_) => return Err(format!("`{}` has no value", condition.source)),
                    Err(error) => return Err(format!("`{}`: {}", condition.source, error.0)),
                }
            }
            _ => fresh,
        };
        passes.push(holds);
    }
    Ok(passes)
}
