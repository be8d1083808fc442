//! Which characters KDL 2 calls whitespace, newlines, parts of a bare word, or forbids. It reads no text.

/// Whitespace that is not a newline.
pub(super) fn is_space(character: char) -> bool {
    matches!(character, '\t' | ' ' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}')
}

/// A character that ends a line; `\r\n` together is one newline.
pub(super) fn is_newline(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{0B}' | '\u{0C}' | '\u{2028}' | '\u{2029}')
}

/// Whether KDL 2 forbids the character everywhere, also in strings and comments.
pub(crate) fn is_forbidden(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{08}' | '\u{0E}'..='\u{1F}' | '\u{7F}' | '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
    )
}

/// Whether the character may stand in a bare word.
pub(super) fn is_word(character: char) -> bool {
    !matches!(character, '\\' | '/' | '(' | ')' | '{' | '}' | ';' | '[' | ']' | '"' | '#' | '=')
        && !is_space(character)
        && !is_newline(character)
        && !is_forbidden(character)
}

/// The length in bytes of the newline that `text` begins with, 0 where it does not begin with one.
pub(super) fn newline_length(text: &str) -> usize {
    if text.starts_with("\r\n") {
        return 2;
    }
    text.chars().next().filter(|character| is_newline(*character)).map_or(0, char::len_utf8)
}
