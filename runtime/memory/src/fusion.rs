//! Several orders of the same things in one (reciprocal rank fusion: Cormack, Clarke, Büttcher, SIGIR 2009). It looks at ranks alone, so
//! that scores of different kinds need not be compared. An order may weigh less than another one.

use std::collections::HashMap;

/// How little the first places weigh more than those behind them.
pub const FLATNESS: f64 = 60.0;
/// What the order by words weighs, and that by vectors.
pub const WORDS: f64 = 1.0;
pub const VECTORS: f64 = 1.0;

/// What was found, by place, best first.
pub type Rank = Vec<(usize, f32)>;

/// One order of several, each with its weight; of equal things the later place comes first. At most so many. `flatness`: how little the
/// first places weigh more than those behind them.
#[must_use]
pub fn fuse(orders: &[(f64, Rank)], flatness: f64, most: usize) -> Vec<(usize, f64)> {
    let mut scores: HashMap<usize, f64> = HashMap::new();
    for (weight, order) in orders {
        for ((place, _), rank) in order.iter().zip(1_u32..) {
            *scores.entry(*place).or_default() += weight / (flatness + f64::from(rank));
        }
    }
    let mut fused: Vec<(usize, f64)> = scores.into_iter().collect();
    fused.sort_unstable_by(|(one, of_one), (other, of_other)| of_other.total_cmp(of_one).then(other.cmp(one)));
    fused.truncate(most);
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(orders: &[(f64, Rank)], flatness: f64, most: usize) -> Vec<usize> {
        fuse(orders, flatness, most).into_iter().map(|(place, _)| place).collect()
    }

    #[test]
    fn what_both_orders_name_comes_before_what_one_names_first() {
        let (words, meaning) = (vec![(7, 9.0), (3, 8.0)], vec![(5, 0.9), (3, 0.8), (4, 0.7)]);
        assert_eq!(places(&[(1.0, words.clone()), (1.0, meaning.clone())], 60.0, 4), [3, 7, 5, 4]);
        assert_eq!(places(&[(1.0, words.clone()), (0.2, meaning.clone())], 60.0, 4), [3, 7, 5, 4]);
        assert_eq!(places(&[(1.0, words.clone()), (0.2, meaning)], 1.0, 4), [7, 3, 5, 4], "the first of the heavier one stays first");
        assert_eq!(places(&[(1.0, words)], 60.0, 1), [7]);
        assert_eq!(fuse(&[], 60.0, 5), []);
    }
}
