//! Which version of something is reused: a fact of content, what an artifact says of a label, a template, an answer that was kept. It
//! names versions and holds nothing of what they say; whose facts are found is no business of anybody who looks here.

use super::{Asset, Side};
use crate::event::{Event, EventKind, Used};
use crate::memory::FactId;
use std::sync::Arc;
use tradewind_lang::plan::{Memory, Plan, Rung, StepKind};

/// Characters of a digest that tell versions apart for people.
const SHORT: usize = 12;

/// A version of what is reused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// A fact that is about nobody, such as a text that was approved.
    Fact(FactId),
    /// A label, and the artifact that gave it: another artifact knows it by other rows.
    Label {
        /// One that the enum declares.
        label: Arc<str>,
        /// The beginning of the artifact's digest, hexadecimal; `cache` for one that was kept.
        artifact: Arc<str>,
    },
    /// A template, by the beginning of the digest of its text, hexadecimal.
    Template(Arc<str>),
    /// An answer that was kept, by the event that holds it.
    Kept(u64),
}

/// Of how much use one version was.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Which.
    pub which: Which,
    /// How often it was found.
    pub hits: u64,
    /// Runs in which it was.
    pub with: Side,
}

/// What a step looked for in an event, and which of it was found; nothing where there was nothing to look for.
pub(super) fn found(plan: &Plan, kind: &StepKind, event: &Event) -> Option<(Asset, Vec<Which>, bool)> {
    match kind {
        StepKind::Recall { memory, .. } => match &event.used {
            Used::Facts { seqs } => Some((Asset::Memory(memory.clone()), Vec::new(), !seqs.is_empty())),
            _ => None,
        },
        StepKind::Search(search) => match &event.used {
            Used::Found(finding) => {
                let is_content = plan.memories.get(&search.memory).is_some_and(|memory| is_content(memory));
                let facts = finding.facts.iter().filter(|_| is_content).map(|id| Which::Fact(*id)).collect();
                Some((Asset::Memory(search.memory.clone()), facts, !finding.facts.is_empty()))
            }
            _ => None,
        },
        StepKind::Generate(generate) => written(plan, &generate.route, event),
        StepKind::Agent(acting) => written(plan, &acting.route, event),
        StepKind::Draft { route, .. } => written(plan, route, event),
        StepKind::Classify { labels, .. } => labelled(plan, labels, event),
        StepKind::Look(look) => labelled(plan, &look.labels, event),
        _ => None,
    }
}

/// Whether a memory is about nobody: what was approved for all.
fn is_content(memory: &Memory) -> bool {
    memory.subject.is_empty()
}

/// An answer of a route: of a template or kept, in the place of a model's.
fn written(plan: &Plan, route: &str, event: &Event) -> Option<(Asset, Vec<Which>, bool)> {
    let template = |rung: u16| match plan.routes.get(route)?.rungs.get(usize::from(rung))? {
        Rung::Template { template } => Some(Which::Template(short(&blake3::hash(template.text.as_bytes()).to_hex()))),
        _ => None,
    };
    let which = match &event.used {
        Used::Said(label) => match &*label.tier {
            "template" => template(label.rung),
            _ => label.seq.map(Which::Kept),
        },
        Used::Model { rung, by, .. } if &**by == "template" => template(*rung),
        _ => return None,
    };
    let is_found = which.is_some() || matches!(&event.used, Used::Said(label) if &*label.tier != "remote");
    Some((Asset::Route(route.to_owned()), which.into_iter().collect(), is_found))
}

/// A label: it is known already where a model of this process gives it by its rows, or where it was kept. What a model behind a network,
/// a person, or nobody says was not.
fn labelled(plan: &Plan, labels: &str, event: &Event) -> Option<(Asset, Vec<Which>, bool)> {
    let EventKind::StepCompleted { value } = &event.kind else { return None };
    let artifact: Option<Arc<str>> = match &event.used {
        Used::Model { artifact, .. } => (!artifact.is_empty()).then(|| short(artifact)),
        Used::Said(label) => (&*label.tier == "cache").then(|| "cache".into()),
        _ => None,
    };
    let Some(artifact) = artifact else { return Some((Asset::Labels(labels.to_owned()), Vec::new(), false)) };
    // Where somebody was forgotten nobody knows any more which label it was; that there was one, everybody.
    let label = value.get("label").and_then(|label| label.as_str());
    let label = label.filter(|label| plan.types.enums.get(labels).is_some_and(|known| known.iter().any(|known| known == label)));
    let which = label.map(|label| Which::Label { label: label.into(), artifact });
    Some((Asset::Labels(labels.to_owned()), which.into_iter().collect(), true))
}

fn short(digest: &str) -> Arc<str> {
    digest.get(..SHORT).unwrap_or(digest).into()
}
