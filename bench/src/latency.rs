//! Percentiles of latencies. It keeps every value: no buckets, no estimates.

use std::time::Duration;

/// Latencies, sorted.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Takes values in any order.
    #[must_use]
    pub fn of(mut values: Vec<Duration>) -> Self {
        values.sort_unstable();
        Self(values)
    }

    /// The smallest value that so many of a hundred do not exceed; zero where there is none.
    #[must_use]
    pub fn percentile(&self, hundredths: usize) -> Duration {
        let place = (self.0.len() * hundredths).div_ceil(100).saturating_sub(1);
        self.0.get(place).copied().unwrap_or_default()
    }

    /// For a table: median and 99th percentile in milliseconds.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:.2} / {:.2}", self.percentile(50).as_secs_f64() * 1e3, self.percentile(99).as_secs_f64() * 1e3)
    }
}

/// The median of repetitions; of an even number, the lower of the middle two.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let latencies = Latencies::of((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!(latencies.percentile(50), Duration::from_millis(50));
        assert_eq!(latencies.percentile(99), Duration::from_millis(99));
        assert_eq!(Latencies::default().percentile(50), Duration::ZERO);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    }
}
