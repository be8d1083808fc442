//! Words of a text, and how well texts fit a query by their words (BM25: Robertson and Zaragoza, "The Probabilistic Relevance Framework",
//! 2009). No stemming and no stop words: a number, a name and a size are words like any other.

use crate::vector::nearest;
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
        let scores = self.scores(query, among);
        scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0).collect()
    }

    /// The best of them, best first.
    pub(crate) fn best(&self, query: &str, among: &[bool], most: usize) -> Vec<(usize, f32)> {
        let scores = self.scores(query, among);
        nearest(scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0), most)
    }

    /// How well each place fits; nothing where it is not among those that may be found, or holds no word of the query.
    fn scores(&self, query: &str, among: &[bool]) -> Vec<f32> {
        let (mut many, mut sum) = (0_u32, 0_u64);
        for (length, _) in self.lengths.iter().zip(among).filter(|(_, among)| **among) {
            many += 1;
            sum += u64::from(*length);
        }
        if many == 0 || sum == 0 {
            return Vec::new();
        }
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a count of words, and scores that are compared")]
        let (floor, slope) = ((SATURATION * (1.0 - LENGTH)) as f32, (SATURATION * LENGTH * f64::from(many) / sum as f64) as f32);
        #[expect(clippy::cast_possible_truncation, reason = "a constant")]
        let most = (SATURATION + 1.0) as f32;
        // What a word that stands once in a text is worth there: most do, and a division for each would be most of the work. What may
        // not be found is worth nothing.
        #[expect(clippy::cast_precision_loss, reason = "a count of words")]
        let against = |length: u32| floor + slope * length as f32;
        let worth = |(length, among): (&u32, &bool)| if *among { most / (1.0 + against(*length)) } else { 0.0 };
        let once: Vec<f32> = self.lengths.iter().zip(among).map(worth).collect();
        let mut wanted = words_of(query);
        wanted.sort_unstable();
        wanted.dedup();
        let is_all = many as usize == self.lengths.len();
        // By place: a frequent word is in so many texts that a map of them would cost more than all else.
        let mut scores = vec![0.0_f32; self.lengths.len()];
        for word in wanted {
            let Some(texts) = self.postings.get(&word) else { continue };
            let is_among = |place: &u32| among.get(*place as usize).copied().unwrap_or(false);
            let holding = if is_all { texts.len() } else { texts.iter().filter(|(place, _)| is_among(place)).count() };
            let holding = f64::from(u32::try_from(holding).unwrap_or(u32::MAX));
            #[expect(clippy::cast_possible_truncation, reason = "only compared")]
            let weight = (1.0 + (f64::from(many) - holding + 0.5) / (holding + 0.5)).ln() as f32;
            for (place, count) in texts {
                let place = *place as usize;
                let (Some(score), Some(once)) = (scores.get_mut(place), once.get(place)) else { continue };
                if *count == 1 {
                    *score += weight * once;
                } else if *once > 0.0 {
                    let length = self.lengths.get(place).copied().unwrap_or_default();
                    #[expect(clippy::cast_precision_loss, reason = "a count of words")]
                    let count = *count as f32;
                    *score += weight * count * most / (count + against(length));
                }
            }
        }
        scores
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
