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
        let rows = read_rows(Path::new("flows/returns-triage/data/training.jsonl"), label, &labels)?;
        for (name, settings) in candidates(&standard) {
            let start = Instant::now();
            let judged: Vec<Judged> =
                cross_fit(&rows, &labels, &settings)?.into_iter().map(|(truth, prediction)| Judged { truth, prediction }).collect();
            let found = evaluate(label, &labels, 0, &judged, &judged, 0.9)?;
            let loss: f64 = judged.iter().map(|row| -row.prediction.probabilities[row.truth].ln()).sum::<f64>() / judged.len() as f64;
            println!(
                "{label} {name:40} accuracy {:.4} macro-F1 {:.4} log loss {loss:.4} ece {:.3} covered at .9 {:.3} ({:.1?})",
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
        ("ridge 0.3".into(), with(&|s| s.ridge = 0.3)),
        ("ridge 3".into(), with(&|s| s.ridge = 3.0)),
        ("no embedding".into(), with(&|s| s.embedding = 0.0)),
        ("embedding 4".into(), with(&|s| s.embedding = 4.0)),
        ("no negated".into(), with(&|s| s.negated = 0.0)),
        ("negated 2".into(), with(&|s| s.negated = 2.0)),
        ("no words".into(), with(&|s| s.words = 0.0)),
        ("words 3".into(), with(&|s| s.words = 3.0)),
        ("no characters".into(), with(&|s| s.characters = 0.0)),
        ("characters 3".into(), with(&|s| s.characters = 3.0)),
        ("no cues".into(), with(&|s| s.cues = 0.0)),
        ("cues 1".into(), with(&|s| s.cues = 1.0)),
        ("occurrences 1".into(), with(&|s| s.occurrences = 1)),
        ("occurrences 3".into(), with(&|s| s.occurrences = 3)),
    ]
}
