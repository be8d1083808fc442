//! Mending a repository by the fixes of its diagnostics, in rounds, until nothing changes. It writes no file, and keeps no change
//! that leaves more mistakes than there were.

use crate::code::Code;
use crate::compile::{Compiled, Repository, compile};
use crate::diagnostic::{Diagnostic, Edit, Fix, Severity};
use crate::source::{SourceId, SourceMap, Span};
use std::collections::BTreeSet;

/// Fixes that touch each other are made in different rounds; so many there are at most.
const ROUNDS: usize = 32;
/// How often one fix is tried alone after several together had made matters worse.
const TRIALS: usize = 256;
/// How many fixes are followed behind each other that only together make matters better.
const DEEPEST: usize = 3;

/// A fix that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// The file.
    pub path: String,
    /// The line it stood in when it was mended, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The kind of mistake.
    pub code: Code,
    /// What was done, in the imperative.
    pub title: String,
}

/// A repository after mending.
#[derive(Debug)]
pub struct Mended {
    /// Every configuration file, mended or as it was, in the order given.
    pub configuration: Vec<(String, String)>,
    /// What was done, in the order it was done.
    pub fixed: Vec<Fixed>,
    /// Fixes that would be made, if more were not wrong then than before.
    pub left: Vec<Fixed>,
    /// What the mended texts compile to: the mistakes that are left.
    pub compiled: Compiled,
}

/// A fix by what it is about, wherever that moves.
type Identity = (&'static str, String, String, String);

/// Mends a repository. With `all`, proposals are made as well as fixes that leave no doubt.
#[must_use]
pub fn mend(repository: &Repository<'_>, all: bool) -> Mended {
    let mut mending = Mending {
        repository,
        all,
        texts: repository.configuration.to_vec(),
        fixed: Vec::new(),
        refused: BTreeSet::new(),
        seen: BTreeSet::new(),
        trials: 0,
        depth: 0,
        others: BTreeSet::new(),
    };
    let compiled = mending.compile(repository.configuration);
    mending.seen.insert(mending.texts.clone());
    let compiled = mending.rounds(compiled);
    let left = mending.left(&compiled);
    Mended { configuration: mending.texts, fixed: mending.fixed, left, compiled }
}

struct Mending<'a> {
    repository: &'a Repository<'a>,
    all: bool,
    texts: Texts,
    fixed: Vec<Fixed>,
    /// What made matters worse.
    refused: BTreeSet<Identity>,
    /// Every state that was reached, so that two fixes which undo each other come to an end.
    seen: BTreeSet<Texts>,
    trials: usize,
    /// How many fixes stand behind this mending that are only made where it succeeds.
    depth: usize,
    /// Mistakes that are not looked at: they were there before those fixes.
    others: BTreeSet<Mistake>,
}

/// A mistake by its kind, file and words.
type Mistake = (&'static str, String, String);

/// Paths and texts.
type Texts = Vec<(String, String)>;

/// A diagnostic and one of its fixes, by their places.
type Choice = (usize, usize);

impl Mending<'_> {
    /// Mends until nothing changes.
    fn rounds(&mut self, mut compiled: Compiled) -> Compiled {
        for _ in 0..ROUNDS {
            let chosen = self.choose(&compiled);
            if chosen.is_empty() {
                break;
            }
            compiled = self.round(compiled, &chosen);
        }
        compiled
    }

    /// A fix that uncovers more mistakes than it mends, where those are mended in turn: all of it is made, or nothing. What was wrong
    /// beside it is not looked at, so that no other fix makes up for what this one made worse.
    fn beyond(&mut self, compiled: &Compiled, single: &[Choice]) -> Option<Compiled> {
        if self.depth >= DEEPEST || self.trials > TRIALS {
            return None;
        }
        let texts = self.made(compiled, single).filter(|texts| !self.seen.contains(texts))?;
        self.trials += 1;
        let after = self.compile(&texts);
        let mut inner = Mending {
            repository: self.repository,
            all: self.all,
            texts: texts.clone(),
            fixed: Vec::new(),
            refused: self.refused.clone(),
            seen: self.seen.clone(),
            trials: self.trials,
            depth: self.depth + 1,
            others: compiled.diagnostics.iter().map(|found| mistake(found, &compiled.sources)).collect(),
        };
        inner.seen.insert(texts);
        let mended = inner.rounds(after);
        self.trials = inner.trials;
        if weight(&mended) >= weight(compiled) {
            return None;
        }
        self.fixed.extend(told(compiled, single));
        self.fixed.extend(inner.fixed);
        (self.texts, self.seen) = (inner.texts, inner.seen);
        Some(mended)
    }

    /// What would still be mended, had it not made matters worse.
    fn left(&self, compiled: &Compiled) -> Vec<Fixed> {
        let mut left = Vec::new();
        for (at, found) in compiled.diagnostics.iter().enumerate() {
            let refused = |fix: &Fix| self.refused.contains(&identity(found, fix, &compiled.sources));
            if let Some(which) = found.fixes.iter().position(|fix| (self.all || fix.safe) && refused(fix)) {
                left.extend(told(compiled, &[(at, which)]));
            }
        }
        left
    }

    fn compile(&self, configuration: &[(String, String)]) -> Compiled {
        let Repository { library, read, environment, .. } = *self.repository;
        compile(&Repository { configuration, library, read, environment })
    }

    /// The first fix of each diagnostic that may be made and touches none before it.
    fn choose(&self, compiled: &Compiled) -> Vec<Choice> {
        let mut taken: Vec<Span> = Vec::new();
        let mut chosen = Vec::new();
        let looked_at = |found: &Diagnostic| self.others.is_empty() || !self.others.contains(&mistake(found, &compiled.sources));
        for (at, found) in compiled.diagnostics.iter().enumerate().filter(|(_, found)| looked_at(found)) {
            let possible = found.fixes.iter().enumerate().filter(|(_, fix)| {
                (self.all || fix.safe)
                    && fix.edits.iter().all(|edit| self.own(edit.span.source).is_some())
                    && !self.refused.contains(&identity(found, fix, &compiled.sources))
            });
            for (which, fix) in possible {
                if fix.edits.iter().all(|edit| !taken.iter().any(|other| touches(edit.span, *other))) {
                    taken.extend(fix.edits.iter().map(|edit| edit.span));
                    chosen.push((at, which));
                    break;
                }
            }
        }
        chosen
    }

    /// Which of the texts a source is; none for the standard library.
    fn own(&self, source: SourceId) -> Option<usize> {
        let at = usize::try_from(source.0).ok()?.checked_sub(self.repository.library.len())?;
        (at < self.texts.len()).then_some(at)
    }

    /// All of the chosen at once, where each takes its mistake away and brings none; otherwise those that alone make nothing worse.
    fn round(&mut self, compiled: Compiled, chosen: &[Choice]) -> Compiled {
        let errors = chosen.iter().filter_map(|choice| of(&compiled, *choice)).filter(|(found, _)| found.severity() == Severity::Error);
        let (before, solved) = (weight(&compiled).0, errors.count());
        if let Some((texts, after)) = self.attempt(&compiled, chosen)
            && weight(&after).0 + solved <= before
        {
            return self.keep(&compiled, chosen, texts, after);
        }
        let mut good = Vec::new();
        for choice in chosen {
            self.trials += 1;
            let single = std::slice::from_ref(choice);
            if self.trials <= TRIALS && self.attempt(&compiled, single).is_some() {
                good.push(*choice);
            } else if let Some(mended) = self.beyond(&compiled, single) {
                return mended;
            } else {
                self.refuse(&compiled, single);
            }
        }
        while !good.is_empty() {
            if let Some((texts, after)) = self.attempt(&compiled, &good) {
                return self.keep(&compiled, &good, texts, after);
            }
            good.pop();
        }
        compiled
    }

    fn refuse(&mut self, compiled: &Compiled, chosen: &[Choice]) {
        for (found, fix) in chosen.iter().filter_map(|choice| of(compiled, *choice)) {
            self.refused.insert(identity(found, fix, &compiled.sources));
        }
    }

    /// The texts with fixes made and what they compile to, only where that is new and no worse.
    fn attempt(&self, before: &Compiled, chosen: &[Choice]) -> Option<(Texts, Compiled)> {
        let texts = self.made(before, chosen).filter(|texts| !self.seen.contains(texts))?;
        let after = self.compile(&texts);
        // Of several, each must take its own mistake away: otherwise one could hide what another makes worse.
        let errors = if chosen.len() < 2 {
            0
        } else {
            chosen.iter().filter_map(|choice| of(before, *choice)).filter(|(found, _)| found.severity() == Severity::Error).count()
        };
        let (most, warnings) = weight(before);
        (weight(&after) <= (most.saturating_sub(errors), warnings)).then_some((texts, after))
    }

    /// The texts with fixes made.
    fn made(&self, before: &Compiled, chosen: &[Choice]) -> Option<Texts> {
        let made: Vec<&Fix> = chosen.iter().filter_map(|choice| Some(of(before, *choice)?.1)).collect();
        let mut texts = self.texts.clone();
        for (at, (_, text)) in texts.iter_mut().enumerate() {
            let mut edits: Vec<&Edit> = made.iter().flat_map(|fix| &fix.edits).collect();
            edits.retain(|edit| self.own(edit.span.source) == Some(at));
            *text = edited(text, &edits);
        }
        (!made.is_empty()).then_some(texts)
    }

    fn keep(&mut self, before: &Compiled, chosen: &[Choice], texts: Texts, after: Compiled) -> Compiled {
        self.fixed.extend(told(before, chosen));
        self.seen.insert(texts.clone());
        self.texts = texts;
        after
    }
}

fn of(compiled: &Compiled, (found, fix): Choice) -> Option<(&Diagnostic, &Fix)> {
    let found = compiled.diagnostics.get(found)?;
    Some((found, found.fixes.get(fix)?))
}

/// Fixes as they are told of.
fn told(compiled: &Compiled, chosen: &[Choice]) -> Vec<Fixed> {
    let each = chosen.iter().filter_map(|choice| of(compiled, *choice)).map(|(found, fix)| {
        let (line, column) = compiled.sources.line_column(found.span);
        Fixed { path: compiled.sources.path(found.span).to_owned(), line, column, code: found.code, title: fix.title.clone() }
    });
    each.collect()
}

fn mistake(found: &Diagnostic, sources: &SourceMap) -> Mistake {
    (found.code.id, sources.path(found.span).to_owned(), found.message.clone())
}

fn identity(found: &Diagnostic, fix: &Fix, sources: &SourceMap) -> Identity {
    (found.code.id, sources.path(found.span).to_owned(), found.message.clone(), fix.title.clone())
}

/// Errors first, then warnings.
fn weight(compiled: &Compiled) -> (usize, usize) {
    let errors = compiled.diagnostics.iter().filter(|found| found.severity() == Severity::Error).count();
    (errors, compiled.diagnostics.len() - errors)
}

/// Whether two changes share a byte, or meet.
fn touches(left: Span, right: Span) -> bool {
    left.source == right.source && left.start <= right.end && right.start <= left.end
}

/// A text with edits made; they do not overlap. One that does not fit the text is left out.
#[must_use]
pub fn edited(text: &str, edits: &[&Edit]) -> String {
    let mut sorted: Vec<&&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut out = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for edit in sorted {
        let (start, end) = (edit.span.start as usize, edit.span.end as usize);
        let Some(before) = text.get(at..start).filter(|_| text.get(start..end).is_some()) else { continue };
        out.push_str(before);
        out.push_str(&edit.text);
        at = end;
        // An invisible letter may stand in a text, whose spaces are its own.
        let is_word = text.get(start..end).is_some_and(|gone| gone.contains(char::is_alphanumeric));
        if edit.text.is_empty() && is_word {
            at += close(&mut out, text.get(end..).unwrap_or(""));
        }
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}

/// Closes the gap where something was removed: of two spaces one stays, none stands at the end of a line, and a line of which nothing is
/// left goes whole. Says how many bytes of the rest go.
fn close(out: &mut String, rest: &str) -> usize {
    let begun = out.rfind('\n').map_or(0, |at| at + 1);
    let is_blank = out.get(begun..).is_some_and(|line| line.chars().all(|letter| letter == ' ' || letter == '\t'));
    let line_end = ["\r\n", "\n"].into_iter().find(|end| rest.starts_with(end));
    match (is_blank, line_end) {
        (true, Some(end)) => {
            out.truncate(begun);
            end.len()
        }
        (true, None) => rest.len() - rest.trim_start_matches(' ').len(),
        (false, None) if !rest.is_empty() && !rest.starts_with(' ') => 0,
        (false, _) => {
            out.truncate(out.trim_end_matches(' ').len());
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{edited, mend};
    use crate::compile::Repository;
    use crate::diagnostic::Edit;
    use crate::source::{SourceId, Span};

    fn mended(text: &str, all: bool) -> (String, Vec<String>, usize) {
        let configuration = vec![("tradewind.kdl".to_owned(), text.to_owned())];
        let read = |_: &str| None;
        let mended = mend(&Repository { configuration: &configuration, library: &[], read: &read, environment: None }, all);
        let fixed = mended.fixed.iter().map(|fixed| format!("{} {}:{} {}", fixed.code.id, fixed.line, fixed.column, fixed.title));
        (mended.configuration[0].1.clone(), fixed.collect(), mended.compiled.diagnostics.len())
    }

    #[test]
    fn edits_are_made_in_the_order_of_the_text() {
        let edit = |start, end, text: &str| Edit { span: Span::new(SourceId(0), start, end), text: text.to_owned() };
        assert_eq!(edited("abcdef", &[&edit(4, 5, "E"), &edit(0, 1, ""), &edit(2, 2, "-")]), "b-cdEf");
        assert_eq!(edited("abc", &[&edit(2, 9, "x")]), "abc");
    }

    #[test]
    fn what_is_removed_leaves_no_gap() {
        let without = |text: &str, word: &str| {
            let start = text.find(word).unwrap();
            edited(text, &[&Edit { span: Span::new(SourceId(0), start, start + word.len()), text: String::new() }])
        };
        assert_eq!(without("enum \"e\" \"one\" \"one\" \"two\"\n", "\"one\" "), "enum \"e\" \"one\" \"two\"\n");
        assert_eq!(without("a x=1 y=2 z=3", "y=2"), "a x=1 z=3");
        assert_eq!(without("a x=1 y=2\nb", "y=2"), "a x=1\nb");
        assert_eq!(without("a {\n    gone 1\n    b 2\n}\n", "gone 1"), "a {\n    b 2\n}\n");
        assert_eq!(without("gone b", "gone"), "b");
        assert_eq!(without("a \"b \u{200b} c\"", "\u{200b}"), "a \"b  c\"");
    }

    #[test]
    fn mistakes_behind_mistakes_are_mended_in_rounds() {
        let text = "projct \"example\" { curency \"USD\" }\nenum \"e\" 'one' \"two\"\n";
        let (after, fixed, left) = mended(text, false);
        assert_eq!((after.as_str(), left), ("project \"example\" { currency \"USD\" }\nenum \"e\" \"one\" \"two\"\n", 0), "{fixed:?}");
        assert_eq!(fixed.len(), 3, "{fixed:?}");
    }

    #[test]
    fn a_short_word_is_not_taken_for_another_one() {
        let project = "project \"example\" { currency \"USD\" }\n";
        let flow = |ty: &str, value: &str| {
            format!("{project}enum \"e\" {ty}\nflow \"f\" {{\n    input {{ field \"e\" e }}\n    let \"a\" \"=input.e == '{value}'\"\n}}\n")
        };
        for (ty, wrong, all) in [("\"us\" \"de\"", "uk", "uk"), ("\"fra\" \"ger\"", "gbr", "ger"), ("\"fra\" \"ger\"", "gre", "ger")] {
            let certain = if wrong == "gre" { all } else { wrong };
            assert_eq!(mended(&flow(ty, wrong), false).0, flow(ty, certain), "{wrong}");
            assert_eq!(mended(&flow(ty, wrong), true).0, flow(ty, all), "{wrong}");
        }
        // A word of the language in a wrong place is none that is mistyped.
        let text = format!("{project}operation \"x\"\n");
        assert_eq!(mended(&text, true), (text, Vec::new(), 1));
    }

    #[test]
    fn what_removes_something_is_only_done_when_asked_for() {
        let text = "project \"example\" \"again\" { currency \"USD\" }\n";
        assert_eq!(mended(text, false), (text.to_owned(), Vec::new(), 1));
        assert_eq!(mended(text, true).0, "project \"example\" { currency \"USD\" }\n");
    }

    #[test]
    fn what_a_fix_uncovers_is_mended_with_it() {
        let project = "project \"example\" { currency \"USD\" }\n";
        let text = format!("{project}tipe \"line\" {{ field \"sku\" strng; feild \"count\" int; field \"price\" mony }}\n");
        let (after, fixed, left) = mended(&text, false);
        let expected = format!("{project}type \"line\" {{ field \"sku\" \"string\"; field \"count\" int; field \"price\" \"money\" }}\n");
        assert_eq!((after.as_str(), left), (expected.as_str(), 0), "{fixed:?}");
        assert_eq!(fixed.len(), 4, "{fixed:?}");
        // What is mended beside it does not make up for what it made worse.
        let text = format!("{project}polcy \"x\" {{ onn \"y\"; z; w }}\nenum \"e\" 'one' \"two\"\nenum \"f\" 'one' \"two\"\n");
        let (after, fixed, _) = mended(&text, false);
        assert!(after.contains("polcy") && !after.contains('\''), "{after}\n{fixed:?}");
    }

    #[test]
    fn what_would_leave_more_mistakes_is_not_done() {
        // Written right, the node would be looked into, and two mistakes would be there instead of one.
        let text = "project \"example\" { currency \"USD\" }\npolcy \"x\"\n";
        let (after, fixed, left) = mended(text, true);
        assert_eq!((after.as_str(), left), (text, 1), "{fixed:?}");
        let configuration = vec![("tradewind.kdl".to_owned(), text.to_owned())];
        let mended = mend(&Repository { configuration: &configuration, library: &[], read: &|_| None, environment: None }, true);
        let left: Vec<(usize, &str)> = mended.left.iter().map(|left| (left.line, left.title.as_str())).collect();
        assert_eq!(left, [(2, "write `policy`")]);
    }
}
