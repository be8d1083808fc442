//! Models that need no key and no network: `linear`, a text classifier trained from labelled rows when it is first needed.
//!
//! The same rows and settings give the same bytes, so an artifact is named by the digest of what made it. This crate decides
//! nothing about a message: it says what it believes and how sure it is. It refuses rows it cannot read rather than skip them.

mod arithmetic;
mod artifact;
pub mod carried;
mod embedding;
mod evaluation;
mod features;
mod linear;
mod local;
mod regression;
mod rows;
mod settings;
mod vectorizer;

pub use evaluation::{Baseline, Coverage, Evaluation, Judged, LabelMeasures, evaluate};
pub use linear::{Linear, Prediction, cross_fit};
pub use local::LocalModels;
pub use rows::{LabelledRow, parse_rows, read_rows};
pub use settings::Settings;
