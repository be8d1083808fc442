//! Standard output and standard error. A reader that has gone, as in `tradewind log | head`, is nobody's mistake: the command ends
//! quietly. A command writes data last: what must be kept is kept before it. No control character of anybody's text gets through to
//! standard output: it could hide an amount, or move the cursor over one. Only a filter hands back what it was given as it is.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

/// Writes a line to standard output.
macro_rules! say {
    ($($part:tt)*) => { $crate::output::line(format_args!($($part)*)) };
}
pub(crate) use say;

/// Writes a line to standard error, where everything goes that is no data. Work goes on when nobody reads it.
macro_rules! tell {
    ($($part:tt)*) => { $crate::output::aside(format_args!($($part)*)) };
}
pub(crate) use tell;

/// Writes a line to standard error.
pub(crate) fn aside(text: fmt::Arguments<'_>) {
    // There is nobody to tell that nobody can be told.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a line.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    write(format_args!("{text}\n"));
}

/// Writes text of several lines.
pub(crate) fn write(text: fmt::Arguments<'_>) {
    let text = text.to_string();
    verbatim(&escaped(&text, |character| character != '\n' && is_unprintable(character)));
}

/// Writes text as it is: what a filter was given, and is read by a program.
pub(crate) fn verbatim(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            tell!("error[{}]: standard output cannot be written: {error}", tradewind_lang::code::run::CANNOT_WRITE.id);
            std::process::exit(1);
        }
    }
}

/// Text of others in one line: what could begin another, hide or turn it around is written as `\u000a`, which JSON reads too.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_unprintable)
}

fn escaped(text: &str, unprintable: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match u32::from(character) {
            code if unprintable(character) => out.push_str(&format!("\\u{code:04x}")),
            _ => out.push(character),
        }
    }
    Cow::Owned(out)
}

/// Control characters (the tab is none here), separators of lines, and what changes the direction of text or has no width.
fn is_unprintable(character: char) -> bool {
    (character.is_control() && character != '\t')
        || matches!(character, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn text_of_others_stays_in_its_line_and_hides_nothing() {
        assert_eq!(printable("fine: 5 USD\tö"), "fine: 5 USD\tö");
        assert_eq!(printable("a\n9c01  approved\r\u{1b}[2K\u{9b}"), "a\\u000a9c01  approved\\u000d\\u001b[2K\\u009b");
        assert_eq!(printable("\u{202e}DSU 5\u{2066}"), "\\u202eDSU 5\\u2066");
    }
}
