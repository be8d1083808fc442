//! What a user sees of the mistakes of the text, and where.

use super::{format, lex, load};
use crate::ast::{Literal, Node, Scalar};
use crate::diagnostic::{Diagnostic, Edit};
use crate::source::SourceId;

const FILE: SourceId = SourceId(0);

/// Each mistake as `code line:column message | underlined text`.
fn seen(text: &str) -> Vec<String> {
    let (_, mistakes) = load(FILE, text);
    mistakes.iter().map(|mistake| rendered(text, mistake)).collect()
}

fn rendered(text: &str, mistake: &Diagnostic) -> String {
    let (start, end) = (mistake.span.start as usize, mistake.span.end as usize);
    let line = text[..start].matches('\n').count() + 1;
    let column = text[..start].rsplit('\n').next().unwrap().chars().count() + 1;
    format!("{} {line}:{column} {} | {}", mistake.code.id, mistake.message, &text[start..end])
}

fn only(text: &str) -> String {
    let all = seen(text);
    assert_eq!(all.len(), 1, "{text:?}: {all:#?}");
    all.into_iter().next().unwrap()
}

/// The text after the first fix of every mistake.
fn fixed(text: &str) -> String {
    let (_, mistakes) = load(FILE, text);
    let mut edits: Vec<Edit> =
        mistakes.into_iter().filter_map(|mistake| mistake.fixes.into_iter().next()).flat_map(|fix| fix.edits).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut text = text.to_owned();
    for edit in edits {
        text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    }
    text
}

fn nodes(text: &str) -> Vec<Node> {
    let (nodes, mistakes) = load(FILE, text);
    assert!(mistakes.is_empty(), "{text:?}: {mistakes:#?}");
    nodes
}

fn first_value(text: &str) -> Literal {
    nodes(text).remove(0).arguments.remove(0)
}

#[test]
fn every_mistake_has_a_sentence_and_an_exact_place() {
    let cases = [
        ("a }", "TW0005 1:3 `}` closes nothing | }"),
        ("a {", "TW0004 1:3 the block of `a` is never closed | {"),
        ("a \"b", "TW0006 1:3 string `\"b` is never closed | \"b"),
        ("a #\"b", "TW0006 1:3 string `#\"b` is never closed | #\"b"),
        ("a \"\"\"\n  b", "TW0006 1:3 multi-line string is never closed | \"\"\""),
        ("a /* b", "TW0007 1:3 comment `/*` is never closed | /*"),
        ("a \"x\\q\"", "TW0008 1:5 unknown escape `\\q` | \\q"),
        ("a \"x\\u{d800}\"", "TW0008 1:5 `\\u{d800}` is no character | \\u{d800}"),
        ("a \"x\\u00e9\"", "TW0008 1:5 malformed escape `\\u` | \\u"),
        ("a \"\"\"x\"\"\"", "TW0009 1:6 text after the opening `\"\"\"` | x"),
        ("a \"\"\"\n  x\"\"\"", "TW0009 2:3 text before the closing `\"\"\"` | x"),
        ("a \"\"\"\n x\n  \"\"\"", "TW0009 2:1 line of a multi-line string is indented less than its closing `\"\"\"` |  x"),
        ("a 30d", "TW0010 1:3 `30d` is not a number | 30d"),
        (
            "a 200000000000000000000000000000000000000",
            "TW0010 1:3 `200000000000000000000000000000000000000` is more than a number holds | 200000000000000000000000000000000000000",
        ),
        ("a .5", "TW0010 1:3 `.5` is not a number | .5"),
        ("a 0xZZ", "TW0010 1:3 `0xZZ` is not a number | 0xZZ"),
        ("a #yes", "TW0011 1:3 unknown keyword `#yes` | #yes"),
        ("a b=true", "TW0012 1:5 `true` is written `#true` | true"),
        ("a r\"b\"", "TW0012 1:3 a raw string is written `#\"…\"#`, without `r` | r\"b\""),
        ("a to='me'", "TW0013 1:6 quote inside the bare word `'me'` | 'me'"),
        ("a don't", "TW0013 1:6 quote inside the bare word `don't` | '"),
        ("a b=", "TW0014 1:3 missing value of `b` | b="),
        ("a b= }", "TW0014 1:3 missing value of `b` | b="),
        ("a [", "TW0015 1:3 unexpected `[` | ["),
        ("a \\ b", "TW0015 1:3 unexpected `\\` within a line | \\"),
        ("a = b", "TW0015 1:3 unexpected `=` after the node `a` | ="),
        ("# a", "TW0015 1:1 unexpected `#` | #"),
        ("a \"b\"c", "TW0016 1:6 missing space before `c` | c"),
        ("a \"b\", c", "TW0016 1:6 `,` separates nothing here | ,"),
        ("a \"b\",c", "TW0016 1:6 `,` separates nothing here | ,"),
        ("a \"b\n  c\" d\ne \"f\"", "TW0006 1:3 a string in single quotes goes over 2 lines | \"b"),
        ("a \"b\nc d \"e\"", "TW0006 1:3 string `\"b` is never closed | \"b"),
        ("a (b", "TW0017 1:3 broken annotation | (b"),
        ("a ()b", "TW0017 1:3 broken annotation | ()"),
        ("a (b)", "TW0017 1:3 annotation without a value | (b)"),
        ("a (b)c=d", "TW0017 1:3 annotation before the name of the property `c` | (b)"),
        ("a\n{\n}", "TW0018 2:1 block begins on a line of its own | {"),
        ("{ a }", "TW0018 1:1 block without a node | {"),
        ("a { b } c", "TW0019 1:9 `c` follows a block on the same line | c"),
        ("a { b } { c }", "TW0019 1:9 second block of one node | {"),
        ("1 a", "TW0020 1:1 `1` is not a node's name | 1"),
        ("a 1=2", "TW0020 1:3 `1` is not a property's name | 1"),
        ("a /-", "TW0021 1:3 nothing follows `/-` | /-"),
        ("a \u{200e}", "TW0003 1:3 the character U+200E is forbidden | \u{200e}"),
    ];
    for (text, expected) in cases {
        let all = seen(text);
        assert!(all.first().is_some_and(|first| first == expected), "{text:?}\n  wanted {expected}\n  seen   {all:?}");
        let stray = usize::from(text == "a b= }");
        assert_eq!(all.len(), 1 + stray, "{text:?}: {all:?}");
    }
}

#[test]
fn every_mistake_says_what_to_do() {
    for text in
        ["a }", "a {", "a \"b", "a /* b", "a \"\\q\"", "a 30d", "a #x", "a true", "a 'b'", "a b=", "a [", "a\"b\"", "a (", "{", "1", "a /-"]
    {
        let (_, mistakes) = load(FILE, text);
        assert!(!mistakes.is_empty(), "{text}");
        assert!(mistakes.iter().all(|mistake| mistake.help.is_some() && !mistake.label.is_empty()), "{text}: {mistakes:?}");
    }
}

#[test]
fn a_number_of_another_base_is_mended_by_hand() {
    let (_, mistakes) = load(FILE, "a b=0x1G");
    assert!(mistakes.iter().all(|mistake| mistake.fixes.is_empty()), "{mistakes:?}");
}

#[test]
fn fixes_mend_what_they_are_offered_for() {
    let cases = [
        ("a to='me' b=true\n", "a to=\"me\" b=#true\n"),
        ("a r\"x\" null\n", "a #\"x\"# #null\n"),
        ("a 30d .5 1.\n", "a \"30d\" 0.5 1.0\n"),
        ("a \"b\n", "a \"b\"\n"),
        ("a \"b\"c\n", "a \"b\" c\n"),
        ("a \"b\", c=\"d\",\n", "a \"b\" c=\"d\"\n"),
        ("a \"b\",c\n", "a \"b\" c\n"),
        ("a { b \"=c\n    + 'd'\" e=1 }\n", "a { b \"\"\"\n    =c\n    + 'd'\n    \"\"\" e=1 }\n"),
        ("a \"\n    b\n      c\n\n    d\n\"\n", "a \"\"\"\n    b\n      c\n\n    d\n    \"\"\"\n"),
        ("a = b\n", "a b\n"),
        ("a=b\n", "a b\n"),
        ("# note\na\n", "// note\na\n"),
        ("a\n{\n    b\n}\n", "a {\n    b\n}\n"),
        ("a { b } c\n", "a { b } ; c\n"),
        ("a {\n    b\n\nc\n", "a {\n    b\n}\n\nc\n"),
        ("a {\n    b { c\n    d\n}\n", "a {\n    b { c }\n    d\n}\n"),
        ("a #True\n", "a #true\n"),
    ];
    for (text, expected) in cases {
        assert_eq!(fixed(text), expected, "{text:?}");
        assert_eq!(seen(expected), Vec::<String>::new(), "{expected:?}");
    }
}

#[test]
fn an_unclosed_brace_hides_none_of_the_other_mistakes() {
    let text = "project \"shop\" {
    currency \"USD\"

team \"support\" { member a='b' }
flow \"returns\" {
    deadline 30d
    act \"refund\" on=true
    act \"answer\" to= {
        text \"\\q\"
    }
}
policy \"p\" { deny \"x\" }
";
    let expected = [
        "TW0004 1:16 the block of `project` is never closed | {",
        "TW0013 4:27 quote inside the bare word `'b'` | 'b'",
        "TW0010 6:14 `30d` is not a number | 30d",
        "TW0012 7:21 `true` is written `#true` | true",
        "TW0014 8:18 missing value of `to` | to=",
        "TW0008 9:15 unknown escape `\\q` | \\q",
    ];
    assert_eq!(seen(text), expected);
    let (nodes, mistakes) = load(FILE, text);
    let names: Vec<&str> = nodes.iter().map(|node| node.name.text.as_str()).collect();
    assert_eq!(names, ["project", "team", "flow", "policy"]);
    assert_eq!(nodes[2].children.len(), 3);
    let place = &mistakes[0].secondary[0];
    assert_eq!(&text[place.span.start as usize..place.span.end as usize], "team");
}

#[test]
fn indentation_finds_the_block_that_was_forgotten() {
    let inner = "flow {\n    act {\n        call\n\n    act { x }\n}\nteam\n";
    assert_eq!(only(inner), "TW0004 2:9 the block of `act` is never closed | {");
    let last = "flow {\n    act {\n        call\n}\nteam\n";
    assert_eq!(only(last), "TW0004 2:9 the block of `act` is never closed | {");
    let surplus = "flow {\n    act\n    }\n}\nteam\n";
    assert!(only(surplus).starts_with("TW0005 3:5"));
    assert_eq!(seen("flow {\nact {\ncall\n}\n}\n"), Vec::<String>::new(), "ugly indentation alone is no mistake");
}

#[test]
fn one_broken_node_leaves_the_others_loaded() {
    let (nodes, _) = load(FILE, "a \"x\nb 1\n(c\nd \"\"\"\n    unclosed\ne 2\n");
    let names: Vec<&str> = nodes.iter().map(|node| node.name.text.as_str()).collect();
    assert_eq!(names, ["a", "b", "d", "e"]);
}

#[test]
fn values_and_spans_are_exact() {
    let text = "(t)node 1 (money)\"100 USD\" key = (file)#\"a\\b\"# key=-2.5 0xff #null { child \"é\" } // end\n";
    let node = nodes(text).remove(0);
    let cut = |span: crate::source::Span| &text[span.start as usize..span.end as usize];
    assert_eq!(node.annotation.as_ref().map(|name| cut(name.span)), Some("t"));
    assert_eq!(cut(node.name.span), "node");
    assert_eq!(cut(node.span), text.strip_suffix(" // end\n").unwrap());
    let arguments: Vec<&str> = node.arguments.iter().map(|argument| cut(argument.span)).collect();
    assert_eq!(arguments, ["1", "\"100 USD\"", "0xff", "#null"]);
    assert_eq!(node.arguments[1].annotation.as_ref().map(|name| name.text.as_str()), Some("money"));
    assert_eq!((&node.arguments[0].scalar, &node.arguments[2].scalar), (&Scalar::Int(1), &Scalar::Int(255)));
    let properties: Vec<(&str, &str)> =
        node.properties.iter().map(|property| (cut(property.name.span), cut(property.value.span))).collect();
    assert_eq!(properties, [("key", "#\"a\\b\"#"), ("key", "-2.5")]);
    assert_eq!(node.children[0].arguments[0].scalar, Scalar::String("é".to_owned()));
}

#[test]
fn what_is_left_out_is_not_loaded() {
    let text = "a 1 /-2 /-k=3 /-{ gone }\n/-b { c }\nd { /-e; f }\n";
    let nodes = nodes(text);
    assert_eq!(nodes.len(), 2);
    assert_eq!((nodes[0].arguments.len(), nodes[0].properties.len(), nodes[0].children.len()), (1, 0, 0));
    assert_eq!(nodes[1].children[0].name.text, "f");
}

#[test]
fn each_byte_of_a_string_is_found_where_it_was_written() {
    let cases = [
        ("a \"order.total\"", "total", "total"),
        ("a \"x\\ty.total\"", "total", "total"),
        ("a \"x\\ty\"", "\t", "\\t"),
        ("a \"x\\u{e9}y\"", "é", "\\u{e9}"),
        ("a #\"raw \\n total\"#", "total", "total"),
        ("a word", "ord", "ord"),
        ("a \"one \\\n    two\"", "two", "two"),
        ("a \"one \\\n    two\"", "one ", "one "),
        ("a \"\"\"\n    first\n      second\n    \"\"\"", "  second", "  second"),
        ("a \"\"\"\n    first\n      second\n    \"\"\"", "first", "first"),
        ("a \"\"\"\r\n  first\r\n  second\r\n  \"\"\"", "first\nsecond", "first\r\n  second"),
        ("a ##\"\"\"\n\t\"x\"\n\ttotal\n\t\"\"\"##", "total", "total"),
    ];
    for (text, wanted, written) in cases {
        let literal = first_value(text);
        let value = literal.text().unwrap();
        let start = value.find(wanted).unwrap_or_else(|| panic!("{text:?} decodes to {value:?}"));
        let span = literal.locate(start, start + wanted.len());
        assert_eq!(&text[span.start as usize..span.end as usize], written, "{text:?}");
    }
}

#[test]
fn hostile_texts_take_no_time_and_no_stack() {
    let texts = [
        "a /-{".repeat(40_000),
        "a {".repeat(20_000),
        "}".repeat(100_000),
        "/*".repeat(100_000),
        format!("{}{}", "/*".repeat(50_000), "*/".repeat(50_000)),
        "a{};".repeat(2_000),
        "\"\"\"\n".repeat(10_000),
        "'a ".repeat(10_000),
        "#\"a\"# ".repeat(4_000),
        "r\"a\" ".repeat(4_000),
        "r#\"".repeat(10_000),
        "a {\n }\n}\n".repeat(1_000),
        format!("{}{}", "a { ".repeat(64), "}".repeat(64)),
        "\\\n".repeat(50_000),
        "(".repeat(100_000),
        "=".repeat(100_000),
    ];
    for text in texts {
        let (_, mistakes) = load(FILE, &text);
        assert!(mistakes.len() <= 301, "{}", &text[..12]);
        let rebuilt: usize = lex::lex(&text).iter().map(|token| token.end - token.start).sum();
        assert_eq!(rebuilt, text.len());
    }
}

#[test]
fn too_deep_and_too_large_are_said_once() {
    let deep = format!("{}{}", "a { ".repeat(70), "}".repeat(70));
    assert!(only(&deep).contains("nested more than 64 deep"));
    assert!(only(&"a\n".repeat(600_000)).contains("larger than the limit"));
}

#[test]
fn a_wrong_example_of_a_page_yields_its_code_and_a_right_one_nothing() {
    for code in crate::code::all().into_iter().filter(|code| code.id < "TW0050") {
        let examples: Vec<&str> = code.page.split("```kdl\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        let [wrong, right] = examples[..] else {
            assert!(code.page.contains("```text"), "{} has no examples", code.id);
            continue;
        };
        assert!(seen(wrong).iter().any(|line| line.starts_with(code.id)), "{}: {:?}", code.id, seen(wrong));
        assert_eq!(seen(right), Vec::<String>::new(), "{}", code.id);
    }
}

#[test]
fn formatting_lays_out_and_keeps_every_comment() {
    let text = "\u{FEFF}// top\r\n\r\n\r\n\r\na    b =  c {x;y;   z 1 ; } // tail\na; b // c\nn { // open\n\n  // own\n  c /- d   /-{ e\n  f }  // x\n\n\n  k ( t )v /* c */ x= ( y )1\n} // after\n/-\ngone {\n}\nm \\   // why\n   1 \\\n   2";
    let expected = "// top\n\na b=c { x; y; z 1 } // tail\na\nb // c\nn { // open\n\n    // own\n    c /-d /-{\n        e\n        f\n    } // x\n\n    k (t)v /* c */ x=(y)1\n} // after\n/-gone {}\nm \\ // why\n    1 \\\n    2\n";
    assert_eq!(format(text).0, expected);
    assert_eq!(format(expected).0, expected);
}

#[test]
fn a_block_too_wide_for_one_line_gets_several() {
    let word = "x".repeat(50);
    let text = format!("a \"{word}\" {{ b \"{word}\"; c {{ d; e }} }}\n");
    assert_eq!(format(&text).0, format!("a \"{word}\" {{\n    b \"{word}\"\n    c {{ d; e }}\n}}\n"));
    let edge = "x".repeat(120 - "a  { b }".len());
    assert_eq!(format(&format!("a {edge} {{ b }}\n")).0, format!("a {edge} {{ b }}\n"));
    assert_eq!(format(&format!("a {edge}x {{ b }}\n")).0, format!("a {edge}x {{\n    b\n}}\n"));
}

#[test]
fn a_text_with_mistakes_is_not_formatted() {
    let (text, mistakes) = format("a   {\n");
    assert_eq!(text, "a   {\n");
    assert_eq!(mistakes.len(), 1);
}
