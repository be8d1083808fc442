//! Names that must stand in expressions: of steps, fields, settings. What is named where is not looked at.

use super::context::Context;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::literal::shortened;
use crate::source::Span;

impl Context<'_> {
    /// Refuses a step's name that cannot stand in an expression, or that would hide what the runtime gives.
    pub(crate) fn step_name_allowed(&mut self, text: &str, span: Span) {
        if GIVEN.contains(&text) {
            let diagnostic =
                Diagnostic::new(&meaning::BAD_NAME, span, format!("`{text}` cannot name a step: expressions have a value of that name"));
            self.report(diagnostic.label("taken").help("choose another name"));
        } else {
            self.snake_case(text, span, "a step");
        }
    }

    /// Refuses a name that could not be written on a line of a log, in a command or in a path of this repository: one word of letters, digits, `-`,
    /// `_` and `.`.
    pub(crate) fn one_word(&mut self, kind: &str, text: &str, span: Span) {
        let fits = |letter: char| match letter {
            '-' | '_' | '.' => true,
            letter => !letter.is_whitespace() && !letter.is_control() && !letter.is_ascii_punctuation(),
        };
        // A forbidden character was read as a space, and reported.
        let is_garbled = || self.sources.text(span).chars().any(crate::syntax::is_forbidden);
        if !text.is_empty() && text.chars().all(fits) || is_garbled() {
            return;
        }
        let message = match text {
            "" => format!("the name of this {kind} is empty"),
            text => format!("`{}` cannot name a {kind}: it is no single word", shortened(&text.escape_debug().to_string())),
        };
        let diagnostic = Diagnostic::new(&meaning::BAD_NAME, span, message).label("not one word");
        let parts = text.split(|letter| !fits(letter)).filter(|part| !part.is_empty());
        let fixed = parts.map(str::to_lowercase).collect::<Vec<_>>().join("-");
        // Others may name it, in this repository and beyond.
        self.report(match fixed.as_str() {
            "" => diagnostic.help("name it in letters, digits and `-`"),
            fixed => diagnostic.help(format!("write `{fixed}`: letters, digits and `-`")).proposal(
                format!("write `{fixed}`"),
                span,
                format!("\"{fixed}\""),
            ),
        });
    }

    /// Refuses a name that cannot stand in an expression.
    pub(crate) fn snake_case(&mut self, text: &str, span: Span, what: &str) -> bool {
        let plain = text.chars().next().is_some_and(|first| first.is_ascii_lowercase())
            && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
        let reserved = RESERVED.contains(&text);
        if plain && !reserved {
            return true;
        }
        let why = if reserved { "it is a word of the expression language" } else { "it must be a name in expressions" };
        let diagnostic = Diagnostic::new(&meaning::BAD_NAME, span, format!("`{text}` cannot name {what}: {why}"));
        let fixed = in_snake_case(text);
        self.report(match reserved {
            true => diagnostic.label("reserved").help("choose another name"),
            false => {
                let help = format!("write `{fixed}`: small letters, digits and `_`, beginning with a letter");
                let diagnostic = diagnostic.label("not snake_case").help(help);
                // The name of a field is also in the data that come from outside.
                let possible = fixed.starts_with(|first: char| first.is_ascii_lowercase()) && !RESERVED.contains(&fixed.as_str());
                if possible { diagnostic.proposal(format!("write `{fixed}`"), span, format!("\"{fixed}\"")) } else { diagnostic }
            }
        });
        false
    }
}

/// A name in small letters, its words set apart: `orderId` and `order-id` are `order_id`.
fn in_snake_case(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut fixed = String::with_capacity(text.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(at + 1);
        // A word begins behind a small letter, and with the last capital of several: `HTTPServer`.
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() && before.is_ascii_alphanumeric()
                    || before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase)
            });
        if begins {
            fixed.push('_');
        }
        fixed.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    }
    fixed
}

/// Words of the expression language.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "null",
    "package",
    "namespace",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// Values that every expression of a flow has.
const GIVEN: &[&str] = &["input", "run", "settings", "steps", "failure"];

#[cfg(test)]
mod tests {
    use super::in_snake_case;

    #[test]
    fn words_are_set_apart() {
        for (name, fixed) in [
            ("CamelCase", "camel_case"),
            ("orderId", "order_id"),
            ("order-id", "order_id"),
            ("HTTPServer2", "http_server2"),
            ("ID", "id"),
            ("a1B", "a1_b"),
            ("Größe", "gr__e"),
        ] {
            assert_eq!(in_snake_case(name), fixed);
        }
    }
}
