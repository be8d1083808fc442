//! Whole flows over twins: what an operator would notice.

mod answers;
mod bounds;
mod control;
mod crash;
mod doubt;
mod events;
mod interference;
mod limits;
mod policies;
mod random;
mod reload;
mod schedules;
mod seeds;
mod unreachable;
mod waits;
mod world;
