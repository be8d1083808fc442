//! What is usual for a number, by median and median absolute deviation: a few wild values move neither. Whether a distance from it is
//! too far is not said here.

use crate::policy::Zone;
use tradewind_lang::plan::{FEWEST, Season, Seasonal};

/// The standard deviation of a normal distribution over its median absolute deviation.
const OF_MEDIAN: f64 = 1.4826;

/// The same over its mean absolute deviation, for where more than half of the values are one.
const OF_MEAN: f64 = 1.2533;

/// No distance is further: more would only say that what is usual does not vary at all.
const FURTHEST: f64 = 1_000_000.0;

/// What is usual for a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Usual {
    median: f64,
    /// A robust standard deviation; 0 where all values are one.
    deviation: f64,
    many: usize,
}

impl Usual {
    /// What these numbers say; none where they are too few, or one of them is no number.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Option<Self> {
        if numbers.len() < FEWEST || numbers.iter().any(|number| !number.is_finite()) {
            return None;
        }
        let middle = median(numbers.to_vec())?;
        let away: Vec<f64> = numbers.iter().map(|number| (number - middle).abs()).collect();
        #[expect(clippy::cast_precision_loss, reason = "a count of rows, far below 2^53")]
        let mean = away.iter().sum::<f64>() / numbers.len() as f64;
        let near = median(away)?;
        let deviation = if near > 0.0 { near * OF_MEDIAN } else { mean * OF_MEAN };
        (middle.is_finite() && deviation.is_finite()).then_some(Self { median: middle, deviation, many: numbers.len() })
    }

    /// The middle value.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.median
    }

    /// A robust standard deviation; 0 where all values are one.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    /// Of how many numbers.
    #[must_use]
    pub fn many(&self) -> usize {
        self.many
    }

    /// How many robust standard deviations a number lies above the median, or below where negative; within a million.
    #[must_use]
    pub fn distance(&self, number: f64) -> f64 {
        let away = number - self.median;
        if away == 0.0 { 0.0 } else { (away / self.deviation).clamp(-FURTHEST, FURTHEST) }
    }
}

/// The middle of some numbers; of the two in the middle, what lies halfway.
fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    let upper = *numbers.get(half)?;
    if numbers.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(*numbers.get(half.checked_sub(1)?)?, upper)) }
}

/// The part of a season in which an instant lies: 0 to 23, or 0 to 6 from Monday. None for an instant that no calendar has.
#[must_use]
pub fn part(seasonal: &Seasonal, at: i64) -> Option<u8> {
    let local = jiff::Timestamp::from_microsecond(at).ok()?.to_zoned(Zone::named(&seasonal.time_zone).or_utc());
    let part = match seasonal.season {
        Season::Hour => local.hour(),
        Season::Weekday => local.weekday().to_monday_zero_offset(),
    };
    u8::try_from(part).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_wild_values_do_not_move_what_is_usual() {
        let calm: Vec<f64> = (0..20).map(|number| 100.0 + f64::from(number % 5)).collect();
        let mut wild = calm.clone();
        wild.extend([10_000.0, -10_000.0]);
        let (calm, wild) = (Usual::of(&calm).expect("enough"), Usual::of(&wild).expect("enough"));
        assert_eq!((calm.median(), wild.median()), (102.0, 102.0));
        assert!((calm.deviation() - wild.deviation()).abs() < 1e-9, "{calm:?} {wild:?}");
        assert!(wild.distance(10_000.0) > 1000.0 && wild.distance(103.0) < 1.0);
    }

    #[test]
    fn distances_are_those_that_are_worked_out_by_hand() {
        // Median 5, absolute deviations 4 3 2 1 0 1 2 3 4, their median 2.
        let usual = Usual::of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]).expect("enough");
        assert!((usual.deviation() - 2.9652).abs() < 1e-9);
        assert!((usual.distance(11.0) - 6.0 / 2.9652).abs() < 1e-9);
        assert_eq!(usual.distance(5.0), 0.0);
    }

    #[test]
    fn what_hardly_varies_has_a_deviation_and_what_never_varies_has_none() {
        let hardly = Usual::of(&[3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 4.0]).expect("enough");
        assert!(hardly.deviation() > 0.0 && hardly.distance(4.0) > 3.5);
        let never = Usual::of(&[3.0; 8]).expect("enough");
        assert_eq!((never.distance(3.0), never.distance(3.1), never.distance(2.9)), (0.0, FURTHEST, -FURTHEST));
    }

    #[test]
    fn too_few_numbers_and_what_is_none_say_nothing() {
        assert_eq!(Usual::of(&[1.0; FEWEST - 1]), None);
        assert_eq!(Usual::of(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, f64::NAN]), None);
        assert_eq!(
            Usual::of(&[f64::MAX, -f64::MAX, f64::MAX, -f64::MAX, f64::MAX, -f64::MAX, f64::MAX, -f64::MAX]).map(|usual| usual.many()),
            None
        );
    }

    #[test]
    fn parts_of_a_season_are_those_of_the_clock_on_the_wall() {
        // Sunday, 23:30 in London in summer; Monday, 0:30 in Berlin.
        let at = "2026-06-07T22:30:00Z".parse::<jiff::Timestamp>().expect("an instant").as_microsecond();
        let of = |season, zone: &str| part(&Seasonal { season, time_zone: zone.to_owned() }, at);
        assert_eq!((of(Season::Hour, "Europe/London"), of(Season::Weekday, "Europe/London")), (Some(23), Some(6)));
        assert_eq!((of(Season::Hour, "Europe/Berlin"), of(Season::Weekday, "Europe/Berlin")), (Some(0), Some(0)));
    }
}
