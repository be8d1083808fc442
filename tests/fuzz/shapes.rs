//! Large inputs of a shape: whatever doubles, nests or repeats costs what its size allows (`measure.rs`). A text of a megabyte, a nesting of a
//! hundred thousand, ten thousand nodes: in a long run; a twentieth of that otherwise. The patience is for what never ends; it measures nothing.

use crate::{check, evaluate, format, measure, parse};
use std::fmt::Write as _;
use std::sync::mpsc;
use std::time::Duration;

/// Far above what any of them needs unoptimised, with other programs beside it.
const PATIENCE: Duration = Duration::from_secs(600);

const MEGABYTE: usize = 1_000_000;

/// A part of a size where no time is given; all of it in a long run.
fn of(size: usize) -> usize {
    if std::env::var("TRADEWIND_FUZZ_SECONDS").is_ok() { size } else { size / 20 }
}

fn flow(steps: &str) -> String {
    format!("flow \"f\" {{\n    input {{ field \"id\" string; field \"n\" int }}\n{steps}\n}}\n")
}

/// Texts of KDL by name.
fn files() -> Vec<(&'static str, String)> {
    let bytes = |text: &str| text.repeat(of(MEGABYTE) / text.len());
    let deep = of(100_000);
    let named = |what: &str| {
        (0..of(10_000)).fold(String::new(), |mut text, at| {
            let _ = writeln!(text, "{}", what.replace('#', &at.to_string()));
            text
        })
    };
    vec![
        ("quotes", bytes("\"")),
        ("braces", bytes("{")),
        ("closing braces", bytes("}")),
        ("slashdash", bytes("/-")),
        ("slashdash braces", bytes("/-{")),
        ("comments", bytes("/*")),
        ("backslashes", bytes("\\")),
        ("equals", bytes("a=")),
        ("brackets", bytes("(a)")),
        ("hashes", bytes("#")),
        ("zero bytes", bytes("\0")),
        ("replacement characters", bytes("\u{fffd}")),
        ("lines", bytes("a\n")),
        ("words", bytes("a ")),
        ("nested nodes", format!("{}{}", "a {\n".repeat(deep), "}\n".repeat(deep))),
        ("nested and unclosed", "flow \"f\" {\n".repeat(deep)),
        ("nested choices", format!("{}{}", "choose \"c\" { when \"true\" {\n".repeat(of(2_000)), "} }\n".repeat(of(2_000)))),
        ("rules that can fail in two ways", flow(&rules(of(2_000)))),
        ("flows that start the next one three times", starting(of(1_000))),
        ("teams", named("team \"t#\" { member \"a@example.com\" }")),
        ("types", named("type \"t#\" { field \"id\" string; field \"of\" int }")),
        ("unknown nodes", named("taem \"t#\" colour=\"red\"")),
        (
            "flows",
            named("flow \"f#\" { input { field \"id\" string }; let \"a\" \"=input.id\" }")
                .lines()
                .take(of(1_000))
                .collect::<Vec<_>>()
                .join("\n"),
        ),
        ("a string", format!("project \"x\" {{ currency \"{}\" }}\n", "y".repeat(of(MEGABYTE)))),
        ("a string that is not closed", format!("project \"x\" {{ currency \"{}", "y".repeat(of(MEGABYTE)))),
        ("a raw string", format!("project \"x\" {{ currency #\"{}\"# }}\n", "\"y".repeat(of(MEGABYTE) / 2))),
        ("a long name", format!("flow \"{}\" {{ let \"a\" \"=1\" }}\n", "y".repeat(of(MEGABYTE)))),
        ("a number", format!("setting \"x\" int {}\n", "9".repeat(of(MEGABYTE)))),
        ("lets that double", flow(&doubling())),
        ("lets that read each other", flow(&chained())),
        ("lets that hold each other twice", flow(&held())),
        ("nested loops", looping(50)),
        ("policies on one operation", policies(of(2_000), |at| (format!("effect.n == {at}"), format!("effect.n > {at}")))),
        ("policies whose conditions hold in two ways", policies(of(2_000), two_ways)),
        ("an expression that doubles", flow(&format!("    let \"a\" \"={}\"\n", doubled("input.n", 16)))),
        ("the longest chain", flow(&format!("    let \"a\" \"={}true\"\n", "n>1&&".repeat(1_600)))),
        ("many mistakes in one expression", flow(&format!("    let \"a\" \"={}\"\n", vec!["nothing.x"; of(3_000)].join(" + ")))),
        (
            "templates",
            flow(&format!(
                "    ask \"a\" to=\"t\" within=\"1h\" on-timeout=stop {{ question \"{}\" }}\n",
                "{{ input.id }}".repeat(of(5_000))
            )),
        ),
        (
            "nested templates",
            flow(&format!(
                "    ask \"a\" to=\"t\" within=\"1h\" on-timeout=stop {{ question \"{}\" }}\n",
                "{% if input.id %}".repeat(of(5_000))
            )),
        ),
    ]
}

fn in_bytes(texts: Vec<(&'static str, String)>) -> Vec<(&'static str, Vec<u8>)> {
    texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
}

/// The texts, bytes that are none, and types that hold each other.
fn any_bytes() -> Vec<(&'static str, Vec<u8>)> {
    let mut shapes = in_bytes(files());
    let wide: Vec<u8> = "flow \"f\" { }\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let late = [flow("    let \"a\" \"=input.n\"").as_bytes(), b"\xff"].concat();
    shapes.extend([
        ("bytes that are no text", vec![0xff; of(MEGABYTE)]),
        ("letters that are cut off", "é".as_bytes()[..1].repeat(of(MEGABYTE))),
        ("every byte", (0..=255).cycle().take(of(MEGABYTE)).collect()),
        ("text of two bytes a letter", wide.repeat(of(MEGABYTE) / wide.len())),
        ("no text after a flow", late),
        ("types that hold the next one", linked(of(4_000), |at| at + 1).into_bytes()),
        ("types in a circle", linked(of(4_000), |at| (at + 1) % of(4_000)).into_bytes()),
    ]);
    shapes
}

/// Types of which each holds another one.
fn linked(count: usize, next: impl Fn(usize) -> usize) -> String {
    (0..count).fold(format!("type \"t{count}\" {{ field \"id\" string }}\n"), |mut text, at| {
        let _ = writeln!(text, "type \"t{at}\" {{ field \"of\" \"t{}\" }}", next(at));
        text
    })
}

fn doubling() -> String {
    (1..60).fold("    let \"a0\" \"=input.id\"\n".to_owned(), |mut text, at| {
        let _ = writeln!(text, "    let \"a{at}\" \"=a{0} + a{0}\"", at - 1);
        text
    })
}

fn held() -> String {
    (1..60).fold("    let \"a0\" \"=input.id\"\n".to_owned(), |mut text, at| {
        let _ = writeln!(text, "    let \"a{at}\" \"={{'x': a{0}, 'y': [a{0}]}}\"", at - 1);
        text
    })
}

fn looping(deep: usize) -> String {
    let begin = (1..=deep).fold(String::new(), |mut text, at| {
        let _ = writeln!(text, "each \"e{at}\" in=\"=i{0}.of\" as=\"i{at}\" max=9 {{ let \"a{at}\" \"=i{0}.id\"", at - 1);
        text
    });
    format!(
        "type \"tree\" {{ field \"id\" string; field \"of\" list<tree> }}\nflow \"f\" {{ input \"tree\"; each \"e0\" in=\"=input.of\" as=\"i0\" max=9 {{\n{begin}{}}} }}\n",
        "}".repeat(deep)
    )
}

/// A condition to deny by and one to ask people by.
fn two_ways(at: usize) -> (String, String) {
    let deny = format!("effect.n > {at} && effect.of == 'x{at}' || effect.m == {at}");
    (deny, format!("effect.n == {} && effect.of == 'y{at}' || effect.m > {at}", at + 1))
}

fn policies(count: usize, conditions: fn(usize) -> (String, String)) -> String {
    let connector = "connector \"c\" version=\"1\" { base-url \"http://127.0.0.1:1\"; operation \"w\" effect=irreversible { request { field \"n\" int; field \"m\" int; field \"of\" string }; http POST \"/w\" } }\nteam \"t\" { member \"a@example.com\" }\n";
    (0..count).fold(connector.to_owned(), |mut text, at| {
        let (deny, escalate) = conditions(at);
        let _ = writeln!(
            text,
            "policy \"p{at}\" {{ on \"c.w\"; deny \"d\" when=\"{deny}\"; escalate \"e\" when=\"{escalate}\" to=\"t\" within=\"1h\" on-timeout=deny; limit \"l\" count=5 }}"
        );
        text
    })
}

fn chained() -> String {
    (1..of(3_000)).fold("    let \"a0\" \"=input.id\"\n".to_owned(), |mut text, at| {
        let _ = writeln!(text, "    let \"a{at}\" \"=a{}\"", at - 1);
        text
    })
}

fn rules(count: usize) -> String {
    let rules = (0..count).fold(String::new(), |mut text, at| {
        let _ = writeln!(text, "rule \"r{at}\" when=\"input.n > {at} && input.id != '{}' || input.n < -{at}\" value=1", at % 7);
        text
    });
    format!("    decide \"d\" {{\n{rules}otherwise value=2\n    }}\n")
}

fn starting(count: usize) -> String {
    (1..count).fold("flow \"f0\" { input { field \"a\" int }; let \"z\" \"=input.a\" }\n".to_owned(), |mut text, at| {
        let starts = |name: &str| format!("act \"{name}\" {{ flow \"f{}\" a=1 }}", at - 1);
        let _ = writeln!(text, "flow \"f{at}\" {{ input {{ field \"a\" int }}; {}; {}; {} }}", starts("x"), starts("y"), starts("z"));
        text
    })
}

fn doubled(text: &str, times: usize) -> String {
    (0..times).fold(text.to_owned(), |text, _| format!("{text} + {text}"))
}

/// Expressions by name.
fn expressions() -> Vec<(&'static str, String)> {
    let deep = of(100_000);
    vec![
        ("brackets", format!("{}1{}", "(".repeat(deep), ")".repeat(deep))),
        ("open brackets", "(".repeat(of(MEGABYTE))),
        ("lists", format!("{}1{}", "[".repeat(deep), "]".repeat(deep))),
        ("maps", format!("{}1{}", "{'a': ".repeat(deep), "}".repeat(deep))),
        ("choices", format!("{}1", "true ? 1 : ".repeat(deep))),
        ("nested choices", format!("{}1{}", "true ? (".repeat(300), ") : 2".repeat(300))),
        ("negations", format!("{}true", "!".repeat(deep))),
        ("minus", format!("{}1", "-".repeat(deep))),
        ("a sum", vec!["n"; deep].join(" + ")),
        ("a conjunction", vec!["n > 1"; of(20_000)].join(" && ")),
        ("doubled", doubled("n", 14)),
        ("fields", format!("order{}", ".lines".repeat(deep))),
        ("indexes", format!("order.lines{}", "[0]".repeat(deep))),
        ("calls", format!("'a'{}", ".trim()".repeat(of(20_000)))),
        ("macros in macros", format!("{}true{}", "order.lines.all(x, ".repeat(40), ")".repeat(40))),
        ("loops that multiply", format!("{}1{}", "lists.range(1000).map(x, ".repeat(6), ")".repeat(6))),
        ("bound and doubled", (0..40).fold("'a'".to_owned(), |text, at| format!("cel.bind(b{at}, {text}, b{at} + b{at})"))),
        ("a string", format!("'{}'", "y".repeat(of(MEGABYTE)))),
        ("quotes", "'".repeat(of(MEGABYTE))),
        ("a number", "9".repeat(of(MEGABYTE))),
        ("words", "a ".repeat(of(MEGABYTE) / 2)),
        ("a pattern that backtracks", format!("'{}'.matches('(a+)+$')", "a".repeat(of(10_000)))),
        ("a pattern that repeats", "'a'.matches('((a{1000}){1000}){1000}')".to_owned()),
    ]
}

/// Templates by name.
fn templates() -> Vec<(&'static str, String)> {
    let deep = of(100_000);
    let hole = |code: String| format!("{{{{ {code} }}}}");
    vec![
        ("conjunctions", hole(format!("{}n", "n and ".repeat(deep)))),
        ("sums", hole(format!("{}n", "n+".repeat(deep)))),
        ("filters", hole(format!("n{}", "|round".repeat(deep)))),
        ("signs", hole(format!("{}n", "-".repeat(deep)))),
        ("conditions", hole(format!("{}n", "n if n else ".repeat(deep)))),
        ("brackets", hole(format!("{}n{}", "(".repeat(deep), ")".repeat(deep)))),
        ("fields", hole(format!("order{}", ".a".repeat(deep)))),
        ("branches", format!("{{% if n %}}a{}{{% endif %}}", "{% elif n %}b".repeat(deep))),
        ("blocks", format!("{}{}", "{% if n %}".repeat(of(20_000)), "{% endif %}".repeat(of(20_000)))),
        ("holes", "{{ order.id }}".repeat(of(MEGABYTE) / 14)),
        ("open holes", "{{".repeat(of(MEGABYTE) / 2)),
        ("comments", "{#".repeat(of(MEGABYTE) / 2)),
        ("text", "y".repeat(of(MEGABYTE))),
    ]
}

/// Runs each on a stack as small as that of any thread, and waits so long and no longer.
fn all_end(what: &str, shapes: Vec<(&'static str, Vec<u8>)>, target: fn(&[u8])) {
    let _alone = measure::alone();
    for (name, bytes) in shapes {
        let (done, ended) = mpsc::channel::<measure::Cost>();
        let length = bytes.len();
        let worker = std::thread::Builder::new().name(name.to_owned()).stack_size(2 << 20).spawn(move || {
            let _ = done.send(measure::of(bytes.len(), || target(&bytes)));
        });
        let _ = worker.expect("a thread");
        match ended.recv_timeout(PATIENCE) {
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what}: {name} takes more than {PATIENCE:?}"),
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("{what}: {name} ends its thread"),
            Ok(cost) if cost.failed => panic!("{what}: {name} fails"),
            Ok(cost) => println!("{what}: {name}, {length} bytes, asked for {} bytes", cost.bytes),
        }
    }
}

#[test]
fn large_texts_are_read() {
    all_end("parse", any_bytes(), parse::target);
}

#[test]
fn large_texts_are_laid_out() {
    all_end("format", any_bytes(), format::target);
}

#[test]
fn large_texts_are_checked() {
    all_end("check", any_bytes(), check::target);
}

#[test]
fn large_expressions_are_evaluated() {
    all_end("evaluate", in_bytes(expressions()), evaluate::target);
}

#[test]
fn large_templates_are_filled() {
    all_end("template", in_bytes(templates()), evaluate::template);
}
