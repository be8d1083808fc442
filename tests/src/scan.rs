//! Rust text without its strings and comments, and the functions in it: enough to measure a file. It parses no Rust.

/// A function and how long it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of `fn`, from 1.
    pub line: usize,
    /// Lines from `fn` to the closing brace, both included.
    pub lines: usize,
}

/// The text with every comment, string and character literal replaced by spaces; lines keep their numbers.
#[must_use]
pub fn code_only(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        let rest = letters.get(at..).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let length = literal_length(rest, before.is_some_and(|before| is_word(*before)));
        if length == 0 {
            out.push(*letter);
            at += 1;
        } else {
            out.extend(rest.iter().take(length).map(|letter| if *letter == '\n' { '\n' } else { ' ' }));
            at += length;
        }
    }
    out
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// How many characters of a comment, string or character literal begin here; 0 where none does.
fn literal_length(rest: &[char], in_word: bool) -> usize {
    match rest {
        ['/', '/', ..] => rest.iter().position(|letter| *letter == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => 1 + quoted(rest.get(1..).unwrap_or_default(), '"'),
        ['b', '"', ..] | ['c', '"', ..] if !in_word => 2 + quoted(rest.get(2..).unwrap_or_default(), '"'),
        ['r', '"' | '#', ..] if !in_word => raw_string(rest, 1),
        ['b' | 'c', 'r', '"' | '#', ..] if !in_word => raw_string(rest, 2),
        ['\'', '\\', ..] => 3 + quoted(rest.get(3..).unwrap_or_default(), '\''),
        // One character between two quotes; otherwise it is a lifetime.
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

fn quoted(rest: &[char], end: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.iter().enumerate() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if *letter == end => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string(rest: &[char], prefix: usize) -> usize {
    let body = rest.get(prefix..).unwrap_or_default();
    let marks = body.iter().take_while(|letter| **letter == '#').count();
    if body.get(marks) != Some(&'"') {
        return 0;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', marks)).collect();
    let inside = body.get(marks + 1..).unwrap_or_default();
    let length = inside.windows(end.len()).position(|window| window == end).map_or(inside.len(), |at| at + end.len());
    prefix + marks + 1 + length
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match (rest.get(at), rest.get(at + 1)) {
            (Some('/'), Some('*')) => {
                depth += 1;
                at += 2;
            }
            (Some('*'), Some('/')) => {
                depth -= 1;
                at += 2;
            }
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Every function with a body. `text` is what [`code_only`] returned.
#[must_use]
pub fn functions(text: &str) -> Vec<Function> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut before = ' ';
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if !is_word(before)
            && let Some(after) = rest.strip_prefix("fn ")
            && let Some(lines) = body_lines(after)
        {
            let name = after.trim_start().chars().take_while(|letter| is_word(*letter)).collect();
            found.push(Function { name, line, lines });
        }
        line += usize::from(letter == '\n');
        before = letter;
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    found
}

/// Lines from here to the brace that closes the first body; `None` for a signature without one, or a function's type.
fn body_lines(text: &str) -> Option<usize> {
    let (mut lines, mut braces, mut brackets) = (1, 0_usize, 0_usize);
    if !text.trim_start().starts_with(is_word) {
        return None;
    }
    for letter in text.chars() {
        match letter {
            '\n' => lines += 1,
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if braces == 0 && brackets == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1)?;
                if braces == 0 && brackets == 0 {
                    return Some(lines);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_comments_and_characters_vanish_and_lifetimes_stay() {
        let code = code_only("let a = \"{ \\\" fn\"; // fn }\nlet b: &'a str = r#\"}\"#; /* { /* */ } */ let c = '{'; let d = '\\''; e()");
        assert!(!code.contains(['{', '}', '"']), "{code}");
        assert!(!code.contains("fn"), "{code}");
        assert!(code.contains("&'a str") && code.ends_with("e()"), "{code}");
        assert_eq!(code.lines().count(), 2);
    }

    #[test]
    fn a_function_is_measured_from_its_signature_to_its_closing_brace() {
        let code = "trait T {\n    fn declared(&self) -> [u8; 2];\n}\nfn outer(\n    a: fn(u8) -> u8,\n) {\n    fn inner() {}\n    if a { b }\n}\n";
        let found: Vec<(String, usize, usize)> = functions(code).into_iter().map(|found| (found.name, found.line, found.lines)).collect();
        assert_eq!(found, vec![("outer".to_owned(), 4, 6), ("inner".to_owned(), 7, 1)]);
    }
}
