//! Several orders of the same things in one (reciprocal rank fusion: Cormack, Clarke, Büttcher, SIGIR 2009). It looks at ranks alone, so
//! that scores of different kinds need not be compared.

use std::collections::HashMap;

/// How little the first places weigh more than those behind them; the authors' own number.
const FLATNESS: f64 = 60.0;

/// What was found, by place, best first.
pub type Rank = Vec<(usize, f32)>;

/// One order of several; of equal things the later place comes first. At most so many.
#[must_use]
pub fn fuse(orders: &[Rank], most: usize) -> Vec<(usize, f64)> {
    let mut scores: HashMap<usize, f64> = HashMap::new();
    for order in orders {
        for ((place, _), rank) in order.iter().zip(1_u32..) {
            *scores.entry(*place).or_default() += 1.0 / (FLATNESS + f64::from(rank));
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

    #[test]
    fn what_both_orders_name_comes_before_what_one_names_first() {
        let (words, meaning) = (vec![(7, 9.0), (3, 8.0)], vec![(5, 0.9), (3, 0.8), (4, 0.7)]);
        let fused: Vec<usize> = fuse(&[words.clone(), meaning], 4).into_iter().map(|(place, _)| place).collect();
        assert_eq!(fused, [3, 7, 5, 4]);
        assert_eq!(fuse(&[words], 1).len(), 1);
        assert_eq!(fuse(&[], 5), []);
    }
}
