//! Working hours: time that people have to answer counts only in them. Pure.

use crate::policy::Zone;
use jiff::civil::Time;
use jiff::{Timestamp, ToSpan};
use tradewind_lang::plan::Micros;

/// Days looked at before the hours are given up: a year and more.
const DAYS: usize = 400;
const DAY_NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Working hours such as `mon-fri 08:00-18:00`, in the project's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hours {
    /// Monday first.
    days: [bool; 7],
    /// Minutes since midnight.
    from: i64,
    to: i64,
}

fn minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    Some(hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?)
}

impl Hours {
    /// As the language writes them.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (days, times) = text.split_once(' ')?;
        let (from, to) = times.split_once('-')?;
        let day = |name: &str| DAY_NAMES.iter().position(|known| *known == name);
        let mut working = [false; 7];
        for span in days.split(',') {
            let (first, last) = span.split_once('-').unwrap_or((span, span));
            let (first, last) = (day(first)?, day(last)?);
            // From friday to monday goes over the end of the week.
            for place in 0..=(last + 7 - first) % 7 {
                *working.get_mut((first + place) % 7)? = true;
            }
        }
        Some(Self { days: working, from: minutes(from)?, to: minutes(to)? })
    }

    /// The instant at which so much working time has passed.
    pub(crate) fn after(&self, zone: &Zone, now: i64, within: Micros) -> i64 {
        self.counted(zone, now, within).unwrap_or_else(|| now.saturating_add(within))
    }

    fn counted(&self, zone: &Zone, now: i64, within: Micros) -> Option<i64> {
        let zone = zone.or_utc();
        let mut day = Timestamp::from_microsecond(now).ok()?.to_zoned(zone.clone()).date();
        let mut left = within;
        for _ in 0..DAYS {
            let works = self.days.get(usize::try_from(day.weekday().to_monday_zero_offset()).ok()?).copied().unwrap_or(false);
            if works {
                // A day with a change of the clock has other hours than usual, and its working hours are those on the clock.
                let at = |minutes: i64| {
                    let wall = day.to_datetime(Time::midnight()).checked_add(minutes.minutes()).ok()?;
                    Some(wall.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond())
                };
                let (from, to) = (at(self.from)?.max(now), at(self.to)?);
                let here = to.saturating_sub(from).max(0);
                if left <= here {
                    return Some(from.saturating_add(left));
                }
                left -= here;
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(hours: &str, zone: &str, now: &str, within_hours: i64) -> String {
        let now: Timestamp = now.parse().unwrap();
        let at = Hours::read(hours).unwrap().after(&Zone::named(zone), now.as_microsecond(), within_hours * 3_600_000_000);
        Timestamp::from_microsecond(at).unwrap().to_string()
    }

    #[test]
    fn only_working_time_counts() {
        // A Friday at noon in winter: six hours are left of the day, and Monday goes on.
        assert_eq!(after("mon-fri 08:00-18:00", "UTC", "2026-01-02T12:00:00Z", 4), "2026-01-02T16:00:00Z");
        assert_eq!(after("mon-fri 08:00-18:00", "UTC", "2026-01-02T12:00:00Z", 8), "2026-01-05T10:00:00Z");
        assert_eq!(after("mon-fri 08:00-18:00", "UTC", "2026-01-03T12:00:00Z", 1), "2026-01-05T09:00:00Z");
        assert_eq!(after("mon-fri,sun 08:00-18:00", "UTC", "2026-01-03T12:00:00Z", 1), "2026-01-04T09:00:00Z");
        assert_eq!(after("fri-mon 00:00-24:00", "UTC", "2026-01-05T23:00:00Z", 2), "2026-01-09T01:00:00Z");
    }

    #[test]
    fn the_hours_are_those_on_the_clock_of_the_project() {
        assert_eq!(after("mon-fri 08:00-18:00", "America/Chicago", "2026-01-05T00:00:00Z", 1), "2026-01-05T15:00:00Z");
        // The clock goes forward on the 8th of March 2026.
        assert_eq!(after("sun 00:00-06:00", "America/Chicago", "2026-03-08T06:00:00Z", 5), "2026-03-08T11:00:00Z");
        assert_eq!(after("sun 01:00-04:00", "America/Chicago", "2026-03-08T06:00:00Z", 2), "2026-03-08T09:00:00Z");
    }

    #[test]
    fn hours_that_never_come_leave_the_time_as_it_was_declared() {
        assert_eq!(after("mon 09:00-09:00", "UTC", "2026-01-05T00:00:00Z", 2), "2026-01-05T02:00:00Z");
    }
}
