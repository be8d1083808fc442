//! Codes: mistakes of expressions, templates and literals (TW02xx).

codes! {}
