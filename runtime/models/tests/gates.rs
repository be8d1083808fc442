//! Models of this process that read numbers, as somebody who configures them sees it: what they learn, what they answer, what they refuse.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::Path;
use std::sync::Arc;
use tradewind_engine::ports::{Classification, Models};
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Gate, Learns, Model, PRICE_STEP, Season, Seasonal};
use tradewind_models::{LocalModels, Settings, cross_fit, parse_rows};

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn model(provider: &str, asked: &[&str], learns: Learns) -> Arc<Model> {
    let gate = Some(Gate { asked: words(asked), learns });
    let price = Money::parse("0 USD").unwrap();
    let (rows, label) = ("rows.jsonl".to_owned(), "verdict".to_owned());
    Arc::new(Model { name: "gate".into(), provider: provider.into(), rows, label, price, remote: None, gate })
}

fn repository(rows: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rows.jsonl"), rows).unwrap();
    folder
}

async fn ask(repository: &Path, model: &Arc<Model>, labels: &[&str], said: &str) -> Result<Classification, String> {
    LocalModels::new(repository, repository.join("models")).classify(model.clone(), words(labels).into(), said.into()).await
}

/// Orders that were returned: late ones, and dear ones, were fraud; what was written says nothing.
fn orders() -> String {
    let row = |number: u32| {
        let (days, total) = (number * 7 % 60, number * 13 % 400);
        let verdict = if days * 5 + total > 300 { "fraud" } else { "fine" };
        format!("{{\"days\": {days}, \"total\": {total}.5, \"verdict\": \"{verdict}\", \"group\": \"{number}\"}}\n")
    };
    (0..240).map(row).collect()
}

#[tokio::test]
async fn a_linear_model_learns_from_numbers_alone() {
    let folder = repository(&orders());
    let model = model("linear", &["days", "total"], Learns::Labels);
    for (days, total, wanted) in [(2, 20, "fine"), (55, 390, "fraud"), (50, 350, "fraud"), (10, 60, "fine")] {
        let found = ask(folder.path(), &model, &["fraud", "fine"], &format!("days: {days}.0\ntotal: {total}.5")).await.unwrap();
        assert_eq!(found.label, wanted, "{days} {total}: {found:?}");
        assert!(found.confidence > 0.8, "{days} {total}: {found:?}");
    }
    let near = ask(folder.path(), &model, &["fraud", "fine"], "days: 20.0\ntotal: 200.5").await.unwrap();
    assert!(near.confidence < 0.8, "{near:?}");
}

#[test]
fn rows_it_has_not_seen_are_told_apart_by_their_numbers() {
    let labels = words(&["fraud", "fine"]);
    let rows = parse_rows(&orders(), "verdict", &labels, &words(&["days", "total"])).unwrap();
    let unseen = cross_fit(&rows, &labels, &Settings::default()).unwrap();
    let right = unseen.iter().filter(|(truth, prediction)| *truth == prediction.label).count();
    assert!(right * 100 >= unseen.len() * 93, "{right} of {}", unseen.len());
    // Without them there is nothing to tell the rows by.
    let blind = parse_rows(&orders().replace("{\"days\"", "{\"text\": \"returned\", \"days\""), "verdict", &labels, &[]).unwrap();
    let unseen = cross_fit(&blind, &labels, &Settings::default()).unwrap();
    let right = unseen.iter().filter(|(truth, prediction)| *truth == prediction.label).count();
    assert!(right * 100 <= unseen.len() * 80, "{right} of {}", unseen.len());
}

#[tokio::test]
async fn numbers_name_the_artifact_and_twice_the_same_rows_give_the_same_bytes() {
    let (one, two) = (repository(&orders()), repository(&orders()));
    let numbers = model("linear", &["days", "total"], Learns::Labels);
    let said = "days: 2.0\ntotal: 20.5";
    let first = ask(one.path(), &numbers, &["fraud", "fine"], said).await.unwrap();
    assert_eq!(ask(two.path(), &numbers, &["fraud", "fine"], said).await.unwrap(), first);
    let bytes = |folder: &Path| std::fs::read(folder.join("models").join(format!("{}.model", first.artifact))).unwrap();
    assert!(bytes(one.path()) == bytes(two.path()));
    let fewer = model("linear", &["days"], Learns::Labels);
    assert_ne!(ask(one.path(), &fewer, &["fraud", "fine"], "days: 2.0").await.unwrap().artifact, first.artifact);
    std::fs::write(one.path().join("rows.jsonl"), orders().replacen("\"total\": 13.5", "\"total\": 14.5", 1)).unwrap();
    assert_ne!(ask(one.path(), &numbers, &["fraud", "fine"], said).await.unwrap().artifact, first.artifact);
}

#[tokio::test]
async fn what_is_no_number_is_no_answer() {
    let folder = repository(&orders());
    let model = model("linear", &["days", "total"], Learns::Labels);
    for (said, wanted) in [("days: NaN\ntotal: 3.0", "`days` is no finite number"), ("days: 1.0", "it is not told its number `total`")] {
        let problem = ask(folder.path(), &model, &["fraud", "fine"], said).await.unwrap_err();
        assert!(problem.contains(wanted), "{problem}");
    }
    let broken = repository(&format!("{}{{\"days\": \"many\", \"total\": 1, \"verdict\": \"fine\"}}\n", orders()));
    let problem = ask(broken.path(), &model, &["fraud", "fine"], "days: 1.0\ntotal: 1.0").await.unwrap_err();
    assert!(problem.contains("line 241: no number `days`"), "{problem}");
}

fn usual(season: Option<Season>) -> Arc<Model> {
    let season = season.map(|season| Seasonal { season, time_zone: "UTC".into() });
    let asked: &[&str] = if season.is_some() { &["at", "orders"] } else { &["orders"] };
    model("anomaly", asked, Learns::Usual { number: "orders".into(), season, threshold: 3.5 })
}

/// Orders of each hour of four weeks: many by day, few by night.
fn hours() -> String {
    let row = |hour: u32| {
        let day = hour / 24 + 1;
        let of_day = hour % 24;
        let orders = if (8..20).contains(&of_day) { 100 + hour % 9 } else { 5 + (hour / 24 + hour) % 3 };
        format!("{{\"at\": \"2026-06-{day:02}T{of_day:02}:15:00Z\", \"orders\": {orders}}}\n")
    };
    (0..28 * 24).map(row).collect()
}

#[tokio::test]
async fn what_is_far_from_the_median_is_unusual_and_how_far_is_its_confidence() {
    let rows: String = (0..50).map(|number| format!("{{\"orders\": {}}}\n", 100 + number % 11)).collect();
    let folder = repository(&rows);
    let of = async |said: &str, labels: &[&str]| ask(folder.path(), &usual(None), labels, said).await.unwrap();
    let two = ["usual", "unusual"];
    let (middle, far, further) = (of("orders: 105.0", &two).await, of("orders: 130.0", &two).await, of("orders: 400.0", &two).await);
    assert_eq!([middle.label.as_str(), far.label.as_str(), further.label.as_str()], ["usual", "unusual", "unusual"]);
    assert!(middle.confidence > 0.98 && far.confidence > 0.5 && far.confidence < further.confidence, "{middle:?} {far:?} {further:?}");
    // Of fifty rows nobody is surer than fifty in fifty-one.
    assert!(further.confidence < 0.9804 && middle.confidence < 0.9804, "{further:?} {middle:?}");
    let three = ["low", "usual", "high"];
    assert_eq!(of("orders: 20.0", &three).await.label, "low");
    assert_eq!(of("orders: 300.0", &three).await.label, "high");
}

#[tokio::test]
async fn a_season_holds_each_hour_against_its_own() {
    let folder = repository(&hours());
    let labels = ["usual", "unusual"];
    let by_hour = usual(Some(Season::Hour));
    let of = async |said: &str| ask(folder.path(), &by_hour, &labels, said).await.unwrap().label;
    // A hundred orders are usual at noon, and not at three in the night.
    assert_eq!(of("at: 2026-07-01T12:00:00Z\norders: 103.0").await, "usual");
    assert_eq!(of("at: 2026-07-01T03:00:00Z\norders: 103.0").await, "unusual");
    assert_eq!(of("at: 2026-07-01T12:00:00Z\norders: 6.0").await, "unusual");
    // Over all hours together both are.
    for orders in [103, 6] {
        assert_eq!(ask(folder.path(), &usual(None), &labels, &format!("orders: {orders}.0")).await.unwrap().label, "usual");
    }
    // Of four weeks there are four of each weekday for every hour, 96 in all; of one day there is one of seven.
    let day: String = hours().lines().take(24).map(|line| format!("{line}\n")).collect();
    let short = repository(&day);
    let problem = ask(short.path(), &usual(Some(Season::Weekday)), &labels, "at: 2026-07-05T12:00:00Z\norders: 6.0").await.unwrap_err();
    assert!(problem.contains("too few rows of Sunday to say what is usual: 8 are needed"), "{problem}");
}

#[tokio::test]
async fn what_it_has_learned_is_said_and_named_by_its_rows() {
    let folder = repository(&hours());
    let models = LocalModels::new(folder.path(), folder.path().join("models"));
    let said = models.learned(&usual(Some(Season::Hour)), &words(&["usual", "unusual"])).await.unwrap().unwrap();
    assert!(said.contains("03:00: 6.000 ± ") && said.contains("(28 rows"), "{said}");
    let first = ask(folder.path(), &usual(None), &["usual", "unusual"], "orders: 6.0").await.unwrap().artifact;
    std::fs::write(folder.path().join("rows.jsonl"), hours().replacen("\"orders\": 5", "\"orders\": 6", 1)).unwrap();
    assert_ne!(ask(folder.path(), &usual(None), &["usual", "unusual"], "orders: 6.0").await.unwrap().artifact, first);
}

#[tokio::test]
async fn a_price_step_is_refused_where_the_rows_do_not_decide() {
    let rows = |noise: f64| -> String {
        let row = |number: u32| {
            let price = 8.0 + f64::from(number % 7);
            let off = 1.0 + noise * (f64::from(number * 7 % 11) / 5.0 - 1.0);
            format!("{{\"price\": {price}, \"sold\": {}}}\n", 5000.0 * price.powf(-1.4) * off)
        };
        (0..60).map(row).collect()
    };
    let asked = model("elasticity", &PRICE_STEP, Learns::Response { level: 0.95 });
    let labels = ["raise", "keep", "lower"];
    let sure = repository(&rows(0.05));
    let found = ask(sure.path(), &asked, &labels, "cost: 6.0\nprice: 10.0\nstep: 0.1").await.unwrap();
    assert_eq!(found.label, "raise");
    assert!(found.confidence > 0.975, "{found:?}");
    let unsure = repository(&rows(0.95));
    let problem = ask(unsure.path(), &asked, &labels, "cost: 6.0\nprice: 10.0\nstep: 0.1").await.unwrap_err();
    assert!(problem.contains("the rows do not decide") && problem.contains("the elasticity of 60 rows is"), "{problem}");
    let said = LocalModels::new(sure.path(), sure.path().join("models")).learned(&asked, &words(&labels)).await.unwrap().unwrap();
    assert!(said.starts_with("the elasticity of 60 rows is -1.") && said.ends_with("95 %)"), "{said}");
}
