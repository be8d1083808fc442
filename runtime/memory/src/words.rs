//! Words of a text, and how well texts fit a query by their words (BM25: Robertson and Zaragoza, "The Probabilistic Relevance Framework",
//! 2009). No stemming and no stop words: a number, a name and a size are words like any other.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How soon a word that comes again stops to count.
const SATURATION: f64 = 1.2;
/// How much a long text is held against it.
const LENGTH: f64 = 0.75;

/// A word, as a number of 64 bits.
pub(crate) type Word = u64;

/// The words of a text.
#[must_use]
pub(crate) fn words_of(text: &str) -> Vec<Word> {
    let split = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    split.map(|word| word_of(&word.to_lowercase())).collect()
}

fn word_of(word: &str) -> Word {
    // Its keys are fixed, so that the same word is the same number everywhere.
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    hasher.finish()
}

/// Which texts hold a word, and how often.
#[derive(Debug, Default)]
pub struct Words {
    postings: HashMap<Word, Vec<(u32, u32)>>,
    lengths: Vec<u32>,
}

impl Words {
    /// Adds the text of the next place.
    pub fn push(&mut self, text: &str) {
        let place = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        let words = words_of(text);
        self.lengths.push(u32::try_from(words.len()).unwrap_or(u32::MAX));
        let mut counts: HashMap<Word, u32> = HashMap::with_capacity(words.len());
        words.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
        for (word, count) in counts {
            self.postings.entry(word).or_default().push((place, count));
        }
    }

    /// Gives texts other places; those without one are dropped.
    pub(crate) fn move_to(&mut self, places: &[Option<u32>], many: usize) {
        let mut lengths = vec![0; many];
        for (length, to) in self.lengths.iter().zip(places) {
            if let Some(to) = to.and_then(|to| lengths.get_mut(to as usize)) {
                *to = *length;
            }
        }
        self.lengths = lengths;
        self.postings.retain(|_, texts| {
            texts.retain_mut(|(place, _)| {
                let to = places.get(*place as usize).copied().flatten();
                *place = to.unwrap_or(*place);
                to.is_some()
            });
            !texts.is_empty()
        });
    }

    /// How well each of some texts fits a query: only those that hold one of its words, and by what those texts say, whatever else is
    /// known. `among` says of each place whether it is one of them.
    #[must_use]
    pub fn fit(&self, query: &str, among: &[bool]) -> Vec<(usize, f32)> {
        let is_among = |place: usize| among.get(place).copied().unwrap_or(false);
        let lengths = self.lengths.iter().enumerate().filter(|(place, _)| is_among(*place));
        let (mut many, mut sum) = (0_u32, 0_u64);
        for (_, length) in lengths {
            many += 1;
            sum += u64::from(*length);
        }
        if many == 0 || sum == 0 {
            return Vec::new();
        }
        #[expect(clippy::cast_precision_loss, reason = "a count of words")]
        let mean = sum as f64 / f64::from(many);
        let mut wanted = words_of(query);
        wanted.sort_unstable();
        wanted.dedup();
        // By place: a frequent word is in so many texts that a map of them would cost more than all else.
        let mut scores = vec![0.0_f64; self.lengths.len()];
        for word in wanted {
            let Some(texts) = self.postings.get(&word) else { continue };
            let texts = || texts.iter().map(|(place, count)| (*place as usize, *count)).filter(|(place, _)| is_among(*place));
            let holding = f64::from(u32::try_from(texts().count()).unwrap_or(u32::MAX));
            let weight = (1.0 + (f64::from(many) - holding + 0.5) / (holding + 0.5)).ln();
            for (place, count) in texts() {
                let (Some(length), Some(score)) = (self.lengths.get(place), scores.get_mut(place)) else { continue };
                let count = f64::from(count);
                let damped = count * (SATURATION + 1.0) / (count + SATURATION * (1.0 - LENGTH + LENGTH * f64::from(*length) / mean));
                *score += weight * damped;
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "only compared")]
        let found = scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0).map(|(place, score)| (place, score as f32)).collect();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(texts: &[&str]) -> Words {
        let mut words = Words::default();
        texts.iter().for_each(|text| words.push(text));
        words
    }

    fn order(words: &Words, query: &str, among: &[bool]) -> Vec<usize> {
        crate::nearest(words.fit(query, among).into_iter(), 10).into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn rare_words_weigh_more_and_long_texts_less() {
        let words = index(&["the red shoe", "the blue shoe", "the red hat and the shoe and the belt and the bag", "Schuhgröße 42,5"]);
        let all = [true; 4];
        assert_eq!(order(&words, "blue shoe", &all), [1, 0, 2]);
        assert_eq!(order(&words, "RED", &all), [0, 2]);
        assert_eq!(order(&words, "schuhgröße 42", &all), [3]);
        assert_eq!(order(&words, "nothing of it", &[true, true, false, true]), [0_usize; 0]);
    }

    /// Whoever looks among the facts of one subject learns nothing of how often a word stands in those of others.
    #[test]
    fn what_may_not_be_found_weighs_nothing() {
        let few = index(&["late parcel", "broken lamp"]);
        let many = index(&["late parcel", "broken lamp", "late late late", "late again", "lamp"]);
        let among = [true, true, false, false, false];
        assert_eq!(few.fit("late lamp", &[true, true]).len(), 2);
        let sorted = |mut found: Vec<(usize, f32)>| {
            found.sort_by_key(|(place, _)| *place);
            found
        };
        assert_eq!(sorted(few.fit("late lamp", &[true, true])), sorted(many.fit("late lamp", &among)));
    }

    #[test]
    fn texts_that_are_gone_are_in_no_posting() {
        let mut words = index(&["canary one", "two", "canary three"]);
        words.move_to(&[None, Some(1), Some(0)], 2);
        assert_eq!(order(&words, "canary", &[true, true]), [0]);
        assert_eq!(order(&words, "two", &[true, true]), [1]);
        assert!(words.postings.values().all(|texts| !texts.is_empty()));
        words.move_to(&[None, None], 0);
        assert!(words.postings.is_empty() && words.lengths.is_empty());
    }
}
