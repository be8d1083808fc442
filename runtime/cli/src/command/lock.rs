//! `lock`: writes `tradewind.lock`, so that a change of what the repository replaces is noticed.

use crate::arguments::Place;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::say;
use crate::render;
use crate::repository::Repository;
use tradewind_lang::code::run as code;
use tradewind_lang::compile::LOCK as FILE;

pub(crate) fn run(place: &Place) -> Outcome {
    let repository = Repository::open(place)?;
    let compiled = repository.compile(place.environment.as_deref());
    if compiled.has_errors() {
        render::diagnostics(&compiled);
        return Ok(Exit::Mistakes);
    }
    let path = repository.root.join(FILE);
    if compiled.lock.is_empty() && !path.exists() {
        say!("nothing is replaced: no {FILE} is needed");
        return Ok(Exit::Fine);
    }
    let wrote = std::fs::write(&path, &compiled.lock);
    wrote.map_err(|error| Failure::new(Exit::Tool, &code::CANNOT_WRITE, format!("{} cannot be written: {error}", path.display())))?;
    say!("wrote {FILE}: {} parts are replaced", compiled.lock.lines().filter(|line| !line.starts_with('#')).count());
    Ok(Exit::Fine)
}
