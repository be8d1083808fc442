//! `graph`: the picture is readable whatever the flow (no box over another, all text within its box, nothing from outside), and the
//! other formats say the same: gates, bounds, branches, policies, costs.

use crate::{PROGRAM, of_text};
use std::fmt::Write as _;
use tradewind_tests::stage::Stage;

/// The value of an attribute in a tag.
fn attribute(tag: &str, name: &str) -> f64 {
    let (_, rest) = tag.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("no {name} in {tag}"));
    rest.split('"').next().unwrap().trim_end_matches('%').parse().unwrap_or_else(|_| panic!("{name} in {tag}"))
}

/// A box: left, top, right, bottom.
type Edges = [f64; 4];

/// The boxes of a picture; fails where two overlap, where a text leaves its box, or where something is not escaped or comes from outside.
fn boxes(svg: &str) -> Vec<Edges> {
    let whole = svg.lines().next().unwrap();
    let (width, height) = (attribute(whole, "width"), attribute(whole, "height"));
    for outside in ["href", "http://", "https://", "@import", "<script", "<image", "url(h"] {
        let inside = svg.replace("http://www.w3.org/2000/svg", "");
        assert!(!inside.contains(outside), "{outside}");
    }
    assert!(svg.contains("@media (prefers-color-scheme:dark)"));
    let mut found: Vec<Edges> = Vec::new();
    for node in svg.split("<g class=\"node ").skip(1) {
        let node = node.split("</g>").next().unwrap();
        let rect = node.lines().find(|line| line.starts_with("<rect")).unwrap();
        let (x, y) = (attribute(rect, "x"), attribute(rect, "y"));
        let own = [x, y, x + attribute(rect, "width"), y + attribute(rect, "height")];
        assert!(own[0] >= 0.0 && own[1] >= 0.0 && own[2] <= width && own[3] <= height, "a box leaves the picture: {rect}");
        for line in node.lines().filter(|line| line.starts_with("<text")) {
            let text = line.split_once('>').unwrap().1.strip_suffix("</text>").unwrap();
            let shown = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
            // Monospaced faces are at most 0.603 em wide; a wide character takes two cells.
            let size = if line.contains("\"name\"") { 14.0 } else { 12.0 };
            let cells: f64 = shown.chars().map(|letter| if u32::from(letter) >= 0x2e80 { 2.0 } else { 1.0 }).sum();
            let end = attribute(line, "x") + cells * size * 0.603;
            assert!(end <= own[2] && attribute(line, "y") < own[3] && attribute(line, "y") > own[1], "`{shown}` leaves its box {rect}");
        }
        for other in &found {
            let overlap = own[0] < other[2] && other[0] < own[2] && own[1] < other[3] && other[1] < own[3];
            assert!(!overlap, "{own:?} and {other:?} overlap");
        }
        found.push(own);
    }
    found
}

#[test]
fn the_shipped_flow_is_drawn_readably() {
    let svg = Stage::shipped(PROGRAM).run(["graph", "returns-triage", "--format", "svg"]).exits(0).out;
    assert!(boxes(&svg).len() >= 13);
    for text in ["refund", "irreversible", "policy refunds: deny over-order", "deadline 1h", "silence: stop", "denied: skip", "sure.passed"]
    {
        assert!(svg.contains(&format!("{text}<")) || svg.contains(text), "no `{text}`");
    }
}

#[test]
fn a_flow_of_many_steps_with_strange_texts_is_drawn_readably() {
    let mut flow = "project \"example\" { currency \"USD\" }\nflow \"f\" {\n    summary \"<b>&amp; 日本語の説明 \\\"quoted\\\" ".to_owned();
    flow.push_str(&"long ".repeat(60));
    flow.push_str("\"\n    input { field \"id\" int }\n    let \"s0\" \"=input.id\"\n");
    for at in 1..40 {
        let (one, other) = (at / 2, (at * 7) % at);
        writeln!(flow, "    let \"s{at}\" \"=s{one} + s{other}\"").unwrap();
    }
    let condition = "input.id > 1 && 'a_very_long_word_without_any_space_in_it_that_must_be_broken_somewhere' != '日本日本日本日本日本日本日本日本日本日本日本'";
    writeln!(flow, "    choose \"way\" {{\n        when \"{condition}\" {{ let \"a\" \"=1\"; output {{ x 1 }} }}").unwrap();
    flow.push_str("        when \"input.id < 0\" { output { x 2 } }\n        otherwise { output { x 3 } }\n    }\n");
    flow.push_str("    let \"last\" \"=way.x + s39\"\n    output { x \"=last\" }\n}\n");
    let stage = of_text(&flow);
    let svg = stage.run(["graph", "f", "--format", "svg"]).exits(0).out;
    assert_eq!(boxes(&svg).len(), 40 + 1 + 3 + 1 + 1 + 2);
    assert!(svg.contains("&lt;b&gt;&amp;amp;"), "the summary is not escaped");
}

#[test]
fn every_format_names_gates_bounds_branches_policies_and_costs() {
    let stage = Stage::shipped(PROGRAM);
    for format in ["human", "mermaid", "dot", "json", "svg"] {
        let drawn = stage.run(["graph", "returns-triage", "--format", format]).exits(0).out;
        for said in ["ask support-leads within 4h", "tried 5 times", "error: the run fails", "deny over-order", "costs at most 0.00 USD"] {
            assert!(drawn.contains(said), "{format} does not say `{said}`:\n{drawn}");
        }
    }
    let json = stage.run(["graph", "returns-triage", "--format", "json"]).exits(0).json();
    assert_eq!((&json["deadline"], &json["cost_cap"]), (&"1h".into(), &"0.05 USD".into()));
}

#[test]
fn what_is_taken_back_what_another_flow_does_and_the_tools_of_an_agent_are_named() {
    let text = r#"project "x" { currency "USD"; environment "dev" { store "memory://" } }
team "support" { member "ana@shop.example" }
connector "own" version="1" {
    base-url "http://127.0.0.1:7411"
    operation "find" effect=read { request { field "sku" string }; http GET "/{sku}"; response "found" }
    operation "price" effect=reversible {
        request { field "sku" string; field "price" money }
        http POST "/prices" { body { sku "=request.sku"; price "=request.price" } }
        target "=request.sku"
        undo { call "price" sku="=request.sku" price="=request.price" }
        money "=request.price" as=price
    }
}
model "big" provider="openai" name="big" base-url="http://127.0.0.1:1" context=1000 { can text tools; price "0 USD"; cleared pii }
route "talks" needs=text { candidate "big"; fail "nobody" }
type "said" { field "text" string }
type "found" { field "sku" string }
agent "clerk" type="said" route="talks" max-steps=3 { system "You are a clerk."; tool "own.find" as="find" max-calls=1 }
flow "price" {
    input { field "sku" string }
    act "set" { call "own.price" sku="=input.sku" price="5 USD" }
}
flow "around" {
    input { field "sku" string }
    act "whole" { flow "price" sku="=input.sku" }
    act "back" { undo flow="price" step="set" last=1 }
    agent "helper" use="clerk" key="=input.sku" { user "{{ input.sku }}" }
}
policy "prices" { on "own.price"; limit "few" count=5 per=day else=deny }
"#;
    let stage = of_text(text);
    for format in ["human", "mermaid", "dot", "json", "svg"] {
        let drawn = stage.run(["graph", "around", "--format", format]).exits(0).out;
        for said in ["does own.price, reversible", "policy prices: limit few of 5 effects a day", "tools: own.find"] {
            assert!(drawn.contains(said), "{format} does not say `{said}`:\n{drawn}");
        }
    }
}

#[test]
fn what_waits_for_a_choice_waits_for_the_end_of_each_way() {
    let dot = Stage::shipped(PROGRAM).run(["graph", "returns-triage", "--format", "dot"]).exits(0).out;
    let node = |name: &str| {
        let line = dot.lines().find(|line| line.contains(&format!("[label=\"{name}\\n"))).unwrap_or_else(|| panic!("no {name} in {dot}"));
        line.split_whitespace().next().unwrap().to_owned()
    };
    let (remedy, person, first) = (node("remedy"), node("person"), node("when 1"));
    for from in [&person, &first] {
        assert!(dot.contains(&format!("    {from} -> {remedy};")), "{from} does not lead to {remedy}: {dot}");
    }
    assert!(!dot.contains(&format!("    {} -> {remedy};", node("verdict"))), "{dot}");
}
