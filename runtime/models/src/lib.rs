//! Models: those of this process, which learn from rows when they are first needed (`linear`, of text and numbers; `anomaly`, of what is
//! usual; `elasticity`, of how sales answer to a price), and models behind a network, in the dialects of `OpenAI` and Anthropic, by plain JSON and by the tensors of the Open Inference Protocol.
//!
//! The same rows and settings give the same bytes, so an artifact is named by the digest of what made it. This crate decides
//! nothing about a message: it says what it believes and how sure it is. It refuses rows it cannot read rather than skip them.

mod anomaly;
mod anthropic;
mod arithmetic;
mod artifact;
mod asked;
mod assets;
mod breaker;
pub mod carried;
mod drawing;
mod egress;
mod elasticity;
mod embedding;
mod evaluation;
mod exchange;
mod features;
mod gather;
mod limits;
mod linear;
mod local;
mod offline;
mod openai;
mod pictures;
mod predict;
mod regression;
mod remote;
mod rows;
mod settings;
mod sketch;
mod stream;
mod student;
mod vectorizer;
mod vectors;
mod warmth;
mod wire;

pub use assets::{Asset, Assets, Kept, LARGEST_ASSET};
pub use evaluation::{Answered, Asked, Baseline, Coverage, Evaluation, Judged, LabelMeasures, evaluate, evaluate_asked};
pub use linear::{Linear, Prediction, cross_fit};
pub use local::LocalModels;
pub use offline::OfflineModels;
pub use remote::RemoteModels;
pub use rows::{LabelledRow, parse_rows, read_rows};
pub use settings::Settings;
pub use wire::OpenSecret;
