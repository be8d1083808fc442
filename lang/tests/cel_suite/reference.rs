//! The generated parts of `docs/reference/cel.md`. They are compared with what is so now, and written anew on demand.

use std::collections::BTreeMap;

/// The page, beside the crate.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/cel.md");
/// Set, the generated parts are written instead of compared.
const WRITE: &str = "TRADEWIND_WRITE_REFERENCE";

/// Compares a part of the page with what it should say, or writes it.
#[expect(clippy::disallowed_methods, reason = "the page is a file of the repository, and the environment says whether it is written")]
pub(crate) fn hold(part: &str, wanted: &str) -> Result<(), String> {
    // Two tests write two parts of one page.
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    let page = std::fs::read_to_string(PAGE).map_err(|error| format!("docs/reference/cel.md cannot be read: {error}"))?;
    let found = part_of(&page, part).ok_or("docs/reference/cel.md has lost the marks of a generated part")?;
    if std::env::var(WRITE).is_ok() {
        let page = page.replacen(&marked(part, found), &marked(part, &format!("\n{wanted}\n")), 1);
        return std::fs::write(PAGE, page).map_err(|error| format!("docs/reference/cel.md cannot be written: {error}"));
    }
    if found.trim() == wanted.trim() {
        return Ok(());
    }
    let how = format!("{WRITE}=1 cargo test -p tradewind-lang --test cel_suite");
    Err(format!("the part `{part}` of docs/reference/cel.md is out of date. Write it anew:\n    {how}"))
}

fn marked(part: &str, text: &str) -> String {
    format!("<!-- {part}: generated -->{text}<!-- end of {part} -->")
}

fn part_of<'a>(page: &'a str, part: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("<!-- {part}: generated -->"))?;
    Some(rest.split_once(&format!("<!-- end of {part} -->"))?.0)
}

/// The published number of passing cases of each section, `file section` before it.
#[expect(clippy::disallowed_methods, reason = "the page is a file of the repository")]
pub(crate) fn published() -> BTreeMap<(String, String), usize> {
    let page = std::fs::read_to_string(PAGE).unwrap_or_default();
    let rows = part_of(&page, "conformance").unwrap_or("").lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (file, section) = (cells.next()?.to_owned(), cells.next()?.to_owned());
        Some(((file, section), cells.next()?.split(' ').next()?.parse().ok()?))
    });
    rows.collect()
}

/// The table of functions.
pub(crate) fn functions() -> String {
    let mut lines = vec!["| written | gives |".to_owned(), "| --- | --- |".to_owned()];
    lines.extend(tradewind_lang::expr::listing().into_iter().map(|(written, gives)| format!("| `{written}` | {gives} |")));
    lines.join("\n")
}
