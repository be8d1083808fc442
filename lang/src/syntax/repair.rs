//! The text that the KDL reader gets: repaired, with comments and left-out parts blanked, and with the way back.

use super::findings::Repair;

/// Repairs and blanked ranges of a file, in order.
pub(super) struct Repairs {
    repairs: Vec<Repair>,
    blank: Vec<(usize, usize)>,
}

/// A repaired piece of text; knows where its bytes were.
pub(super) struct Piece {
    pub(super) text: String,
    /// Pairs of (offset in the piece, offset in the file), ascending.
    moved: Vec<(usize, usize)>,
}

impl Piece {
    /// The byte of the file that a byte of the piece came from.
    pub(super) fn origin(&self, offset: usize) -> usize {
        let at = self.moved.partition_point(|(here, _)| *here <= offset);
        let pair = at.checked_sub(1).and_then(|at| self.moved.get(at)).copied().unwrap_or((0, 0));
        pair.1 + (offset - pair.0.min(offset))
    }
}

impl Repairs {
    pub(super) fn new(mut repairs: Vec<Repair>, mut blank: Vec<(usize, usize)>) -> Self {
        blank.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::with_capacity(blank.len());
        for (start, end) in blank {
            match merged.last_mut() {
                // Ranges that only touch stay apart: a brace may have to stand between them.
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        // Stable: of two insertions at one place the inner block's brace was recorded first. Insertions come before a
        // replacement at the same place, and of two replacements of the same bytes the later one counts.
        repairs.reverse();
        repairs.sort_by_key(|repair| (repair.start, repair.start != repair.end, std::cmp::Reverse(repair.end)));
        repairs.dedup_by(|next, kept| next.start == kept.start && next.end == kept.end && kept.start != kept.end);
        repairs.chunk_by_mut(|left, right| left.start == right.start && left.end == right.end).for_each(<[Repair]>::reverse);
        let hidden = |repair: &Repair| {
            let at = merged.partition_point(|(start, _)| *start <= repair.start);
            at.checked_sub(1).and_then(|at| merged.get(at)).is_some_and(|(start, end)| {
                if repair.start == repair.end { repair.start > *start && repair.end < *end } else { repair.end <= *end }
            })
        };
        repairs.retain(|repair| !hidden(repair));
        Self { repairs, blank: merged }
    }

    /// The bytes `start..end` of `text`, repaired.
    pub(super) fn piece(&self, text: &str, start: usize, end: usize) -> Piece {
        let mut piece = Piece { text: String::with_capacity(end - start + 16), moved: vec![(0, start)] };
        let mut at = start;
        let from = self.repairs.partition_point(|repair| repair.start < start);
        for repair in self.repairs.get(from..).unwrap_or(&[]).iter().take_while(|repair| repair.end <= end) {
            if repair.start < at {
                continue;
            }
            self.copy(text, at, repair.start, &mut piece.text);
            piece.moved.push((piece.text.len(), repair.start));
            piece.text.push_str(&repair.text);
            piece.moved.push((piece.text.len(), repair.end));
            at = repair.end;
        }
        self.copy(text, at, end, &mut piece.text);
        piece
    }

    /// Copies bytes, blanked where they are hidden.
    fn copy(&self, text: &str, start: usize, end: usize, to: &mut String) {
        let mut at = start;
        let from = self.blank.partition_point(|(_, blank_end)| *blank_end <= start);
        for (blank_start, blank_end) in self.blank.get(from..).unwrap_or(&[]).iter().take_while(|(blank_start, _)| *blank_start < end) {
            let (from, until) = ((*blank_start).clamp(at, end), (*blank_end).min(end));
            to.push_str(text.get(at..from).unwrap_or(""));
            to.extend(std::iter::repeat_n(' ', until.saturating_sub(from)));
            at = at.max(until);
        }
        to.push_str(text.get(at..end).unwrap_or(""));
    }
}
