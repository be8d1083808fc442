//! The tree of a written expression. It follows CEL's grammar (CEL language definition, "Syntax") and refuses what is beyond it.

use super::{Token, TokenKind, tokens};
use crate::expr::MAX_LENGTH;

/// How deep parts may nest; what is deeper has no tree.
const DEEPEST: usize = 96;

/// A part of an expression and its place: bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What it is.
    pub form: Form,
}

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A literal.
    Literal,
    /// A variable.
    Name,
    /// `(a)`.
    Group(Box<Part>),
    /// `a.b`, `a.?b`.
    Field(Box<Part>),
    /// `a[b]`, `a[?b]`.
    Index(Box<Part>, Box<Part>),
    /// `f(a)` or `a.f(b)`: what it is called on, its name, its arguments.
    Call(Option<Box<Part>>, String, Vec<Part>),
    /// `!a` or `-a`.
    Unary(Box<Part>),
    /// `a + b` and the like: the operator and both sides.
    Binary(String, Box<Part>, Box<Part>),
    /// `a ? b : c`.
    Choice(Box<Part>, Box<Part>, Box<Part>),
    /// `[a, ?b]`, `{a: b, ?c: d}`: what stands in it.
    Collection(Vec<Part>),
}

/// The tree of a text; nothing where it is no expression, is longer than the checker reads, or nests too deeply.
#[must_use]
pub fn parse(text: &str) -> Option<Part> {
    // A chain of operators is as deep as it is long.
    if text.len() > MAX_LENGTH {
        return None;
    }
    let tokens: Vec<Token<'_>> = tokens(text).into_iter().filter(|token| token.kind != TokenKind::Comment).collect();
    let mut reader = Reader { tokens: &tokens, at: 0, depth: 0 };
    let part = reader.choice()?;
    (reader.at == tokens.len()).then_some(part)
}

/// How tightly an operator of two sides binds; the higher, the tighter.
pub(super) fn strength(sign: &str) -> Option<u8> {
    Some(match sign {
        "||" => 1,
        "&&" => 2,
        "<" | "<=" | ">" | ">=" | "==" | "!=" | "in" => 3,
        "+" | "-" => 4,
        "*" | "/" | "%" => 5,
        _ => return None,
    })
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    fn is(&self, sign: &str) -> bool {
        self.peek().is_some_and(|token| token.kind == TokenKind::Sign && token.text == sign)
    }

    /// Takes a sign, and says where it ends.
    fn take(&mut self, sign: &str) -> Option<usize> {
        let token = self.peek().filter(|_| self.is(sign))?;
        self.at += 1;
        Some(token.end())
    }

    fn choice(&mut self) -> Option<Part> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let condition = self.binary(1)?;
        let part = if self.take("?").is_some() {
            let one = self.binary(1)?;
            self.take(":")?;
            let other = self.choice()?;
            let (start, end) = (condition.start, other.end);
            Part { start, end, form: Form::Choice(Box::new(condition), Box::new(one), Box::new(other)) }
        } else {
            condition
        };
        self.depth -= 1;
        Some(part)
    }

    /// Operators that bind at least so tightly, from left to right.
    fn binary(&mut self, least: u8) -> Option<Part> {
        let mut left = self.unary()?;
        while let Some(token) = self.peek()
            && matches!(token.kind, TokenKind::Sign | TokenKind::Word)
            && let Some(own) = strength(token.text).filter(|own| *own >= least)
        {
            self.at += 1;
            let right = self.binary(own + 1)?;
            let (start, end) = (left.start, right.end);
            left = Part { start, end, form: Form::Binary(token.text.to_owned(), Box::new(left), Box::new(right)) };
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<Part> {
        let mut starts = Vec::new();
        while let Some(token) = self.peek().filter(|_| self.is("!") || self.is("-")) {
            starts.push(token.start);
            self.at += 1;
            if starts.len() > DEEPEST {
                return None;
            }
        }
        let mut part = self.member()?;
        for start in starts.into_iter().rev() {
            part = Part { start, end: part.end, form: Form::Unary(Box::new(part)) };
        }
        Some(part)
    }

    fn member(&mut self) -> Option<Part> {
        let mut part = self.primary()?;
        let mut length = 0;
        loop {
            length += 1;
            if length > DEEPEST {
                return None;
            }
            let start = part.start;
            if self.take(".").is_some() {
                let asked = self.take("?").is_some();
                let name = self.peek().filter(|token| token.kind == TokenKind::Word)?;
                self.at += 1;
                // What is called is a function, which is never absent.
                part = match self.take("(") {
                    Some(_) if asked => return None,
                    Some(_) => {
                        let (arguments, end) = self.items(")", false)?;
                        Part { start, end, form: Form::Call(Some(Box::new(part)), name.text.to_owned(), arguments) }
                    }
                    None => Part { start, end: name.end(), form: Form::Field(Box::new(part)) },
                };
            } else if self.take("[").is_some() {
                self.take("?");
                let index = self.choice()?;
                let end = self.take("]")?;
                part = Part { start, end, form: Form::Index(Box::new(part), Box::new(index)) };
            } else {
                return Some(part);
            }
        }
    }

    fn primary(&mut self) -> Option<Part> {
        let token = self.peek()?;
        let start = token.start;
        self.at += 1;
        match token.kind {
            TokenKind::Number | TokenKind::Text => Some(Part { start, end: token.end(), form: Form::Literal }),
            TokenKind::Word if matches!(token.text, "true" | "false" | "null") => {
                Some(Part { start, end: token.end(), form: Form::Literal })
            }
            TokenKind::Word if token.text != "in" => match self.take("(") {
                Some(_) => {
                    let (arguments, end) = self.items(")", false)?;
                    Some(Part { start, end, form: Form::Call(None, token.text.to_owned(), arguments) })
                }
                None => Some(Part { start, end: token.end(), form: Form::Name }),
            },
            TokenKind::Sign if token.text == "(" => {
                let inner = self.choice()?;
                let end = self.take(")")?;
                Some(Part { start, end, form: Form::Group(Box::new(inner)) })
            }
            TokenKind::Sign if token.text == "[" || token.text == "{" => {
                let map = token.text == "{";
                let (items, end) = self.items(if map { "}" } else { "]" }, map)?;
                Some(Part { start, end, form: Form::Collection(items) })
            }
            _ => None,
        }
    }

    /// Items up to a closing sign, a comma behind the last allowed; in a map a key and a value each.
    fn items(&mut self, close: &str, pairs: bool) -> Option<(Vec<Part>, usize)> {
        let mut items = Vec::new();
        loop {
            if let Some(end) = self.take(close) {
                return Some((items, end));
            }
            if close != ")" {
                self.take("?");
            }
            items.push(self.choice()?);
            if pairs {
                self.take(":")?;
                items.push(self.choice()?);
            }
            if self.take(",").is_none() {
                return self.take(close).map(|end| (items, end));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, Part, parse};

    /// The parts of two sides and of brackets, written out with brackets.
    fn shown(text: &str, part: &Part) -> String {
        match &part.form {
            Form::Binary(sign, left, right) => format!("({} {sign} {})", shown(text, left), shown(text, right)),
            Form::Choice(a, b, c) => format!("({} ? {} : {})", shown(text, a), shown(text, b), shown(text, c)),
            Form::Group(inner) => shown(text, inner),
            _ => text[part.start..part.end].to_owned(),
        }
    }

    #[test]
    fn operators_bind_as_in_cel() {
        for (text, expected) in [
            ("a || b && c == d + e * -f", "(a || (b && (c == (d + (e * -f)))))"),
            ("a - b - c", "((a - b) - c)"),
            ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
            ("x in [1, 2,] && !has(a.b[0].c)", "((x in [1, 2,]) && !has(a.b[0].c))"),
            ("a.?b[?c].or([?d, e]) + {?f: g}.h", "(a.?b[?c].or([?d, e]) + {?f: g}.h)"),
            ("l.exists(i, i.n > 1) || {'a': 1}['a'] == 1", "(l.exists(i, i.n > 1) || ({'a': 1}['a'] == 1))"),
        ] {
            assert_eq!(parse(text).map(|part| shown(text, &part)).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "a +",
            "a b",
            "(a",
            "a)",
            "a ? b",
            "[1 2]",
            ".a",
            "a.?b()",
            "f(?a)",
            "a.?",
            "[?]",
            "'open + 1 in",
            &"(".repeat(500),
            &"!".repeat(500),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
