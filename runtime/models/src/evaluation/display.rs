//! An evaluation for people: aligned columns, every figure with the rows it is of. It computes nothing.

use super::{Asked, Coverage, Evaluation};
use std::fmt;

impl fmt::Display for Evaluation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "model {}, {} held-out rows", self.model, self.rows)?;
        writeln!(out)?;
        self.scores(out)?;
        writeln!(out)?;
        self.labels(out)?;
        writeln!(out)?;
        self.confusion(out)?;
        writeln!(out)?;
        match &self.asked {
            Some(asked) => self.asked(out, asked),
            None => self.coverage(out),
        }
    }
}

fn line(out: &mut fmt::Formatter<'_>, at: &Coverage, mark: &str) -> fmt::Result {
    writeln!(out, "  {:>10.2}  {:>4}  {:>12.1}%  {:>9.3}{mark}", at.min_confidence, at.rows, at.share * 100.0, at.precision)
}

impl Evaluation {
    fn scores(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.baselines.iter().map(|baseline| baseline.name.chars().count()).chain([self.model.chars().count()]).max();
        let width = width.unwrap_or_default();
        writeln!(out, "  {:width$}  accuracy  macro-F1  calibration error", "")?;
        writeln!(out, "  {:width$}  {:>8.3}  {:>8.3}  {:>17.3}", self.model, self.accuracy, self.macro_f1, self.calibration_error)?;
        for baseline in &self.baselines {
            writeln!(out, "  {:width$}  {:>8.3}  {:>8.3}  {:>17}", baseline.name, baseline.accuracy, baseline.macro_f1, "-")?;
        }
        Ok(())
    }

    fn labels(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.label_width();
        writeln!(out, "  {:width$}  precision  recall     F1", "label")?;
        for row in &self.by_label {
            writeln!(out, "  {:width$}  {:>9.3}  {:>6.3}  {:>5.3}", row.label, row.precision, row.recall, row.f1)?;
        }
        Ok(())
    }

    fn confusion(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.label_width();
        write!(out, "  {:width$}", "is / said")?;
        for label in &self.labels {
            write!(out, "  {label:>width$}")?;
        }
        writeln!(out)?;
        for (label, row) in self.labels.iter().zip(&self.confusion) {
            write!(out, "  {label:width$}")?;
            for count in row {
                write!(out, "  {count:>width$}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    fn asked(&self, out: &mut fmt::Formatter<'_>, asked: &Asked) -> fmt::Result {
        for (by, count) in &asked.by {
            writeln!(out, "  {count} labels by {by}")?;
        }
        writeln!(out, "  {} rows without a label, which count as wrong", asked.silent)?;
        for (why, count) in &asked.reasons {
            writeln!(out, "    {count}: {why}")?;
        }
        writeln!(out, "  half of the answers within {} ms, 95% within {} ms", asked.milliseconds.0, asked.milliseconds.1)?;
        writeln!(out, "  {} for all rows", asked.cost.as_deref().unwrap_or("nothing paid"))?;
        writeln!(out)?;
        self.sweep(out)
    }

    fn sweep(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "  confidence  rows  share of rows  precision")?;
        self.sweep.iter().try_for_each(|at| line(out, at, ""))
    }

    fn coverage(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sweep(out)?;
        let (Some(chosen), Some(at)) = (&self.chosen, &self.at_chosen) else {
            return writeln!(out, "  no confidence reaches a precision of {:.2} on the threshold rows", self.wanted_precision);
        };
        line(out, at, "  chosen")?;
        writeln!(
            out,
            "  chosen on the threshold rows for a precision of {:.2}: there {:.3} at {:.1}% of the rows",
            self.wanted_precision,
            chosen.precision,
            chosen.share * 100.0
        )
    }

    fn label_width(&self) -> usize {
        self.labels.iter().map(|label| label.chars().count()).chain(["is / said".len()]).max().unwrap_or_default()
    }
}
