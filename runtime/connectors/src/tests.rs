//! What a caller of the connectors notices, over loopback sockets and in memory. No test needs a network.

mod accounts;
mod contract;
mod egress;
mod faults;
mod hook;
mod ledger;
mod manners;
mod provider;
mod support;
mod together;
mod transport;
