//! Whole flows over twins: what an operator would notice.

mod answers;
mod bounds;
mod crash;
mod doubt;
mod interference;
mod limits;
mod longest;
mod policies;
mod random;
mod seeds;
mod unreachable;
mod world;
