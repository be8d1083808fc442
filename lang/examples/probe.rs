//! probe
use tradewind_lang::source::SourceId;
fn main() {
    let text = std::env::args().nth(1).unwrap();
    let text = if let Some(path) = text.strip_prefix('@') { String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned() } else { text };
    let (tree, mistakes) = tradewind_lang::syntax::tree::parse(SourceId(0), &text);
    println!("{:?}", tree.tokens);
    for m in mistakes { println!("M {} {} {:?}", m.code.id, m.message, m.span); }
    let (nodes, found) = tradewind_lang::syntax::load(SourceId(0), &text);
    for m in found { println!("L {} {} {:?} {:?}", m.code.id, m.message, m.span, m.help); }
    println!("{}", nodes.len()); for n in &tree.nodes { println!("{:?} {:?} children {:?} {}..{} out {}", n.name, tree.tokens[n.name], n.children, n.start, n.end, n.left_out); }
}
