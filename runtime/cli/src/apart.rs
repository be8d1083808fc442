//! The places of a report's labels, apart from each other. The picture has one row for all of a line's underlines: one that lies within
//! another would be drawn behind its end, under words that it is not about. So the outer one is left what the inner ones leave of it,
//! such as the operator between two operands. It moves no label to another line and loses no text.

use std::ops::Range;

/// A label where it is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// Bytes of the text that is shown.
    pub(crate) place: Range<usize>,
    /// A few words; nothing for an underline alone.
    pub(crate) text: Option<String>,
    /// Whether it is the place of the mistake itself.
    pub(crate) primary: bool,
}

/// The labels of a text, moved apart: the shortest stay where they are.
pub(crate) fn apart(text: &str, labels: Vec<Drawn>) -> Vec<Drawn> {
    let mut waiting = labels;
    waiting.sort_by_key(|label| label.place.len());
    let mut drawn: Vec<Drawn> = Vec::with_capacity(waiting.len());
    for label in waiting {
        let overlapping = |other: &Drawn| other.place.start < label.place.end && label.place.start < other.place.end;
        let Some(first) = drawn.iter().position(overlapping) else {
            drawn.push(label);
            continue;
        };
        match left_of(text, &label.place, &drawn) {
            Some(place) => drawn.push(Drawn { place, ..label }),
            // Two words about one place stand at it together.
            None => {
                if let Some(taken) = drawn.get_mut(first) {
                    let both: Vec<String> = taken.text.take().into_iter().chain(label.text).collect();
                    taken.text = (!both.is_empty()).then(|| both.join(", "));
                    taken.primary |= label.primary;
                }
            }
        }
    }
    drawn.sort_by_key(|label| (!label.primary, label.place.start));
    drawn
}

/// The first piece of a place that no other label has and that is not blank, on one line.
fn left_of(text: &str, place: &Range<usize>, others: &[Drawn]) -> Option<Range<usize>> {
    let mut taken: Vec<&Range<usize>> = others.iter().map(|other| &other.place).collect();
    taken.sort_by_key(|taken| taken.start);
    let mut at = place.start;
    for end in taken.into_iter().map(Some).chain([None]) {
        let (until, next) = end.map_or((place.end, place.end), |taken| (taken.start.min(place.end), taken.end));
        if let Some(piece) = text.get(at..until) {
            let blank = piece.len() - piece.trim_start().len();
            let line = piece.trim().lines().next().unwrap_or("").trim_end();
            if !line.is_empty() {
                return Some(at + blank..at + blank + line.len());
            }
        }
        at = at.max(next);
    }
    None
}
