//! Diagnostics and failures for people (miette). It decides nothing; formats for programs are in `report.rs`.

use crate::exit::Failure;
use crate::output::{printable, tell};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use std::fmt;
use std::io::IsTerminal;
use std::sync::Arc;
use tradewind_lang::compile::Compiled;
use tradewind_lang::diagnostic::{Diagnostic, Severity};
use tradewind_lang::source::{SourceMap, Span};

/// A diagnostic with its source, as miette wants it.
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: NamedSource<Arc<str>>,
    help: Option<String>,
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.diagnostic.message)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.diagnostic.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code.id))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity() {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let own = self.diagnostic.span;
        let range = |span: Span| (span.start as usize, (span.end.saturating_sub(span.start)) as usize);
        let text = (!self.diagnostic.label.is_empty()).then(|| self.diagnostic.label.clone());
        let primary = LabeledSpan::new_primary_with_span(text, range(own));
        let others = self.diagnostic.secondary.iter().filter(move |label| label.span.source == own.source);
        let others = others.map(move |label| LabeledSpan::new_with_span(Some(label.text.clone()), range(label.span)));
        Some(Box::new(std::iter::once(primary).chain(others)))
    }
}

/// Whether standard error shows colours.
pub(crate) fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// The longest line that is shown around a mistake; a longer one would bury it.
const LONGEST_LINE: usize = 400;

/// One diagnostic without its source, where a line there is too long for people.
fn plain(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let (line, column) = sources.line_column(diagnostic.span);
    let place = format!("{}:{line}:{column}", sources.path(diagnostic.span));
    let help = diagnostic.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
    format!("{}\n\n  × {}\n    at {place}: {}{help}\n", diagnostic.code.id, diagnostic.message, diagnostic.label)
}

/// Whether a snippet that shows both ends of a span has a line that is too long.
fn is_long(text: &str, span: Span) -> bool {
    let (start, end) = (span.start as usize, span.end as usize);
    let before = text.get(..start).unwrap_or_default().rsplit('\n').take(2).map(str::len);
    let after = text.get(end..).unwrap_or_default().split('\n').take(2).map(str::len);
    before.chain(after).any(|length| length > LONGEST_LINE)
}

/// One diagnostic as text.
pub(crate) fn diagnostic(diagnostic: &Diagnostic, sources: &SourceMap, colour: bool) -> String {
    let Some(source) = sources.get(diagnostic.span.source) else { return diagnostic.message.clone() };
    if is_long(&source.text, diagnostic.span) {
        return plain(diagnostic, sources);
    }
    let elsewhere = diagnostic.secondary.iter().filter(|label| label.span.source != diagnostic.span.source).map(|label| {
        let (line, column) = sources.line_column(label.span);
        format!("{}: {}:{line}:{column}", label.text, sources.path(label.span))
    });
    let help: Vec<String> = diagnostic.help.iter().cloned().chain(elsewhere).collect();
    let help = (!help.is_empty()).then(|| help.join("\n"));
    let report = Report { diagnostic, source: NamedSource::new(&source.path, source.text.clone()), help };
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
    match handler.render_report(&mut text, &report) {
        Ok(()) => text,
        Err(_) => diagnostic.message.clone(),
    }
}

/// Most diagnostics that are shown to people; programs get all.
const MOST: usize = 200;

/// Diagnostics on standard error, the errors first where there are too many to show.
pub(crate) fn list(found: &[Diagnostic], sources: &SourceMap, colour: bool) {
    let mut shown: Vec<&Diagnostic> = found.iter().collect();
    if shown.len() > MOST {
        shown.sort_by_key(|found| found.severity() != Severity::Error);
    }
    for found in shown.iter().take(MOST) {
        tell!("{}", diagnostic(found, sources, colour));
    }
    if let Some(more) = found.len().checked_sub(MOST).filter(|more| *more > 0) {
        tell!("and {more} more");
    }
}

/// Every diagnostic on standard error, then a line that counts them.
pub(crate) fn diagnostics(compiled: &Compiled) {
    list(&compiled.diagnostics, &compiled.sources, colours());
    let (errors, warnings) = counts(compiled);
    if errors + warnings > 0 {
        tell!("{}", summary(errors, warnings));
    }
}

/// How many errors and warnings.
pub(crate) fn counts(compiled: &Compiled) -> (usize, usize) {
    let errors = compiled.diagnostics.iter().filter(|found| found.severity() == Severity::Error).count();
    (errors, compiled.diagnostics.len() - errors)
}

/// `2 errors, 1 warning`.
pub(crate) fn summary(errors: usize, warnings: usize) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (errors, 0) => plural(errors, "error"),
        (0, warnings) => plural(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    }
}

/// A command's failure on standard error.
pub(crate) fn failure(failure: &Failure) {
    tell!("error[{}]: {}", failure.code, printable(&failure.message));
    if let Some(help) = &failure.help {
        tell!("  help: {}", printable(help));
    }
}
