//! Laying out: twice is once, and what is computed never changes, on every shipped file, on the examples of the reference and on
//! generated texts. What it does to KDL alone is compared with the official suite beside the syntax.
#![cfg(test)]

use tradewind_lang::layout::format;
use tradewind_lang::source::SourceId;
use tradewind_lang::syntax::load;
use tradewind_lang::written::{layout, parse};
use tradewind_tests::meaning::meanings;
use tradewind_tests::random::Random;
use tradewind_tests::{markdown, root};

/// Checks one text; says whether it had no mistakes.
fn settles(name: &str, text: &str) -> bool {
    let (once, mistakes) = format(text);
    if !mistakes.is_empty() {
        assert_eq!(once, text, "{name}: a text with mistakes was changed");
        return false;
    }
    let (twice, mistakes) = format(&once);
    assert!(mistakes.is_empty(), "{name}: laid out, it has mistakes: {mistakes:?}\n{once}");
    assert_eq!(twice, once, "{name}: laying out twice differs");
    let (before, after) = (load(SourceId(0), text).0, load(SourceId(0), &once).0);
    assert_eq!(meanings(&before), meanings(&after), "{name}: the meaning changed");
    true
}

#[test]
fn shipped_files_and_the_examples_of_the_reference_settle() {
    let listing = std::process::Command::new("git").args(["ls-files"]).current_dir(root()).output().unwrap();
    let paths = String::from_utf8(listing.stdout).unwrap();
    let mut seen = 0;
    for path in paths.lines().filter(|path| path.ends_with(".kdl") || path.ends_with(".md")) {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        if path.ends_with(".kdl") {
            assert!(settles(path, &text), "{path} has mistakes");
            assert_eq!(format(&text).0, text, "{path} is not laid out");
            seen += 1;
        } else {
            let blocks = markdown::blocks(&text).into_iter().filter(|block| block.language == "kdl");
            seen += blocks.filter(|block| settles(path, &block.text)).count();
        }
    }
    assert!(seen > 100, "only {seen} texts were looked at");
}

const LEAVES: &[&str] = &["a", "b.c", "-1", "2.5", "'x  y'", "true", "f(a,b)", "l[0]", "m['k'].n", "\"q\"", "[1,2]", "{'k':v}", "r'\\d'"];
const SIGNS: &[&str] = &["+", "-", "*", "/", "%", "<", "<=", "==", "!=", "&&", "||", " in "];

/// A random expression with random white space.
fn expression(random: &mut Random, depth: u64) -> String {
    let space = [" ", "", "  ", "\t"][usize::try_from(random.below(4)).unwrap()];
    let one = |random: &mut Random| LEAVES[usize::try_from(random.below(LEAVES.len() as u64)).unwrap()].to_owned();
    if depth == 0 {
        return one(random);
    }
    let part = |random: &mut Random| expression(random, depth - 1);
    match random.below(7) {
        0 => format!("({space}{}{space})", part(random)),
        1 => format!("!{}", one(random)),
        2 => format!("{} ?{space}{}{space}: {}", one(random), one(random), part(random)),
        3 => format!("l.exists({space}i,{space}{})", part(random)),
        4 => format!("[{}{space},{}]", part(random), part(random)),
        _ => {
            let sign = SIGNS[usize::try_from(random.below(SIGNS.len() as u64)).unwrap()];
            format!("{}{space}{sign}{space}{}", part(random), part(random))
        }
    }
}

#[test]
fn generated_expressions_settle_and_keep_their_tree() {
    let mut random = Random::of(11);
    let mut read = 0;
    for _ in 0..2_000 {
        let text = expression(&mut random, 4);
        let Some(tree) = parse(&text) else { continue };
        read += 1;
        let once = layout::line(&text).unwrap_or_else(|| panic!("`{text}` has a tree and no layout"));
        assert_eq!(layout::line(&once).as_deref(), Some(once.as_str()), "{text}");
        assert_eq!(shape(&text, &tree), shape(&once, &parse(&once).unwrap()), "{text}");
        let lines = layout::lines(&text).unwrap().join("\n");
        assert_eq!(layout::line(&lines).as_deref(), Some(once.as_str()), "{text}");
        let quoted = once.replace('\\', "\\\\").replace('"', "\\\"");
        let raw = text.replace('\\', "\\\\").replace('"', "\\\"");
        let file = |text: &str| format!("policy \"p\" {{\n    deny \"d\" when=\"{text}\"\n}}\n");
        if !raw.contains('\t') {
            assert_eq!(format(&file(&raw)).0, file(&quoted));
        }
        assert!(settles(&text, &format!("flow \"f\" {{ let \"a\" \"\"\"\n    ={}\n    \"\"\" }}\n", text.replace('\\', "\\\\"))));
    }
    assert!(read > 1_000, "only {read} were expressions");
}

/// A tree without places: the words of each part.
fn shape(text: &str, part: &tradewind_lang::written::Part) -> String {
    let words: String = text[part.start..part.end].split_whitespace().collect();
    format!("{:?} {words}", std::mem::discriminant(&part.form))
}

#[test]
fn generated_files_settle() {
    const PIECES: &[&str] = &[
        "policy \"p\" ",
        "deny \"d\" ",
        "when=\"a&&b\" ",
        "when \"x>1\"",
        "{\n",
        "}\n",
        ";",
        "\n",
        "// c\n",
        "/* c */ ",
        "\\\n",
        "/-",
        "flow \"f\" ",
        "let \"a\" ",
        "\"=a+b\" ",
        "\"=open ( \"",
        "#\"=a+\"b\"\"# ",
        "(str)\"=a+b\" ",
        "\"\"\"\n  =a&&b\n   ||c\n  \"\"\" ",
        "reflect \"r\" ",
        "require \"a||b\" ",
        "x=\"= c\" ",
        "\u{200b}",
        "\"=a // c\"",
        "message=\"=a-b\" ",
    ];
    let mut random = Random::of(5);
    let mut read = 0;
    for round in 0..4_000 {
        let length = 1 + random.below(14);
        let text: String = (0..length).map(|_| PIECES[usize::try_from(random.below(PIECES.len() as u64)).unwrap()]).collect();
        read += usize::from(settles(&format!("round {round}: {text:?}"), &text));
    }
    assert!(read > 250, "only {read} texts had no mistakes");
}
