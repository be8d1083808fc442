//! The git repository that an environment follows: its newest commit is fetched, judged, and laid out as files for whoever compiles it.
//!
//! It performs what `git` and a host's API can do, and says which commit may be taken and why another may not. It compiles nothing,
//! adopts nothing and knows no engine. It never checks out a work tree, runs no hook, and writes nowhere but into its own folder.

mod access;
mod commit;
mod follower;
mod git;
mod hook;
mod kept;
mod mirror;
mod pace;
mod promotion;
mod statuses;
mod teller;
mod tree;

pub use access::{KeyFile, OpenSecret};
pub use commit::Commit;
pub use follower::{CURRENT, Follower, News, Place, Refusal, Taken};
pub use hook::{Bell, genuine, routes};
pub use kept::{Active, Kept, Tried};
pub use pace::Pace;
pub use statuses::{State, Statuses, Told};
pub use teller::Teller;

#[cfg(test)]
mod tests;
