//! Vectors of signed bytes, and the nearest of many by looking at each: no index that could miss one.

/// A vector whose greatest component is 127 or -127.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantized {
    scale: f32,
    parts: Box<[i8]>,
}

impl Quantized {
    /// From a vector; none where all of it is zero, or something of it is no number.
    #[must_use]
    pub fn of(vector: &[f32]) -> Option<Self> {
        let greatest = vector.iter().fold(0.0_f32, |most, part| most.max(part.abs()));
        if greatest == 0.0 || !vector.iter().all(|part| part.is_finite()) {
            return None;
        }
        let scale = greatest / 127.0;
        #[expect(clippy::cast_possible_truncation, reason = "at most 127, by the scale")]
        let parts = vector.iter().map(|part| (part / scale).round() as i8).collect();
        Some(Self { scale, parts })
    }

    /// Of how many numbers it is.
    #[must_use]
    pub fn width(&self) -> usize {
        self.parts.len()
    }

    /// The product with another one; nothing to say of one of another length.
    #[must_use]
    pub fn times(&self, other: &Self) -> f32 {
        if self.parts.len() != other.parts.len() {
            return 0.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a sum of products of bytes is exact up to 2^24, and rounded like any float above")]
        let sum = dot(&self.parts, &other.parts) as f32;
        sum * self.scale * other.scale
    }
}

/// Sixteen at a time, which compilers turn into vector instructions.
fn dot(one: &[i8], other: &[i8]) -> i32 {
    let (ones, rest) = one.as_chunks::<16>();
    let (others, other_rest) = other.as_chunks::<16>();
    let product = |(one, other): (&i8, &i8)| i32::from(i16::from(*one) * i16::from(*other));
    let chunks: i32 = ones.iter().zip(others).map(|(one, other)| one.iter().zip(other).map(product).sum::<i32>()).sum();
    chunks + rest.iter().zip(other_rest).map(product).sum::<i32>()
}

/// The best of many by score, best first; of equal ones the later.
#[must_use]
pub fn nearest<I: Iterator<Item = (usize, f32)>>(scored: I, most: usize) -> Vec<(usize, f32)> {
    let mut found: Vec<(usize, f32)> = scored.collect();
    let better = |(one, of_one): &(usize, f32), (other, of_other): &(usize, f32)| of_other.total_cmp(of_one).then(other.cmp(one));
    if most == 0 {
        return Vec::new();
    }
    if found.len() > most {
        found.select_nth_unstable_by(most - 1, better);
        found.truncate(most);
    }
    found.sort_unstable_by(better);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_say_nearly_what_floats_say() {
        let vector = |seed: u32| -> Vec<f32> {
            let mut state = seed;
            let mut parts: Vec<f32> = (0..250)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) as f32 / 8_388_608.0 - 1.0
                })
                .collect();
            let length = parts.iter().map(|part| part * part).sum::<f32>().sqrt();
            parts.iter_mut().for_each(|part| *part /= length);
            parts
        };
        for seed in 1..50 {
            let (one, other) = (vector(seed), vector(seed + 100));
            let exact: f32 = one.iter().zip(&other).map(|(one, other)| one * other).sum();
            let (one, other) = (Quantized::of(&one).unwrap(), Quantized::of(&other).unwrap());
            assert!((one.times(&other) - exact).abs() < 0.01, "{} {exact}", one.times(&other));
            assert!((one.times(&one) - 1.0).abs() < 0.01);
        }
    }

    #[test]
    fn what_says_nothing_is_no_vector() {
        assert_eq!(Quantized::of(&[0.0; 4]), None);
        assert_eq!(Quantized::of(&[1.0, f32::NAN]), None);
        assert_eq!(Quantized::of(&[]), None);
        let (short, long) = (Quantized::of(&[1.0]).unwrap(), Quantized::of(&[1.0, 0.0]).unwrap());
        assert_eq!(short.times(&long).to_bits(), 0.0_f32.to_bits());
    }

    #[test]
    fn the_best_come_first_and_of_equal_ones_the_later() {
        let scores = [0.1, 0.9, 0.9, 0.5, -1.0];
        let found = |most| nearest(scores.into_iter().enumerate(), most).into_iter().map(|(place, _)| place).collect::<Vec<_>>();
        assert_eq!(found(3), [2, 1, 3]);
        assert_eq!(found(9), [2, 1, 3, 0, 4]);
        assert_eq!(found(0), [0_usize; 0]);
    }
}
