//! `explain`: the page of a diagnostic code, or every code with its title.

use crate::exit::{Exit, Failure, Outcome};
use crate::output::say;
use tradewind_lang::code::{self, Code, run};
use tradewind_lang::diagnostic::nearest;

/// Most codes that are offered instead of one that does not exist.
const OFFERED: usize = 5;

pub(crate) fn run(id: Option<&str>) -> Outcome {
    let codes = code::all();
    let Some(id) = id else {
        for code in codes {
            say!("{}  {}", code.id, code.title);
        }
        return Ok(Exit::Fine);
    };
    if let Some(code) = code::find(id) {
        say!("{}", code.page.trim_end());
        return Ok(Exit::Fine);
    }
    let failure = Failure::new(Exit::Usage, &run::UNKNOWN_CODE, format!("there is no code `{id}`"));
    Err(failure.help(instead(id, &codes)))
}

/// What was probably meant: the code of that number, one that is spelt nearly so, those whose title has the word, or where to look.
fn instead(id: &str, codes: &[Code]) -> String {
    let upper = id.to_ascii_uppercase();
    let number = upper.trim_start_matches("TW").parse::<u32>().ok().map(|number| format!("TW{number:04}"));
    let exact = number.as_deref().and_then(code::find).map(|code| code.id);
    if let Some(near) = exact.or_else(|| nearest(&upper, codes.iter().map(|code| code.id))) {
        return format!("did you mean {near}?");
    }
    let lower = id.to_lowercase();
    let about: Vec<&Code> = codes.iter().filter(|code| !lower.is_empty() && code.title.contains(&lower)).collect();
    if number.is_none() && !about.is_empty() {
        let each: Vec<String> = about.iter().take(OFFERED).map(|code| format!("{} ({})", code.id, code.title)).collect();
        return format!("codes about it: {}", each.join(", "));
    }
    let areas = "TW00 is text that cannot be read, TW01 what nodes mean, TW02 expressions, TW05 what happens when commands run";
    format!("`tradewind explain --list` lists them: {areas}")
}
