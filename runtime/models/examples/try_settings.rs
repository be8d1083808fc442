//! `cargo run -p tradewind-models --example try_settings` prints how candidate settings fare in cross-validation by review on the
//! training rows of the shipped flow. Neither the threshold rows nor the held-out rows are read.

use std::path::Path;
use std::time::Instant;
use tradewind_models::{Judged, Settings, cross_fit, evaluate, read_rows};

fn main() -> Result<(), String> {
    let standard = Settings::default();
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (label, labels) in [("kind", &["complaint", "neutral", "praise"][..]), ("severity", &["mild", "severe"][..])] {
        if !label.contains(&wanted) {
            continue;
        }
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let rows = read_rows(Path::new("flows/returns-triage/data/training.jsonl"), label, &labels, &[])?;
        for (name, settings) in candidates(&standard) {
            let start = Instant::now();
            let judged: Vec<Judged> =
                cross_fit(&rows, &labels, &settings)?.into_iter().map(|(truth, prediction)| Judged { truth, prediction }).collect();
            let found = evaluate(label, &labels, 0, &judged, &judged, 0.9)?;
            let surprise = |row: &Judged| -row.prediction.probabilities.get(row.truth).copied().unwrap_or_default().ln();
            let loss = judged.iter().map(surprise).sum::<f64>() / f64::from(u32::try_from(judged.len()).unwrap_or(u32::MAX));
            println!(
                "{label:8} {name:14} accuracy {:.4} macro-F1 {:.4} log loss {loss:.4} ece {:.3} covered at .9 {:.3} ({:.1?})",
                found.accuracy,
                found.macro_f1,
                found.calibration_error,
                found.chosen.map_or(0.0, |chosen| chosen.share),
                start.elapsed()
            );
        }
    }
    Ok(())
}

fn candidates(standard: &Settings) -> Vec<(String, Settings)> {
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = standard.clone();
        change(&mut settings);
        settings
    };
    vec![
        ("standard".into(), with(&|_| ())),
        ("ridge 1".into(), with(&|settings| settings.ridge = 1.0)),
        ("ridge 4".into(), with(&|settings| settings.ridge = 4.0)),
        ("no embedding".into(), with(&|settings| settings.embedding = 0.0)),
        ("embedding 3".into(), with(&|settings| settings.embedding = 3.0)),
        ("no negated".into(), with(&|settings| settings.negated = 0.0)),
        ("negated 2".into(), with(&|settings| settings.negated = 2.0)),
        ("no words".into(), with(&|settings| settings.words = 0.0)),
        ("words 3".into(), with(&|settings| settings.words = 3.0)),
        ("no characters".into(), with(&|settings| settings.characters = 0.0)),
        ("characters 3".into(), with(&|settings| settings.characters = 3.0)),
        ("no cues".into(), with(&|settings| settings.cues = 0.0)),
        ("occurrences 1".into(), with(&|settings| settings.occurrences = 1)),
        ("occurrences 3".into(), with(&|settings| settings.occurrences = 3)),
    ]
}
