//! A generated program: flows of a seed, and what each of them uses. What it may say stands in `draft`.

use super::super::random::Random;
use super::draft::{Draft, Flow, Used, line};

/// What expressions say, and by which words it is known.
const SAID: &[(&str, &str)] = &[
    ("optional value", ".or("),
    ("list", ".map("),
    ("map", "[?'"),
    ("? :", " ? "),
    ("among", "among("),
    ("between", "between("),
    ("endorse", "endorse("),
    ("pattern", ".matches("),
];

/// A program and what it uses.
pub(super) struct Program {
    pub(super) text: String,
    pub(super) used: Used,
}

/// The program of a seed.
pub(super) fn program(seed: u64) -> Program {
    let (mut random, mut used, daring) = (Random(seed), Used::new(), seed % 3 == 0);
    let (mut text, mut routes) = (String::new(), String::new());
    let mut main = Draft::of(Flow::Main, daring, &mut random, &mut used);
    let mut steps = String::new();
    let count = 2 + main.below(5);
    main.steps(count, &mut steps);
    let (amount, order) = (main.amount(false), main.text(false));
    let survives = main.one_in(3);
    routes += &main.routes;
    let mut after = String::new();
    if survives {
        let mut draft = Draft::of(Flow::After, daring, &mut random, &mut used);
        draft.uses("on-failure");
        let count = 1 + draft.below(2);
        draft.steps(count, &mut after);
        routes += &draft.routes;
        after = format!("on-failure {{\n{after}}}\n");
    }
    line(
        &mut text,
        &format!(
            "flow \"f\" {{\ninput \"message\"\nkey \"=input.id\"\ndeadline \"48h\"\n{steps}output {{ v \"={amount}\"; t \"={order}\" }}\n{after}}}"
        ),
    );
    let said = |what: &str| steps.contains(what) || after.contains(what);
    let (begins, mut emits) = (said("{ flow \"s\""), said("{ emit \"told\""));
    if begins {
        let (flow, own_routes) = inner(daring, &mut random, &mut used);
        emits |= flow.contains("{ emit \"told\"");
        text += &flow;
        routes += &own_routes;
    }
    if emits {
        let (flow, own_routes) = told(daring, &mut random, &mut used);
        text += &flow;
        routes += &own_routes;
    }
    let text = routes + &text;
    used.extend(SAID.iter().filter(|(_, mark)| text.contains(mark)).map(|(what, _)| (*what, 1)));
    Program { text, used }
}

fn inner(daring: bool, random: &mut Random, used: &mut Used) -> (String, String) {
    let mut draft = Draft::of(Flow::Inner, daring, random, used);
    let mut steps = String::new();
    let count = 1 + draft.below(3);
    draft.steps(count, &mut steps);
    let stray = draft.strays();
    let (amount, text) = (draft.amount(stray), draft.text(stray));
    let input = "input { field \"id\" string; field \"order_id\" string; field \"amount\" money; field \"loud\" bool; field \"words\" string untrusted }";
    let flow = format!("flow \"s\" {{\n{input}\n{steps}output {{ v \"={amount}\"; t \"={text}\" }}\n}}\n");
    (flow, std::mem::take(&mut draft.routes))
}

fn told(daring: bool, random: &mut Random, used: &mut Used) -> (String, String) {
    let mut draft = Draft::of(Flow::Told, daring, random, used);
    draft.uses("flow that an event starts");
    let mut steps = String::new();
    let count = 1 + draft.below(3);
    draft.steps(count, &mut steps);
    let only = match draft.below(6) {
        0 => " where=\"event.words.contains('x')\"",
        1 | 2 => " where=\"event.order_id != 'o3'\"",
        _ => "",
    };
    let key = match draft.below(6) {
        0 => "key \"=input.words\"\n",
        1 | 2 => "key \"=input.id\"\n",
        _ => "",
    };
    let flow = format!("flow \"t\" {{\ninput \"told\"\n{key}trigger event=\"told\"{only}\n{steps}}}\n");
    (flow, std::mem::take(&mut draft.routes))
}
