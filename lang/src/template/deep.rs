//! What nests too deeply to be read: a chain of operators in a hole is as deep as it is long, and each `elif` stands within the one before.
//! It knows where holes and blocks begin and end, and nothing of what they say.

use std::ops::Range;

/// Longest code of one hole or block, in bytes.
const LONGEST: usize = 1_000;
/// Most `elif` of one template.
const BRANCHES: usize = 100;

/// Where a template goes too deep, and how.
pub(super) fn too_deep(text: &str) -> Option<(Range<usize>, String)> {
    let mut branches = 0;
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find('{')).map(|found| at + found) {
        let rest = text.get(start..).unwrap_or("");
        let end = match rest.as_bytes().get(1) {
            Some(b'#') => rest.find("#}").map_or(text.len(), |length| start + length + 2),
            Some(b'{') => closed(text, start, "}}"),
            Some(b'%') => closed(text, start, "%}"),
            _ => start + 1,
        };
        let code = text.get(start..end).unwrap_or("");
        if end - start > LONGEST && !rest.starts_with("{#") {
            return Some((start..end, format!("a hole of {} bytes is too long, at most {LONGEST} are read", end - start)));
        }
        if code.trim_start_matches(['{', '%', '-', '+']).trim_start().starts_with("elif") {
            branches += 1;
        }
        if branches > BRANCHES {
            return Some((start..end, format!("a template has at most {BRANCHES} `elif`")));
        }
        at = end;
    }
    None
}

/// One past the end of a hole or block; the end of the text where it is not closed. What stands in quotes closes nothing.
fn closed(text: &str, start: usize, mark: &str) -> usize {
    let mut quote = None;
    for (at, letter) in text.get(start..).unwrap_or("").char_indices().skip(2) {
        let at = start + at;
        match quote {
            Some(open) if letter == open => quote = None,
            Some(_) => {}
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            None if text.get(at..).is_some_and(|rest| rest.starts_with(mark)) => return at + mark.len(),
            None => {}
        }
    }
    text.len()
}
