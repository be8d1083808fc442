//! Figures worked out by hand for a few invented rows.

use super::*;

/// A judgement of two labels: the right one, the one said, how surely.
fn judged(truth: usize, said: usize, confidence: f64) -> Judged {
    let mut probabilities = vec![1.0 - confidence; 2];
    probabilities[said] = confidence;
    Judged { truth, prediction: Prediction { label: said, confidence, probabilities } }
}

fn labels() -> Vec<String> {
    vec!["bad".to_owned(), "good".to_owned()]
}

/// bad: 2 of 3 found, 1 other taken for it. good: 1 of 2 found.
fn rows() -> Vec<Judged> {
    vec![judged(0, 0, 0.95), judged(0, 0, 0.85), judged(0, 1, 0.65), judged(1, 1, 0.75), judged(1, 0, 0.55)]
}

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 1e-12, "{found} instead of {wanted}");
}

#[test]
fn figures_are_those_worked_out_by_hand() {
    let found = evaluate("tone", &labels(), 0, &rows(), &rows(), 0.9).unwrap();
    close(found.accuracy, 3.0 / 5.0);
    assert_eq!(found.confusion, [[2, 1], [1, 1]]);
    close(found.by_label[0].precision, 2.0 / 3.0);
    close(found.by_label[0].recall, 2.0 / 3.0);
    close(found.by_label[1].f1, 1.0 / 2.0);
    close(found.macro_f1, (2.0 / 3.0 + 0.5) / 2.0);
    // Each row is alone in its bin: the distances are .05, .15, .65, .25 and .55.
    close(found.calibration_error, 1.65 / 5.0);
    // Always `bad`: 3 of 5 right; F1 of bad is 6/8, of good 0.
    close(found.baselines[0].accuracy, 0.6);
    close(found.baselines[0].macro_f1, 0.375);
    let at_70 = found.sweep.iter().find(|at| (at.min_confidence - 0.7).abs() < 1e-9).unwrap();
    assert_eq!(at_70.rows, 3);
    close(at_70.share, 0.6);
    close(at_70.precision, 1.0);
}

#[test]
fn the_threshold_comes_from_the_threshold_rows_alone() {
    // Thirty sure and right, ten unsure and wrong: from .56 on the precision is 1.
    let threshold: Vec<Judged> = (0..40).map(|row| if row < 30 { judged(0, 0, 0.805) } else { judged(0, 1, 0.555) }).collect();
    let heldout = vec![judged(0, 0, 0.9), judged(1, 0, 0.7), judged(1, 1, 0.5)];
    let found = evaluate("tone", &labels(), 0, &threshold, &heldout, 0.9).unwrap();
    close(found.chosen.unwrap().min_confidence, 0.56);
    close(found.chosen.unwrap().share, 0.75);
    close(found.at_chosen.unwrap().share, 2.0 / 3.0);
    close(found.at_chosen.unwrap().precision, 0.5);
}

#[test]
fn too_few_confident_rows_choose_nothing_and_it_is_said() {
    let found = evaluate("tone", &labels(), 0, &rows(), &rows(), 0.9).unwrap();
    assert_eq!(found.chosen, None);
    assert!(found.to_string().contains("no confidence reaches a precision of 0.90"), "{found}");
}

#[test]
fn nothing_to_judge_by_is_an_error() {
    assert!(evaluate("tone", &labels(), 0, &rows(), &[], 0.9).is_err());
    assert!(evaluate("tone", &labels(), 0, &rows(), &rows(), 90.0).is_err());
}
