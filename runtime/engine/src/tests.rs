//! Whole flows over twins: what an operator would notice.

mod answers;
mod bounds;
mod control;
mod crash;
mod doubt;
mod interference;
mod limits;
mod policies;
mod random;
mod reload;
mod seeds;
mod unreachable;
mod world;
