//! KDL text: our own lossless, error-tolerant tree, repair, formatting, and loading through the `kdl` crate.
