//! Models: `linear`, a text classifier of this process that is trained from labelled rows when it is first needed, and models behind a
//! network, in the dialects of `OpenAI` and Anthropic.
//!
//! The same rows and settings give the same bytes, so an artifact is named by the digest of what made it. This crate decides
//! nothing about a message: it says what it believes and how sure it is. It refuses rows it cannot read rather than skip them.

mod anthropic;
mod arithmetic;
mod artifact;
mod breaker;
pub mod carried;
mod egress;
mod embedding;
mod evaluation;
mod exchange;
mod features;
mod linear;
mod local;
mod offline;
mod openai;
mod regression;
mod remote;
mod rows;
mod settings;
mod vectorizer;

pub use evaluation::{Baseline, Coverage, Evaluation, Judged, LabelMeasures, evaluate};
pub use linear::{Linear, Prediction, cross_fit};
pub use local::LocalModels;
pub use offline::OfflineModels;
pub use remote::{OpenSecret, RemoteModels};
pub use rows::{LabelledRow, parse_rows, read_rows};
pub use settings::Settings;
