//! The four written forms of a string: what each decodes to, where each decoded byte was written, and what is wrong in it.
//! It finds no strings in a file; the lexer does.

use super::chars::{is_newline, is_space, newline_length};

/// Something wrong inside a string, at absolute bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: FaultKind,
}

/// What can be wrong inside a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// A backslash before a character that makes no escape.
    UnknownEscape,
    /// `\u` without `{1 to 6 hex digits}`.
    UnicodeForm,
    /// `\u{…}` of a number that is no character.
    UnicodeValue,
    /// Text on the line of the opening `"""`.
    OpeningLine,
    /// Text on the line of the closing `"""`.
    ClosingLine,
    /// A line that does not begin with the indentation of the closing `"""`.
    Indentation,
}

/// A string's value with the way back to its source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    /// Pairs as in [`crate::ast::Literal::offsets`].
    pub(super) offsets: Vec<(u32, u32)>,
    pub(super) faults: Vec<Fault>,
}

/// One decoded character and where it was written.
struct Unit {
    character: char,
    start: usize,
    end: usize,
    escaped: bool,
}

impl Unit {
    fn is_blank(&self) -> bool {
        !self.escaped && is_space(self.character)
    }
}

/// Decodes the inside of a quoted, raw or bare string on one line, which begins at byte `start` of its file.
pub(super) fn decode_line(inside: &str, start: usize, escapes: bool) -> Decoded {
    let mut decoded = Decoded::default();
    let units = read_units(inside, start, escapes, &mut decoded.faults);
    write_units(&units, start, &mut decoded);
    decoded
}

/// Decodes the inside of a string between triple quotes: removes the first newline, the indentation and the last line.
pub(super) fn decode_block(inside: &str, start: usize, escapes: bool) -> Decoded {
    let mut decoded = Decoded::default();
    let first = newline_length(inside);
    if first == 0 {
        let end = start + inside.find(is_newline).unwrap_or(inside.len());
        decoded.faults.push(Fault { start, end, kind: FaultKind::OpeningLine });
    }
    let body = inside.get(first..).unwrap_or("");
    let units = read_units(body, start + first, escapes, &mut decoded.faults);
    let mut lines: Vec<&[Unit]> = units.split(|unit| !unit.escaped && unit.character == '\n').collect();
    let last = lines.pop().unwrap_or(&[]);
    let newlines: Vec<&Unit> = units.iter().filter(|unit| !unit.escaped && unit.character == '\n').collect();
    let prefix: Vec<char> = last.iter().take_while(|unit| unit.is_blank()).map(|unit| unit.character).collect();
    if let (Some(from), Some(to)) = (last.get(prefix.len()), last.last()) {
        // A string wholly on one line is one mistake, not two.
        if first > 0 || !newlines.is_empty() {
            decoded.faults.push(Fault { start: from.start, end: to.end, kind: FaultKind::ClosingLine });
        }
        lines.push(last);
    }
    let mut kept: Vec<&Unit> = Vec::with_capacity(units.len());
    let count = lines.len();
    for (at, line) in lines.into_iter().enumerate() {
        if !line.iter().all(Unit::is_blank) {
            kept.extend(without_prefix(line, &prefix, &mut decoded.faults));
        }
        if at + 1 < count {
            kept.extend(newlines.get(at));
        }
    }
    write_units(kept, start + first, &mut decoded);
    decoded
}

fn without_prefix<'a>(line: &'a [Unit], prefix: &[char], faults: &mut Vec<Fault>) -> &'a [Unit] {
    let same = line.iter().zip(prefix).take_while(|(unit, wanted)| !unit.escaped && unit.character == **wanted).count();
    if same < prefix.len()
        && let Some(first) = line.first()
    {
        let end = line.iter().find(|unit| !unit.is_blank()).map_or(first.end, |unit| unit.end);
        faults.push(Fault { start: first.start, end, kind: FaultKind::Indentation });
    }
    line.get(same..).unwrap_or(&[])
}

fn read_units(inside: &str, start: usize, escapes: bool, faults: &mut Vec<Fault>) -> Vec<Unit> {
    let mut units = Vec::with_capacity(inside.len());
    let mut at = 0;
    while let Some(rest) = inside.get(at..)
        && let Some(character) = rest.chars().next()
    {
        let newline = newline_length(rest);
        let length = if newline > 0 { newline } else { character.len_utf8() };
        if escapes && character == '\\' {
            let (value, length) = read_escape(rest, start + at, faults);
            units.extend(value.map(|character| Unit { character, start: start + at, end: start + at + length, escaped: true }));
            at += length;
            continue;
        }
        let character = if newline > 0 { '\n' } else { character };
        units.push(Unit { character, start: start + at, end: start + at + length, escaped: false });
        at += length;
    }
    units
}

/// The value of the escape that `rest` begins with (none for escaped whitespace) and its length in bytes.
fn read_escape(rest: &str, start: usize, faults: &mut Vec<Fault>) -> (Option<char>, usize) {
    let Some(letter) = rest.chars().nth(1) else {
        faults.push(Fault { start, end: start + rest.len(), kind: FaultKind::UnknownEscape });
        return (None, rest.len());
    };
    let value = match letter {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{08}',
        'f' => '\u{0C}',
        's' => ' ',
        '\\' | '"' => letter,
        'u' => return read_unicode(rest, start, faults),
        _ if is_space(letter) || is_newline(letter) => {
            let blank = rest.get(1..).unwrap_or("").trim_start_matches(|character| is_space(character) || is_newline(character));
            return (None, rest.len() - blank.len());
        }
        _ => {
            let end = start + 1 + letter.len_utf8();
            faults.push(Fault { start, end, kind: FaultKind::UnknownEscape });
            return (Some(letter), 1 + letter.len_utf8());
        }
    };
    (Some(value), 2)
}

fn read_unicode(rest: &str, start: usize, faults: &mut Vec<Fault>) -> (Option<char>, usize) {
    let after = rest.get(2..).unwrap_or("");
    let digits: &str =
        after.strip_prefix('{').map_or("", |inner| inner.split(|character: char| !character.is_ascii_hexdigit()).next().unwrap_or(""));
    let closed = after.get(1 + digits.len()..).is_some_and(|tail| tail.starts_with('}'));
    let length = 2 + if closed { digits.len() + 2 } else { usize::from(after.starts_with('{')) + digits.len() };
    if !closed || digits.is_empty() || digits.len() > 6 {
        faults.push(Fault { start, end: start + length, kind: FaultKind::UnicodeForm });
        return (Some('\u{FFFD}'), length);
    }
    let value = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    if value.is_none() {
        faults.push(Fault { start, end: start + length, kind: FaultKind::UnicodeValue });
    }
    (Some(value.unwrap_or('\u{FFFD}')), length)
}

fn write_units<'a>(units: impl IntoIterator<Item = &'a Unit>, start: usize, decoded: &mut Decoded) {
    let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    let mut source = start;
    decoded.offsets.push((0, narrow(start)));
    for unit in units {
        let at = narrow(decoded.text.len());
        if unit.start != source {
            // Both ends of the gap, so that a range that ends before it does not reach over it.
            if decoded.offsets.last() != Some(&(at, narrow(source))) {
                decoded.offsets.push((at, narrow(source)));
            }
            decoded.offsets.push((at, narrow(unit.start)));
        }
        decoded.text.push(unit.character);
        source = unit.end;
        if unit.escaped || unit.end - unit.start != unit.character.len_utf8() {
            decoded.offsets.push((narrow(decoded.text.len()), narrow(unit.end)));
        }
    }
}
