//! Whole flows over twins: what an operator would notice.

mod answers;
mod before;
mod bounds;
mod control;
mod crash;
mod doubt;
mod interference;
mod limits;
mod policies;
mod random;
mod seeds;
mod site;
mod undo;
mod unreachable;
mod world;
