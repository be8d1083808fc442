//! Codes: refusals at run time: inputs, stores, effects (TW05xx).

codes! {}
