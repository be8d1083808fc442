//! A generated program: flows of a seed, and what each of them uses. What it may say stands in `draft`.

use super::super::random::Random;
use super::draft::{Draft, Flow, Used, line};
use super::shapes::{Parts, SHAPES};

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

/// One of so many seeds has a shape.
const SHAPED: u64 = 6;

/// The shape of a seed, if it has one.
pub(super) fn shape(seed: u64) -> Option<&'static str> {
    let at = usize::try_from(seed / SHAPED).unwrap() % SHAPES.len();
    (seed % SHAPED == SHAPED - 1).then(|| SHAPES[at].0)
}

/// The program of a seed.
pub(super) fn program(seed: u64) -> Program {
    match shape(seed) {
        Some(shape) => shaped(shape, seed),
        None => free(seed),
    }
}

/// A program of a shape, behind steps of any kind.
pub(super) fn shaped(shape: &str, seed: u64) -> Program {
    let (mut random, mut used) = (Random(seed), Used::new());
    let mut main = Draft::of(Flow::Main, false, &mut random, &mut used);
    let mut before = String::new();
    let count = main.below(3);
    main.steps(count, &mut before);
    let write = SHAPES.iter().find(|(of, _)| *of == shape).unwrap().1;
    let mut parts = write(&mut main);
    parts.steps = before + &parts.steps;
    let mut routes = std::mem::take(&mut main.routes);
    if parts.begun.is_none() && parts.says("{ flow \"s\"") {
        let (steps, output, own_routes) = inner(false, &mut random, &mut used);
        parts.begun = Some((steps, output));
        routes += &own_routes;
    }
    if parts.told.is_none() && parts.says("{ emit \"told\"") {
        let (terms, steps, own_routes) = told(false, &mut random, &mut used);
        parts.told = Some((terms, steps));
        routes += &own_routes;
    }
    finished(&parts, &routes, ("input.amount", "input.order_id"), used)
}

/// A program of any steps.
fn free(seed: u64) -> Program {
    let (mut random, mut used, daring) = (Random(seed), Used::new(), seed.is_multiple_of(3));
    let mut parts = Parts::default();
    let mut main = Draft::of(Flow::Main, daring, &mut random, &mut used);
    let count = 2 + main.below(5);
    main.steps(count, &mut parts.steps);
    let (amount, order) = (main.amount(false), main.text(false));
    let survives = main.one_in(3);
    let mut routes = std::mem::take(&mut main.routes);
    if survives {
        let mut draft = Draft::of(Flow::After, daring, &mut random, &mut used);
        draft.uses("on-failure");
        let count = 1 + draft.below(2);
        draft.steps(count, &mut parts.after);
        routes += &draft.routes;
    }
    if parts.says("{ flow \"s\"") {
        let (steps, output, own_routes) = inner(daring, &mut random, &mut used);
        parts.begun = Some((steps, output));
        routes += &own_routes;
    }
    if parts.says("{ emit \"told\"") {
        let (terms, steps, own_routes) = told(daring, &mut random, &mut used);
        parts.told = Some((terms, steps));
        routes += &own_routes;
    }
    finished(&parts, &routes, (&amount, &order), used)
}

impl Parts {
    fn says(&self, what: &str) -> bool {
        let begun = self.begun.as_ref().is_some_and(|(steps, _)| steps.contains(what));
        begun || self.steps.contains(what) || self.after.contains(what)
    }
}

/// The flows of a program, and what it answers.
fn finished(parts: &Parts, routes: &str, (amount, order): (&str, &str), mut used: Used) -> Program {
    let mut text = routes.to_owned();
    let steps = &parts.steps;
    let after = if parts.after.is_empty() { String::new() } else { format!("on-failure {{\n{}}}\n", parts.after) };
    line(
        &mut text,
        &format!(
            "flow \"f\" {{\ninput \"message\"\nkey \"=input.id\"\ndeadline \"48h\"\n{steps}output {{ v \"={amount}\"; t \"={order}\" }}\n{after}}}"
        ),
    );
    if let Some((steps, output)) = &parts.begun {
        let input = "input { field \"id\" string; field \"order_id\" string; field \"amount\" money; field \"loud\" bool; field \"words\" string untrusted }";
        line(&mut text, &format!("flow \"s\" {{\n{input}\n{steps}\n{output}\n}}"));
    }
    if let Some((terms, steps)) = &parts.told {
        line(&mut text, &format!("flow \"t\" {{\ninput \"told\"\n{terms}\n{steps}\n}}"));
    }
    used.extend(SAID.iter().filter(|(_, mark)| text.contains(mark)).map(|(what, _)| (*what, 1)));
    Program { text, used }
}

/// Steps of the flow that others begin, its answer, and its routes.
fn inner(daring: bool, random: &mut Random, used: &mut Used) -> (String, String, String) {
    let mut draft = Draft::of(Flow::Inner, daring, random, used);
    let mut steps = String::new();
    let count = 1 + draft.below(3);
    draft.steps(count, &mut steps);
    let stray = draft.strays();
    let (amount, text) = (draft.amount(stray), draft.text(stray));
    (steps, format!("output {{ v \"={amount}\"; t \"={text}\" }}"), std::mem::take(&mut draft.routes))
}

/// Terms and steps of the flow that an event starts, and its routes.
fn told(daring: bool, random: &mut Random, used: &mut Used) -> (String, String, String) {
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
    let key = match draft.below(12) {
        0 => "key \"=input.words\"\n",
        1 => "key \"to {{ input.words }}\"\n",
        2..=5 => "key \"=input.id\"\n",
        _ => "",
    };
    (format!("{key}trigger event=\"told\"{only}"), steps, std::mem::take(&mut draft.routes))
}
