//! Target `parse`: any text is read, without loss, and every mistake has a place in it.

use tradewind_lang::source::SourceId;
use tradewind_lang::syntax::{load, tree};

pub(crate) fn target(text: &str) {
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
