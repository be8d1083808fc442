//! Steps of generated flows in which a model writes, an agent looks things up and acts, and facts are found by what they are about; and the
//! model behind them, which says what it was told: the same words the same, and others something else.

use super::super::random::Random;
use super::draft::{Draft, line};
use super::shop::TEXTS;
use crate::question::{Answer, Prompt, Purpose, Reply, ToolCall, Turn, Usage};

impl Draft<'_> {
    /// What a model is told, and whether outside text is in it.
    fn prompt(&mut self) -> (String, bool) {
        if self.one_in(3) { (self.own_filled(false), false) } else { (self.filled(), true) }
    }

    /// What a model wrote: its words, and what it chose.
    fn written(&mut self, name: &str, stray: bool, absent: bool) {
        let words = if absent { format!("{name}.words.or('')") } else { format!("{name}.words") };
        self.any.conditions.push(format!("{words}.contains('x')"));
        self.raw.push(words);
        self.gives(stray, absent, &[format!("{name}.order")], &[format!("{name}.amount")]);
        let loud = if absent { format!("{name}.loud.or(false)") } else { format!("{name}.loud") };
        self.pool(stray).conditions.push(loud);
        self.became(name, stray, &["ran", "failed"]);
    }

    pub(super) fn drafted(&mut self, out: &mut String) {
        let name = self.name('m');
        let (prompt, mut stray) = self.prompt();
        let (settings, absent) = self.settings(&mut stray);
        self.uses("draft of a model");
        line(out, &format!("decide \"{name}\"{settings} {{ draft \"drafted\" route=\"far\" prompt=\"{prompt}\" }}"));
        self.written(&name, stray, absent);
    }

    pub(super) fn agent(&mut self, out: &mut String) {
        let name = self.name('h');
        let (prompt, mut stray) = self.prompt();
        let hears = stray;
        let (settings, absent) = self.settings(&mut stray);
        let strays = self.one_in(8);
        let id = self.text(strays);
        self.uses("agent");
        let mut tools = format!("tool \"shop.order.get\" as=\"order\" max-calls=2 {{ fixed id=\"={id}\" }}");
        // Who heard outside text may move nothing that nobody looks at.
        if !hears && !strays {
            self.uses("agent with a tool that writes");
            let (order, amount, own) = (self.text(false), self.amount(false), self.line_of(&format!("x{name}")));
            tools += &format!(
                "; tool \"pay.credit\" as=\"credit\" max-calls=1 {{ fixed order_id=\"={order}\" amount=\"={amount}\" line=\"={own}\" }}"
            );
        }
        line(out, &format!("agent \"{name}\"{settings} type=\"drafted\" route=\"far\" max-steps=3 {{ user \"{prompt}\"; {tools} }}"));
        self.written(&name, stray || strays, absent);
    }

    pub(super) fn search(&mut self, out: &mut String) {
        let name = self.name('z');
        let after = self.memory.as_ref().map_or(String::new(), |before| format!(" after=\"{before}\""));
        let (which, stray) = match self.below(4) {
            0 => ("subject=\"='c1'\" query=\"='o1 x'\" top=1".to_owned(), false),
            1 => {
                let strays = self.strays();
                (format!("where=\"fact.order_id == {}\" last=2", self.text(strays)), strays)
            }
            _ => (format!("subject=\"='c1'\" query=\"={}\" top=1", self.outside()), true),
        };
        self.uses("search");
        line(out, &format!("observe \"{name}\"{after} {{ recall \"facts\" {which} }}"));
        let texts = [format!("{name}.map(n, n.order_id).first().or('o1')")];
        self.gives(stray, false, &texts, &[format!("{name}.map(n, n.amount).first().or(money('2 USD'))")]);
        self.pool(stray).conditions.push(format!("size({name}) > 0"));
        self.raw.push(format!("{name}.map(n, n.words).join(' ')"));
        self.memory = Some(name);
    }
}

/// A number of some words (FNV-1a).
fn number_of(words: &str) -> u64 {
    words.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The model: everything that it does follows from what it is told.
pub(super) fn model(prompt: &Prompt) -> Option<Answer> {
    let mut random = Random(number_of(&format!("{:?}", prompt.turns)));
    random.next();
    let text = TEXTS[usize::try_from(random.below(TEXTS.len() as u64)).unwrap()];
    let is_told = prompt.turns.iter().any(|turn| matches!(turn, Turn::Tool { .. }));
    let calls: Vec<ToolCall> = match prompt.question.purpose {
        Purpose::Turn(_) if !is_told => {
            let wanted = prompt.tools.iter().filter(|_| random.below(2) == 0);
            wanted.map(|tool| ToolCall { id: tool.name.clone(), name: tool.name.clone(), arguments: "{}".into() }).collect()
        }
        _ => Vec::new(),
    };
    let (order, amount) = (["o1", "o2"][usize::from(random.below(2) == 0)], ["5 USD", "4 USD"][usize::from(random.below(2) == 0)]);
    let written = serde_json::json!({ "words": text, "order": order, "amount": amount, "loud": random.below(2) == 0 });
    let usage = Some(Usage { input: 100, cached: 0, output: 10, reasoning: 0 });
    let text = if calls.is_empty() { written.to_string().into() } else { "".into() };
    Some(Answer::Said(Reply { text, calls, usage, by: "s-1".into(), hedged: false, took: 1_000 }))
}
