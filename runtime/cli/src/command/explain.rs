//! `explain`: the page of a diagnostic code.

use crate::exit::{Exit, Failure, Outcome};
use crate::output::say;
use tradewind_lang::code::{self, run};
use tradewind_lang::diagnostic::nearest;

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
    let near = nearest(&id.to_ascii_uppercase(), codes.iter().map(|code| code.id)).map(|near| format!("did you mean {near}?"));
    Err(failure.help(near.unwrap_or_else(|| "`tradewind explain` lists them".to_owned())))
}
