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

/// Vectors one behind the other, as memory is read fastest, each by the place of its fact. A place may have none.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    width: usize,
    parts: Vec<i8>,
    /// Zero where there is none.
    scales: Vec<f32>,
}

impl Matrix {
    /// Adds what the next place has. A vector of another length than the first is as good as none.
    pub(crate) fn push(&mut self, vector: Option<&Quantized>) {
        if let Some(first) = vector.filter(|_| self.width == 0) {
            self.width = first.width();
            self.parts = vec![0; self.scales.len() * self.width];
        }
        let vector = vector.filter(|vector| vector.width() == self.width);
        match vector {
            Some(vector) => self.parts.extend_from_slice(&vector.parts),
            None => self.parts.resize(self.parts.len() + self.width, 0),
        }
        self.scales.push(vector.map_or(0.0, |vector| vector.scale));
    }

    /// The places, among those that may be found, whose vectors are nearest to one, by looking at each.
    pub(crate) fn nearest(&self, wanted: &Quantized, among: &[bool], most: usize) -> Vec<(usize, f32)> {
        if self.width == 0 || wanted.width() != self.width {
            return Vec::new();
        }
        // Once for all of them: products are of numbers of 16 bits.
        let words: Vec<i16> = wanted.parts.iter().map(|part| i16::from(*part)).collect();
        let rows = self.parts.chunks_exact(self.width).zip(&self.scales).zip(among).enumerate();
        let may = rows.filter(|(_, ((_, scale), among))| **among && **scale > 0.0);
        #[expect(clippy::cast_precision_loss, reason = "a sum of products of bytes is exact up to 2^24, and rounded like any float above")]
        let scored = may.map(|(place, ((parts, scale), _))| (place, wide_dot(parts, &words) as f32 * scale * wanted.scale));
        nearest(scored, most)
    }
}

/// Thirty-two at a time, made as wide as what they are multiplied with first: that is the form in which compilers see one instruction that
/// multiplies eight and adds neighbours. Written out by hand it was five times as slow.
fn wide_dot(bytes: &[i8], words: &[i16]) -> i32 {
    let (chunks, bytes_left) = bytes.as_chunks::<32>();
    let (others, words_left) = words.as_chunks::<32>();
    let mut sum = 0;
    for (chunk, other) in chunks.iter().zip(others) {
        let mut wide = [0_i16; 32];
        wide.iter_mut().zip(chunk).for_each(|(wide, byte)| *wide = i16::from(*byte));
        sum += wide.iter().zip(other).map(|(one, other)| i32::from(*one) * i32::from(*other)).sum::<i32>();
    }
    sum + bytes_left.iter().zip(words_left).map(|(byte, word)| i32::from(*byte) * i32::from(*word)).sum::<i32>()
}

/// The best of many by score, best first; of equal ones the later. Places come in their order.
#[must_use]
pub fn nearest<I: Iterator<Item = (usize, f32)>>(scored: I, most: usize) -> Vec<(usize, f32)> {
    let better = |(one, of_one): &(usize, f32), (other, of_other): &(usize, f32)| of_other.total_cmp(of_one).then(other.cmp(one));
    if most == 0 {
        return Vec::new();
    }
    // What is behind the best so far is not even kept.
    let room = most.saturating_mul(4).max(64);
    let mut found: Vec<(usize, f32)> = Vec::new();
    let mut least = f32::NEG_INFINITY;
    for one in scored {
        if one.1 < least {
            continue;
        }
        found.push(one);
        if found.len() >= room {
            found.select_nth_unstable_by(most - 1, better);
            found.truncate(most);
            least = found.last().map_or(least, |(_, score)| *score);
        }
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

    /// What is fast finds what is plain, whatever the length, and where some have no vector.
    #[test]
    fn a_matrix_finds_what_one_vector_after_the_other_does() {
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        for width in [1, 2, 15, 31, 32, 33, 250, 256] {
            let mut vector = || Quantized::of(&(0..width).map(|_| next()).collect::<Vec<f32>>());
            let vectors: Vec<Option<Quantized>> = (0..500).map(|place| vector().filter(|_| place % 7 != 0)).collect();
            let mut matrix = Matrix::default();
            vectors.iter().for_each(|vector| matrix.push(vector.as_ref()));
            let among: Vec<bool> = (0..500).map(|place| place % 3 != 0).collect();
            for _ in 0..20 {
                let wanted = vector().unwrap();
                let plain = vectors.iter().enumerate().filter(|(place, _)| among[*place]);
                let mut plain: Vec<(usize, f32)> = plain.filter_map(|(place, one)| Some((place, one.as_ref()?.times(&wanted)))).collect();
                plain.sort_by(|(one, of_one), (other, of_other)| of_other.total_cmp(of_one).then(other.cmp(one)));
                plain.truncate(10);
                assert_eq!(matrix.nearest(&wanted, &among, 10), plain);
            }
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
