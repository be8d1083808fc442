//! Whole flows over twins: what an operator would notice.

mod agents;
mod answers;
mod before;
mod bounds;
mod control;
mod crash;
mod doubt;
mod drafts;
mod events;
mod interference;
mod limits;
mod longest;
mod parts;
mod policies;
mod random;
mod reflections;
mod reload;
mod schedules;
mod seal;
mod seeds;
mod simulation;
mod site;
mod undo;
mod unreachable;
mod waits;
mod world;
