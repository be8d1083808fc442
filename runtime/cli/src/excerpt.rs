//! A source as it is shown around a mistake: lines that are too long for people are cut, and what the labels point at is kept.
//! It knows no diagnostic; places in the cut text are asked for by their place in the whole.

/// The longest line that is shown whole, in bytes.
const LONGEST: usize = 160;
/// What is kept before and behind a label, and of a label that is long itself.
const AROUND: usize = 40;
const LABELLED: usize = 80;
/// What stands for what is left out.
const GAP: &str = "…";

/// A text with its long lines cut.
pub(crate) struct Excerpt {
    /// The text, with as many lines as the whole.
    pub(crate) text: String,
    kept: Vec<Kept>,
}

/// A piece of the whole that is kept, and where it stands.
struct Kept {
    from: usize,
    to: usize,
    at: usize,
}

impl Excerpt {
    /// The text cut around labels, each from one byte to another; nothing where no line beside them is long.
    pub(crate) fn of(text: &str, labels: &[(usize, usize)]) -> Option<Self> {
        if !labels.iter().any(|label| is_long(text, *label)) {
            return None;
        }
        let mut excerpt = Self { text: String::new(), kept: Vec::new() };
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let end = start + line.trim_end_matches(['\n', '\r']).len();
            if end - start <= LONGEST {
                excerpt.keep(text, start, end);
            } else {
                excerpt.cut(text, (start, end), labels);
            }
            excerpt.keep(text, end, start + line.len());
            start += line.len();
        }
        Some(excerpt)
    }

    /// Where a byte of the whole is in the cut text; of what is left out, where it would be.
    pub(crate) fn place(&self, offset: usize) -> usize {
        let next = self.kept.partition_point(|kept| kept.from <= offset);
        match next.checked_sub(1).and_then(|at| self.kept.get(at)) {
            Some(kept) => kept.at + (offset.min(kept.to) - kept.from),
            None => 0,
        }
    }

    fn keep(&mut self, text: &str, from: usize, to: usize) {
        let (from, to) = (text.floor_char_boundary(from), text.ceil_char_boundary(to));
        if from < to {
            self.kept.push(Kept { from, to, at: self.text.len() });
            self.text.push_str(text.get(from..to).unwrap_or_default());
        }
    }

    /// A long line: its beginning where nothing in it is labelled, else what is around the labels.
    fn cut(&mut self, text: &str, (start, end): (usize, usize), labels: &[(usize, usize)]) {
        let mut wanted: Vec<(usize, usize)> = Vec::new();
        for (from, to) in labels.iter().filter(|(from, to)| *from <= end && *to >= start) {
            let (from, to) = ((*from).clamp(start, end), (*to).clamp(start, end));
            let (before, behind) = (from.saturating_sub(AROUND).max(start), (to + AROUND).min(end));
            if to - from <= LABELLED + AROUND {
                wanted.push((before, behind));
            } else {
                wanted.extend([(before, from + LABELLED), (to - AROUND, behind)]);
            }
        }
        if wanted.is_empty() {
            wanted.push((start, start + LABELLED));
        }
        wanted.sort_unstable();
        let mut done = start;
        for (from, to) in wanted {
            let (from, to) = (text.floor_char_boundary(from), text.ceil_char_boundary(to));
            // A gap of a few letters is not worth its sign.
            let from = if from > done + GAP.len() { from } else { done };
            if to <= done {
                continue;
            }
            if from > done {
                self.text.push_str(GAP);
            }
            self.keep(text, from, to);
            done = to;
        }
        if done < end {
            self.text.push_str(GAP);
        }
    }
}

/// Whether a line that is shown for a label is long: those that it touches, and one before and behind.
fn is_long(text: &str, (start, end): (usize, usize)) -> bool {
    let before = text.get(..start).unwrap_or_default();
    let behind = text.get(end..).unwrap_or_default();
    let first = before.rmatch_indices('\n').nth(1).map_or(0, |(at, _)| at + 1);
    let last = behind.match_indices('\n').nth(1).map_or(text.len(), |(at, _)| end + at);
    text.get(first..last).unwrap_or_default().split('\n').any(|line| line.len() > LONGEST)
}

#[cfg(test)]
mod tests {
    use super::Excerpt;

    fn shown(text: &str, label: &str) -> (String, String) {
        let start = text.find(label).unwrap();
        let excerpt = Excerpt::of(text, &[(start, start + label.len())]).unwrap();
        let (from, to) = (excerpt.place(start), excerpt.place(start + label.len()));
        (excerpt.text[from..to].to_owned(), excerpt.text)
    }

    #[test]
    fn a_long_line_is_cut_around_its_label_and_the_label_stays() {
        let text = format!("first\n{} wrong {}\nlast\n", "a".repeat(5_000), "b".repeat(5_000));
        let (label, text) = shown(&text, "wrong");
        assert_eq!(label, "wrong");
        assert_eq!(text, format!("first\n…{} wrong {}…\nlast\n", "a".repeat(39), "b".repeat(39)));
    }

    #[test]
    fn a_long_label_loses_its_middle() {
        let label = format!("begin{}end", "x".repeat(1_000));
        let (shown, _) = shown(&format!("one {label} two"), &label);
        assert_eq!(shown, format!("begin{}…{}end", "x".repeat(75), "x".repeat(37)));
    }

    #[test]
    fn letters_of_several_bytes_are_not_torn() {
        let text = format!("{}é!{}", "ß".repeat(500), "→".repeat(500));
        let (label, text) = shown(&text, "é!");
        assert_eq!(label, "é!");
        assert!(text.len() < 300 && text.starts_with('…') && text.ends_with('…'), "{text}");
    }

    #[test]
    fn lines_beside_it_keep_their_beginning_and_short_ones_are_left_alone() {
        let text = format!("{}\nwrong\n{}", "a".repeat(300), "b".repeat(300));
        let (label, text) = shown(&text, "wrong");
        assert_eq!((label.as_str(), text.lines().count()), ("wrong", 3));
        assert!(text.lines().all(|line| line.len() < 100), "{text}");
        assert!(Excerpt::of("one\ntwo\nthree", &[(4, 7)]).is_none());
    }
}
