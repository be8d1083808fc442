//! Bounds of each kind of step.
