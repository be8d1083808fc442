//! The time zone of a project or of a clock, by its name in the IANA database. The database is built in, so that a check reads no disk and says
//! the same on every machine.

use super::context::Context;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::{Diagnostic, nearest};
use crate::shape::Shaped;
use jiff::tz::TimeZoneDatabase;

impl Context<'_> {
    /// Takes the zone into the plan, or refuses one that does not exist.
    pub(crate) fn lower_time_zone(&mut self, project: &Node) {
        if let Some(name) = self.time_zone(project) {
            self.plan.project.time_zone = name;
        }
    }

    /// The zone that a node names, if it names one.
    pub(crate) fn time_zone(&mut self, node: &Node) -> Option<String> {
        let value = node.setting("time-zone")?.clone();
        let name = self.text(&value, "`time-zone`")?;
        let database = TimeZoneDatabase::bundled();
        if database.get(&name).is_err() {
            self.report(unknown(&database, &name, &value));
            return None;
        }
        Some(name)
    }
}

fn unknown(database: &TimeZoneDatabase, name: &str, value: &Literal) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("there is no time zone `{name}`")).label("unknown time zone");
    // The same city under another continent is nearer than any spelling.
    let city = |name: &str| name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let known: Vec<String> = database.available().map(|zone| zone.as_str().to_owned()).collect();
    let near = nearest(name, known.iter().map(String::as_str));
    let near = near.or_else(|| known.iter().map(String::as_str).find(|zone| zone.contains('/') && city(zone) == city(name)));
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), value.span, format!("\"{near}\"")),
        None => diagnostic.help("write a name of the IANA database, such as \"America/Chicago\" or \"UTC\""),
    }
}
