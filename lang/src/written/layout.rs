//! The one way an expression is laid out: spaces around operators, none within brackets. It changes white space only.
//! An expression with a comment in it stays as it is, and so does one that cannot be read.

use super::tree::strength;
use super::{Form, Part, Token, TokenKind, parse, tokens};

/// An expression on one line.
#[must_use]
pub fn line(text: &str) -> Option<String> {
    let tokens = tokens(text);
    if tokens.iter().any(|token| matches!(token.kind, TokenKind::Comment | TokenKind::Unknown)) {
        return None;
    }
    let before = parse(text)?;
    let mut out = String::with_capacity(text.len() + 16);
    let mut previous: Option<Token<'_>> = None;
    let mut unary = false;
    // For each open bracket, the outermost text included: how many `?` wait for their `:`.
    let mut choices = vec![0_usize];
    for token in &tokens {
        let asks = token.text == "?" && previous.is_some_and(|previous| matches!(previous.text, "." | "[" | "{" | ","));
        let key = !asks && is_behind_key(*token, &mut choices);
        if let Some(previous) = previous
            && !key
            && spaced(previous, unary, *token)
        {
            out.push(' ');
        }
        // A sign that begins an operand stands right before it, and so does the `?` of what may be absent.
        unary = asks || matches!(token.text, "-" | "!") && token.kind == TokenKind::Sign && previous.is_none_or(begins_operand);
        out.push_str(token.text);
        previous = Some(*token);
    }
    // A layout must never change what is computed: should it ever, the text stays as it is.
    let after = parse(&out)?;
    (same(text, &before, &out, &after)).then_some(out)
}

/// An expression over several lines: each operand of its outermost `&&` or `||` on a line of its own, the operator before it.
/// Without such an operator it is one line.
#[must_use]
pub fn lines(text: &str) -> Option<Vec<String>> {
    let whole = line(text)?;
    let tree = parse(&whole)?;
    let Form::Binary(sign, ..) = &tree.form else { return Some(vec![whole]) };
    if !matches!(sign.as_str(), "&&" | "||") {
        return Some(vec![whole]);
    }
    let mut operands = Vec::new();
    chain(&tree, sign, &mut operands);
    let written = operands.iter().enumerate().map(|(at, part)| {
        let own = whole.get(part.start..part.end).unwrap_or("");
        if at == 0 { own.to_owned() } else { format!("{sign} {own}") }
    });
    Some(written.collect())
}

/// The operands of a chain of one operator, from the left.
fn chain<'p>(part: &'p Part, sign: &str, found: &mut Vec<&'p Part>) {
    match &part.form {
        Form::Binary(own, left, right) if own == sign => {
            chain(left, sign, found);
            found.push(right);
        }
        _ => found.push(part),
    }
}

/// Whether a token is the `:` behind the key of a map, not the one between the sides of a choice.
fn is_behind_key(token: Token<'_>, choices: &mut Vec<usize>) -> bool {
    match token.text {
        "(" | "[" | "{" => choices.push(0),
        ")" | "]" | "}" => {
            choices.pop();
        }
        "?" => {
            if let Some(open) = choices.last_mut() {
                *open += 1;
            }
        }
        ":" => match choices.last_mut() {
            Some(open) if *open > 0 => *open -= 1,
            _ => return true,
        },
        _ => {}
    }
    false
}

/// Whether an operand begins behind a token.
fn begins_operand(previous: Token<'_>) -> bool {
    match previous.kind {
        TokenKind::Word => previous.text == "in",
        TokenKind::Sign => !matches!(previous.text, ")" | "]" | "}"),
        _ => false,
    }
}

/// Whether a space stands between two tokens. `unary`: the first is a sign that belongs to what follows it.
fn spaced(previous: Token<'_>, unary: bool, token: Token<'_>) -> bool {
    if unary || matches!(previous.text, "(" | "[" | "{" | ".") || matches!(token.text, ")" | "]" | "}" | "," | ".") {
        return false;
    }
    if matches!(previous.text, "," | ":" | "?") || token.text == "?" {
        return true;
    }
    if token.text == ":" {
        return true;
    }
    let operator = |token: Token<'_>| strength(token.text).is_some() && matches!(token.kind, TokenKind::Sign | TokenKind::Word);
    if operator(previous) || operator(token) {
        return true;
    }
    !matches!(token.text, "(" | "[")
}

/// Whether two texts have the same tree of the same tokens.
fn same(text: &str, part: &Part, other_text: &str, other: &Part) -> bool {
    let words = |text| tokens(text).into_iter().map(|token| token.text.to_owned()).collect::<Vec<_>>();
    words(text) == words(other_text) && alike(part, other)
}

/// Whether two trees differ in places only.
fn alike(left: &Part, right: &Part) -> bool {
    let each = |left: &[Part], right: &[Part]| left.len() == right.len() && left.iter().zip(right).all(|(left, right)| alike(left, right));
    match (&left.form, &right.form) {
        (Form::Literal, Form::Literal) | (Form::Name, Form::Name) => true,
        (Form::Group(left), Form::Group(right)) | (Form::Field(left), Form::Field(right)) | (Form::Unary(left), Form::Unary(right)) => {
            alike(left, right)
        }
        (Form::Index(left, one), Form::Index(right, other)) => alike(left, right) && alike(one, other),
        (Form::Call(None, name, left), Form::Call(None, other, right)) => name == other && each(left, right),
        (Form::Call(Some(on), name, left), Form::Call(Some(other_on), other, right)) => {
            name == other && alike(on, other_on) && each(left, right)
        }
        (Form::Binary(sign, left, one), Form::Binary(other_sign, right, other)) => {
            sign == other_sign && alike(left, right) && alike(one, other)
        }
        (Form::Choice(a, b, c), Form::Choice(d, e, f)) => alike(a, d) && alike(b, e) && alike(c, f),
        (Form::Collection(left), Form::Collection(right)) => each(left, right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{line, lines};

    #[test]
    fn operators_have_spaces_and_brackets_have_none() {
        for (text, expected) in [
            ("a.b>1&&!c", "a.b > 1 && !c"),
            ("  a  ?b:c ", "a ? b : c"),
            ("f( a,b )[ 0 ] . g", "f(a, b)[0].g"),
            ("-a- -b", "-a - -b"),
            ("x in['a','b']", "x in ['a', 'b']"),
            ("{'a':1,'b':x?1:2}['a']", "{'a': 1, 'b': x ? 1 : 2}['a']"),
            ("a==-1||'x  y'!=b", "a == -1 || 'x  y' != b"),
            ("(a+b)*c%2", "(a + b) * c % 2"),
            ("l.exists(i,!(i in m))", "l.exists(i, !(i in m))"),
            ("a\n  && b", "a && b"),
            ("!!a", "!!a"),
            ("a.?b.or( '' )+'a'", "a.?b.or('') + 'a'"),
            ("[1,2][ ?0 ].or( 1 )", "[1, 2][?0].or(1)"),
            ("{ ?'a':b.?c,? 'd':e}", "{?'a': b.?c, ?'d': e}"),
            ("[?b.c,  'x',?d]", "[?b.c, 'x', ?d]"),
            ("x?[?a]:{?'b':y?1:2}", "x ? [?a] : {?'b': y ? 1 : 2}"),
            ("a[?-1]", "a[?-1]"),
        ] {
            assert_eq!(line(text).as_deref(), Some(expected), "{text}");
            assert_eq!(line(expected).as_deref(), Some(expected), "{text}");
        }
        for text in ["a // why", "a +", "", "a @ b"] {
            assert_eq!(line(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_condition_is_broken_at_its_outermost_operator() {
        assert_eq!(lines("a&&(b||c)&&d").unwrap(), ["a", "&& (b || c)", "&& d"]);
        assert_eq!(lines("a && b || c").unwrap(), ["a && b", "|| c"]);
        assert_eq!(lines("a + b").unwrap(), ["a + b"]);
    }
}
