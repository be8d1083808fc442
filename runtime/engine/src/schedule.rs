//! When a clock strikes: the next instant of a schedule after another, in its time zone. Pure; it looks at no clock.
//!
//! A schedule names times on the wall. A time that does not exist (clocks are put forward over it) strikes at the instant at which
//! they are; one that exists twice (clocks are put back) strikes the first time only. `every` a span strikes at whole multiples of
//! it since 1970 UTC, whatever the zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use tradewind_lang::plan::{Micros, Times};

/// How far ahead a day is looked for: the 29th of February is at most eight years away.
const DAYS_AHEAD: usize = 8 * 366 + 2;

/// A schedule, read.
#[derive(Debug, Clone)]
pub struct Schedule {
    times: Read,
    zone: TimeZone,
}

#[derive(Debug, Clone)]
enum Read {
    Every(Micros),
    Days(Days),
}

/// Days, and the minutes of each.
#[derive(Debug, Clone)]
struct Days {
    months: u16,
    days: u32,
    /// Bit 0 is Sunday.
    weekdays: u8,
    /// Either day or weekday is enough: both were given.
    either: bool,
    /// Minutes since midnight, in order.
    minutes: Vec<u16>,
}

const ALL_MONTHS: u16 = 0b1_1111_1111_1110;
const ALL_DAYS: u32 = 0xFFFF_FFFE;
const ALL_WEEKDAYS: u8 = 0x7F;

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    /// A cron line or a time zone that cannot be read.
    pub fn new(times: &Times, zone: &str) -> Result<Self, String> {
        let daily = |weekdays, at| Days { months: ALL_MONTHS, days: ALL_DAYS, weekdays, either: false, minutes: vec![at] };
        let times = match times {
            Times::Every(span) if *span > 0 => Read::Every(*span),
            Times::Every(_) => return Err("a span that is none".to_owned()),
            Times::Daily { at } => Read::Days(daily(ALL_WEEKDAYS, *at)),
            // Monday is 1, and Sunday, which is 7, bit 0.
            Times::Weekly { day, at } => Read::Days(daily(1 << (day % 7), *at)),
            Times::Cron(line) => Read::Days(cron(line).ok_or_else(|| format!("`{line}` is no cron line"))?),
        };
        let zone = match zone {
            "UTC" | "Etc/UTC" => TimeZone::UTC,
            name => TimeZone::get(name).map_err(|error| error.to_string())?,
        };
        Ok(Self { times, zone })
    }

    /// The first instant after another; none where there is none in eight years.
    #[must_use]
    pub fn next_after(&self, after: i64) -> Option<i64> {
        match &self.times {
            Read::Every(span) => after.div_euclid(*span).checked_add(1)?.checked_mul(*span),
            Read::Days(days) => self.next_day(days, after),
        }
    }

    /// The first instants after one and up to another; at most so many, so that a long absence has a bound.
    #[must_use]
    pub fn between(&self, after: i64, until: i64, most: usize) -> Vec<i64> {
        let mut found = Vec::new();
        let mut at = after;
        while found.len() < most {
            match self.next_after(at).filter(|next| *next <= until) {
                Some(next) => {
                    found.push(next);
                    at = next;
                }
                None => break,
            }
        }
        found
    }

    fn next_day(&self, days: &Days, after: i64) -> Option<i64> {
        let local = self.zone.to_datetime(Timestamp::from_microsecond(after).ok()?);
        // The day before too: clocks may have been put back over midnight.
        let mut date = local.date().yesterday().ok()?;
        for _ in 0..DAYS_AHEAD {
            if days.has(date) {
                for minute in &days.minutes {
                    let time = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).ok()?;
                    let instant = self.instant(date.to_datetime(time))?;
                    if instant > after {
                        return Some(instant);
                    }
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The instant at which the clock on the wall first shows a time, or passes it.
    fn instant(&self, wall: DateTime) -> Option<i64> {
        let ambiguous = self.zone.to_ambiguous_zoned(wall);
        let at = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok()?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok()?,
            // The later of the two readings lies before the jump; the jump is the first change of offset after it.
            AmbiguousOffset::Gap { after, .. } => {
                let early = after.to_timestamp(wall).ok()?;
                self.zone.following(early).next()?.timestamp()
            }
        };
        Some(at.as_microsecond())
    }
}

impl Days {
    fn has(&self, date: Date) -> bool {
        let month = self.months & (1 << date.month()) != 0;
        let day = self.days & (1 << date.day()) != 0;
        let weekday = self.weekdays & (1 << date.weekday().to_sunday_zero_offset()) != 0;
        month && if self.either { day || weekday } else { day && weekday }
    }
}

/// Five fields: minute, hour, day, month, weekday. Where day and weekday are both given, one of them is enough, as cron has it.
fn cron(line: &str) -> Option<Days> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else { return None };
    let (minute_bits, hour_bits) = (bits(minute, 0, 59)?, bits(hour, 0, 23)?);
    let weekday_bits = bits(weekday, 0, 7)?;
    // Both 0 and 7 are Sunday.
    let weekdays = (weekday_bits | weekday_bits >> 7) & u64::from(ALL_WEEKDAYS);
    let mut minutes = Vec::new();
    for hour in (0_u16..24).filter(|hour| hour_bits & (1 << hour) != 0) {
        minutes.extend((0_u16..60).filter(|minute| minute_bits & (1 << minute) != 0).map(|minute| hour * 60 + minute));
    }
    Some(Days {
        months: u16::try_from(bits(month, 1, 12)?).ok()?,
        days: u32::try_from(bits(day, 1, 31)?).ok()?,
        weekdays: u8::try_from(weekdays).ok()?,
        either: !day.starts_with('*') && !weekday.starts_with('*'),
        minutes,
    })
}

/// The numbers of a field, as bits.
fn bits(field: &str, least: u32, most: u32) -> Option<u64> {
    let mut found = 0;
    for item in field.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0)?),
            None => (item, 1),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*", _) => (least, most),
            (_, Some((from, to))) => (from.parse().ok()?, to.parse().ok()?),
            (one, None) => {
                let one: u32 = one.parse().ok()?;
                // `5/10` is from 5 on.
                (one, if item.contains('/') { most } else { one })
            }
        };
        if from < least || to > most || from > to {
            return None;
        }
        (from..=to).step_by(step as usize).for_each(|number| found |= 1 << number);
    }
    Some(found)
}

/// A schedule in words, by which the log tells one clock of a flow from another.
#[must_use]
pub fn words(times: &Times, zone: &str) -> String {
    let time = |at: &u16| format!("{:02}:{:02}", at / 60, at % 60);
    match times {
        Times::Every(span) => format!("every {}", tradewind_lang::literal::duration_text(*span)),
        Times::Daily { at } => format!("every day at {} {zone}", time(at)),
        Times::Weekly { day, at } => {
            let day = i8::try_from(*day).ok().and_then(|day| Weekday::from_monday_one_offset(day).ok());
            format!("every {} at {} {zone}", day.map_or_else(|| "week".to_owned(), |day| format!("{day:?}")), time(at))
        }
        Times::Cron(line) => format!("cron {line} {zone}"),
    }
}
