//! `fmt`: canonical layout of KDL files and the expressions in them. A file with mistakes is left alone and reported.

use crate::arguments::{Fmt, Place};
use crate::counted::counted;
use crate::difference;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, say, tell};
use crate::render;
use crate::replace::replace;
use crate::repository::Repository;
use std::io::Read;
use std::path::{Path, PathBuf};
use tradewind_lang::code::run;
use tradewind_lang::diagnostic::Diagnostic;
use tradewind_lang::layout;
use tradewind_lang::source::SourceMap;

/// Stands for standard input.
const INPUT: &str = "-";

pub(crate) fn run(place: &Place, options: &Fmt) -> Outcome {
    if options.files.iter().any(|file| file == Path::new(INPUT)) {
        return from_input(options);
    }
    let (root, files) = files(place, options)?;
    let (mut changed, mut broken) = (0, 0);
    for (path, text) in &files {
        let (formatted, found) = layout::format(text);
        if !found.is_empty() {
            broken += 1;
            report(path, text, &found);
        } else if formatted != *text {
            changed += 1;
            say!("{path}");
            if options.check {
                tell!("{}", difference::unified(path, text, &formatted).trim_end());
            } else {
                replace(&root.join(path), text, &formatted)?;
            }
        }
    }
    let all = counted(files.len(), "file");
    tell!("{all}, {changed} {}, {broken} with mistakes", if options.check { "would change" } else { "changed" });
    Ok(match (broken, changed) {
        (0, 0) => Exit::Fine,
        (0, _) if options.check => Exit::Changes,
        (0, _) => Exit::Fine,
        _ => Exit::Mistakes,
    })
}

/// Standard input to standard output; nothing is written where it has mistakes.
fn from_input(options: &Fmt) -> Outcome {
    if options.files.len() > 1 {
        let failure = Failure::new(Exit::Usage, &run::USAGE, "`-` stands alone: it is standard input");
        return Err(failure.help("lay out files in a command of their own"));
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(Exit::Tool, &run::CANNOT_READ, format!("standard input cannot be read: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Mistakes, &run::NOT_TEXT, "standard input is not UTF-8 text").help("save it as UTF-8"))?;
    let (formatted, found) = layout::format(&text);
    if !found.is_empty() {
        report(INPUT, &text, &found);
        return Ok(Exit::Mistakes);
    }
    if !options.check {
        output::verbatim(&formatted);
        return Ok(Exit::Fine);
    }
    if formatted == text {
        return Ok(Exit::Fine);
    }
    say!("{INPUT}");
    tell!("{}", difference::unified(INPUT, &text, &formatted).trim_end());
    Ok(Exit::Changes)
}

fn report(path: &str, text: &str, found: &[Diagnostic]) {
    let mut sources = SourceMap::default();
    sources.add(path, text);
    render::list(found, &sources, false);
}

fn files(place: &Place, options: &Fmt) -> Result<(PathBuf, Vec<(String, String)>), Failure> {
    if options.files.is_empty() {
        let repository = Repository::open(place)?.only_text()?;
        return Ok((repository.root, repository.configuration));
    }
    let mut files = Vec::new();
    for path in &options.files {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(Exit::Tool, &run::CANNOT_READ, format!("`{}` cannot be read: {error}", path.display()))
                .help("name KDL files, `-` for standard input, or nothing for all of the repository")
        })?;
        files.push((path.to_string_lossy().into_owned(), text));
    }
    Ok((PathBuf::new(), files))
}
