//! The contract of a finder, as a suite that the twin and the real one pass. It never panics: it reports.

use super::same;
use crate::finding::{Finder, Ranked, Sought};
use crate::memory::Fact;
use crate::twin::ScriptedModels;
use crate::vectors::Vectors;
use std::sync::Arc;
use tradewind_lang::plan::{Memory, MemoryTerms};
use tradewind_lang::value::Value;

/// What a memory of the suite holds, in order.
const TEXTS: &[&str] = &[
    "The lamp arrived broken and the customer wants another lamp",
    "A blue wool jumper in size 42",
    "The parcel came two days late",
    "Asked for an invoice with the number 2026-118",
    "The lamp works again",
];

fn memory() -> Arc<Memory> {
    let terms = MemoryTerms { fulltext: vec!["text".to_owned()], ..MemoryTerms::default() };
    let (name, record) = ("notes".to_owned(), "note".to_owned());
    Arc::new(Memory { name, tier: "long-term".to_owned(), record, subject: String::new(), retention: None, cap: None, terms })
}

fn fact(seq: u64, text: &str) -> Arc<Fact> {
    let at = i64::try_from(seq).unwrap_or(i64::MAX);
    Arc::new(Fact::new((seq, 0), at, Value::record([("text", Value::string(text))])))
}

/// A search of the suite.
fn sought(facts: &[Arc<Fact>], query: &str, most: usize) -> Sought {
    let (passes, facts) = (vec![true; facts.len()], facts.to_vec());
    // It is about words: nobody is to be asked for a vector.
    let models = ScriptedModels::new(|_, _, _| Err("it classifies nothing".to_owned()));
    Sought {
        memory: memory(),
        model: None,
        subject: None,
        query: query.into(),
        most,
        facts,
        passes,
        is_present: true,
        vectors: Vectors::of_process(Arc::new(models)),
    }
}

fn places(ranked: &Ranked) -> Vec<usize> {
    ranked.hits.iter().map(|(place, _)| *place).collect()
}

/// Checks a finder against the contract.
///
/// # Errors
/// The first thing that is not as the contract says, for people.
pub async fn finder(finder: &dyn Finder) -> Result<(), String> {
    let facts: Vec<Arc<Fact>> = TEXTS.iter().zip(1..).map(|(text, seq)| fact(seq, text)).collect();
    let invoice = finder.find(sought(&facts, "invoice 118", 5)).await?;
    same("what holds both words", &places(&invoice), &vec![3])?;
    let lamps = finder.find(sought(&facts, "lamp", 1)).await?;
    same("how many are found where one is wanted", &lamps.hits.len(), &1)?;
    if lamps.by.is_empty() {
        return Err("nobody says what ranked".to_owned());
    }
    let again = finder.find(sought(&facts, "lamp", 1)).await?;
    same("the same question asked again", &again, &lamps)?;

    // What may not be found is not, whatever was found before.
    let mut barred = sought(&facts, "lamp", 5);
    barred.passes.iter_mut().enumerate().for_each(|(place, passes)| *passes = place == 4);
    same("what may be found", &places(&finder.find(barred).await?), &vec![4])?;

    // A fact that came later, and one that is not there any more.
    let more: Vec<Arc<Fact>> = facts.iter().skip(1).cloned().chain([fact(9, "A lamp of brass, a lamp of glass, a lamp")]).collect();
    let mut found = places(&finder.find(sought(&more, "lamp", 5)).await?);
    found.sort_unstable();
    same("facts that changed", &found, &vec![3, 4])?;

    // A past is looked at as it was, and says nothing of now.
    let past = Sought { is_present: false, ..sought(facts.get(..1).unwrap_or_default(), "lamp", 5) };
    same("facts of the past", &places(&finder.find(past).await?), &vec![0])?;
    let mut found = places(&finder.find(sought(&more, "lamp", 5)).await?);
    found.sort_unstable();
    same("facts of now, after a look at the past", &found, &vec![3, 4])?;
    same("nothing to look among", &finder.find(sought(&[], "lamp", 5)).await?.hits, &Vec::new())?;

    // Somebody was forgotten: his facts are gone, or say something else under the same name.
    finder.forget(vec![("notes".into(), (5, 0)), ("notes".into(), (2, 0))]);
    let redacted = fact(5, "somebody was here");
    let left = [redacted, fact(9, "A lamp of brass, a lamp of glass, a lamp")];
    for _ in 0..3 {
        same("what is left", &places(&finder.find(sought(&left, "lamp works", 5)).await?), &vec![1])?;
        same("what was redacted", &places(&finder.find(sought(&left, "somebody", 5)).await?), &vec![0])?;
    }
    Ok(())
}
