//! The `elasticity` gate: whether a step of a price pays, by how sales answered to prices. A regression of the logarithm of what was sold
//! on the logarithm of the price gives the elasticity with its interval; a step pays where the elasticity lies on one side of the value
//! at which profit before and after the step is the same. Where the interval holds such a value, the rows do not decide, and it refuses.
//!
//! It supposes one elasticity at all prices, and that nothing else moved sales with the price: it sees what the rows hold.

use crate::arithmetic::ln;
use crate::asked::Asked;
use crate::linear::Prediction;
use crate::student::{below, quantile};
use crate::vectorizer::number;
use tradewind_lang::plan::FEWEST;

/// How sales answer to a price.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Elasticity {
    labels: Vec<String>,
    value: f64,
    error: f64,
    low: f64,
    high: f64,
    level: f64,
    rows: usize,
}

impl Elasticity {
    /// Learns from rows of `price` and `sold`.
    pub(crate) fn learn(text: &str, level: f64, labels: &[String]) -> Result<Self, String> {
        let mut points = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |problem: &str| format!("line {}: {problem}", at + 1);
            let row: serde_json::Value = serde_json::from_str(line).map_err(|problem| wrong(&format!("not JSON: {problem}")))?;
            let logarithm = |name: &str| {
                let value = row.get(name).and_then(serde_json::Value::as_f64).filter(|value| value.is_normal() && *value > 0.0);
                value.map(ln).ok_or_else(|| wrong(&format!("no number `{name}` above zero")))
            };
            points.push((logarithm("price")?, logarithm("sold")?));
        }
        Self::fit(&points, level, labels)
    }

    fn fit(points: &[(f64, f64)], level: f64, labels: &[String]) -> Result<Self, String> {
        let many = number(points.len());
        if points.len() < FEWEST {
            return Err(format!("too few rows: {}, and {FEWEST} are needed", points.len()));
        }
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / many;
        let (price, sold) = (mean(|point| point.0), mean(|point| point.1));
        let spread: f64 = points.iter().map(|point| (point.0 - price) * (point.0 - price)).sum();
        // Prices that differ by less than a hundred thousandth part show rounding, not an answer.
        if spread / many < 1e-10 {
            return Err("every row has the same price".to_owned());
        }
        let value = points.iter().map(|point| (point.0 - price) * (point.1 - sold)).sum::<f64>() / spread;
        let left = |point: &(f64, f64)| point.1 - sold - value * (point.0 - price);
        let freedom = many - 2.0;
        let error = (points.iter().map(|point| left(point) * left(point)).sum::<f64>() / freedom / spread).sqrt();
        let reach = quantile(f64::midpoint(1.0, level), freedom) * error;
        Ok(Self { labels: labels.to_vec(), value, error, low: value - reach, high: value + reach, level, rows: points.len() })
    }

    /// Whether to raise, keep or lower a price: in the order of their names it is told `cost`, `price` and `step`.
    pub(crate) fn predict(&self, asked: &Asked<'_>) -> Result<Prediction, String> {
        let [cost, price, step] = asked.numbers[..] else { return Err("it is told `cost`, `price` and `step`".to_owned()) };
        if !(price > 0.0 && cost >= 0.0 && cost < price) {
            return Err(format!("a price of {price} over a cost of {cost} leaves nothing to gain or lose by a step"));
        }
        if !(step > 0.0 && step < 1.0) {
            return Err(format!("a step is a share between 0 and 1, not {step}"));
        }
        let raised = flip(price, cost, 1.0 + step);
        // What would be sold below its cost pays at no elasticity.
        let lowered = (price * (1.0 - step) > cost).then(|| flip(price, cost, 1.0 - step));
        let held = |flip: f64| self.low <= flip && flip <= self.high;
        for (flip, word) in [(Some(raised), "raising"), (lowered, "lowering")] {
            if let Some(flip) = flip.filter(|flip| held(*flip)) {
                return Err(format!(
                    "the rows do not decide: {word} by {:.1} % pays on one side of an elasticity of {flip:.2}, and {}",
                    step * 100.0,
                    self.shown()
                ));
            }
        }
        let freedom = number(self.rows) - 2.0;
        let under = |flip: f64| {
            if self.error > 0.0 { below((flip - self.value) / self.error, freedom) } else { f64::from(u8::from(self.value < flip)) }
        };
        let (lower, raise) = (lowered.map_or(0.0, under), 1.0 - under(raised));
        let share = |label: &String| match label.as_str() {
            "raise" => raise,
            "lower" => lower,
            _ => (1.0 - raise - lower).max(0.0),
        };
        Ok(Prediction::of(self.labels.iter().map(share).collect()))
    }

    /// What it learned, for people.
    pub(crate) fn says(&self) -> String {
        self.shown()
    }

    fn shown(&self) -> String {
        let Self { value, low, high, rows, .. } = self;
        format!("the elasticity of {rows} rows is {value:.2} ({low:.2} to {high:.2}, {} %)", self.level * 100.0)
    }
}

/// The elasticity at which a price and that price times `ratio` earn the same over this cost.
fn flip(price: f64, cost: f64, ratio: f64) -> f64 {
    ln((price - cost) / (price * ratio - cost)) / ln(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        ["raise", "keep", "lower"].map(str::to_owned).to_vec()
    }

    /// Rows of one elasticity, each off by the share that repeats.
    fn rows(elasticity: f64, off: f64) -> String {
        let row = |number: u32| {
            let price = 8.0 + f64::from(number % 7);
            let noise = 1.0 + off * (f64::from(number * 7 % 11) / 5.0 - 1.0);
            format!("{{\"price\": {price}, \"sold\": {}}}\n", 5000.0 * price.powf(elasticity) * noise)
        };
        (0..40).map(row).collect()
    }

    fn step(rows: &str, price: f64, cost: f64, step: f64) -> Result<String, String> {
        let found = Elasticity::learn(rows, 0.95, &labels())?.predict(&Asked { numbers: vec![cost, price, step], ..Asked::default() })?;
        Ok(labels()[found.label].clone())
    }

    #[test]
    fn the_elasticity_and_its_interval_are_those_of_the_usual_formula() {
        // By hand: ln price 0, 1 and ln sold 0, -2 with residuals of 0.1 four times each way: slope -2, error sqrt(8 * 0.01 / 6 / 2).
        let point = |x: f64, off: f64| (x, -2.0 * x + off);
        let points: Vec<(f64, f64)> = [0.0, 1.0].into_iter().flat_map(|x| [0.1, -0.1, 0.1, -0.1].map(|off| point(x, off))).collect();
        let found = Elasticity::fit(&points, 0.95, &labels()).expect("enough");
        assert!((found.value + 2.0).abs() < 1e-12 && (found.error - (0.08_f64 / 6.0 / 2.0).sqrt()).abs() < 1e-12, "{found:?}");
        assert!((found.high - found.value - 2.446_912 * found.error).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn a_step_pays_where_profit_says_so() {
        // At a price of 10 over a cost of 6, raising by a tenth pays above -2.34, lowering below -2.73.
        assert_eq!(step(&rows(-1.2, 0.02), 10.0, 6.0, 0.1).as_deref(), Ok("raise"));
        assert_eq!(step(&rows(-4.0, 0.02), 10.0, 6.0, 0.1).as_deref(), Ok("lower"));
        assert_eq!(step(&rows(-2.5, 0.001), 10.0, 6.0, 0.1).as_deref(), Ok("keep"));
        for elasticity in [-1.2_f64, -2.2, -2.5, -2.9, -4.0] {
            let profit = |price: f64| (price - 6.0) * price.powf(elasticity);
            let best = [("raise", 11.0), ("keep", 10.0), ("lower", 9.0)]
                .into_iter()
                .max_by(|one, other| profit(one.1).total_cmp(&profit(other.1)));
            assert_eq!(step(&rows(elasticity, 0.0), 10.0, 6.0, 0.1).ok().as_deref(), best.map(|best| best.0), "{elasticity}");
        }
    }

    #[test]
    fn where_the_interval_holds_what_would_flip_the_decision_it_refuses_and_says_so() {
        let refused = step(&rows(-2.4, 0.5), 10.0, 6.0, 0.1).expect_err("undecided");
        assert!(refused.starts_with("the rows do not decide: raising by 10.0 % pays on one side of an elasticity of -2.34"), "{refused}");
        assert!(refused.contains("the elasticity of 40 rows is "), "{refused}");
    }

    #[test]
    fn what_would_be_sold_below_its_cost_is_never_lowered() {
        assert_eq!(step(&rows(-9.0, 0.001), 10.0, 9.5, 0.1).as_deref(), Ok("raise"));
        for (price, cost, by) in [(10.0, 10.0, 0.1), (0.0, 0.0, 0.1), (10.0, -1.0, 0.1), (10.0, 6.0, 0.0), (10.0, 6.0, 1.0)] {
            assert!(step(&rows(-2.0, 0.0), price, cost, by).is_err(), "{price} {cost} {by}");
        }
    }

    #[test]
    fn rows_that_show_nothing_are_refused() {
        let same = "{\"price\": 10, \"sold\": 3}\n".repeat(20);
        assert_eq!(step(&same, 10.0, 6.0, 0.1).expect_err("one price"), "every row has the same price");
        assert_eq!(step(&same[..50], 10.0, 6.0, 0.1).expect_err("a row"), "too few rows: 2, and 8 are needed");
        assert!(step("{\"price\": 10, \"sold\": 0}", 10.0, 6.0, 0.1).expect_err("nothing sold").starts_with("line 1: no number `sold`"));
    }
}
