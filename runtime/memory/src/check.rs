//! The finder compares itself with brute force: now and then a search is made again on a sample of the facts, by looking at one vector
//! after the other and sorting all of them; and samples of what is indexed say what is lost by keeping bytes. What it finds is told, and
//! changes nothing.

use crate::vector::{Quantized, nearest};
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_engine::finding::Checked;

/// One search of so many is made again, the first one too.
const EVERY: u64 = 64;
/// So many facts are in a sample, more or less.
pub(crate) const SAMPLE: usize = 1_024;
/// So many vectors are compared as floats and as bytes, for so many of them; fewer than the least say too little.
const VECTORS: usize = 256;
const QUESTIONS: usize = 16;
const LEAST: usize = 64;
/// How many nearest ones are compared.
pub(crate) const NEAREST: usize = 10;

/// What was found for one memory.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    searches: u64,
    compared: u64,
    differed: u64,
    wanted: u64,
    kept: u64,
}

/// What was found, by memory.
#[derive(Debug, Default)]
pub(crate) struct Checks(BTreeMap<String, Tally>);

impl Checks {
    /// A search by vectors begins: its number, where it is to be made again.
    pub(crate) fn is_due(&mut self, memory: &str) -> Option<u64> {
        let tally = self.0.entry(memory.to_owned()).or_default();
        tally.searches += 1;
        (tally.searches % EVERY == 1).then_some(tally.searches)
    }

    /// One was made again.
    pub(crate) fn note(&mut self, memory: &str, agrees: bool) {
        let tally = self.0.entry(memory.to_owned()).or_default();
        tally.compared += 1;
        tally.differed += u64::from(!agrees);
        if !agrees {
            tracing::error!(memory, "a search by vectors found something else than brute force on the same facts");
        }
    }

    /// A sample of what is indexed.
    pub(crate) fn note_bytes(&mut self, memory: &str, (wanted, kept): (u64, u64)) {
        let tally = self.0.entry(memory.to_owned()).or_default();
        tally.wanted += wanted;
        tally.kept += kept;
    }

    pub(crate) fn told(&self) -> Vec<Checked> {
        let told = |(memory, tally): (&String, &Tally)| {
            let Tally { compared, differed, wanted, kept, .. } = *tally;
            #[expect(clippy::cast_precision_loss, reason = "a count")]
            let share = (wanted > 0).then(|| kept as f64 / wanted as f64);
            Checked { memory: Arc::from(memory.as_str()), compared, differed, kept: share }
        };
        self.0.iter().map(told).collect()
    }
}

/// How many of the nearest by floats there are, and how many of those are among the nearest by bytes; nothing of too few vectors.
pub(crate) fn compare_bytes(vectors: &[Vec<f32>]) -> (u64, u64) {
    let sample: Vec<(&Vec<f32>, Quantized)> =
        vectors.iter().take(VECTORS).filter_map(|vector| Some((vector, Quantized::of(vector)?))).collect();
    if sample.len() < LEAST {
        return (0, 0);
    }
    let (mut wanted, mut kept) = (0, 0);
    for (place, (question, bytes)) in sample.iter().enumerate().take(QUESTIONS) {
        let others = || sample.iter().enumerate().filter(move |(other, _)| *other != place);
        let times = |vector: &[f32]| vector.iter().zip(*question).map(|(one, other)| one * other).sum::<f32>();
        let by_floats = nearest(others().map(|(other, (vector, _))| (other, times(vector))), NEAREST);
        let by_bytes = nearest(others().map(|(other, (_, vector))| (other, vector.times(bytes))), NEAREST);
        wanted += by_floats.len() as u64;
        kept += by_floats.iter().filter(|(other, _)| by_bytes.iter().any(|(found, _)| found == other)).count() as u64;
    }
    (wanted, kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_search_in_so_many_is_made_again_and_what_differs_is_told() {
        let mut checks = Checks::default();
        assert_eq!((0..130).filter(|_| checks.is_due("notes").is_some()).count(), 3);
        checks.note("notes", true);
        checks.note("notes", false);
        checks.note_bytes("notes", (160, 152));
        checks.note_bytes("others", (0, 0));
        let told = checks.told();
        assert_eq!((told[0].compared, told[0].differed, told[0].kept), (2, 1, Some(0.95)));
        assert_eq!((&*told[1].memory, told[1].compared, told[1].kept), ("others", 0, None));
    }

    #[test]
    fn bytes_lose_little_of_what_floats_find_and_a_handful_says_nothing() {
        let mut state = 3_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let vectors: Vec<Vec<f32>> = (0..200).map(|_| (0..256).map(|_| next()).collect()).collect();
        let (wanted, kept) = compare_bytes(&vectors);
        assert_eq!(wanted, 160);
        assert!((140..=160).contains(&kept), "{kept}");
        assert_eq!(compare_bytes(&vectors[..20]), (0, 0));
    }
}
