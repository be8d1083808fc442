//! How a model of `provider=predict` is spoken to: by plain JSON whose places are mapped by expressions, or by the tensors of the
//! Open Inference Protocol, version 2. It computes nothing.

use super::Bindings;
use crate::expr::Expr;
use serde::{Deserialize, Serialize};

/// What is sent to a model that predicts, and where its answer stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Predict {
    /// A body of JSON, and one that comes back.
    Json {
        /// The path below the base URL; begins with a slash.
        path: String,
        /// The fields of the body; scope: `text` (`texts` where calls go out together), `system`, `labels`.
        request: Bindings,
        /// The list with an item for each text; scope: `body`. The body itself is the one item where absent.
        each: Option<Expr>,
        /// The fields of what is wanted; scope: `body`, and `it` where there are items.
        answer: Bindings,
    },
    /// Tensors (<https://kserve.github.io/website/latest/modelserving/data_plane/v2_protocol/>).
    Tensors {
        /// The tensor that holds the texts.
        input: String,
        /// The fields of what is wanted, each with the tensor that holds it.
        outputs: Vec<(String, String)>,
    },
}
