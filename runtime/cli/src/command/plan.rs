//! `plan`: what a reload of these files would change. It changes nothing.

use super::runs::text;
use crate::arguments::{Format, Place, PlanOf};
use crate::desk::{Request, hex};
use crate::exit::{Exit, Outcome};
use crate::output::say;
use serde_json::Value as Json;

pub(crate) fn run(place: &Place, options: &PlanOf) -> Outcome {
    let (repository, plan) = super::plan_of(place)?;
    let request = Request::Difference { plan: hex(&plan.to_bytes()) };
    let answer = super::block_on(crate::session::ask(&repository, plan, request, false))??;
    let same = answer.get("same").and_then(Json::as_bool) == Some(true);
    match options.format {
        Format::Json => say!("{answer}"),
        Format::Human => print(&answer, same),
    }
    Ok(if same { Exit::Fine } else { Exit::Changes })
}

fn print(answer: &Json, same: bool) {
    let short = |name: &str| text(answer, name).chars().take(12).collect::<String>();
    if same {
        return say!("plan {} is at work: a reload would change nothing", short("next"));
    }
    match text(answer, "active").is_empty() {
        true => say!("plan {} would be the first", short("next")),
        false => say!("plan {} would take the place of {}", short("next"), short("active")),
    }
    let items = |json: &Json, name: &str| json.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    // What everything else is about comes first; the library's own parts only count where nothing was there before.
    if !text(answer, "active").is_empty() {
        for change in items(answer, "changes") {
            say!("  {:<8} {} {}", text(&change, "change"), text(&change, "section"), text(&change, "name"));
        }
    }
    for run in items(answer, "runs") {
        let id: String = text(&run, "id").chars().take(12).collect();
        say!("  run {id} {} {} {}:", text(&run, "flow"), text(&run, "key"), text(&run, "status"));
        for verdict in items(&run, "verdict").iter().filter_map(Json::as_str) {
            say!("    {}", crate::output::printable(verdict));
        }
    }
}
