//! `freeze` and `thaw`: whether effects leave.

use super::runs::text;
use crate::arguments::{Format, Freeze, Place, Scope};
use crate::desk::{Request, Whose};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::say;
use serde_json::Value as Json;
use tradewind_lang::code::run as code;

pub(crate) fn freeze(place: &Place, options: &Freeze) -> Outcome {
    let (whose, by, reason) = wanted(options)?;
    told(place, options, Request::Freeze { whose, by, reason })
}

pub(crate) fn thaw(place: &Place, options: &Freeze) -> Outcome {
    let (whose, by, reason) = wanted(options)?;
    told(place, options, Request::Thaw { whose, by, reason })
}

fn wanted(options: &Freeze) -> Result<(Whose, String, String), Failure> {
    if options.by.is_empty() {
        return Err(Failure::new(Exit::Usage, &code::USAGE, "nobody is named").help("say who wants it: --by ADDRESS"));
    }
    let whose = match &options.scope {
        Scope::All => Whose::All,
        Scope::Connector { name } => Whose::Connector(name.clone()),
        Scope::Flow { name } => Whose::Flow(name.clone()),
    };
    Ok((whose, options.by.clone(), options.reason.clone()))
}

fn told(place: &Place, options: &Freeze, request: Request) -> Outcome {
    let answer = super::ask(place, request, false)?;
    if options.format == Format::Json {
        say!("{answer}");
        return Ok(Exit::Fine);
    }
    let frozen = answer.get("frozen").and_then(Json::as_array).cloned().unwrap_or_default();
    for frozen in &frozen {
        say!("frozen: {} by {} at {}  {}", text(frozen, "scope"), text(frozen, "by"), text(frozen, "at"), text(frozen, "reason"));
    }
    if frozen.is_empty() {
        say!("nothing is frozen");
    }
    Ok(Exit::Fine)
}
