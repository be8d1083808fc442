//! What is to go wrong, as it is written on the command line.

use tradewind_connectors::twin::{Fault, FaultKind};
use tradewind_lang::plan::Plan;

/// Reads `OPERATION=WHAT[:TIMES]`.
///
/// # Errors
/// It is written otherwise, or there is no such operation; for people.
pub(crate) fn fault(text: &str, plan: &Plan) -> Result<Fault, String> {
    let (operation, what) = text.split_once('=').ok_or_else(|| format!("`{text}` names no operation and what goes wrong with it"))?;
    if !plan.operations.contains_key(operation) {
        return Err(format!("there is no operation `{operation}`"));
    }
    let (what, times) = match what.split_once(':') {
        Some((what, times)) => {
            (what, times.parse().ok().filter(|times| *times > 0).ok_or_else(|| format!("`{times}` is no number of calls"))?)
        }
        None => (what, 1),
    };
    let kind = match what {
        "not-sent" => FaultKind::NotSent,
        "lost-request" => FaultKind::LostRequest,
        "lost-answer" => FaultKind::LostAnswer,
        status => match status.parse() {
            Ok(status @ 400..=599) => FaultKind::Status(status),
            _ => return Err(format!("`{what}` is none of `not-sent`, `lost-request`, `lost-answer`, and no status from 400 to 599")),
        },
    };
    Ok(Fault { operation: operation.to_owned(), kind, times: Some(times) })
}
