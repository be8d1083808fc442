//! One condition of the usual size on a prepared typed scope, in nanoseconds: ours, the plain `cel` crate, native Rust, and with the
//! feature `peers` Cedar and Regorus on the same decision; and a policy set of 100 rules. It asserts nothing but that all agree.

use clap::Parser;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tradewind_bench::decision::{self, Facts};
use tradewind_bench::latency::{Latencies, median};
use tradewind_bench::machine;
use tradewind_bench::table::{Table, thousands};

/// Nanoseconds of one condition, and of a verdict over 100 rules.
#[derive(Debug, Parser)]
struct Arguments {
    /// Evaluations a round.
    #[arg(long, default_value_t = 200_000)]
    evaluations: usize,
    /// Rounds; the table shows medians, and each round takes every engine in turn.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Verdicts over 100 rules.
    #[arg(long, default_value_t = 20_000)]
    verdicts: usize,
}

type Decide = Box<dyn FnMut(usize) -> bool>;

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn engines(facts: &[Facts]) -> Result<Vec<(&'static str, Decide)>, String> {
    let mut engines: Vec<(&'static str, Decide)> =
        vec![("native Rust", decision::native(facts)), ("Tradewind", decision::ours(facts)?), ("cel crate", decision::plain_cel(facts)?)];
    engines.extend(decision::peers(facts)?);
    Ok(engines)
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    println!("{}", machine::described());
    println!("`{}`", decision::CONDITION);
    println!();
    let facts = decision::facts();
    let mut engines = engines(&facts)?;
    let expected: Vec<bool> = facts.iter().map(decision::holds).collect();
    for (name, decide) in &mut engines {
        let said: Vec<bool> = (0..facts.len()).map(&mut *decide).collect();
        if said != expected {
            return Err(format!("{name} decides otherwise: {said:?} instead of {expected:?}"));
        }
    }
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); engines.len()];
    for _ in 0..arguments.rounds {
        for ((_, decide), times) in engines.iter_mut().zip(&mut times) {
            times.push(round(decide, arguments.evaluations, facts.len()));
        }
    }
    let mut table = Table::new(&["engine", "ns a decision", "times Tradewind"]);
    let ours = times.get(1).map(|times| median(times)).unwrap_or_default();
    for ((name, _), times) in engines.iter().zip(&times) {
        let time = median(times);
        table.row([(*name).to_owned(), thousands(time), format!("{:.2}", time / ours)]);
    }
    println!("{table}");
    verdicts(arguments.verdicts)
}

fn round(decide: &mut Decide, evaluations: usize, facts: usize) -> f64 {
    let began = Instant::now();
    for number in 0..evaluations {
        black_box(decide(black_box(number % facts)));
    }
    began.elapsed().as_secs_f64() * 1e9 / evaluations as f64
}

/// A verdict over 100 rules of four policies, as the engine asks for it before each effect.
fn verdicts(count: usize) -> Result<(), String> {
    let judge = decision::hundred_rules()?;
    let mut times: Vec<Duration> = Vec::with_capacity(count);
    for number in 0..count {
        let began = Instant::now();
        black_box(judge(black_box(number)));
        times.push(began.elapsed());
    }
    let times = Arc::new(Latencies::of(times));
    let micros = |hundredths| times.percentile(hundredths).as_secs_f64() * 1e6;
    println!("verdict of 4 policies with 100 rules: p50 {:.1} µs, p99 {:.1} µs", micros(50), micros(99));
    Ok(())
}
