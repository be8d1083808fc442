//! What the desk says of forgetting somebody, and does about it.

use super::{Desk, Problem};
use serde_json::{Value as Json, json};
use tradewind_engine::engine::{Affected, ForgetError};
use tradewind_lang::code::run;

impl Desk {
    /// Whom forgetting a subject affects; done where somebody wants it.
    pub(super) async fn forget(&self, subject: &str, by: Option<&str>) -> Result<Json, Problem> {
        let Some(by) = by else {
            let affected = self.engine.foresee_forget(subject).await?;
            return if affected.is_nobody() { Err(nobody(subject)) } else { Ok(as_json(&affected, &[])) };
        };
        match self.engine.forget(subject, by).await {
            Ok(forgotten) => Ok(as_json(&forgotten.affected, &forgotten.unsettled)),
            Err(ForgetError::Nobody) => Err(nobody(subject)),
            Err(ForgetError::Store(error)) => Err(Problem::from(error)),
            Err(ForgetError::Stopped) => {
                Err(Problem::broken("the process that holds the store is ending".to_owned()).help("run the same command again"))
            }
        }
    }
}

fn nobody(subject: &str) -> Problem {
    Problem::new(&run::UNKNOWN_SUBJECT, format!("nothing is known of `{subject}`, or it was forgotten before"))
        .help("give what the field says that the type names as its `subject`")
}

fn as_json(affected: &Affected, unsettled: &[std::sync::Arc<str>]) -> Json {
    let names = |runs: &[std::sync::Arc<str>]| Json::Array(runs.iter().map(|run| json!(&**run)).collect());
    json!({
        "version": 1,
        "keys": affected.keys.len(),
        "facts": affected.facts,
        "events": affected.events,
        "ended": affected.ended,
        "open": names(&affected.open),
        "unsettled": names(unsettled),
    })
}
