//! Kills: at every append, at random moments, and of the provider; what was done outside is always what one undisturbed run does.
//!
//! Whatever fails names its seed and trial; `TRADEWIND_SEED=N` repeats a seed.
#![cfg(test)]

mod appends;
mod moments;
mod provider;
mod reloads;
mod served;
mod stalls;
mod workload;
