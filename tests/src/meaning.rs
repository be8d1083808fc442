//! What nodes say, without places and without layout: what formatting must keep. It reads no text.

use tradewind_lang::ast::{Node, Scalar};
use tradewind_lang::written::layout;

/// What a value means to the layout: an expression by its one line, anything else by itself.
fn meaning(scalar: &Scalar) -> String {
    match scalar {
        Scalar::String(text) => {
            let (mark, inner) = text.strip_prefix('=').map_or(("", text.as_str()), |inner| ("=", inner));
            format!("{mark}{}", layout::line(inner).unwrap_or_else(|| inner.to_owned()))
        }
        other => format!("{other:?}"),
    }
}

/// Nodes without places.
#[must_use]
pub fn meanings(nodes: &[Node]) -> String {
    let each = nodes.iter().map(|node| {
        let arguments: Vec<String> = node.arguments.iter().map(|value| meaning(&value.scalar)).collect();
        let properties: Vec<String> =
            node.properties.iter().map(|own| format!("{}={}", own.name.text, meaning(&own.value.scalar))).collect();
        format!("{} {arguments:?} {properties:?} {{ {} }}\n", node.name.text, meanings(&node.children))
    });
    each.collect()
}
