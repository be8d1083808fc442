//! What an annotation before a string asks of its place: `(str)` is text as it stands, `(money)` an amount, `(file)` the text of a file,
//! `(secret)` the name of a secret. One that its place cannot do with is a mistake: nothing that is written is left out without a word.

use super::context::Context;
use super::given::constant_of;
use crate::ast::Literal;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Checked;
use crate::ty::Ty;

/// The annotation of a literal.
pub(crate) fn annotation(value: &Literal) -> Option<&str> {
    value.annotation.as_ref().map(|annotation| annotation.text.as_str())
}

/// A type without its `?`.
fn present(ty: &Ty) -> &Ty {
    if let Ty::Optional(inner) = ty { inner } else { ty }
}

/// Whether a place takes any text.
pub(crate) fn takes_text(ty: &Ty) -> bool {
    matches!(present(ty), Ty::String | Ty::Enum(_) | Ty::Json | Ty::Dyn | Ty::Bytes | Ty::Unknown)
}

impl Context<'_> {
    /// Whether a literal may be read as a type, as far as its annotation says.
    pub(crate) fn annotation_fits(&mut self, value: &Literal, ty: &Ty) -> bool {
        let Some(name) = annotation(value) else { return true };
        let wants = match name {
            // Reported with the shape of its node.
            _ if value.text().is_none() => return false,
            "str" if takes_text(ty) => return true,
            "money" if matches!(present(ty), Ty::Money | Ty::Unknown) => return true,
            "str" | "money" => format!("this place wants {ty}"),
            "file" | "secret" => "this place takes neither files nor secrets".to_owned(),
            _ => return true,
        };
        self.refuse_annotation(value, &wants);
        false
    }

    /// Whether a literal may be read as plain text: a name, a word, a condition.
    pub(crate) fn is_plain(&mut self, value: &Literal) -> bool {
        match annotation(value) {
            Some(_) if value.text().is_none() => false,
            Some("money" | "file" | "secret") => {
                self.refuse_annotation(value, "this place takes plain text");
                false
            }
            _ => true,
        }
    }

    /// Reports that the place of a literal cannot do with its annotation.
    pub(crate) fn refuse_annotation(&mut self, value: &Literal, wants: &str) {
        let Some(name) = &value.annotation else { return };
        let gives = match name.text.as_str() {
            "money" => "an amount",
            "file" => "the text of a file",
            "secret" => "the name of a secret",
            _ => "text as it stands",
        };
        let message = format!("`({})` is {gives}, and {wants}", name.text);
        let diagnostic = Diagnostic::new(&meaning::ANNOTATION, name.span, message).label("does not fit its place");
        self.report(diagnostic.help("leave it out: the place says how the string is read"));
    }

    /// `(money)"5 USD"`: an amount, wherever a value stands.
    pub(crate) fn amount(&mut self, value: &Literal, expected: Option<&Ty>) -> Option<Checked> {
        let amount = self.typed(value, expected.filter(|ty| !matches!(ty, Ty::Unknown)).unwrap_or(&Ty::Money))?;
        Some(constant_of(amount, Ty::Money))
    }
}
