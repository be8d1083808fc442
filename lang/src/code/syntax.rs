//! Codes: mistakes of the text itself (TW00xx).

codes! {
    /// Beyond what is read at all.
    TOO_LARGE = "TW0001", Error, "file too large";
    /// Blocks inside blocks beyond the limit.
    TOO_DEEP = "TW0002", Error, "blocks nested too deeply";
    /// A control character or a mark that changes the direction of text.
    FORBIDDEN_CHARACTER = "TW0003", Error, "forbidden character";
    /// `{` without `}`.
    UNCLOSED_BRACE = "TW0004", Error, "unclosed brace";
    /// `}` without `{`.
    STRAY_BRACE = "TW0005", Error, "closing brace without an opening one";
    /// A string without its closing quote.
    UNCLOSED_STRING = "TW0006", Error, "unclosed string";
    /// `/*` without `*/`.
    UNCLOSED_COMMENT = "TW0007", Error, "unclosed comment";
    /// A backslash that makes no escape.
    BAD_ESCAPE = "TW0008", Error, "unknown escape in a string";
    /// Text beside triple quotes, or a line that is indented less than they are.
    BAD_BLOCK_STRING = "TW0009", Error, "badly shaped multi-line string";
    /// Begins like a number and is none.
    BAD_NUMBER = "TW0010", Error, "not a number";
    /// `#` before something that is no keyword.
    UNKNOWN_KEYWORD = "TW0011", Error, "unknown keyword";
    /// Bare `true`, `r"raw"` and the like.
    KDL_1 = "TW0012", Error, "this is KDL 1";
    /// `to='me'`.
    QUOTE_IN_WORD = "TW0013", Error, "quote inside a bare word";
    /// `name=` and nothing.
    MISSING_VALUE = "TW0014", Error, "missing value";
    /// A character that nothing begins with.
    UNEXPECTED_CHARACTER = "TW0015", Error, "unexpected character";
    /// Two values that touch.
    MISSING_SPACE = "TW0016", Error, "missing space";
    /// `(`…`)` that is no annotation.
    BAD_ANNOTATION = "TW0017", Error, "broken annotation";
    /// A block that belongs to no node.
    BLOCK_WITHOUT_NODE = "TW0018", Error, "block without a node";
    /// Something on the line after a block.
    AFTER_BLOCK = "TW0019", Error, "something after a block";
    /// A node or a property whose name is no text.
    BAD_NAME = "TW0020", Error, "not a name";
    /// `/-` and nothing.
    NOTHING_LEFT_OUT = "TW0021", Error, "nothing to leave out";
    /// Our tree accepts it and the KDL reader does not.
    REFUSED = "TW0022", Error, "refused by the KDL reader";
    /// More mistakes than are shown.
    TOO_MANY = "TW0023", Error, "too many mistakes";
}
