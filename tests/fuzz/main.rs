//! Fuzzing: each target takes any bytes, as a file holds them, and panics where the language breaks a promise. One target a test, a few
//! hundred inputs each; none may ask for more memory than `measure.rs` allows for its length.
//!
//! `TRADEWIND_FUZZ_SECONDS=600 cargo test -p tradewind-tests --test fuzz` goes on for so long in each target, `TRADEWIND_SEED` says from where.
//! What fails is written to `tests/fuzz/corpus/TARGET/`, which every run begins with. `TRADEWIND_FUZZ_TRACE=1` keeps each input in
//! `target/fuzz-input`, for what ends the process. Inputs are made by mutation; nothing measures which code they reach.
#![cfg(test)]

mod check;
mod driver;
mod evaluate;
mod format;
mod measure;
mod mutate;
mod parse;
mod shapes;

#[test]
fn parse() {
    driver::run("parse", driver::shipped(), parse::target);
}

#[test]
fn format() {
    driver::run("format", driver::shipped(), format::target);
}

#[test]
fn check() {
    driver::run("check", driver::shipped(), check::target);
}

#[test]
fn scenario() {
    driver::run("scenario", check::scenarios(driver::shipped()), check::scenario);
}

#[test]
fn evaluate() {
    let expressions = |part: &str| part.starts_with('=') || part.contains("==") || part.contains(".or(");
    driver::run("evaluate", evaluate::quoted(&driver::shipped(), expressions), evaluate::target);
}

#[test]
fn template() {
    driver::run("template", evaluate::quoted(&driver::shipped(), |part| part.contains("{{") || part.contains("{%")), evaluate::template);
}
