//! From a text, and what stands beside it, to numbers that need no training: embeddings, hashed words and characters, cues. It knows no labels.

use crate::embedding::Embedder;
use std::collections::BTreeMap;

/// Hashed features lie below this; the upper half is for characters.
pub(crate) const BUCKETS: u32 = 1 << 20;
/// Number of cues.
pub(crate) const CUES: usize = 8;
/// A word this many places behind a negator is still negated, unless punctuation or "but" comes between.
const NEGATION_REACH: usize = 4;
const NEGATORS: [&str; 14] =
    ["not", "no", "never", "cannot", "cant", "dont", "wont", "without", "nothing", "nor", "neither", "hardly", "none", "nobody"];

/// What a text looks like before it is weighed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextFeatures {
    /// The mean embedding of the whole text.
    pub(crate) mean: Vec<f64>,
    /// The mean embedding of the negated words.
    pub(crate) negated: Vec<f64>,
    /// Punctuation, length, figures.
    pub(crate) cues: [f64; CUES],
    /// Bucket to number of occurrences.
    pub(crate) hashed: BTreeMap<u32, f64>,
    /// The numbers beside the text, as they were given.
    pub(crate) numbers: Vec<f64>,
    /// Whether there was neither a word nor a number.
    pub(crate) empty: bool,
}

/// A word and how it stands in its sentence.
struct Word {
    text: String,
    negated: bool,
}

impl TextFeatures {
    /// Reads a text, and the numbers beside it.
    pub(crate) fn of(text: &str, numbers: &[f64], embedder: &Embedder) -> Self {
        let lower = text.to_lowercase();
        let words = words(&lower);
        let negated: Vec<&str> = words.iter().filter(|word| word.negated).map(|word| word.text.as_str()).collect();
        let negated = negated.join(" ");
        Self {
            mean: embedder.embed(&lower),
            negated: embedder.embed(&negated),
            cues: cues(&lower, words.len()),
            hashed: hashed(&words),
            numbers: numbers.to_vec(),
            empty: words.is_empty() && numbers.is_empty(),
        }
    }
}

fn words(lower: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut reach = 0_usize;
    let mut current = String::new();
    for character in lower.chars().chain([' ']) {
        if character.is_alphanumeric() || character == '\'' {
            current.push(character);
            continue;
        }
        let word = std::mem::take(&mut current).trim_matches('\'').to_owned();
        if !word.is_empty() {
            let negator = NEGATORS.contains(&word.as_str()) || word.ends_with("n't");
            if word == "but" {
                reach = 0;
            }
            words.push(Word { negated: reach > 0 && !negator, text: word });
            reach = if negator { NEGATION_REACH } else { reach.saturating_sub(1) };
        }
        if matches!(character, '.' | ',' | ';' | ':' | '!' | '?' | '(' | ')') {
            reach = 0;
        }
    }
    words
}

fn cues(lower: &str, words: usize) -> [f64; CUES] {
    let has = |wanted: bool| f64::from(u8::from(wanted));
    [
        has(lower.contains('!')),
        has(lower.contains('?')),
        has(lower.contains("...")),
        has(lower.chars().any(|character| character.is_ascii_digit())),
        has(lower.contains('$')),
        has(lower.contains(" but ") || lower.contains("however") || lower.contains("although")),
        has(words <= 4),
        has(words >= 25),
    ]
}

fn hashed(words: &[Word]) -> BTreeMap<u32, f64> {
    let mut counts = BTreeMap::new();
    let mut count = |bucket: u32| *counts.entry(bucket).or_insert(0.0) += 1.0;
    let mut before = "^";
    for word in words {
        count(bucket("word", &[&word.text], false));
        count(bucket("pair", &[before, &word.text], false));
        if word.negated {
            count(bucket("negated", &[&word.text], false));
        }
        let padded: Vec<char> = format!("^{}$", word.text).chars().collect();
        for length in 3..=5 {
            for part in padded.windows(length) {
                count(bucket("part", &[&part.iter().collect::<String>()], true));
            }
        }
        before = &word.text;
    }
    if !words.is_empty() {
        count(bucket("pair", &[before, "$"], false));
    }
    counts
}

/// FNV-1a over the parts, then mixed, so that the upper bits that are kept depend on every byte.
fn bucket(kind: &str, parts: &[&str], characters: bool) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in std::iter::once(&kind).chain(parts) {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let half = u64::from(BUCKETS / 2);
    let bucket = ((hash >> 32) % half) as u32;
    if characters { bucket + BUCKETS / 2 } else { bucket }
}
