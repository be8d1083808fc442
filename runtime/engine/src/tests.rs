//! Whole flows over twins: what an operator would notice.

mod answers;
mod batches;
mod before;
mod bounds;
mod control;
mod crash;
mod doubt;
mod events;
mod forks;
mod interference;
mod levels;
mod limits;
mod longest;
mod parts;
mod policies;
mod random;
mod reload;
mod schedules;
mod seeds;
mod simulation;
mod site;
mod undo;
mod unreachable;
mod waits;
mod world;
