//! The shipped flow's thresholds: chosen by the stated rule on the threshold rows, and on the held-out rows they leave people less
//! than half of the messages while the rest is right about as often as the rule wants. Nothing is tuned here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tradewind_engine::ports::{Classification, Models};
use tradewind_lang::money::Money;
use tradewind_lang::plan::Model;
use tradewind_models::{LocalModels, read_rows};

const KINDS: [&str; 3] = ["complaint", "neutral", "praise"];
const SEVERITIES: [&str; 2] = ["mild", "severe"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn labels(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn model(label: &str) -> Model {
    let rows = "flows/returns-triage/data/training.jsonl".to_owned();
    Model {
        name: label.into(),
        provider: "linear".into(),
        rows,
        label: label.into(),
        price: Money::parse("0 USD").unwrap(),
        remote: None,
        gate: None,
    }
}

async fn ask(models: &LocalModels, label: &str, names: &[&str], text: &str) -> Classification {
    models.classify(Arc::new(model(label)), labels(names).into(), text.into()).await.unwrap()
}

/// The number that the root configuration gives a setting.
fn setting(name: &str) -> f64 {
    let text = std::fs::read_to_string(repository().join("tradewind.kdl")).unwrap();
    let line = text.lines().find(|line| line.contains(&format!("setting \"{name}\" double "))).unwrap().to_owned();
    line.split(" double ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_settings_are_what_the_rule_chooses_and_most_messages_need_no_person() {
    let folder = tempfile::tempdir().unwrap();
    let models = LocalModels::new(repository(), folder.path());
    for (label, names, name) in [("kind", &KINDS[..], "min_confidence"), ("severity", &SEVERITIES[..], "min_severity_confidence")] {
        let found = models.evaluate(&model(label), &labels(names), 0.8).await.unwrap();
        println!("{found}");
        assert!((found.chosen.unwrap().min_confidence - setting(name)).abs() < 1e-9, "{found}");
        assert!(found.baselines.len() == 2 && found.baselines.iter().all(|baseline| baseline.accuracy < found.accuracy), "{found}");
        assert!(found.calibration_error < 0.06, "{found}");
    }
    let (mut handled, mut right) = (0, 0);
    let heldout = read_rows(&repository().join("flows/returns-triage/data/heldout.jsonl"), "kind", &labels(&KINDS), &[]).unwrap();
    for row in &heldout {
        let kind = ask(&models, "kind", &KINDS, &row.text).await;
        let severity = ask(&models, "severity", &SEVERITIES, &row.text).await;
        let sure_of_severity = kind.label != "complaint" || severity.confidence >= setting("min_severity_confidence");
        if kind.confidence >= setting("min_confidence") && sure_of_severity {
            handled += 1;
            right += usize::from(kind.label == KINDS[row.truth]);
        }
    }
    println!("{handled} of {} messages without a person, {right} of these of the right kind", heldout.len());
    assert!(handled * 2 > heldout.len());
    assert!(right * 5 > handled * 4);
}
