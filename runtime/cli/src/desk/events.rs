//! Events at the desk: telling of one, and listing those that came.

use super::{Desk, Problem};
use serde_json::{Value as Json, json};
use tradewind_engine::arrival::Arrival;
use tradewind_engine::engine::{Became, Listed, ReceiveError};
use tradewind_lang::code::run;
use tradewind_lang::conform;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::ty::Ty;

impl Desk {
    pub(super) async fn emit(&self, event: &str, data: &Json, by: &str, id: &str) -> Result<Json, Problem> {
        let active = self.engine.active();
        let plan = &active.plan;
        let declared = plan.events.get(event).map(|declared| declared.record.clone());
        let record = declared.or_else(|| plan.types.records.contains_key(event).then(|| event.to_owned()));
        let record = record.ok_or_else(|| unknown(event))?;
        let payload = conform::from_json(data, &Ty::Record(record), &plan.types).map_err(|problems| {
            let reasons: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Problem::new(&run::EVENT_REFUSED, format!("what it carries does not fit: {}", reasons.join("; "))).refused()
        })?;
        let arrival = Arrival { name: event.into(), source: by.into(), account: "".into(), id: id.into(), payload };
        let receipt = self.engine.receive(arrival).await.map_err(|error| match error {
            ReceiveError::Unknown(event) => unknown(&event),
            ReceiveError::Store(error) => Problem::from(error),
            ReceiveError::Stopped => Problem::broken("the process that holds the store is ending".to_owned())
                .help("run the same command again, with the same --id"),
            error @ (ReceiveError::Payload(_) | ReceiveError::Busy(_)) => Problem::new(&run::EVENT_REFUSED, error.to_string()).refused(),
        })?;
        Ok(json!({ "version": 1, "seq": receipt.seq, "id": id, "known": receipt.was_known }))
    }

    pub(super) async fn listed_events(&self, limit: usize) -> Result<Json, Problem> {
        let listed: Vec<Json> = self.engine.arrivals(limit).await?.iter().map(listed_as_json).collect();
        Ok(json!({ "version": 1, "events": listed }))
    }
}

fn unknown(event: &str) -> Problem {
    Problem::new(&run::UNKNOWN_EVENT, format!("there is no event `{event}`"))
        .help("an event is named by its connector, as `shop.order.paid`, or by the type that a flow emits")
}

fn listed_as_json(listed: &Listed) -> Json {
    let (became, runs, failed, why) = match &listed.became {
        Became::Waiting => ("undispatched", Vec::new(), Vec::new(), None),
        Became::Dispatched { runs, failed } => {
            let failed = failed.iter().map(|(flow, why)| json!({ "flow": &**flow, "why": why })).collect();
            ("dispatched", runs.iter().map(|run| Json::from(&**run)).collect(), failed, None)
        }
        Became::Refused(why) => ("refused", Vec::new(), Vec::new(), Some(why.as_str())),
    };
    json!({
        "seq": listed.seq, "at": timestamp_text(listed.at), "event": &*listed.name, "source": &*listed.source, "id": &*listed.id,
        "became": became, "runs": runs, "failed": failed, "why": why,
    })
}
