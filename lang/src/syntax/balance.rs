//! Which braces have no partner, and where indentation says that the missing one was meant. It moves no token.

use super::lex::{Token, TokenKind};

/// Where braces do not match; indentation is trusted only there.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Balance {
    /// The outermost `{` without `}`: from here on some block is not closed.
    pub(super) open_from: Option<usize>,
    /// The last `}` without `{`: up to here some `}` is too many.
    pub(super) surplus_until: Option<usize>,
}

/// Matches the braces of a file without regard to lines.
pub(super) fn balance(tokens: &[Token]) -> Balance {
    let mut open: Vec<usize> = Vec::new();
    let mut surplus_until = None;
    for token in tokens {
        match token.kind {
            TokenKind::OpenBrace => open.push(token.start),
            TokenKind::CloseBrace if open.pop().is_none() => surplus_until = Some(token.start),
            _ => {}
        }
    }
    Balance { open_from: open.first().copied(), surplus_until }
}

/// The width of the indentation before a token that is the first of its line.
pub(super) fn indent_if_first(text: &str, tokens: &[Token], at: usize) -> Option<usize> {
    let before = |back: usize| at.checked_sub(back).and_then(|index| tokens.get(index));
    let begins = |token: Option<&Token>| token.is_none_or(|token| matches!(token.kind, TokenKind::Newline | TokenKind::Mark));
    match before(1) {
        Some(space) if space.kind == TokenKind::Space && begins(before(2)) => Some(width(text.get(space.start..space.end).unwrap_or(""))),
        other if begins(other) => Some(0),
        _ => None,
    }
}

/// For each token the width of the indentation of its line.
pub(super) fn indents(text: &str, tokens: &[Token]) -> Vec<usize> {
    let mut indent = 0;
    let mut first = true;
    let mut indents = Vec::with_capacity(tokens.len());
    for token in tokens {
        if first {
            indent = if token.kind == TokenKind::Space { width(text.get(token.start..token.end).unwrap_or("")) } else { 0 };
        }
        indents.push(indent);
        first = matches!(token.kind, TokenKind::Newline | TokenKind::Mark);
    }
    indents
}

fn width(space: &str) -> usize {
    space.chars().map(|character| if character == '\t' { 4 } else { 1 }).sum()
}
