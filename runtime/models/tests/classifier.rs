//! What someone who configures a `linear` model notices: the same bytes again, a damaged file made anew, and clear refusals.
//!
//! The sentences are invented and simple on purpose; real ones are judged by `tradewind models eval`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tradewind_engine::ports::{Classification, Models};
use tradewind_lang::money::Money;
use tradewind_lang::plan::Model;
use tradewind_models::{LabelledRow, Linear, LocalModels, Settings};

const BAD: [&str; 4] = ["the screen is broken and i want my money back", "it stopped working", "terrible battery", "not good, i hate it"];
const GOOD: [&str; 4] = ["i love this phone", "great picture and easy to use", "works perfectly, excellent", "the best player i had"];

fn labels() -> Vec<String> {
    vec!["complaint".to_owned(), "praise".to_owned()]
}

fn model(rows: &str) -> Arc<Model> {
    let price = Money::parse("0 USD").unwrap();
    Arc::new(Model {
        name: "tone".into(),
        provider: "linear".into(),
        rows: rows.into(),
        label: "kind".into(),
        price,
        remote: None,
        gate: None,
    })
}

/// A repository folder with these rows.
fn repository(rows: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rows.jsonl"), rows).unwrap();
    folder
}

fn enough_rows() -> String {
    let mut rows = String::new();
    for author in 0..6 {
        for (kind, texts) in [("complaint", BAD), ("praise", GOOD)] {
            for text in texts {
                let row = serde_json::json!({"text": format!("{text} {author}"), "kind": kind, "group": format!("author {author}")});
                rows.push_str(&format!("{row}\n"));
            }
        }
    }
    rows
}

async fn ask(repository: &Path, model: Arc<Model>, labels: Vec<String>, text: &str) -> Result<Classification, String> {
    LocalModels::new(repository, repository.join("models")).classify(model, labels.into(), text.into()).await
}

fn artifacts(repository: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(repository.join("models")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn it_learns_and_says_which_artifact_answered() {
    let folder = repository(&enough_rows());
    let bad = ask(folder.path(), model("rows.jsonl"), labels(), "the battery is broken").await.unwrap();
    let good = ask(folder.path(), model("rows.jsonl"), labels(), "excellent, i love it").await.unwrap();
    assert_eq!((bad.label.as_str(), good.label.as_str()), ("complaint", "praise"));
    assert!(bad.confidence > 0.5 && bad.confidence <= 1.0);
    let stored = artifacts(folder.path());
    assert_eq!(stored.len(), 1, "{stored:?}");
    assert_eq!(stored[0].file_name().unwrap().to_str().unwrap(), format!("{}.model", bad.artifact));
}

#[tokio::test]
async fn training_twice_gives_the_same_bytes_and_other_rows_another_artifact() {
    let (first, second) = (repository(&enough_rows()), repository(&enough_rows()));
    for folder in [&first, &second] {
        ask(folder.path(), model("rows.jsonl"), labels(), "fine").await.unwrap();
    }
    let (one, two) = (artifacts(first.path()), artifacts(second.path()));
    assert_eq!(one[0].file_name(), two[0].file_name());
    assert!(std::fs::read(&one[0]).unwrap() == std::fs::read(&two[0]).unwrap());
    std::fs::write(first.path().join("rows.jsonl"), enough_rows().replace("hate", "loathe")).unwrap();
    ask(first.path(), model("rows.jsonl"), labels(), "fine").await.unwrap();
    assert_eq!(artifacts(first.path()).len(), 2);
}

#[tokio::test]
async fn a_damaged_artifact_is_trained_anew() {
    let folder = repository(&enough_rows());
    let before = ask(folder.path(), model("rows.jsonl"), labels(), "it broke").await.unwrap();
    let path = artifacts(folder.path()).remove(0);
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for damaged in [flipped, whole[..whole.len() / 3].to_vec(), Vec::new()] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(ask(folder.path(), model("rows.jsonl"), labels(), "it broke").await.unwrap(), before);
        assert!(std::fs::read(&path).unwrap() == whole);
    }
    assert_eq!(artifacts(folder.path()).len(), 1, "a part was left behind");
}

#[tokio::test]
async fn a_stored_artifact_is_used_without_training() {
    let folder = repository(&enough_rows());
    ask(folder.path(), model("rows.jsonl"), labels(), "it broke").await.unwrap();
    let path = artifacts(folder.path()).remove(0);
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    ask(folder.path(), model("rows.jsonl"), labels(), "it broke").await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().modified().unwrap(), before);
}

#[test]
fn probabilities_sum_to_one_and_no_word_means_no_opinion() {
    let row = |truth: usize, text: &str, author: usize| LabelledRow {
        text: text.to_owned(),
        truth,
        group: author.to_string(),
        numbers: Vec::new(),
        at: None,
    };
    let rows: Vec<LabelledRow> = (0..6)
        .flat_map(|author| BAD.iter().map(move |text| row(0, text, author)).chain(GOOD.iter().map(move |text| row(1, text, author))))
        .collect();
    let trained = Linear::train(&rows, &labels(), &Settings::default()).unwrap();
    let long = "money ".repeat(5_000);
    for text in ["i love it", "", "  ...!?", "ßøü 漢字 \u{0}", &long] {
        let found = trained.predict(text, &[]).unwrap();
        assert!((found.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{text}: {found:?}");
        assert_eq!(found.confidence, found.probabilities[found.label]);
    }
    assert_eq!(trained.predict(" ?! ", &[]).unwrap().confidence, 0.5);
}

#[tokio::test]
async fn what_cannot_be_learnt_is_said_with_line_and_reason() {
    let rows = enough_rows();
    let wrong = |line: &str| format!("{rows}{line}\n");
    let cases = [
        (wrong("{\"text\": "), "line 49: not JSON"),
        (wrong("[]"), "line 49: not an object"),
        (wrong("{\"text\": \"x\", \"kind\": \"spam\"}"), "line 49: `spam` is not one of the labels `complaint`, `praise`"),
        (wrong("{\"kind\": \"praise\"}"), "line 49: no `text`"),
        (wrong("{\"text\": \"x\", \"kind\": 3}"), "line 49: the label `kind` is not a text"),
        (rows.lines().filter(|line| line.contains("complaint")).collect::<Vec<_>>().join("\n"), "too few rows: 0 with the label `praise`"),
    ];
    for (rows, wanted) in cases {
        let folder = repository(&rows);
        let problem = ask(folder.path(), model("rows.jsonl"), labels(), "x").await.unwrap_err();
        assert!(problem.contains("model `tone`") && problem.contains(wanted), "{problem}");
    }
}

#[tokio::test]
async fn a_missing_file_and_an_unknown_provider_are_named() {
    let folder = repository("");
    let problem = ask(folder.path(), model("absent.jsonl"), labels(), "x").await.unwrap_err();
    assert!(problem.contains("absent.jsonl` cannot be read"), "{problem}");
    let unknown = Arc::new(Model { provider: "oracle".into(), ..(*model("rows.jsonl")).clone() });
    let problem = ask(folder.path(), unknown, labels(), "x").await.unwrap_err();
    assert!(problem.contains("`oracle` is not a provider"), "{problem}");
}

#[tokio::test]
async fn an_evaluation_reports_recorded_baselines_only_for_the_same_rows() {
    let folder = repository(&enough_rows());
    std::fs::write(folder.path().join("threshold.jsonl"), enough_rows()).unwrap();
    std::fs::write(folder.path().join("heldout.jsonl"), enough_rows()).unwrap();
    let record = |digest: &str| {
        let figures = serde_json::json!({"heldout": digest, "kind": [{"name": "word list", "accuracy": 0.6, "macro_f1": 0.5}]});
        std::fs::write(folder.path().join("baselines.json"), figures.to_string()).unwrap();
    };
    let models = LocalModels::new(folder.path(), folder.path().join("models"));
    record(blake3::hash(enough_rows().as_bytes()).to_hex().as_str());
    let found = models.evaluate(&model("rows.jsonl"), &labels(), 0.9).await.unwrap();
    assert_eq!(found.baselines.len(), 2);
    assert!(found.to_string().contains("word list"), "{found}");
    record("of other rows");
    assert_eq!(models.evaluate(&model("rows.jsonl"), &labels(), 0.9).await.unwrap().baselines.len(), 1);
}
