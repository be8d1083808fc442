//! Whole flows over twins: what an operator would notice.

mod answers;
mod before;
mod bounds;
mod control;
mod crash;
mod doubt;
mod interference;
mod limits;
mod longest;
mod parts;
mod policies;
mod random;
mod seeds;
mod site;
mod unreachable;
mod waits;
mod world;
