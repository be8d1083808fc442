//! The standard library: connectors written in the language, embedded. It holds no logic.

/// Every file of the library: path below `stdlib/`, text.
pub static LIBRARY: &[(&str, &str)] = &[
    ("connectors/helpdesk.kdl", include_str!("../connectors/helpdesk.kdl")),
    ("connectors/payments.kdl", include_str!("../connectors/payments.kdl")),
    ("connectors/shop.kdl", include_str!("../connectors/shop.kdl")),
];
