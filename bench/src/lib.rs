//! What the benchmarks share: workloads, measures, the machine. Nothing here is part of the product.

pub mod approval;
pub mod caller;
pub mod closed_loop;
pub mod csv;
pub mod decision;
pub mod five_steps;
pub mod generated;
pub mod http;
pub mod latency;
pub mod machine;
pub mod program;
pub mod recording;
pub mod routed;
pub mod same_shape;
pub mod served;
pub mod table;
pub mod workplace;
