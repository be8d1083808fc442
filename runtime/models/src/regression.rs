//! Multinomial logistic regression with a ridge penalty, by a limited-memory quasi-Newton method (L-BFGS).
//!
//! Deterministic: fixed order of sums, fixed bounds on the iterations, one thread, no random start.

use crate::arithmetic::{dot, softmax};
use crate::vectorizer::{BIAS, SparseVector};
use std::collections::VecDeque;

/// Pairs of steps and gradient changes that the method remembers.
const MEMORY: usize = 8;
/// A step that gains less than this share of the loss is the last.
const ENOUGH: f64 = 1e-5;
/// Most halvings of a step.
const HALVINGS: usize = 20;

/// What is to be learnt.
pub(crate) struct Problem<'a> {
    pub(crate) rows: &'a [SparseVector],
    pub(crate) truths: &'a [usize],
    pub(crate) classes: usize,
    pub(crate) width: usize,
    pub(crate) ridge: f64,
    pub(crate) iterations: usize,
}

/// The scores of one row under weights laid out feature by feature, class by class.
pub(crate) fn scores(weights: &[f64], classes: usize, row: &[(usize, f64)]) -> Vec<f64> {
    let mut scores = vec![0.0; classes];
    for (at, value) in row {
        for (score, weight) in scores.iter_mut().zip(weights.get(at * classes..).unwrap_or_default()) {
            *score += value * weight;
        }
    }
    scores
}

impl Problem<'_> {
    /// The weights that minimise the penalised loss, starting from zero.
    pub(crate) fn solve(&self) -> Vec<f64> {
        let mut weights = vec![0.0; self.width * self.classes];
        let (mut loss, mut gradient) = self.loss_and_gradient(&weights);
        let mut history: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
        for _ in 0..self.iterations {
            let direction = direction(&gradient, &history);
            let slope = dot(&direction, &gradient);
            if slope >= -1e-9 {
                break;
            }
            let mut length = if history.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt() } else { 1.0 };
            let mut found = None;
            for _ in 0..HALVINGS {
                let next: Vec<f64> = weights.iter().zip(&direction).map(|(weight, step)| weight + length * step).collect();
                let (next_loss, next_gradient) = self.loss_and_gradient(&next);
                if next_loss <= loss + 1e-4 * length * slope {
                    found = Some((next, next_loss, next_gradient));
                    break;
                }
                length /= 2.0;
            }
            let Some((next, next_loss, next_gradient)) = found else { break };
            let step: Vec<f64> = next.iter().zip(&weights).map(|(next, weight)| next - weight).collect();
            let change: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(next, now)| next - now).collect();
            let curvature = dot(&step, &change);
            if curvature > 1e-12 {
                if history.len() == MEMORY {
                    history.pop_front();
                }
                history.push_back((step, change, curvature));
            }
            let gained = loss - next_loss;
            (weights, loss, gradient) = (next, next_loss, next_gradient);
            if gained < ENOUGH * loss {
                break;
            }
        }
        weights
    }

    fn loss_and_gradient(&self, weights: &[f64]) -> (f64, Vec<f64>) {
        let bias = (BIAS + 1) * self.classes;
        let mut gradient: Vec<f64> = weights.iter().map(|weight| weight * self.ridge).collect();
        gradient.iter_mut().take(bias).for_each(|value| *value = 0.0);
        let mut loss = weights.iter().skip(bias).map(|weight| weight * weight).sum::<f64>() * self.ridge / 2.0;
        for (row, truth) in self.rows.iter().zip(self.truths) {
            let mut errors = scores(weights, self.classes, row);
            let right = errors.get(*truth).copied().unwrap_or_default();
            loss += softmax(&mut errors) - right;
            if let Some(error) = errors.get_mut(*truth) {
                *error -= 1.0;
            }
            for (at, value) in row {
                for (slot, error) in gradient.get_mut(at * self.classes..).unwrap_or_default().iter_mut().zip(&errors) {
                    *slot += value * error;
                }
            }
        }
        (loss, gradient)
    }
}

/// The two-loop recursion: downhill, bent by the remembered curvature.
fn direction(gradient: &[f64], history: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|value| -value).collect();
    let mut shares = Vec::with_capacity(history.len());
    for (step, change, curvature) in history.iter().rev() {
        let share = dot(step, &direction) / curvature;
        add(&mut direction, -share, change);
        shares.push(share);
    }
    if let Some((_, change, curvature)) = history.back() {
        let scale = curvature / dot(change, change);
        direction.iter_mut().for_each(|value| *value *= scale);
    }
    for ((step, change, curvature), share) in history.iter().zip(shares.into_iter().rev()) {
        let correction = dot(change, &direction) / curvature;
        add(&mut direction, share - correction, step);
    }
    direction
}

fn add(to: &mut [f64], factor: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One feature, two classes, no penalty: the weights must give back the observed shares.
    #[test]
    fn finds_the_shares() {
        let rows = vec![vec![(BIAS, 1.0)]; 4];
        let problem = Problem { rows: &rows, truths: &[0, 0, 0, 1], classes: 2, width: 1, ridge: 0.0, iterations: 50 };
        let mut found = scores(&problem.solve(), 2, &rows[0]);
        softmax(&mut found);
        assert!((found[0] - 0.75).abs() < 2e-3, "{found:?}");
    }

    #[test]
    fn a_ridge_pulls_towards_zero() {
        let rows = vec![vec![(BIAS, 1.0), (1, 1.0)], vec![(BIAS, 1.0), (1, -1.0)]];
        let weight = |ridge| Problem { rows: &rows, truths: &[0, 1], classes: 2, width: 2, ridge, iterations: 50 }.solve()[2];
        assert!(weight(1.0) > 0.0 && weight(1.0) < weight(0.01));
    }
}
