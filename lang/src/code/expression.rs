//! Codes: mistakes of expressions, templates and literals (TW02xx).

codes! {
    SYNTAX = "TW0201", Error, "an expression that cannot be read";
    UNKNOWN_NAME = "TW0202", Error, "a name that is not in scope";
    UNKNOWN_FIELD = "TW0203", Error, "a field that does not exist";
    UNKNOWN_FUNCTION = "TW0204", Error, "a function that does not exist";
    TYPE = "TW0205", Error, "a value of another type than its place wants";
    OPERATOR = "TW0206", Error, "an operator between types that it does not take";
    ABSENT = "TW0207", Error, "a value that may be absent";
    LITERAL = "TW0208", Error, "a literal that is no value of its type";
    ENUM_VALUE = "TW0209", Error, "a text that is none of an enum's values";
    CURRENCIES = "TW0210", Error, "two currencies in one computation";
    WHOLE_DIVISION = "TW0211", Warning, "a division of whole numbers drops the fraction";
    ARGUMENTS = "TW0212", Error, "arguments that a function does not take";
    TOO_LARGE = "TW0213", Error, "an expression that is too long or too deep";
    RESERVED = "TW0214", Error, "a reserved word as a name";
    PATTERN = "TW0215", Error, "a regular expression that cannot be read";
    UNSUPPORTED = "TW0216", Error, "a form of CEL that this language does not have";
    NO_PATH = "TW0217", Error, "`has` of something that is not a path";
    COST = "TW0218", Warning, "an expression that a run may not finish";
    TOO_DEAR = "TW0219", Error, "an expression that a run cannot finish";
    TWO_WAYS = "TW0220", Error, "a value that is written in two ways";
    FORMAT = "TW0222", Error, "a format whose verbs do not fit its values";
    UNKNOWN_CURRENCY = "TW0223", Warning, "a currency that ISO 4217 does not list";
    TEMPLATE_SYNTAX = "TW0230", Error, "a template that cannot be read";
    TEMPLATE_FORM = "TW0231", Error, "a template that does more than fill in";
    TEMPLATE_FILTER = "TW0232", Error, "a filter that does not exist or does not fit";
    TEMPLATE_VALUE = "TW0233", Error, "a value that a template cannot show";
}
