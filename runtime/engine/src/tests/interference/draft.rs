//! Generated flows. A draft knows what its next step may say: what it takes for its own, what outside text chose, and outside text itself.
//! It guesses, often optimistically: whether it was right is for the compiler to say.

use super::super::random::Random;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How often each construct was written.
pub(super) type Used = BTreeMap<&'static str, usize>;

/// Expressions by kind.
#[derive(Clone, Default)]
pub(super) struct Pool {
    pub(super) conditions: Vec<String>,
    pub(super) texts: Vec<String>,
    pub(super) amounts: Vec<String>,
}

/// Which flow is drafted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Started with a message.
    Main,
    /// Begun by the main one, or by the one that an event starts.
    Inner,
    /// Started by an event that a flow emits.
    Told,
    /// What follows a failure.
    After,
}

pub(super) struct Draft<'r> {
    pub(super) random: &'r mut Random,
    pub(super) flow: Flow,
    pub(super) number: usize,
    /// What it takes for its own.
    pub(super) own: Pool,
    /// What outside text may have chosen.
    pub(super) any: Pool,
    /// Outside text.
    pub(super) raw: Vec<String>,
    pub(super) lists: Vec<String>,
    /// Whether it often takes for its own what it knows to be strange: a program at the border of what is accepted.
    pub(super) daring: bool,
    /// Whether it thinks that outside text leads here.
    pub(super) led: bool,
    /// How deep it stands, and the item that it stands in.
    pub(super) depth: usize,
    pub(super) item: Option<String>,
    /// The memory step before this one, so that their order is no accident.
    pub(super) memory: Option<String>,
    /// Acts that can be taken back.
    pub(super) holds: Vec<String>,
    pub(super) used: &'r mut Used,
    /// Routes that drafts need.
    pub(super) routes: String,
}

pub(super) fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl<'r> Draft<'r> {
    pub(super) fn of(flow: Flow, daring: bool, random: &'r mut Random, used: &'r mut Used) -> Self {
        let (own, any, raw, lists) = known(flow);
        let (number, routes) = (0, String::new());
        Self {
            random,
            flow,
            number,
            own,
            any,
            raw,
            lists,
            daring,
            led: false,
            depth: 0,
            item: None,
            memory: None,
            holds: Vec::new(),
            used,
            routes,
        }
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.below(bound as u64)).unwrap()
    }

    pub(super) fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub(super) fn uses(&mut self, what: &'static str) {
        *self.used.entry(what).or_default() += 1;
    }

    pub(super) fn name(&mut self, letter: char) -> String {
        self.number += 1;
        let flow = match self.flow {
            Flow::Main => "",
            Flow::Inner => "s",
            Flow::Told => "t",
            Flow::After => "f",
        };
        format!("{letter}{flow}{}", self.number)
    }

    /// Whether the next expression may be one that outside text chose.
    pub(super) fn strays(&mut self) -> bool {
        let bound = if self.led { 2 } else { 6 };
        self.one_in(bound)
    }

    pub(super) fn pick(&mut self, words: &[String]) -> String {
        let at = self.below(words.len());
        words[at].clone()
    }

    fn of_pool(&mut self, stray: bool, part: fn(&Pool) -> &Vec<String>) -> String {
        let pool = if stray { &self.any } else { &self.own };
        let words = part(pool).clone();
        self.pick(&words)
    }

    pub(super) fn text(&mut self, stray: bool) -> String {
        self.of_pool(stray, |pool| &pool.texts)
    }

    pub(super) fn amount(&mut self, stray: bool) -> String {
        self.of_pool(stray, |pool| &pool.amounts)
    }

    pub(super) fn condition(&mut self, stray: bool) -> String {
        let one = self.of_pool(stray, |pool| &pool.conditions);
        match self.below(5) {
            0 => format!("!({one})"),
            1 => {
                let other = self.of_pool(stray && self.depth == 0, |pool| &pool.conditions);
                format!("({one} && {other})")
            }
            _ => one,
        }
    }

    pub(super) fn outside(&mut self) -> String {
        let raw = self.raw.clone();
        self.pick(&raw)
    }

    /// Outside text as a value: an expression, or text with holes.
    pub(super) fn told(&mut self) -> String {
        if self.one_in(3) {
            self.uses("text with holes");
            return self.filled();
        }
        format!("={}", self.outside())
    }

    /// Text with outside text in its holes.
    pub(super) fn filled(&mut self) -> String {
        let plain: Vec<String> = self.raw.iter().filter(|word| is_plain(word)).cloned().collect();
        let raw = self.pick(&plain);
        match self.below(3) {
            0 => format!("{{% if {raw} == 'o1' %}}Yes{{% else %}}{{{{ {raw} }}}}{{% endif %}}"),
            1 => format!("{{{{ {raw} | trim }}}} of {{{{ input.id }}}}"),
            _ => format!("Dear {{{{ {raw} }}}}"),
        }
    }

    /// Text with holes for what it takes for its own, or for what outside text chose.
    pub(super) fn own_filled(&mut self, stray: bool) -> String {
        self.uses("text with holes");
        let pool = if stray { &self.any } else { &self.own };
        let plain: Vec<String> = pool.texts.iter().filter(|word| is_plain(word)).cloned().collect();
        if plain.is_empty() { "Look at {{ input.id }}".to_owned() } else { format!("Look at {{{{ {} }}}}", self.pick(&plain)) }
    }

    /// Where a value goes whose origin the draft knows; now and then it takes what is strange for its own, which the compiler must see.
    pub(super) fn pool(&mut self, stray: bool) -> &mut Pool {
        let bound = if self.daring { 2 } else { 12 };
        if stray && !self.one_in(bound) { &mut self.any } else { &mut self.own }
    }

    /// Settings of any step: whether it may be left out, so that what it gives may be absent.
    pub(super) fn settings(&mut self, stray: &mut bool) -> (String, bool) {
        match self.below(6) {
            0 => {
                self.uses("on-error=skip");
                (" on-error=skip".to_owned(), true)
            }
            1 => {
                let strange = self.strays();
                *stray |= strange;
                (format!(" when=\"{}\"", self.condition(strange)), true)
            }
            _ => (String::new(), false),
        }
    }

    /// Notes what a step gives: parts of its value by kind.
    pub(super) fn gives(&mut self, stray: bool, absent: bool, texts: &[String], amounts: &[String]) {
        let ready = |expression: &String, other: &str| if absent { format!("{expression}.or({other})") } else { expression.clone() };
        let texts: Vec<String> = texts.iter().map(|text| ready(text, "'o2'")).collect();
        let amounts: Vec<String> = amounts.iter().map(|amount| ready(amount, "money('6 USD')")).collect();
        let conditions =
            amounts.iter().map(|amount| format!("{amount} > '8 USD'")).chain(texts.iter().map(|text| format!("{text} == 'o1'")));
        let conditions: Vec<String> = conditions.collect();
        let pool = self.pool(stray);
        pool.texts.extend(texts);
        pool.amounts.extend(amounts);
        pool.conditions.extend(conditions);
    }

    /// Notes what became of a step.
    pub(super) fn became(&mut self, name: &str, stray: bool, flags: &[&str]) {
        for flag in flags {
            self.pool(stray).conditions.push(format!("steps.{name}.{flag}"));
        }
    }

    /// Steps of a block of their own: nothing that is named in it is known outside.
    pub(super) fn inside(&mut self, around: &str, count: usize, out: &mut String) {
        self.depth += 1;
        let before = self.memory.clone();
        self.steps(count, out);
        if self.memory != before {
            self.memory = Some(around.to_owned());
        }
        self.depth -= 1;
    }

    /// What is different of each run, and of each item.
    pub(super) fn line_of(&self, name: &str) -> String {
        match &self.item {
            Some(item) => format!("'{name}-' + input.id + {item}.id"),
            None => format!("'{name}-' + input.id"),
        }
    }

    pub(super) fn kept(&self) -> (Pool, Pool, Vec<String>, Vec<String>, bool) {
        (self.own.clone(), self.any.clone(), self.raw.clone(), self.lists.clone(), self.led)
    }

    pub(super) fn forget(&mut self, kept: (Pool, Pool, Vec<String>, Vec<String>, bool)) {
        (self.own, self.any, self.raw, self.lists, self.led) = kept;
    }
}

/// What a flow knows of its input, and of literals.
fn known(flow: Flow) -> (Pool, Pool, Vec<String>, Vec<String>) {
    let pool = |conditions: &[&str], texts: &[&str], amounts: &[&str]| Pool {
        conditions: owned(conditions),
        texts: owned(texts),
        amounts: owned(amounts),
    };
    let message = flow == Flow::Main || flow == Flow::After;
    let (raw, words): (&[&str], &str) = if message {
        (&["input.text", "input.note.or('none')", "('re: ' + input.text)", "input.text.trim()"], "input.text")
    } else {
        (&["input.words"], "input.words")
    };
    let mut own = if message {
        pool(
            &[
                "input.amount > '100 USD'",
                "'o2' in input.known",
                "size(input.parts) > 1",
                "has(input.gift)",
                "input.prices[?'a'].hasValue()",
            ],
            &[
                "input.order_id",
                "input.known[0]",
                "input.gift.or('o1')",
                "input.parts[0].order",
                "input.parts.map(p, p.order).first().or('o2')",
            ],
            &["input.amount", "input.prices[?'a'].or(money('3 USD'))", "input.parts.map(p, p.amount).sort().first().or(money('2 USD'))"],
        )
    } else {
        pool(&["input.amount > '100 USD'", "input.order_id == 'o1'"], &["input.order_id"], &["input.amount"])
    };
    own.texts.push("'o1'".to_owned());
    own.amounts.push("money('5 USD')".to_owned());
    own.conditions.push(if flow == Flow::Inner { "input.loud" } else { "run.id != ''" }.to_owned());
    if flow == Flow::After {
        own.conditions.extend(owned(&["failure.kind == 'policy'", "failure.message.contains('x')"]));
        own.texts.push("failure.step".to_owned());
    }
    let mut any = chosen_by(words);
    let mut lists = Vec::new();
    if message {
        any.texts.extend(owned(&[
            "among(input.text, input.known)",
            "(input.text in input.known ? input.order_id : 'o2')",
            "input.known[input.count % 2]",
        ]));
        any.amounts.push("(input.amount * double(input.count))".to_owned());
        any.conditions.extend(owned(&["input.count > 2", "input.note.or('') == 'o2'", "input.parts.exists(p, p.words == 'o1')"]));
        lists = owned(&["input.parts", "input.parts.reverse()", "input.parts.filter(p, p.words.contains('x'))"]);
    }
    let mut raw = owned(raw);
    if flow == Flow::After {
        raw.push("failure.message".to_owned());
    }
    (own, any, raw, lists)
}

/// What words choose among values of our own.
fn chosen_by(words: &str) -> Pool {
    let fill = |patterns: &[&str]| patterns.iter().map(|pattern| pattern.replace("OUT", words)).collect::<Vec<_>>();
    Pool {
        conditions: fill(&[
            "OUT.contains('x')",
            "OUT == 'o1'",
            "OUT.matches('x-[0-9]+')",
            "size(OUT) > 12",
            "OUT.startsWith('praise')",
            "int(OUT) > 10",
        ]),
        texts: fill(&[
            "endorse(OUT, 'a test')",
            "(OUT.contains('x') ? 'o1' : 'o2')",
            "among(OUT, ['o1', 'o2'])",
            "{'a': 'o1', 'b': 'o2'}[?OUT].or('o1')",
            "['o1', 'o2'][size(OUT) % 2]",
            "['o1', 'o2'].filter(k, k == OUT).first().or('o2')",
        ]),
        amounts: fill(&[
            "(OUT == 'o1' ? money('5 USD') : money('4 USD'))",
            "between(money(OUT), money('1 USD'), money('9 USD'))",
            "{'o1': money('5 USD'), 'o2': money('6 USD')}[?OUT].or(money('3 USD'))",
        ]),
    }
}

/// Whether an expression may stand in a hole of a text.
pub(super) fn is_plain(word: &str) -> bool {
    !word.contains(['(', '\'', '['])
}

/// Appends a line.
pub(super) fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{text}");
}
