//! The failures that the language declares: what a clean program may meet when it runs. Everything else is a mistake of the checker.

/// Sentences of an expression that has no value, in parts that no value can change.
const EXPRESSION: &[&str] = &[
    "division by zero",
    "beyond its range",
    "beyond ten thousand years",
    "beyond the years 1 to 9999",
    "takes more than a million steps",
    "grow beyond 16 MB",
    "grows beyond 16 MB",
    "would build too long a text",
    // Conversions of a text or a number.
    " is no money",
    " is no int",
    " is no uint",
    " is no number",
    " is no decimal",
    " is no bool",
    " is no duration",
    " is no timestamp",
    "bytes are no UTF-8 text",
    "is not a currency code",
    // Sums of two currencies.
    "are of different currencies",
    // Bounds and look-ups.
    "is not among the allowed values",
    " is not between ",
    "there is no item ",
    " in the map",
    "there are no items ",
    "there is no part from ",
    "a part of a text cannot begin at ",
    "there is no character at ",
    "a search cannot begin at ",
    " is no base64",
    "bits cannot be shifted by ",
    "there is no time zone `",
    "a range has at most",
    "a list is flattened by",
    "takes lists of at most 2000 items",
    "a number is rounded to 0 to 15 digits",
    "not-a-number has no order",
    "money cannot be scaled by such a number",
];

/// What an evaluator that is not ours says of wrong types.
const BORROWED_WRONG: &[&str] = &["overload", "ndeclared", "unknown", "nsupported", "nexpected type", "no such", "o function"];

/// Sentences of a template that cannot be filled.
const TEMPLATE: &[&str] = &["it takes too many steps", "is beyond its range", "digits are 0 to 15"];

/// Whether an expression may fail so.
pub(crate) fn of_expression(sentence: &str) -> bool {
    let borrowed = sentence.starts_with('`') && sentence.contains("`: ");
    if borrowed {
        return !BORROWED_WRONG.iter().any(|wrong| sentence.contains(wrong));
    }
    EXPRESSION.iter().any(|declared| sentence.contains(declared))
}

/// Whether a template may fail so.
pub(crate) fn of_template(sentence: &str) -> bool {
    TEMPLATE.iter().any(|declared| sentence.contains(declared))
}

/// What the engine says where a value was not of the type that the checker promised.
const WRONG: &[&str] = &[
    "not take such",
    "neither true nor false",
    "takes whole numbers",
    "takes a number",
    "takes text",
    "looks into",
    "goes over",
    "has a size",
    "has no text",
    "has items",
    "the index of a list",
    "different kinds",
    "no function",
    "overload",
    "` has no value",
    "the text has no value",
    "a value is absent",
    "a part of its business key is absent",
    "is no text",
    "has no field",
    "the plan has no",
    "there is no type",
    "no arm holds",
    "is not money",
    "counts numbers or money",
    "cannot run them yet",
];

/// Whether a failure of a run, or a denial, is one that a clean check rules out.
pub(crate) fn is_wrong(sentence: &str) -> bool {
    // A request that does not fit its operation is told without the expression that made it.
    let unfit = sentence.starts_with('`') && !sentence.contains(": ") && sentence.contains("` is no ");
    unfit || WRONG.iter().any(|wrong| sentence.contains(wrong))
}
