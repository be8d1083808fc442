//! From nodes to the plan. One file a kind of node; every one reports mistakes and goes on.

pub(crate) mod connector;
pub(crate) mod context;
pub(crate) mod control;
pub(crate) mod declare;
pub(crate) mod environment;
pub(crate) mod flow;
pub(crate) mod flows;
pub(crate) mod found;
pub(crate) mod index;
pub(crate) mod join;
pub(crate) mod model;
pub(crate) mod order;
pub(crate) mod policy;
pub(crate) mod prove;
pub(crate) mod rows;
pub(crate) mod scenario;
pub(crate) mod step;
pub(crate) mod time_zone;
pub(crate) mod write;
