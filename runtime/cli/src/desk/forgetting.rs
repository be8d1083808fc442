//! What the desk says of forgetting somebody, and of legal holds, for which nobody is forgotten; and does about it.

use super::{Desk, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use tradewind_engine::engine::{Affected, ForgetError, HoldError, SteerError, SteerRefusal};
use tradewind_engine::memory::Hold;
use tradewind_engine::ports::StoreError;
use tradewind_lang::code::run;
use tradewind_lang::literal::timestamp_text;

/// What somebody wants of a legal hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Holding {
    pub(crate) subject: String,
    pub(crate) by: String,
    pub(crate) reason: String,
    /// That it is lifted.
    pub(crate) releases: bool,
}

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
            Err(ForgetError::Held(hold)) => Err(held(subject, &hold)),
            Err(ForgetError::Store(error)) => Err(Problem::from(error)),
            Err(ForgetError::Stopped) => Err(stopped()),
        }
    }

    /// Holds what is known of somebody, or lets it go; who is held then.
    pub(super) async fn hold(&self, will: Option<&Holding>) -> Result<Json, Problem> {
        let done = match will {
            Some(Holding { subject, by, reason, releases: true }) => self.engine.release(subject, by, reason).await.map(|()| true),
            Some(Holding { subject, by, reason, releases: false }) => self.engine.hold(subject, by, reason).await,
            None => Ok(false),
        };
        let is_new = done.map_err(|error| of_hold(error, will))?;
        let facts = match will {
            Some(will) => Some(self.engine.foresee_forget(&will.subject).await?.facts),
            None => None,
        };
        let holds: Vec<Json> = self.engine.holds().await?.iter().map(hold_as_json).collect();
        Ok(json!({ "version": 1, "is_new": is_new, "facts": facts, "holds": holds }))
    }
}

fn stopped() -> Problem {
    Problem::broken("the process that holds the store is ending".to_owned()).help("run the same command again")
}

fn held(subject: &str, hold: &Hold) -> Problem {
    let (by, at, why) = (&hold.by, timestamp_text(hold.at), &hold.reason);
    let message = format!("`{subject}` is under the legal hold that {by} set at {at}: {why}");
    let problem = Problem::new(&run::HELD, message).refused();
    problem.help("ask whoever set it to lift it: `tradewind memory release SUBJECT`; the wish to be forgotten is not noted meanwhile")
}

fn of_hold(error: HoldError, will: Option<&Holding>) -> Problem {
    let subject = will.map(|will| will.subject.as_str()).unwrap_or_default();
    match error {
        HoldError::NoKeys => Problem::from(StoreError::Keys("the log was opened without keys".to_owned())),
        HoldError::Store(error) | HoldError::Steer(SteerError::Store(error)) => Problem::from(error),
        HoldError::Steer(SteerError::Stopped) => stopped(),
        HoldError::Steer(SteerError::Refused(refusal)) => match refusal {
            SteerRefusal::NobodyMayHold => Problem::new(&run::MAY_NOT_HOLD, refusal.to_string())
                .refused()
                .help("name a team in the manifest: `legal-hold \"legal\"` in the `project`"),
            SteerRefusal::MayNotHold(_) => {
                Problem::new(&run::MAY_NOT_HOLD, refusal.to_string()).refused().help("say who wants it: `--by ADDRESS`")
            }
            _ => Problem::new(&run::NOTHING_HELD, format!("`{subject}`: {refusal}")).help("`tradewind memory holds` lists who is held"),
        },
    }
}

fn hold_as_json(hold: &Hold) -> Json {
    json!({ "key": hold.key.to_string(), "by": &*hold.by, "at": timestamp_text(hold.at), "reason": &*hold.reason })
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
        "held": affected.held.as_ref().map(hold_as_json),
        "unsettled": names(unsettled),
    })
}
