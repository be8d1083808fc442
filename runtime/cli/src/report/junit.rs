//! JUnit's XML, as continuous integration reads it: one case for each mistake and for each file without one, or for each scenario.
//! It knows one case with at most one failure, which every reader understands.

use super::{Findings, Region, with_help};
use std::fmt::Write as _;
use std::time::Duration;
use tradewind_lang::diagnostic::Severity;

/// What became of a case.
pub(crate) enum Outcome {
    Passed,
    /// Passed, with something to say.
    Noted(String),
    /// Its kind, one line, and the rest.
    Failed(String, String, String),
}

/// One case.
pub(crate) struct Case {
    /// The file it is about.
    pub(crate) file: String,
    pub(crate) name: String,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

/// What `check` found.
pub(crate) fn report(findings: &Findings<'_>) -> String {
    let mut cases = Vec::new();
    let mut wrong = Vec::new();
    for found in findings.by_severity() {
        let Region { line, column, .. } = Region::of(found.span, &findings.compiled.sources);
        let file = findings.path(found.span);
        let (name, text) = (format!("{} {line}:{column} {}", found.code.id, found.message), with_help(found));
        let fails = found.severity() == Severity::Error || findings.deny_warnings;
        let outcome = match fails {
            true => Outcome::Failed(found.code.id.to_owned(), found.message.clone(), format!("{file}:{line}:{column}: {text}")),
            false => Outcome::Noted(format!("{file}:{line}:{column}: {text}")),
        };
        wrong.push(file.clone());
        cases.push(Case { file, name, took: Duration::ZERO, outcome });
    }
    let files = findings.files.iter().map(|(path, _)| format!("{}{path}", findings.prefix));
    for file in files.filter(|file| !wrong.contains(file)) {
        cases.push(Case { file, name: "no mistake".to_owned(), took: Duration::ZERO, outcome: Outcome::Passed });
    }
    document("tradewind check", &cases)
}

/// The XML of some cases.
pub(crate) fn document(suite: &str, cases: &[Case]) -> String {
    let failures = cases.iter().filter(|case| matches!(case.outcome, Outcome::Failed(..))).count();
    let took: f64 = cases.iter().map(|case| case.took.as_secs_f64()).sum();
    let counts = format!("name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" time=\"{took:.3}\"", escaped(suite), cases.len());
    let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  <testsuite {counts}>\n");
    for case in cases {
        let (file, name) = (escaped(&case.file), escaped(&case.name));
        let _ = write!(out, "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" time=\"{:.3}\"", case.took.as_secs_f64());
        let _ = match &case.outcome {
            Outcome::Passed => writeln!(out, "/>"),
            Outcome::Noted(text) => writeln!(out, ">\n      <system-out>{}</system-out>\n    </testcase>", escaped(text)),
            Outcome::Failed(kind, line, text) => {
                let (kind, line, text) = (escaped(kind), escaped(line), escaped(text));
                writeln!(out, ">\n      <failure type=\"{kind}\" message=\"{line}\">{text}</failure>\n    </testcase>")
            }
        };
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// Text for XML 1.0, which has no place for most control characters, not even escaped: they are shown as `\u001b`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => {
                let _ = write!(out, "&#{};", u32::from(character));
            }
            _ if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn text_is_fit_for_attributes_and_elements() {
        assert_eq!(escaped("<a b=\"c\">&\n\u{1b}[2K ö"), "&lt;a b=&quot;c&quot;&gt;&amp;&#10;\\u001b[2K ö");
    }
}
