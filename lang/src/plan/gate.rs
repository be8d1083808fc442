//! What a model of this process reads beside text, and what it learns from its rows. How it learns is the adapter's.

use serde::{Deserialize, Serialize};

/// The instant among the numbers of a question: seasons are told by it.
pub const INSTANT: &str = "at";

/// What is asked of a model of the provider `elasticity`: the price now, what a unit costs, and the step as a share of the price.
pub const PRICE_STEP: [&str; 3] = ["cost", "price", "step"];

/// How far from what is usual a number may lie before it is unusual, in robust standard deviations.
pub const DEFAULT_THRESHOLD: f64 = 3.5;

/// The share of intervals that hold the true elasticity.
pub const DEFAULT_LEVEL: f64 = 0.95;

/// Fewer rows than this say nothing of what is usual, or of how sales answer to a price.
pub const FEWEST: usize = 8;

/// What stands beside the rows of a model of this process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// What each question names, by name: numbers, and the instant `at`.
    pub asked: Vec<String>,
    /// What it learns beyond labels.
    pub learns: Learns,
}

/// What a model of this process learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Learns {
    /// Labels of rows with numbers: `linear`.
    Labels,
    /// What is usual for a number: `anomaly`.
    Usual {
        /// The number.
        number: String,
        /// Whether each part of a season is its own.
        season: Option<Seasonal>,
        /// Robust standard deviations from the median, from which a number is unusual.
        threshold: f64,
    },
    /// How sales answer to a price: `elasticity`.
    Response {
        /// The share of intervals that hold the true elasticity, 0 to 1.
        level: f64,
    },
}

/// What comes again, and where its clock stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seasonal {
    /// What comes again.
    pub season: Season,
    /// The time zone that tells its parts, as the IANA database names it.
    pub time_zone: String,
}

/// What comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Season {
    /// Hours of the day.
    Hour,
    /// Days of the week.
    Weekday,
}

impl Season {
    /// The season of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "hour" => Some(Self::Hour),
            "weekday" => Some(Self::Weekday),
            _ => None,
        }
    }
}

impl Learns {
    /// Whether the question is numbers alone.
    #[must_use]
    pub fn reads_no_text(&self) -> bool {
        !matches!(self, Self::Labels)
    }

    /// The labels that can be answered; none where the rows say them. One of the lists, in any order.
    #[must_use]
    pub fn answers(&self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Labels => &[],
            Self::Usual { .. } => &[&["usual", "unusual"], &["low", "usual", "high"]],
            Self::Response { .. } => &[&["raise", "keep", "lower"]],
        }
    }
}
