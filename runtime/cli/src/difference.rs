//! What differs between two texts, line by line, with a few lines around it: the form that `diff -u` has. It changes nothing.

use crate::output::printable;
use std::fmt::Write as _;

/// Lines shown before and after a change.
const AROUND: usize = 2;
/// Beyond so many pairs of lines all that differs is shown as one change: comparing would take too long.
const MOST: usize = 4_000_000;

/// A line: kept, taken out, or put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Kept(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// The differences, or nothing where there are none.
pub(crate) fn unified(path: &str, old: &str, new: &str) -> String {
    let lines = compare(&split(old), &split(new));
    let changed: Vec<usize> = lines.iter().enumerate().filter(|(_, line)| !matches!(line, Line::Kept(_))).map(|(at, _)| at).collect();
    if changed.is_empty() {
        return String::new();
    }
    let mut out = format!("--- {0}\n+++ {0}, laid out\n", printable(path));
    let mut at = 0;
    while let Some(first) = changed.iter().copied().find(|change| *change >= at) {
        let start = first.saturating_sub(AROUND).max(at);
        let mut end = first;
        while let Some(next) = changed.iter().copied().find(|change| *change > end).filter(|next| *next <= end + 2 * AROUND + 1) {
            end = next;
        }
        let end = (end + AROUND + 1).min(lines.len());
        hunk(&lines, start, end, &mut out);
        at = end;
    }
    out
}

/// Lines with their ends, so that a missing one at the end of a file is a difference.
fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn hunk(lines: &[Line<'_>], start: usize, end: usize, out: &mut String) {
    let count = |lines: &[Line<'_>], new: bool| {
        lines.iter().filter(|line| matches!((line, new), (Line::Kept(_), _) | (Line::Old(_), false) | (Line::New(_), true))).count()
    };
    let (before, shown) = (lines.get(..start).unwrap_or_default(), lines.get(start..end).unwrap_or_default());
    let (old, new) = (count(before, false), count(before, true));
    let _ = writeln!(out, "@@ -{},{} +{},{} @@", old + 1, count(shown, false), new + 1, count(shown, true));
    for line in shown {
        let (mark, text) = match line {
            Line::Kept(text) => (' ', text),
            Line::Old(text) => ('-', text),
            Line::New(text) => ('+', text),
        };
        let _ = writeln!(out, "{mark}{}", printable(text.trim_end_matches('\n')));
        if !text.ends_with('\n') {
            out.push_str("\\ no newline at the end\n");
        }
    }
}

/// The shortest list of lines that leads from one text to the other (longest common subsequence).
fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let tail = old.iter().skip(same).rev().zip(new.iter().skip(same).rev()).take_while(|(old, new)| old == new).count();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let (inner_old, inner_new) = (old.get(same..old_end).unwrap_or_default(), new.get(same..new_end).unwrap_or_default());
    let mut lines: Vec<Line<'a>> = old.iter().take(same).map(|line| Line::Kept(line)).collect();
    if inner_old.len().saturating_mul(inner_new.len()) > MOST {
        lines.extend(inner_old.iter().map(|line| Line::Old(line)));
        lines.extend(inner_new.iter().map(|line| Line::New(line)));
    } else {
        lines.extend(longest(inner_old, inner_new));
    }
    lines.extend(old.iter().skip(old_end).map(|line| Line::Kept(line)));
    lines
}

fn longest<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let width = new.len() + 1;
    // How many lines are common from here to the end.
    let mut common = vec![0_u32; (old.len() + 1) * width];
    let at = |common: &[u32], row: usize, column: usize| common.get(row * width + column).copied().unwrap_or(0);
    for (row, left) in old.iter().enumerate().rev() {
        for (column, right) in new.iter().enumerate().rev() {
            let best = match left == right {
                true => at(&common, row + 1, column + 1) + 1,
                false => at(&common, row + 1, column).max(at(&common, row, column + 1)),
            };
            if let Some(slot) = common.get_mut(row * width + column) {
                *slot = best;
            }
        }
    }
    let mut lines = Vec::new();
    let (mut row, mut column) = (0, 0);
    loop {
        match (old.get(row), new.get(column)) {
            (Some(left), Some(right)) if left == right => {
                lines.push(Line::Kept(left));
                (row, column) = (row + 1, column + 1);
            }
            (Some(left), right) if right.is_none() || at(&common, row + 1, column) >= at(&common, row, column + 1) => {
                lines.push(Line::Old(left));
                row += 1;
            }
            (_, Some(right)) => {
                lines.push(Line::New(right));
                column += 1;
            }
            _ => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn changes_are_shown_with_lines_around_them() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
        let new = "1\n2\n3\nfour\n5\n6\n7\n8\n9\n10\n11\n12";
        let expected = "--- a.kdl\n+++ a.kdl, laid out\n@@ -2,5 +2,5 @@\n 2\n 3\n-4\n+four\n 5\n 6\n@@ -10,3 +10,3 @@\n 10\n 11\n-12\n+12\n\\ no newline at the end\n";
        assert_eq!(unified("a.kdl", old, new), expected);
        assert_eq!(unified("a.kdl", old, old), "");
        assert!(unified("a.kdl", "", "x\n").ends_with("@@ -1,0 +1,1 @@\n+x\n"));
    }
}
