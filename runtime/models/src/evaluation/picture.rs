//! The confusion matrix as a picture: a square for each pair of labels, the darker the more of the rows with its label it holds. It computes
//! nothing that the evaluation does not say.

use super::Evaluation;
use crate::vectorizer::number;
use std::fmt::Write;

/// Sizes in the picture.
const SQUARE: usize = 72;
const LEFT: usize = 180;
const TOP: usize = 96;

impl Evaluation {
    /// The matrix as SVG; it needs nothing from outside, and reads in light and in dark.
    #[must_use]
    pub fn svg(&self) -> String {
        let (width, height) = (LEFT + SQUARE * self.labels.len() + 24, TOP + SQUARE * self.labels.len() + 48);
        let mut svg = String::new();
        let title = format!("{}: accuracy {:.3}, macro-F1 {:.3}, {} rows", self.model, self.accuracy, self.macro_f1, self.rows);
        // Writing to a text cannot fail.
        let _ = writeln!(
            svg,
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" font-family="system-ui, sans-serif" font-size="13">
<title>{title}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="28" font-size="15" fill="#1b1f24">{title}</text>
<text x="{LEFT}" y="54" fill="#57606a">said</text>"##,
            title = escaped(&title),
        );
        for (place, label) in self.labels.iter().enumerate() {
            let along = LEFT + SQUARE * place + SQUARE / 2;
            let down = TOP + SQUARE * place + SQUARE / 2 + 5;
            let label = escaped(label);
            let _ = writeln!(svg, r##"<text x="{along}" y="{}" text-anchor="middle" fill="#1b1f24">{label}</text>"##, TOP - 12);
            let _ = writeln!(svg, r##"<text x="{}" y="{down}" text-anchor="end" fill="#1b1f24">{label}</text>"##, LEFT - 12);
        }
        for (row, counts) in self.confusion.iter().enumerate() {
            let all: usize = counts.iter().sum();
            for (column, count) in counts.iter().enumerate() {
                let share = if all == 0 { 0.0 } else { number(*count) / number(all) };
                svg.push_str(&square((row, column), *count, share));
            }
        }
        let _ = writeln!(
            svg,
            r##"<text x="16" y="{}" fill="#57606a">rows: what it is; columns: what was said; shades: share of the row</text>"##,
            height - 16
        );
        svg.push_str("</svg>\n");
        svg
    }
}

fn square((row, column): (usize, usize), count: usize, share: f64) -> String {
    let (x, y) = (LEFT + SQUARE * column, TOP + SQUARE * row);
    let hue = if row == column { "#1a7f37" } else { "#cf222e" };
    let ink = if share > 0.55 { "#ffffff" } else { "#1b1f24" };
    let (side, along, down) = (SQUARE - 4, x + SQUARE / 2 - 2, y + SQUARE / 2 + 3);
    format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" rx=\"6\" fill=\"{hue}\" fill-opacity=\"{:.2}\" stroke=\"#d0d7de\"/>\n<text x=\"{along}\" y=\"{down}\" text-anchor=\"middle\" fill=\"{ink}\">{count}</text>\n",
        share.clamp(0.04, 1.0)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::{Judged, evaluate};
    use crate::linear::Prediction;

    #[test]
    fn every_pair_of_labels_has_a_square_and_no_label_breaks_the_picture() {
        let judged = |truth, label| Judged { truth, prediction: Prediction { label, confidence: 0.9, probabilities: Vec::new() } };
        let rows = [judged(0, 0), judged(0, 1), judged(1, 1)];
        let labels = ["<a>".to_owned(), "b & c".to_owned()];
        let svg = evaluate("m\"1", &labels, 0, &rows, &rows, 0.5).unwrap().svg();
        assert_eq!(svg.matches("<rect x=").count(), 4);
        assert!(svg.contains("&lt;a&gt;") && svg.contains("b &amp; c") && svg.contains("m&quot;1") && !svg.contains("<a>"));
        assert!(svg.contains("fill-opacity=\"0.50\""), "one of two: {svg}");
    }
}
