//! How well `grounded` tells drafts that say only what facts say from drafts in which something was altered: 100 drafts about real products,
//! and 200 in each of which one thing is another. What it cannot find is among them, so that its figures say what it is worth.
//!
//! `cargo test -p tradewind-engine --lib grounding -- --nocapture` prints the table of `docs/testing.md` anew.

use crate::grounded::unsupported;
use std::path::Path;
use tradewind_lang::money::Money;
use tradewind_lang::value::Value;

/// A product, as a shop's own data have it.
struct Product {
    name: String,
    /// In cents.
    price: i64,
    quantity: i64,
    since: String,
}

/// The first hundred products of the list, each once.
fn products() -> Vec<Product> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../flows/returns-triage/data/source/superstore.csv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut found: Vec<Product> = Vec::new();
    for line in text.lines().skip(1) {
        let fields = fields(line);
        let name = fields[16].clone();
        if found.iter().any(|known| known.name == name) {
            continue;
        }
        let (whole, part) = fields[17].split_once('.').unwrap_or((&fields[17], "0"));
        let cents: i64 = format!("{part:0<2}").chars().take(2).collect::<String>().parse().unwrap();
        found.push(Product {
            name,
            price: whole.parse::<i64>().unwrap() * 100 + cents,
            quantity: fields[18].parse().unwrap(),
            since: fields[2].clone(),
        });
        if found.len() == 100 {
            return found;
        }
    }
    found
}

/// The fields of a line of CSV whose quotes are doubled within quotes.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut open) = (vec![String::new()], false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if open && letters.peek() == Some(&'"') => {
                letters.next();
                fields.last_mut().unwrap().push('"');
            }
            '"' => open = !open,
            ',' if !open => fields.push(String::new()),
            other => fields.last_mut().unwrap().push(other),
        }
    }
    fields
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// With a separator of thousands.
fn grouped(cents: i64) -> String {
    let whole = cents / 100;
    if whole < 1_000 { money(cents) } else { format!("{},{:03}.{:02}", whole / 1_000, whole % 1_000, cents % 100) }
}

fn facts(product: &Product) -> Vec<Value> {
    vec![Value::record([
        ("name", Value::string(product.name.as_str())),
        ("price", Value::Money(Money::parse(&format!("{} USD", money(product.price))).unwrap())),
        ("pack", Value::Int(product.quantity)),
        ("since", Value::string(product.since.as_str())),
    ])]
}

/// A draft that says what the facts say, in one of five ways.
fn draft(way: usize, name: &str, price: i64, pack: i64, since: &str) -> String {
    match way % 5 {
        0 => format!("Meet the {name}. It costs ${} for a pack of {pack}, and we have sold it since {since}.", grouped(price)),
        1 => format!("{name}: {} USD. Each pack holds {pack}. In our shop since {since}.", money(price)),
        2 => format!("You get {pack} in a pack, for {} USD. Our customers have bought the {name} since {since}!", grouped(price)),
        3 => format!("A favourite since {since} is the {name}, at ${}. The pack has {pack} pieces.", money(price)),
        _ => format!("For everyday work. {name}, pack of {pack}, ${}. We added it on {since}.", grouped(price)),
    }
}

/// One draft of a product, with one thing altered; none where there is nothing to alter.
fn altered(kind: &str, way: usize, product: &Product, other: &Product) -> String {
    let Product { name, price, quantity, since } = product;
    let (price, quantity) = (*price, *quantity);
    let year: i64 = since[..4].parse().unwrap();
    let day: i64 = since[8..].parse().unwrap();
    match kind {
        "another price" => draft(way, name, price + 1_700, quantity, since),
        "another currency" => draft(way, name, price, quantity, since).replace('$', "€").replace("USD", "EUR"),
        "another size of pack" => draft(way, name, price, quantity + 50, since),
        "another year" => draft(way, name, price, quantity, &format!("{}{}", year - 7, &since[4..])),
        "another day" => draft(way, name, price, quantity, &format!("{}{:02}", &since[..8], if day > 15 { day - 13 } else { day + 13 })),
        "another name" => draft(way, &other.name, price, quantity, since),
        "a feature with a name" => format!("{} It comes with Bluetooth inside.", draft(way, name, price, quantity, since)),
        "a feature in plain words" => format!("{} It is waterproof.", draft(way, name, price, quantity, since)),
        "a number in words" => format!("{} The guarantee lasts ten years.", draft(way, name, price, quantity, since)),
        // What it takes from the facts it takes for true, wherever it puts it.
        "two numbers in each other's place" => draft(way, name, quantity * 100, price / 100, since),
        other => panic!("{other}"),
    }
}

const KINDS: [&str; 10] = [
    "another price",
    "another currency",
    "another size of pack",
    "another year",
    "another day",
    "another name",
    "a feature with a name",
    "a feature in plain words",
    "a number in words",
    "two numbers in each other's place",
];

#[test]
fn two_hundred_altered_drafts_and_a_hundred_faithful_ones_are_told_apart_as_said() {
    let products = products();
    assert_eq!(products.len(), 100);
    let refused =
        |draft: &str, product: &Product| !unsupported(&Value::record([("body", Value::string(draft))]), &facts(product)).is_empty();
    let mut wrongly = Vec::new();
    for (place, product) in products.iter().enumerate() {
        let draft = draft(place, &product.name, product.price, product.quantity, &product.since);
        if refused(&draft, product) {
            wrongly.push(draft);
        }
    }
    let (mut found, mut table) = (0, String::new());
    for (row, kind) in KINDS.iter().enumerate() {
        let drafts = (0..20).map(|place| (place * 5 + row) % products.len());
        let hits = drafts.enumerate().filter(|(way, place)| {
            let (product, other) = (&products[*place], &products[(*place + 37) % products.len()]);
            refused(&altered(kind, *way, product, other), product)
        });
        let hits = hits.count();
        found += hits;
        table.push_str(&format!("| {kind} | {hits} of 20 |\n"));
    }
    let (recall, precision) = (f64::from(found as u32) / 200.0, f64::from(found as u32) / f64::from((found + wrongly.len()) as u32));
    println!("{table}| faithful drafts that were refused | {} of 100 |", wrongly.len());
    println!("recall {recall:.3}, precision {precision:.3}");
    wrongly.iter().for_each(|draft| println!("wrongly refused: {draft}"));
    // The figures that are stated; whoever makes it better states better ones.
    assert!(recall >= 0.79, "{recall}");
    assert!(precision >= 0.99, "{precision}");
}
