//! `exp`, `ln` and softmax from additions, multiplications and divisions only.
//!
//! The system's own functions differ in the last bit between platforms, and an artifact must be byte-identical on all of them.
//! Nothing here covers the whole range of a general library: arguments are those that softmax produces.

use std::f64::consts::{LN_2, SQRT_2};

/// Low part of ln 2, so that the reduction of the argument loses nothing.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// e to the power of `x`; 0 below -700, and not used above 700.
pub(crate) fn exp(x: f64) -> f64 {
    if x < -700.0 {
        return 0.0;
    }
    let x = x.min(700.0);
    let power = (x / LN_2).round();
    let rest = (x - power * LN_2_HIGH) - power * LN_2_LOW;
    let mut sum = 1.0;
    for divisor in (1..=15_u32).rev() {
        sum = 1.0 + rest / f64::from(divisor) * sum;
    }
    // The bounds above keep the biased exponent within 13..=2033.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an integral value within -1010..=1010")]
    let exponent = (power as i64 + 1023) as u64;
    sum * f64::from_bits(exponent << 52)
}

/// The natural logarithm of a positive, normal number.
pub(crate) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1023 << 52));
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let mut sum = 0.0;
    for odd in (0..=12_u32).rev() {
        sum = 1.0 / f64::from(2 * odd + 1) + square * sum;
    }
    f64::from(exponent) * LN_2 + 2.0 * ratio * sum
}

/// Turns scores into probabilities in place and returns the logarithm of the sum of their exponentials.
pub(crate) fn softmax(scores: &mut [f64]) -> f64 {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = exp(*score - highest);
        sum += *score;
    }
    for score in scores.iter_mut() {
        *score /= sum;
    }
    highest + ln(sum)
}

/// The scalar product, summed from the first to the last.
pub(crate) fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_system() {
        for step in -2000..2000 {
            let x = f64::from(step) / 37.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-14, "exp({x})");
            let positive = x.exp();
            assert!((ln(positive) - x).abs() < 1e-13 * x.abs().max(1.0), "ln({positive})");
        }
    }

    #[test]
    fn probabilities_sum_to_one_however_far_apart_the_scores() {
        let mut scores = [1.0, 1000.0, -1000.0];
        softmax(&mut scores);
        assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        assert_eq!(scores[2], 0.0);
    }
}
