//! Diagnostics and failures for people (miette). It decides nothing; formats for programs are in `report.rs`.

use crate::apart::{Drawn, apart};
use crate::counted::counted;
use crate::excerpt::Excerpt;
use crate::exit::Failure;
use crate::output::{printable, tell};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use std::fmt;
use std::io::IsTerminal;
use std::sync::Arc;
use tradewind_lang::compile::Compiled;
use tradewind_lang::diagnostic::{Diagnostic, Severity};
use tradewind_lang::source::{SourceMap, Span};

/// A source as it is shown. Where it is cut its columns are others: the one that is named is that of the file.
struct Shown<'a> {
    path: &'a str,
    text: Arc<str>,
    column: usize,
}

impl SourceCode for Shown<'_> {
    fn read_span<'s>(&'s self, span: &SourceSpan, before: usize, after: usize) -> Result<Box<dyn SpanContents<'s> + 's>, MietteError> {
        let read = self.text.read_span(span, before, after)?;
        // Without lines around it, what is asked for is the place that is named.
        let column = if before == 0 && after == 0 { self.column.saturating_sub(1) } else { read.column() };
        let (data, span, line, count) = (read.data(), *read.span(), read.line(), read.line_count());
        Ok(Box::new(MietteSpanContents::new_named(self.path.to_owned(), data, span, line, column, count)))
    }
}

/// A diagnostic with its source, as miette wants it.
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: Shown<'a>,
    /// Where the source is cut, the places in it.
    excerpt: Option<Excerpt>,
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
        let place = |offset: u32| self.excerpt.as_ref().map_or(offset as usize, |excerpt| excerpt.place(offset as usize));
        let range = |span: Span| place(span.start)..place(span.end).max(place(span.start));
        let text = (!self.diagnostic.label.is_empty()).then(|| self.diagnostic.label.clone());
        let primary = Drawn { place: range(own), text, primary: true };
        let others = self.diagnostic.secondary.iter().filter(|label| label.span.source == own.source);
        let others = others.map(|label| Drawn { place: range(label.span), text: Some(label.text.clone()), primary: false });
        let labels = apart(&self.source.text, std::iter::once(primary).chain(others).collect());
        Some(Box::new(labels.into_iter().map(|label| {
            let range = (label.place.start, label.place.len());
            if label.primary {
                LabeledSpan::new_primary_with_span(label.text, range)
            } else {
                LabeledSpan::new_with_span(label.text, range)
            }
        })))
    }
}

/// Whether standard error shows colours.
pub(crate) fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// One diagnostic as text.
pub(crate) fn diagnostic(diagnostic: &Diagnostic, sources: &SourceMap, colour: bool) -> String {
    let Some(source) = sources.get(diagnostic.span.source) else { return diagnostic.message.clone() };
    let bytes = |span: Span| (span.start as usize, span.end as usize);
    let labels: Vec<(usize, usize)> = std::iter::once(diagnostic.span)
        .chain(diagnostic.secondary.iter().map(|label| label.span).filter(|span| span.source == diagnostic.span.source))
        .map(bytes)
        .collect();
    let excerpt = Excerpt::of(&source.text, &labels);
    let elsewhere = diagnostic.secondary.iter().filter(|label| label.span.source != diagnostic.span.source).map(|label| {
        let (line, column) = sources.line_column(label.span);
        format!("{}: {}:{line}:{column}", label.text, sources.path(label.span))
    });
    let help: Vec<String> = diagnostic.help.iter().cloned().chain(elsewhere).collect();
    let help = (!help.is_empty()).then(|| help.join("\n"));
    let text: Arc<str> = excerpt.as_ref().map_or_else(|| source.text.clone(), |excerpt| excerpt.text.as_str().into());
    let source = Shown { path: &source.path, text, column: sources.line_column(diagnostic.span).1 };
    let report = Report { diagnostic, source, excerpt, help };
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
    match (errors, warnings) {
        (errors, 0) => counted(errors, "error"),
        (0, warnings) => counted(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    }
}

/// A command's failure on standard error.
pub(crate) fn failure(failure: &Failure) {
    tell!("error[{}]: {}", failure.code, printable(&failure.message));
    if let Some(help) = &failure.help {
        tell!("  help: {}", printable(help));
    }
}
