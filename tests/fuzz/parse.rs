//! Target `parse`: any bytes are read as a file is, any text without loss, and every mistake has a place in it.

use tradewind_lang::compile::Decoded;
use tradewind_lang::source::SourceId;
use tradewind_lang::syntax::{load, tree};

/// What a file of such bytes is read as: up to where it stops being text, that is what stands there.
pub(crate) fn decoded(bytes: &[u8]) -> Decoded {
    let decoded = Decoded::of(bytes.to_vec());
    match decoded.garbled {
        None => assert_eq!(decoded.text.as_bytes(), bytes, "text is read as something else"),
        Some(at) => {
            assert!(std::str::from_utf8(bytes).is_err(), "text is taken for none");
            assert_eq!(decoded.text.get(..at).map(str::as_bytes), bytes.get(..at), "what is text is read as something else");
        }
    }
    decoded
}

pub(crate) fn target(bytes: &[u8]) {
    let text = &*decoded(bytes).text;
    let (tree, mistakes) = tree::parse(SourceId(0), text);
    let rebuilt: String = tree.tokens.iter().map(|token| &text[token.start..token.end]).collect();
    assert_eq!(rebuilt, text, "tokens lose something");
    let (_, found) = load(SourceId(0), text);
    for mistake in mistakes.iter().chain(&found) {
        assert!(text.get(mistake.span.start as usize..mistake.span.end as usize).is_some(), "{mistake:?} has no place");
    }
    let refused = found.iter().find(|mistake| mistake.code.id == tradewind_lang::code::syntax::REFUSED.id);
    assert!(refused.is_none(), "our tree accepted what the crate refuses: {refused:?}");
}
