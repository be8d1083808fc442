//! From the two source files to the rows and messages of `flows/returns-triage/data`, by the rule stated in its README.
//!
//! Pure: text in, text out. It invents no sentence, rating, product, price or date; what it makes itself (the join, the arrival
//! time, the labels, the split) is called derived. It refuses a source line that it cannot read.

use jiff::ToSpan;
use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A mean rating this far from 0 is two standard errors of a mean of 20 ratings: the raters agree on a direction.
const DIRECTION: f64 = 0.5;
/// The most negative third of the complaints.
const SEVERE: f64 = -1.75;

/// The derived files, by name.
pub(crate) type Files = BTreeMap<&'static str, String>;

/// One sentence of a customer review.
struct Sentence {
    review: u32,
    number: u32,
    rating: f64,
    text: String,
}

/// One order line of the shop.
struct OrderLine {
    id: String,
    line_id: String,
    customer_id: String,
    product: String,
    paid: Decimal,
    profit: Decimal,
    ordered: Date,
    shipped: Date,
}

/// Which part of the split a review belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Training,
    Threshold,
    HeldOut,
}

/// Derives every file from the texts of the two sources.
pub(crate) fn derive(reviews: &str, superstore: &str) -> Result<Files, String> {
    let sentences = read_sentences(reviews)?;
    let lines = read_technology_lines(superstore)?;
    let orders = join(&sentences, &lines)?;
    let mut files = Files::new();
    for name in ["training.jsonl", "threshold.jsonl", "heldout.jsonl", "messages.jsonl", "orders.jsonl"] {
        files.insert(name, String::new());
    }
    let mut add = |name: &'static str, row: &Value| {
        let file = files.entry(name).or_default();
        file.push_str(&row.to_string());
        file.push('\n');
    };
    for sentence in &sentences {
        let order = orders.get(&sentence.review).ok_or("a review without an order")?;
        let part = part(sentence.review);
        let labelled = match part {
            Part::Training => "training.jsonl",
            Part::Threshold => "threshold.jsonl",
            Part::HeldOut => "heldout.jsonl",
        };
        add(labelled, &labelled_row(sentence));
        if part != Part::Training {
            add("messages.jsonl", &message(sentence, order)?);
        }
    }
    for order in orders.values() {
        add("orders.jsonl", &order_row(order));
    }
    Ok(files)
}

fn read_sentences(reviews: &str) -> Result<Vec<Sentence>, String> {
    let mut sentences = Vec::new();
    for (index, line) in reviews.lines().enumerate() {
        let read = || -> Option<Sentence> {
            let mut cells = line.split('\t');
            let (review, number) = cells.next()?.split_once('_')?;
            let rating = cells.next()?.parse().ok()?;
            Some(Sentence { review: review.parse().ok()?, number: number.parse().ok()?, rating, text: cells.next()?.to_owned() })
        };
        sentences.push(read().ok_or_else(|| format!("reviews.txt, line {}: not `review_sentence`, rating, text", index + 1))?);
    }
    Ok(sentences)
}

/// The first Technology line of every order that has one, in the order of the file.
fn read_technology_lines(superstore: &str) -> Result<Vec<OrderLine>, String> {
    let mut lines = superstore.lines();
    let header = cells(lines.next().unwrap_or_default());
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (index, line) in lines.enumerate() {
        let row: BTreeMap<&str, String> = header.iter().map(String::as_str).zip(cells(line)).collect();
        let cell = |name: &str| row.get(name).cloned().ok_or_else(|| format!("superstore.csv, line {}: no `{name}`", index + 2));
        if cell("Category")? != "Technology" || !seen.insert(cell("Order ID")?) {
            continue;
        }
        let unreadable = |name: &str| format!("superstore.csv, line {}: `{name}` is unreadable", index + 2);
        let cents = |name: &str| -> Result<Decimal, String> {
            let text = cell(name)?;
            let amount = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text)).map_err(|_| unreadable(name))?;
            Ok(amount.round_dp_with_strategy(2, RoundingStrategy::MidpointNearestEven))
        };
        let date = |name: &str| -> Result<Date, String> { cell(name)?.parse().map_err(|_| unreadable(name)) };
        found.push(OrderLine {
            id: cell("Order ID")?,
            line_id: cell("Row ID")?,
            customer_id: cell("Customer ID")?,
            product: cell("Product Name")?.replace('\u{a0}', " "),
            paid: cents("Sales")?,
            profit: cents("Profit")?,
            ordered: date("Order Date")?,
            shipped: date("Ship Date")?,
        });
    }
    Ok(found)
}

/// The cells of one CSV line; quotes are doubled inside quotes, and no cell of this file spans lines.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                if let Some(cell) = cells.last_mut() {
                    cell.push('"');
                }
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => {
                if let Some(cell) = cells.last_mut() {
                    cell.push(other);
                }
            }
        }
    }
    cells
}

/// The k-th review (in numeric order) gets line `k * lines / reviews` of the Technology lines: spread evenly, never the same twice.
fn join<'a>(sentences: &[Sentence], lines: &'a [OrderLine]) -> Result<BTreeMap<u32, &'a OrderLine>, String> {
    let reviews: BTreeSet<u32> = sentences.iter().map(|sentence| sentence.review).collect();
    if lines.len() < reviews.len() {
        return Err(format!("{} reviews cannot be joined to {} order lines", reviews.len(), lines.len()));
    }
    let place = |index: usize| index * lines.len() / reviews.len();
    reviews.iter().enumerate().map(|(index, review)| Ok((*review, lines.get(place(index)).ok_or("too few order lines")?))).collect()
}

/// By review, so that no customer's words are on two sides: BLAKE3 of the review's number, modulo 10.
fn part(review: u32) -> Part {
    let digest = blake3::hash(review.to_string().as_bytes());
    match digest.as_bytes().iter().fold(0_u32, |rest, byte| (rest * 256 + u32::from(*byte)) % 10) {
        0..=5 => Part::Training,
        6..=7 => Part::Threshold,
        _ => Part::HeldOut,
    }
}

fn labelled_row(sentence: &Sentence) -> Value {
    let kind = match sentence.rating {
        rating if rating <= -DIRECTION => "complaint",
        rating if rating >= DIRECTION => "praise",
        _ => "neutral",
    };
    let mut row = json!({
        "id": format!("{}_{}", sentence.review, sentence.number),
        "group": format!("review {}", sentence.review),
        "text": sentence.text,
        "rating": sentence.rating,
        "kind": kind,
    });
    if let (Some(row), "complaint") = (row.as_object_mut(), kind) {
        let severity = if sentence.rating <= SEVERE { "severe" } else { "mild" };
        row.insert("severity".to_owned(), json!(severity));
    }
    row
}

fn message(sentence: &Sentence, order: &OrderLine) -> Result<Value, String> {
    let days = i64::from(sentence.review) * 7 % 45;
    let received = order.shipped.at(0, 0, 0, 0).checked_add(days.days().minutes(sentence.number));
    let received = received.map_err(|problem| format!("review {}: {problem}", sentence.review))?;
    Ok(json!({
        "message_id": format!("{}_{}", sentence.review, sentence.number),
        "order_id": order.id,
        "customer_id": order.customer_id,
        "text": sentence.text,
        "received_at": format!("{received}Z"),
    }))
}

fn order_row(order: &OrderLine) -> Value {
    json!({
        "id": order.id,
        "line_id": order.line_id,
        "customer_id": order.customer_id,
        "product": order.product,
        "paid": format!("{:.2} USD", order.paid),
        "profit": format!("{:.2} USD", order.profit),
        "ordered_at": format!("{}T00:00:00Z", order.ordered),
        "shipped_at": format!("{}T00:00:00Z", order.shipped),
        "refunded": "0.00 USD",
    })
}
