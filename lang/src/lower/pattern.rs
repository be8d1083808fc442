//! `match` of a field: the pattern that its text has. What holds it when values come in is elsewhere.

use super::context::Context;
use crate::ast::Node;
use crate::code::{expression, meaning};
use crate::diagnostic::Diagnostic;
use crate::expr::Pattern;
use crate::literal;
use crate::shape::Shaped;
use crate::ty::Ty;
use crate::value::Value;

impl Context<'_> {
    /// `match` of a field of text: a pattern that `matches` takes, and that the default fits.
    pub(crate) fn pattern_of(&mut self, field: &Node, ty: &Ty, default: Option<&Value>) -> Option<String> {
        let value = field.setting("match")?.clone();
        let text = self.text(&value, "`match`")?;
        let bounded = if let Ty::Optional(inner) = ty { inner.as_ref() } else { ty };
        if !matches!(bounded, Ty::String | Ty::Unknown) {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("a field of type {ty} has no `match`"));
            self.report(diagnostic.label("would not be held").help("only text has a pattern: write a `require` in the flow"));
            return None;
        }
        let fits = crate::expr::matches(default.and_then(Value::as_str).unwrap_or(""), &text);
        let diagnostic = match fits {
            Err(_) => {
                let (message, help) =
                    Pattern::fault(&text).unwrap_or_else(|| (format!("`{}` cannot be read", literal::shortened(&text)), ""));
                Diagnostic::new(&expression::PATTERN, value.span, message).label("cannot be read").help(help)
            }
            Ok(false) if default.is_some_and(|default| default.as_str().is_some()) => {
                let span = field.setting("default").map_or(value.span, |default| default.span);
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, "the default does not match the field's `match`");
                diagnostic.label("does not fit").help("change the default or the pattern")
            }
            Ok(_) => return Some(text),
        };
        self.report(diagnostic);
        None
    }
}
