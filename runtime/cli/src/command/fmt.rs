//! `fmt`: canonical layout of KDL files. A file with mistakes is left alone and reported.

use crate::arguments::{Fmt, Place};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{say, tell};
use crate::render;
use crate::replace::replace;
use crate::repository::Repository;
use std::path::PathBuf;
use tradewind_lang::code::run;
use tradewind_lang::source::SourceMap;
use tradewind_lang::syntax;

pub(crate) fn run(place: &Place, options: &Fmt) -> Outcome {
    let (root, files) = files(place, options)?;
    let (mut changed, mut broken) = (0, 0);
    for (path, text) in &files {
        let (formatted, found) = syntax::format(text);
        if !found.is_empty() {
            broken += 1;
            let mut sources = SourceMap::default();
            sources.add(path.as_str(), text.as_str());
            render::list(&found, &sources, false);
        } else if formatted != *text {
            changed += 1;
            if !options.check {
                replace(&root.join(path), text, &formatted)?;
            }
            say!("{path}");
        }
    }
    tell!("{} files, {changed} {}, {broken} with mistakes", files.len(), if options.check { "would change" } else { "changed" });
    Ok(match (broken, changed) {
        (0, 0) => Exit::Fine,
        (0, _) if options.check => Exit::Changes,
        (0, _) => Exit::Fine,
        _ => Exit::Mistakes,
    })
}

fn files(place: &Place, options: &Fmt) -> Result<(PathBuf, Vec<(String, String)>), Failure> {
    if options.files.is_empty() {
        let repository = Repository::open(place)?;
        return Ok((repository.root, repository.configuration));
    }
    let mut files = Vec::new();
    for path in &options.files {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(Exit::Tool, &run::CANNOT_READ, format!("`{}` cannot be read: {error}", path.display())))?;
        files.push((path.to_string_lossy().into_owned(), text));
    }
    Ok((PathBuf::new(), files))
}
