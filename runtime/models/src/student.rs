//! Student's t: how much of it lies below a value, and below which value a share of it lies. From `exp` and `ln` of this crate, so that
//! every platform says the same.

use crate::arithmetic::{exp, ln};

/// The share of the distribution that lies below `t`; `freedom` is at least 1.
pub(crate) fn below(t: f64, freedom: f64) -> f64 {
    let tail = incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t)) / 2.0;
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The value below which such a share of it lies, for shares above a half; within a billionth.
pub(crate) fn quantile(share: f64, freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while below(high, freedom) < share && high < 1e9 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if below(middle, freedom) < share { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function, by its continued fraction on the side where that converges fast.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = exp(gamma_ln(a + b) - gamma_ln(a) - gamma_ln(b) + a * ln(x) + b * ln(1.0 - x));
    if x < (a + 1.0) / (a + b + 2.0) { front * fraction(a, b, x) / a } else { 1.0 - front * fraction(b, a, 1.0 - x) / b }
}

/// The continued fraction, from its first part on, until a part changes nothing.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away(1.0 - (a + b) * x / (a + 1.0)));
    let mut found = d;
    for step in 1..=300_u32 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        found *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        found *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    found
}

/// The logarithm of the gamma function of a positive number: Stirling's series, far enough out that five terms are exact.
fn gamma_ln(x: f64) -> f64 {
    let (mut x, mut before) = (x, 0.0);
    while x < 15.0 {
        before += ln(x);
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)))) / x;
    (x - 0.5) * ln(x) - x + 0.5 * ln(std::f64::consts::TAU) + series - before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_printed_tables() {
        for (share, freedom, wanted) in [
            (0.975, 1.0, 12.706),
            (0.975, 5.0, 2.571),
            (0.975, 10.0, 2.228),
            (0.95, 30.0, 1.697),
            (0.995, 8.0, 3.355),
            (0.975, 1000.0, 1.962),
        ] {
            assert!((quantile(share, freedom) - wanted).abs() < 6e-4, "{share} {freedom}: {}", quantile(share, freedom));
        }
    }

    #[test]
    fn both_sides_add_up_to_one() {
        for t in [0.0, 0.3, 1.0, 2.5, 40.0] {
            assert!((below(t, 7.0) + below(-t, 7.0) - 1.0).abs() < 1e-12);
        }
        // One degree of freedom: one half and the arc tangent of t over pi.
        assert!((below(1.0, 1.0) - 0.75).abs() < 1e-12);
    }
}
