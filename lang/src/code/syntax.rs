//! Codes: mistakes of the text itself (TW00xx).

codes! {}
