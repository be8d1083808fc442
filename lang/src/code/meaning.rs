//! Codes: mistakes of nodes, names, flows and policies (TW01xx).

codes! {
    UNKNOWN_NODE = "TW0101", Error, "unknown node";
    UNKNOWN_SETTING = "TW0102", Error, "unknown setting";
    DUPLICATE_SETTING = "TW0103", Error, "a setting is given twice";
    MISSING_ARGUMENT = "TW0104", Error, "a node lacks an argument";
    SURPLUS_ARGUMENT = "TW0105", Error, "a node has too many arguments";
    MISSING_SETTING = "TW0106", Error, "a node lacks a setting";
    WRONG_VALUE = "TW0107", Error, "a value does not fit its place";
    BAD_NAME = "TW0108", Error, "a name cannot stand in expressions";
    DUPLICATE_NAME = "TW0109", Error, "two things have one name";
    UNKNOWN_NAME = "TW0110", Error, "nothing of that name is declared";
    UNKNOWN_TYPE = "TW0111", Error, "unknown type";
    NO_PROJECT = "TW0112", Error, "the repository has no manifest";
    NEEDS_NEWER = "TW0113", Error, "the repository needs another version";
    MISSING_FILE = "TW0114", Error, "a named file cannot be read";
    PATH_AS_TEXT = "TW0115", Warning, "a path is taken as text";
    EMPTY = "TW0116", Error, "something that must hold something is empty";
    PERSONAL_WITHOUT_SUBJECT = "TW0117", Error, "personal data without a person";
    UNKNOWN_PARAMETER = "TW0118", Error, "unknown parameter or field";
    MISSING_PARAMETER = "TW0119", Error, "a parameter or field is missing";
    WRONG_VERB = "TW0120", Error, "a step's verb does not fit";
    CYCLE = "TW0121", Error, "steps wait for each other";
    NOT_TOTAL = "TW0122", Error, "a decision does not cover every case";
    UNREACHABLE = "TW0123", Error, "something is never reached";
    ROUTE_NOT_TOTAL = "TW0124", Error, "a route's ladder has no floor";
    ROUTE_MISMATCH = "TW0125", Error, "a route cannot give what is asked";
    NO_TIMEOUT = "TW0126", Error, "waiting for a person without a time-out";
    APPROVED_BY_SILENCE = "TW0127", Error, "silence would approve";
    QUORUM_TOO_LARGE = "TW0128", Error, "a quorum that can never be reached";
    UNCOVERED_MONEY = "TW0129", Error, "money moves without a policy";
    UNGUARDED = "TW0130", Error, "an irreversible effect without a guard";
    MONEY_WITHOUT_KEY = "TW0131", Error, "a payment that could happen twice";
    MISSING_EVIDENCE = "TW0132", Error, "a policy lacks its evidence";
    UNUSED_EVIDENCE = "TW0133", Warning, "evidence that nobody needs";
    TAINTED = "TW0134", Error, "text from outside decides too much";
    NO_RETENTION = "TW0135", Error, "a memory without retention";
    NEVER_TRUE = "TW0191", Error, "a condition that never holds";
    SHADOWED = "TW0192", Error, "a rule that others take everything from";
    ALWAYS_TRUE = "TW0193", Warning, "a condition that always holds";
    STEERED = "TW0194", Error, "text from outside decides whether money moves";
    UNUSABLE_ROWS = "TW0180", Error, "labelled rows that a model cannot learn from";
}
