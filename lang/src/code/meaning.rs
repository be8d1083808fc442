//! Codes: mistakes of nodes, names, flows and policies (TW01xx).

codes! {}
