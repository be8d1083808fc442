//! Files that are not UTF-8 text: what of them can be read, and what is said of the rest. They never end in a plan.

use super::Compiled;
use crate::code::run;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// What the bytes of a file say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text; a mark stands for each part that is none.
    pub text: String,
    /// The byte at which the file stops being UTF-8 text, which is also a place of `text`; absent where all of it is.
    pub garbled: Option<usize>,
}

impl Decoded {
    /// Reads the bytes of a file, whatever they are.
    #[must_use]
    pub fn of(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self { text, garbled: None },
            Err(error) => {
                let garbled = Some(error.utf8_error().valid_up_to());
                Self { text: String::from_utf8_lossy(error.as_bytes()).into_owned(), garbled }
            }
        }
    }
}

impl Compiled {
    /// Adds that a file stops being text at a byte. Of a file that is not in the compilation nothing is said.
    pub fn note_garbled(&mut self, path: &str, at: usize) {
        let Some((source, file)) = self.sources.iter().find(|(_, source)| source.path == path) else { return };
        let end = file.text.get(at..).and_then(|rest| rest.chars().next()).map_or(at, |letter| at + letter.len_utf8());
        let message = format!("`{path}` is not UTF-8 text from byte {at} on");
        let diagnostic = Diagnostic::new(&run::NOT_TEXT, Span::new(source, at, end), message).label("no text from here on");
        // What seems to be wrong behind that place is not what somebody wrote.
        self.diagnostics.retain(|other| other.span.source != source || (other.span.start as usize) < at);
        self.diagnostics.push(diagnostic.help("save it as UTF-8"));
        self.diagnostics.sort_by_key(|diagnostic| (diagnostic.span.source, diagnostic.span.start, diagnostic.code.id));
        self.plan = None;
    }
}
