//! The `anomaly` gate: whether a number is usual, by the median and the median absolute deviation of rows, those of the same hour or
//! weekday where it has a season. Its confidence is a half at the threshold and grows with the distance from it; it is no frequency.
//! It refuses a part of a season of which it has seen too little.

use crate::asked::Asked;
use crate::linear::Prediction;
use crate::vectorizer::number;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tradewind_engine::robust::{Usual, part};
use tradewind_lang::plan::{FEWEST, INSTANT, Season, Seasonal};

/// What is usual for a number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Anomaly {
    name: String,
    labels: Vec<String>,
    threshold: f64,
    season: Option<Seasonal>,
    /// By the part of the season; without one, everything is part 0.
    usual: BTreeMap<u8, Usual>,
}

impl Anomaly {
    /// Learns what is usual.
    pub(crate) fn learn(text: &str, name: &str, season: Option<&Seasonal>, threshold: f64, labels: &[String]) -> Result<Self, String> {
        let mut parts: BTreeMap<u8, Vec<f64>> = BTreeMap::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |problem: &str| format!("line {}: {problem}", at + 1);
            let row: serde_json::Value = serde_json::from_str(line).map_err(|problem| wrong(&format!("not JSON: {problem}")))?;
            let value = row.get(name).and_then(serde_json::Value::as_f64).filter(|value| value.is_finite());
            let value = value.ok_or_else(|| wrong(&format!("no number `{name}`")))?;
            let part = match season {
                Some(season) => {
                    let instant = row.get(INSTANT).and_then(serde_json::Value::as_str).and_then(tradewind_lang::literal::timestamp);
                    instant.and_then(|at| part(season, at)).ok_or_else(|| wrong(&format!("no instant `{INSTANT}`")))?
                }
                None => 0,
            };
            parts.entry(part).or_default().push(value);
        }
        let usual: BTreeMap<u8, Usual> = parts.into_iter().filter_map(|(part, numbers)| Some((part, Usual::of(&numbers)?))).collect();
        if usual.is_empty() {
            return Err(format!("too few rows to say what is usual: {FEWEST} of one kind are needed"));
        }
        Ok(Self { name: name.to_owned(), labels: labels.to_vec(), threshold, season: season.cloned(), usual })
    }

    /// What it believes of a number.
    pub(crate) fn predict(&self, asked: &Asked<'_>) -> Result<Prediction, String> {
        let value = *asked.numbers.first().ok_or_else(|| format!("it is not told its number `{}`", self.name))?;
        let part = match &self.season {
            Some(season) => asked.at.and_then(|at| part(season, at)).ok_or_else(|| format!("it is not told its instant `{INSTANT}`"))?,
            None => 0,
        };
        let usual = self.usual.get(&part).ok_or_else(|| {
            format!(
                "too few rows of {} to say what is usual: {FEWEST} are needed",
                self.season.as_ref().map_or_else(String::new, |season| called(season, part))
            )
        })?;
        let distance = usual.distance(value);
        // Few rows are never sure: of n values drawn from one source, the next is the furthest once in n + 1.
        let most = number(usual.many()) / number(usual.many() + 1);
        let (far, near) = (distance * distance, self.threshold * self.threshold);
        let odd = (far / (far + near)).clamp(1.0 - most, most);
        let other = if distance < 0.0 { "low" } else { "high" };
        let share = |label: &String| match label.as_str() {
            "usual" => 1.0 - odd,
            "unusual" => odd,
            label if label == other => odd,
            _ => 0.0,
        };
        Ok(Prediction::of(self.labels.iter().map(share).collect()))
    }

    /// What it learned, for people.
    pub(crate) fn says(&self) -> String {
        let mut said = format!("`{}` is usual within {} robust standard deviations of its median:", self.name, self.threshold);
        for (part, usual) in &self.usual {
            let of = self.season.as_ref().map_or_else(|| "all".to_owned(), |season| called(season, *part));
            let (median, deviation, many) = (usual.median(), usual.deviation(), usual.many());
            let reach = deviation * self.threshold;
            // Writing to a text does not fail.
            let _ = write!(said, "\n  {of}: {median:.3} ± {reach:.3} ({many} rows, deviation {deviation:.3})");
        }
        said
    }
}

/// A part of a season, for people.
fn called(season: &Seasonal, part: u8) -> String {
    const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    match season.season {
        Season::Hour => format!("{part:02}:00"),
        Season::Weekday => DAYS.get(usize::from(part)).map_or_else(|| part.to_string(), |day| (*day).to_owned()),
    }
}
