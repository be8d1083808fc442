//! How good a classifier is on rows it has not learnt from. Only counts: it trains nothing and chooses nothing by held-out rows.

mod display;
mod picture;

use crate::linear::Prediction;
use crate::vectorizer::number;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use tradewind_lang::money::Money;

/// Bins of the calibration error.
const BINS: usize = 10;
/// Fewer confident rows than this show no precision.
const FEWEST_CONFIDENT: usize = 20;

/// One row and what was said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Place of the label that is right.
    pub truth: usize,
    /// What the classifier believes.
    pub prediction: Prediction,
}

/// What a baseline reaches on the held-out rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// What it is, for people.
    pub name: String,
    /// Share of right answers.
    pub accuracy: f64,
    /// Mean over the labels of the harmonic mean of precision and recall.
    pub macro_f1: f64,
}

/// Figures of baselines that were run once, outside: `baselines.json` beside the rows.
#[derive(Debug, Deserialize)]
pub(crate) struct RecordedBaselines {
    /// BLAKE3 of the held-out file that they were run on.
    heldout: String,
    #[serde(flatten)]
    by_label: BTreeMap<String, Vec<Baseline>>,
}

impl RecordedBaselines {
    /// The figures for a label, if they are of exactly these held-out bytes: others would compare two different things.
    pub(crate) fn of(mut self, label: &str, heldout: &[u8]) -> Vec<Baseline> {
        let same = blake3::hash(heldout).to_hex().as_str() == self.heldout;
        if same { self.by_label.remove(label).unwrap_or_default() } else { Vec::new() }
    }
}

/// How one label fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelMeasures {
    /// The label.
    pub label: String,
    /// Of the rows said to have it, the share that has it.
    pub precision: f64,
    /// Of the rows that have it, the share found.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

/// Precision of the answers that are confident enough, and how many those are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coverage {
    /// Answers at least this confident count.
    pub min_confidence: f64,
    /// How many rows that is.
    pub rows: usize,
    /// Which share of all rows that is.
    pub share: f64,
    /// The share of right answers among them.
    pub precision: f64,
}

/// What asking cost, and who answered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answered {
    /// How often each model, or what stood for one, gave the label.
    pub by: BTreeMap<String, usize>,
    /// Why there was no label, and how often.
    pub silent: BTreeMap<String, usize>,
    /// What all rows cost together; none where they were free.
    pub cost: Option<Money>,
    /// How long each answer took.
    pub took: Vec<Duration>,
}

/// The same in figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// How often each model, or what stood for one, gave the label.
    pub by: BTreeMap<String, usize>,
    /// Rows without a label, which count as wrong.
    pub silent: usize,
    /// Why, and how often.
    pub reasons: BTreeMap<String, usize>,
    /// What all rows cost together; none where they were free.
    pub cost: Option<String>,
    /// Milliseconds within which half of the answers came, and 95 of a hundred.
    pub milliseconds: (u64, u64),
}

/// A whole evaluation. All figures are of the held-out rows, but for `chosen`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// The model.
    pub model: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Held-out rows.
    pub rows: usize,
    /// Share of right answers.
    pub accuracy: f64,
    /// Mean of the labels' F1.
    pub macro_f1: f64,
    /// Expected calibration error over ten bins of equal width.
    pub calibration_error: f64,
    /// Each label.
    pub by_label: Vec<LabelMeasures>,
    /// Rows by right label (outer) and answered label (inner).
    pub confusion: Vec<Vec<usize>>,
    /// What simpler means reach.
    pub baselines: Vec<Baseline>,
    /// Precision against coverage.
    pub sweep: Vec<Coverage>,
    /// The precision asked for.
    pub wanted_precision: f64,
    /// The smallest confidence at which the threshold rows reach it, in hundredths; `None` where none does.
    pub chosen: Option<Coverage>,
    /// What that confidence gives on the held-out rows.
    pub at_chosen: Option<Coverage>,
    /// What asking cost, where it was asked over a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// Judges what was asked over a network by its rows. No confidence is chosen by them: they are the ones that it is judged by.
///
/// # Errors
/// There are no rows, or the precision is none.
pub fn evaluate_asked(
    name: &str,
    labels: &[String],
    rows: &[Judged],
    answered: Answered,
    wanted_precision: f64,
) -> Result<Evaluation, String> {
    let found = evaluate(name, labels, most_frequent(rows), rows, rows, wanted_precision)?;
    let mut took = answered.took;
    took.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let within = |share: f64| took.get((number(took.len()) * share) as usize).or(took.last()).map_or(0, Duration::as_millis);
    let milliseconds = |share: f64| u64::try_from(within(share)).unwrap_or(u64::MAX);
    let asked = Asked {
        by: answered.by,
        silent: answered.silent.values().sum(),
        reasons: answered.silent,
        cost: answered.cost.map(|cost| cost.to_string()),
        milliseconds: (milliseconds(0.5), milliseconds(0.95)),
    };
    Ok(Evaluation { chosen: None, at_chosen: None, asked: Some(asked), ..found })
}

/// The most frequent label of the rows; the first of equals.
fn most_frequent(rows: &[Judged]) -> usize {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.truth).or_default() += 1);
    counts.iter().max_by_key(|(label, count)| (**count, std::cmp::Reverse(**label))).map_or(0, |(label, _)| *label)
}

/// Judges by held-out rows; the confidence needed for the wanted precision is chosen by the threshold rows alone.
/// `majority` is the place of the most frequent label among the rows that were learnt from.
pub fn evaluate(
    model: &str,
    labels: &[String],
    majority: usize,
    threshold: &[Judged],
    heldout: &[Judged],
    wanted_precision: f64,
) -> Result<Evaluation, String> {
    if threshold.is_empty() || heldout.is_empty() {
        return Err(format!("model `{model}`: an evaluation needs threshold rows and held-out rows"));
    }
    if !(0.0..=1.0).contains(&wanted_precision) {
        return Err(format!("a precision lies between 0 and 1, not {wanted_precision}"));
    }
    let pairs: Vec<(usize, usize)> = heldout.iter().map(|row| (row.truth, row.prediction.label)).collect();
    let confusion = confusion(labels.len(), &pairs);
    let by_label = by_label(labels, &confusion);
    let always: Vec<(usize, usize)> = heldout.iter().map(|row| (row.truth, majority)).collect();
    let name = format!("always `{}`", labels.get(majority).map_or("", String::as_str));
    let by_majority = self::by_label(labels, &self::confusion(labels.len(), &always));
    let baselines = vec![Baseline { name, accuracy: accuracy(&always), macro_f1: macro_f1(&by_majority) }];
    let chosen = (0..100_u32).map(|step| coverage(threshold, f64::from(step) / 100.0));
    let chosen = chosen.into_iter().find(|found| found.rows >= FEWEST_CONFIDENT && found.precision >= wanted_precision);
    Ok(Evaluation {
        model: model.to_owned(),
        labels: labels.to_vec(),
        rows: heldout.len(),
        accuracy: accuracy(&pairs),
        macro_f1: macro_f1(&by_label),
        calibration_error: calibration_error(heldout),
        by_label,
        confusion,
        baselines,
        sweep: (0..=11_u32)
            .map(|step| if step == 0 { 0.0 } else { 0.4 + f64::from(step) * 0.05 })
            .map(|at| coverage(heldout, at))
            .collect(),
        wanted_precision,
        chosen,
        at_chosen: chosen.map(|chosen| coverage(heldout, chosen.min_confidence)),
        asked: None,
    })
}

fn accuracy(pairs: &[(usize, usize)]) -> f64 {
    number(pairs.iter().filter(|(truth, said)| truth == said).count()) / number(pairs.len())
}

fn confusion(labels: usize, pairs: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let count = |truth, said| pairs.iter().filter(|pair| **pair == (truth, said)).count();
    (0..labels).map(|truth| (0..labels).map(|said| count(truth, said)).collect()).collect()
}

fn by_label(labels: &[String], confusion: &[Vec<usize>]) -> Vec<LabelMeasures> {
    let at = |truth: usize, said: usize| confusion.get(truth).and_then(|row| row.get(said)).copied().unwrap_or_default();
    let share = |part: usize, whole: usize| if whole == 0 { 0.0 } else { number(part) / number(whole) };
    let measures = |(place, label): (usize, &String)| {
        let right = at(place, place);
        let said: usize = (0..labels.len()).map(|truth| at(truth, place)).sum();
        let have: usize = (0..labels.len()).map(|said| at(place, said)).sum();
        LabelMeasures { label: label.clone(), precision: share(right, said), recall: share(right, have), f1: share(2 * right, said + have) }
    };
    labels.iter().enumerate().map(measures).collect()
}

fn macro_f1(by_label: &[LabelMeasures]) -> f64 {
    by_label.iter().map(|measures| measures.f1).sum::<f64>() / number(by_label.len())
}

/// The mean distance between confidence and share of right answers, weighted by the rows in each bin.
fn calibration_error(rows: &[Judged]) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for row in rows {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a probability times ten")]
        let bin = (row.prediction.confidence * number(BINS)) as usize;
        if let Some((confidence, right)) = bins.get_mut(bin.min(BINS - 1)) {
            *confidence += row.prediction.confidence;
            *right += if row.prediction.label == row.truth { 1.0 } else { 0.0 };
        }
    }
    bins.iter().map(|(confidence, right): &(f64, f64)| (confidence - right).abs()).sum::<f64>() / number(rows.len())
}

fn coverage(rows: &[Judged], min_confidence: f64) -> Coverage {
    let confident: Vec<&Judged> = rows.iter().filter(|row| row.prediction.confidence >= min_confidence).collect();
    let right = confident.iter().filter(|row| row.prediction.label == row.truth).count();
    let precision = if confident.is_empty() { 0.0 } else { number(right) / number(confident.len()) };
    Coverage { min_confidence, rows: confident.len(), share: number(confident.len()) / number(rows.len()), precision }
}

#[cfg(test)]
mod tests;
