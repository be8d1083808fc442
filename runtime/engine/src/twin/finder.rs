//! A finder that counts the words of a query in a fact: no index, nothing kept.

use crate::finding::{Finder, Ranked, Sought, Unfound, meaning_of, words_of};
use crate::memory::FactId;
use crate::ports::BoxFuture;
use std::sync::Arc;

/// Ranks facts by how many of the query's words are in them.
#[derive(Debug, Clone, Copy, Default)]
pub struct WordFinder;

fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

impl Finder for WordFinder {
    fn find(&self, sought: Sought) -> BoxFuture<'_, Result<Ranked, Unfound>> {
        let wanted = words(&sought.query);
        let mut hits: Vec<(usize, f64)> = Vec::new();
        for (place, (fact, _)) in sought.facts.iter().zip(&sought.passes).enumerate().filter(|(_, (_, passes))| **passes) {
            let said = words(&format!("{}\n{}", words_of(&sought.memory, fact), meaning_of(&sought.memory, fact).unwrap_or_default()));
            let shared = wanted.iter().filter(|word| said.contains(word)).count();
            if shared > 0 {
                hits.push((place, f64::from(u32::try_from(shared).unwrap_or(u32::MAX))));
            }
        }
        hits.sort_by(|(one, of_one), (other, of_other)| of_other.total_cmp(of_one).then(other.cmp(one)));
        hits.truncate(sought.most);
        Box::pin(std::future::ready(Ok(Ranked { hits, by: "words".into() })))
    }

    fn forget(&self, _: Vec<(Arc<str>, FactId)>) {}
}
