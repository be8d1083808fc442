//! `cron="30 8 * * 1-5"`: five fields of numbers. A line that cannot be read is refused, and so is one that never strikes.

use super::context::Context;
use crate::ast::Literal;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::Times;

/// The fields, each with its least and its greatest number.
const FIELDS: [(&str, u32, u32); 5] = [("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7)];

/// The most days that each month has.
const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

impl Context<'_> {
    /// The times of a cron line.
    pub(crate) fn cron(&mut self, value: &Literal) -> Option<Times> {
        let text = self.text(value, "`cron`")?;
        let parts: Vec<&str> = text.split_whitespace().collect();
        let [_, _, day, month, weekday] = parts.as_slice() else {
            let message = format!("`{text}` cannot be read as a cron line: it has {} fields", parts.len());
            return self.refuse_cron(value, message, "not five fields", "minute, hour, day, month, weekday: \"30 8 * * 1-5\"");
        };
        let wrong = parts.iter().zip(FIELDS).find(|(part, (_, least, most))| !part.split(',').all(|item| reads(item, *least, *most)));
        if let Some((part, (field, least, most))) = wrong {
            let message = format!("`{text}` cannot be read as a cron line: `{part}` is no {field}");
            let help = match field {
                "weekday" => "weekdays are numbers: 1 is Monday, 7 and 0 are Sunday, `1-5` the working days".to_owned(),
                "month" => "months are numbers from 1 to 12".to_owned(),
                _ => format!("write numbers from {least} to {most}, `*`, a range such as `{least}-{most}`, or a step such as `*/2`"),
            };
            return self.refuse_cron(value, message, "numbers are wanted", &help);
        }
        // Where a weekday is named, too, either of the two is enough.
        let months = named(month, 1, 12);
        let most = months.iter().filter_map(|month| DAYS.get(usize::try_from(month - 1).ok()?)).max();
        if *weekday == "*" && *day != "*" && named(day, 1, 31).iter().all(|day| most.is_none_or(|most| day > most)) {
            let message = format!("`{text}` never strikes: no such month has a day {day}");
            return self.refuse_cron(value, message, "no such day", "name a day that the month has, such as 28");
        }
        Some(Times::Cron(text))
    }

    fn refuse_cron(&mut self, value: &Literal, message: String, label: &str, help: &str) -> Option<Times> {
        self.report(Diagnostic::new(&meaning::WRONG_VALUE, value.span, message).label(label).help(help));
        None
    }
}

/// An item's range and its step.
fn split(item: &str) -> (&str, Option<&str>) {
    item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)))
}

/// Whether an item of a field can be read.
fn reads(item: &str, least: u32, most: u32) -> bool {
    let number = |text: &str, least: u32| text.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number));
    let (range, step) = split(item);
    let ranged =
        range == "*" || range.split_once('-').map_or_else(|| number(range, least), |(from, to)| number(from, least) && number(to, least));
    ranged && step.is_none_or(|step| number(step, 1))
}

/// The numbers that a field names.
fn named(field: &str, least: u32, most: u32) -> Vec<u32> {
    let item = |item: &str| -> Vec<u32> {
        let (range, step) = split(item);
        let step = step.and_then(|step| step.parse::<usize>().ok()).unwrap_or(1).max(1);
        let number = |text: &str, or: u32| text.parse().unwrap_or(or);
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from, least), number(to, most)),
            // A step behind a single number counts on from it.
            None if item.contains('/') => (number(range, least), most),
            None => (number(range, least), number(range, least)),
        };
        (from..=to).step_by(step).collect()
    };
    field.split(',').flat_map(item).collect()
}
