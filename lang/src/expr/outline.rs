//! The outline of an expression's text before it is parsed: which brackets match, how deep it nests.
//! It refuses what the parser could not survive; it judges no grammar.

use std::collections::BTreeMap;

/// Longest text of one expression, in bytes.
pub(crate) const MAX_LENGTH: usize = 8 * 1024;
/// Deepest nesting of one expression. Chains such as `a + b + c` nest, too: each operator is a level of the tree.
pub(super) const MAX_DEPTH: usize = 128;

/// Levels that a bracket or a choice adds: the parser goes through every rule of the grammar again.
const BRACKET: usize = 2;

/// Matching brackets and depth.
pub(super) struct Outline {
    pairs: BTreeMap<usize, usize>,
    /// An upper bound of the depth of the parsed tree.
    pub(super) depth: usize,
    /// The first bracket without its partner.
    pub(super) unmatched: Option<usize>,
    /// Where a string begins that nothing ends.
    pub(super) open_string: Option<usize>,
}

#[derive(Default)]
struct Level {
    open: usize,
    close: u8,
    operators: usize,
    members: usize,
    longest: usize,
    inner: usize,
    ternaries: usize,
    deepest: usize,
}

impl Level {
    /// Fields, items and calls of one operand nest in each other, not in those of the next.
    fn operand(&mut self) {
        self.longest = self.longest.max(self.members);
        self.members = 0;
    }

    fn operator(&mut self) {
        self.operand();
        self.operators += 1;
    }

    fn segment(&mut self) {
        self.operand();
        self.deepest = self.deepest.max(self.operators + self.longest + self.inner);
        self.operators = 0;
        self.longest = 0;
        self.inner = 0;
    }

    fn depth(mut self) -> usize {
        self.segment();
        self.deepest + self.ternaries * BRACKET
    }
}

impl Outline {
    /// Reads the outline of a text.
    pub(super) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut outline = Self { pairs: BTreeMap::new(), depth: 0, unmatched: None, open_string: None };
        let mut levels: Vec<Level> = Vec::new();
        let mut level = Level::default();
        let mut at = 0;
        let mut before = b' ';
        while let Some(&byte) = bytes.get(at) {
            let mut next = at + 1;
            match byte {
                b'\'' | b'"' => {
                    let (end, closed) = string_end(bytes, at);
                    if !closed && outline.open_string.is_none() {
                        outline.open_string = Some(at);
                    }
                    next = end;
                }
                b'/' if bytes.get(at + 1) == Some(&b'/') => {
                    next = bytes.iter().skip(at).position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length);
                }
                b'(' | b'[' | b'{' => {
                    level.members += 1;
                    let close = if byte == b'(' { b')' } else { byte + 2 };
                    levels.push(std::mem::replace(&mut level, Level { open: at, close, ..Level::default() }));
                }
                b')' | b']' | b'}' if level.close == byte => {
                    outline.pairs.insert(level.open, at);
                    let parent = levels.pop().unwrap_or_default();
                    let depth = std::mem::replace(&mut level, parent).depth() + BRACKET;
                    level.inner = level.inner.max(depth);
                }
                b')' | b']' | b'}' => outline.unmatched = outline.unmatched.or(Some(at)),
                b'?' => {
                    level.segment();
                    level.ternaries += 1;
                }
                b',' | b':' | b'&' | b'|' => level.segment(),
                b'n' if before == b'i' => level.operator(),
                b'.' => level.members += 1,
                b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' | b'!' if !matches!(before, b'<' | b'>' | b'=' | b'!') => {
                    level.operator();
                }
                _ => {}
            }
            before = byte;
            at = next;
        }
        if !levels.is_empty() {
            outline.unmatched = outline.unmatched.or(Some(level.open));
        }
        outline.depth = levels.into_iter().rev().fold(level.depth(), |inner, mut outer| {
            outer.inner = outer.inner.max(inner + BRACKET);
            outer.depth()
        });
        outline
    }

    /// One past the bracket that closes the one at `open`.
    pub(super) fn close(&self, open: usize) -> Option<usize> {
        self.pairs.get(&open).map(|close| close + 1)
    }
}

/// One past the end of the string that begins at `at`, and whether it was closed.
fn string_end(bytes: &[u8], at: usize) -> (usize, bool) {
    let Some(&quote) = bytes.get(at) else { return (bytes.len(), false) };
    let raw = {
        let prefix = |back: usize| at.checked_sub(back).and_then(|at| bytes.get(at)).map(u8::to_ascii_lowercase);
        prefix(1) == Some(b'r') || (prefix(1) == Some(b'b') && prefix(2) == Some(b'r'))
    };
    let triple = bytes.get(at + 1) == Some(&quote) && bytes.get(at + 2) == Some(&quote);
    let mut next = at + if triple { 3 } else { 1 };
    while let Some(&byte) = bytes.get(next) {
        if byte == b'\\' && !raw {
            next += 2;
        } else if byte == quote && !triple {
            return (next + 1, true);
        } else if byte == quote && bytes.get(next + 1) == Some(&quote) && bytes.get(next + 2) == Some(&quote) {
            return (next + 3, true);
        } else if byte == b'\n' && !triple {
            return (next, false);
        } else {
            next += 1;
        }
    }
    (bytes.len(), false)
}
