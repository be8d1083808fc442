//! The static embedding model that every copy of the program carries. Only the bytes: it loads and computes nothing.
//!
//! Made from sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0); the licence and the notice lie beside the files.

/// The table of token vectors: 30,522 rows of 256 signed bytes, in safetensors.
pub static MODEL: &[u8] = include_bytes!("../embedding/model.safetensors");
/// The tokenizer (WordPiece, lower-casing).
pub static TOKENIZER: &[u8] = include_bytes!("../embedding/tokenizer.json");
/// How the vectors are to be used: normalised.
pub static CONFIG: &[u8] = include_bytes!("../embedding/config.json");
/// The licence of the three files above.
pub static LICENSE: &str = include_str!("../embedding/LICENSE");
/// Which model they are derived from, and how.
pub static NOTICE: &str = include_str!("../embedding/NOTICE");
