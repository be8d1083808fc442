//! What twins hold at first: every line of a file of seeds is a record of the type that it is named for. Nothing is seeded here.

use super::context::Context;
use crate::code::meaning;
use crate::conform;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::ty::Ty;

/// Mistakes that are told of one file; a thousandth line says nothing new.
const TOLD: usize = 20;

impl Context<'_> {
    /// Reports each line of a file that is no record of a type, at its place in that file.
    pub(crate) fn check_seeds(&mut self, record: &str, path: &str, text: &str) {
        let ty = Ty::Record(record.to_owned());
        let mut wrong = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let (begin, written) = (start, line.trim_end());
            start += line.len();
            if written.trim_start().is_empty() {
                continue;
            }
            let why = match serde_json::from_str(written) {
                Err(_) => "this line is not JSON".to_owned(),
                Ok(json) => match conform::from_json(&json, &ty, &self.plan.types) {
                    Ok(_) => continue,
                    Err(problems) => match problems.first() {
                        Some(problem) => format!("this is no `{record}`: {problem}"),
                        None => format!("this is no `{record}`"),
                    },
                },
            };
            if wrong.len() < TOLD {
                wrong.push((begin, begin + written.len(), why));
            }
        }
        if wrong.is_empty() {
            return;
        }
        let source = self.sources.add(path, text);
        for (begin, end, why) in wrong {
            let diagnostic = Diagnostic::new(&meaning::UNUSABLE_SEED, Span::new(source, begin, end), why);
            self.report(diagnostic.label("does not fit").help("write one JSON object a line, with the fields of the type"));
        }
    }
}
