//! Target `format`: laying out twice is laying out once, and what a text says stays. Bytes that are no text are never laid out by `fmt`; what
//! can be read of them is a text like any other.

use tradewind_lang::layout::format;
use tradewind_lang::source::SourceId;
use tradewind_lang::syntax::load;
use tradewind_tests::meaning::meanings;

pub(crate) fn target(bytes: &[u8]) {
    let text = &*crate::parse::decoded(bytes).text;
    let (once, mistakes) = format(text);
    if !mistakes.is_empty() {
        assert_eq!(once, text, "a text with mistakes was changed");
        return;
    }
    let (twice, mistakes) = format(&once);
    assert!(mistakes.is_empty(), "laid out, it has mistakes: {mistakes:?}\n{once}");
    assert_eq!(twice, once, "laying out twice differs");
    let (before, after) = (load(SourceId(0), text).0, load(SourceId(0), &once).0);
    assert_eq!(meanings(&before), meanings(&after), "the meaning changed");
}
