//! Diagnostics as workflow commands, which GitHub shows beside the lines of a pull request.
//! A step shows ten annotations and a job fifty; more vanish silently, so the worst come first and the rest are plain lines.

use super::{Findings, Region, level, with_help};
use crate::output::printable;
use crate::render;
use std::fmt::Write as _;
use tradewind_lang::diagnostic::Diagnostic;

/// Most annotations of one step.
const SHOWN: usize = 10;

/// The report.
pub(crate) fn report(findings: &Findings<'_>) -> String {
    let sorted = findings.by_severity();
    let mut text = String::new();
    for found in sorted.iter().take(SHOWN) {
        let _ = writeln!(text, "{}", annotation(found, findings));
    }
    for found in sorted.iter().skip(SHOWN) {
        let Region { line, column, .. } = Region::of(found.span, &findings.compiled.sources);
        let place = format!("{}:{line}:{column}", findings.path(found.span));
        // A line of a log that begins with `::` or `##[` would be a command; this one begins with a word of ours.
        let _ = writeln!(text, "{} {} {}: {}", level(found), found.code.id, printable(&place), printable(&with_help(found)));
    }
    let (errors, warnings) = render::counts(findings.compiled);
    let total = if sorted.is_empty() { "no mistake".to_owned() } else { render::summary(errors, warnings) };
    match sorted.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        Some(more) => {
            let _ = writeln!(text, "{total}; {SHOWN} are annotations, {more} stand only in this log");
        }
        None => {
            let _ = writeln!(text, "{total}");
        }
    }
    text
}

/// One diagnostic as a command. The last column is that of the last character, and only given within one line.
fn annotation(found: &Diagnostic, findings: &Findings<'_>) -> String {
    let Region { line, column, end_line, end_column } = Region::of(found.span, &findings.compiled.sources);
    let path = property(&findings.path(found.span));
    let end = match end_line == line {
        true => format!(",col={column},endColumn={}", column.max(end_column.saturating_sub(1))),
        false => String::new(),
    };
    let title = property(&format!("{} {}", found.code.id, found.code.title));
    format!("::{} file={path},line={line},endLine={end_line}{end},title={title}::{}", level(found), data(&with_help(found)))
}

/// The text of a command: a line break would end it, and `%` begins an escape.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, where `:` and `,` mean something, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property};

    #[test]
    fn what_means_something_to_a_command_is_escaped_once() {
        assert_eq!(data("100 %0A, a: b\r\n"), "100 %250A, a: b%0D%0A");
        assert_eq!(property("a,b: 5%"), "a%2Cb%3A 5%25");
    }
}
