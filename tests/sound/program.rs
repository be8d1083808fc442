//! Whole programs: types, inputs, steps of every verb, policies. They are meant to check clean, and often do. It checks nothing.

use crate::expression::{KINDS, Maker, Names, RECORDS, below};
use std::fmt::Write as _;
use tradewind_tests::random::Random;

const PROJECT: &str = r#"
project "made" {
    currency "USD"
    setting "most" int 3
    setting "share" double 0.15
    setting "cap" money "250 USD"
    setting "window" duration "30d"
    environment "dev" { store "memory://"; twins #true }
}
team "leads" { member "ann@example.com"; member "bob@example.com" }
enum "mood" happy sad odd
model "reader" provider=linear rows="rows.jsonl" label="mood" { price "0.01 USD"; can classify }
route "mood" needs=classify { candidate "reader"; value "odd" confidence=0.0 }
memory "facts" tier=long-term record="fact" subject="who" retention="30d" cap=3
connector "shop" version="1" {
    base-url "http://127.0.0.1:1/shop"
    operation "get" effect=read {
        request { field "id" string; field "count" int default=1; field "mood" mood? }
        http GET "/things/{id}"
        response "got" at="=body.thing"
    }
    operation "pay" effect=irreversible {
        request { field "id" string; field "amount" money; field "why" string? }
        http POST "/payments" { header "Idempotency-Key" "=effect.key"; body { id "=request.id"; amount "=request.amount" } }
        response "sent" at="=body.sent"
        target "=request.id"
        money "=request.amount" as=out
        unique "=request.id" "=request.why.or('none')"
        idempotent key="=effect.key" for="24h"
    }
    operation "mark" effect=reversible {
        request { field "id" string }
        http POST "/marks" { body { id "=request.id" } }
        response "sent" at="=body.sent"
        target "=request.id"
        idempotent natural
        undo { call "shop.mark" id="=request.id" }
    }
    operation "hold" effect=compensable {
        request { field "id" string; field "amount" money }
        http POST "/holds" { header "Idempotency-Key" "=effect.key"; body { id "=request.id" } }
        response "sent" at="=body.sent"
        target "=request.id"
        money "=request.amount" as=out
        unique "=request.id"
        idempotent key="=effect.key" for="24h"
        undo { call "shop.mark" id="=response.id" }
    }
    operation "tell" effect=irreversible {
        request { field "to" string; field "words" string; field "count" int? }
        http POST "/told" { header "Idempotency-Key" "=effect.key"; body { words "=request.words" } }
        response "sent" at="=body.sent"
        idempotent key="=effect.key" for="24h"
    }
}
connector "post" version="1" {
    base-url "http://127.0.0.1:1/post"
    webhook "/hooks" {
        verify hmac=sha256 header="X-Signature" encoding=hex secret="=account.hook"
        id "=headers['x-id']"
    }
    account "main" { field "hook" string secret }
    event "came" when="headers['x'] == 'came'" { payload "parcel" { id "=string(body.id)"; weight "=int(body.grams)" } }
}
flow "heard" {
    input "parcel"
    trigger event="parcel" where="event.weight > 1"
    let "dear" "=input.worth.or(money('1 USD')) > '2 USD'"
    act "tell" when="dear" on-denied=skip { call "shop.mark" id="=input.id" }
}
policy "holds" { on "shop.hold"; limit "all" count=1000 per="24h" }
flow "holds" {
    input { field "id" string; field "amount" money }
    act "hold" { call "shop.hold" id="=input.id" amount="=input.amount" }
}
flow "inner" {
    input { field "count" int; field "price" money; field "note" string? }
    let "sum" "=input.price * double(input.count)"
    output { sum "=sum"; note "=input.note.or('')" }
}
"#;

pub(crate) struct Draft<'r> {
    maker: Maker<'r>,
    pub(crate) names: Names,
    pub(crate) number: usize,
    /// Templates of routes, made where their names are known.
    routes: String,
    /// Names that a step made beside its own.
    pub(crate) later: Vec<(String, &'static str)>,
}

/// The program of a seed.
pub(crate) fn program(seed: u64) -> String {
    let mut random = Random::of(seed);
    let mut text = PROJECT.to_owned();
    for (name, fields) in RECORDS {
        let fields: Vec<String> = fields.iter().map(|(field, kind)| format!("field \"{field}\" {}", written(kind))).collect();
        let _ = writeln!(text, "type \"{name}\" {{ {} }}", fields.join("; "));
    }
    let mut draft = Draft {
        maker: Maker { random: &mut random, bound: 0 },
        names: Names::default(),
        number: 0,
        routes: String::new(),
        later: Vec::new(),
    };
    let input = draft.input();
    let key = draft.key();
    let mut steps = String::new();
    let count = 2 + draft.below(6);
    draft.steps(count, 0, &mut steps);
    let kinds = draft.output_kinds();
    let output = draft.output(&kinds);
    // What no instant ends, it ends.
    let deadline = "    deadline \"90d\"\n";
    let after = draft.after();
    let policies = draft.policies();
    let _ =
        write!(text, "{policies}{}flow \"f\" {{\n    input {{ {input} }}\n{key}{deadline}{steps}    {output}\n{after}}}\n", draft.routes);
    text
}

/// How a kind is written as a type.
fn written(kind: &str) -> String {
    let (plain, mark) = kind.strip_suffix('?').map_or((kind, ""), |plain| (plain, "?"));
    let ty = KINDS.iter().find(|(name, _)| *name == plain).map_or(plain, |(_, ty)| *ty);
    format!("{ty}{mark}")
}

impl Draft<'_> {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        below(self.maker.random, end)
    }

    fn kind(&mut self) -> &'static str {
        KINDS[self.below(KINDS.len())].0
    }

    pub(crate) fn expression(&mut self, kind: &str, depth: usize) -> String {
        let names = std::mem::take(&mut self.names);
        let depth = depth + self.below(2);
        let text = self.maker.expression(&names, kind, depth);
        self.names = names;
        text
    }

    fn name(&mut self) -> String {
        self.number += 1;
        format!("s{}", self.number)
    }

    fn input(&mut self) -> String {
        let mut fields = vec![("mood".to_owned(), "mood".to_owned()), ("lines".to_owned(), "lines".to_owned())];
        for number in 0..4 + self.below(6) {
            let mark = if self.below(3) == 0 { "?" } else { "" };
            let kind = format!("{}{mark}", self.kind());
            fields.push((format!("f{number}"), kind));
        }
        for (name, kind) in [("run.id", "text"), ("run.now", "instant"), ("run.flow", "text")] {
            self.names.add(name, kind);
        }
        for (name, kind) in [("most", "int"), ("share", "double"), ("cap", "money"), ("window", "span")] {
            self.names.add(&format!("settings.{name}"), kind);
        }
        fields.iter().for_each(|(name, kind)| self.names.add(&format!("input.{name}"), kind));
        let fields: Vec<String> = fields.iter().map(|(name, kind)| format!("field \"{name}\" {}", written(kind))).collect();
        fields.join("; ")
    }

    /// A key knows the input alone.
    fn key(&mut self) -> String {
        let key = self.expression("text", 1);
        let beyond = ["settings.", "run."].iter().any(|word| key.contains(word));
        if beyond || self.below(2) == 0 { String::new() } else { format!("    key \"={key}\"\n") }
    }

    pub(crate) fn steps(&mut self, count: usize, depth: usize, out: &mut String) {
        for _ in 0..count {
            self.step(depth, out);
        }
    }

    /// One step: its settings, its verb, and what later ones may name of it.
    fn step(&mut self, depth: usize, out: &mut String) {
        let name = self.name();
        let kept = self.names.clone();
        let (settings, absent) = self.settings();
        let choice = self.below(18);
        let loops = depth < 2;
        let made = match choice {
            0 | 1 if settings.is_empty() => self.value(&name),
            0..=2 => self.rules(&name, &settings),
            3 => self.look_up(&name, &settings),
            4 => self.classify(&name, &settings),
            5 => self.reflection(&name, &settings),
            6 => self.question(&name, &settings),
            7 => self.draft(&name, &settings),
            8 if loops => self.choice(&name, &settings, depth),
            9 => self.act(&name, &settings),
            10 => self.facts(&name, &settings),
            11 | 12 if loops => self.each(&name, &settings, depth),
            13 => self.other_flow(&name, &settings),
            14 | 15 => self.wait(&name, &settings),
            16 => self.emit(&name, &settings),
            17 => self.undo(&name, &settings),
            _ => self.rules(&name, &settings),
        };
        let (text, gives, silent) = made;
        out.push_str(&text);
        self.names = kept;
        for (path, kind) in std::mem::take(&mut self.later) {
            self.names.add(&path, kind);
        }
        let absent = absent || silent;
        for (part, kind) in gives {
            let mark = if absent && !kind.ends_with('?') { "?" } else { "" };
            let path = if part.is_empty() { name.clone() } else { format!("{name}.{part}") };
            self.names.add(&path, &format!("{kind}{mark}"));
        }
        for flag in ["ran", "failed", "denied"] {
            self.names.0.push((format!("steps.{name}.{flag}"), "bool".to_owned()));
        }
    }

    /// Settings of any step, and whether it may have no value then. What `when` proves is known in the step.
    fn settings(&mut self) -> (String, bool) {
        match self.below(6) {
            0 => (format!(" when=\"{}\"", self.expression("bool", 1)), true),
            1 => {
                let absent: Vec<(String, String)> = self.names.0.iter().filter(|(_, kind)| kind.ends_with('?')).cloned().collect();
                if absent.is_empty() {
                    return (String::new(), false);
                }
                let (path, kind) = absent[self.below(absent.len())].clone();
                self.names.add(&path, kind.trim_end_matches('?'));
                (format!(" when=\"has({path})\""), true)
            }
            2 => ([" on-error=skip", " on-error=skip deadline=\"2h\""][self.below(2)].to_owned(), true),
            _ => (String::new(), false),
        }
    }

    fn value(&mut self, name: &str) -> Made {
        let kind = self.kind();
        let text = format!("    let \"{name}\" \"={}\"\n", self.expression(kind, 2));
        (text, vec![(String::new(), kind.to_owned())], false)
    }

    fn rules(&mut self, name: &str, settings: &str) -> Made {
        let kind = self.kind();
        let mut text = format!("    decide \"{name}\"{settings} {{\n");
        for rule in 0..1 + self.below(3) {
            let _ =
                writeln!(text, "        rule \"r{rule}\" when=\"{}\" value=\"={}\"", self.expression("bool", 1), self.expression(kind, 1));
        }
        let _ = writeln!(text, "        otherwise value=\"={}\"\n    }}", self.expression(kind, 1));
        (text, vec![("value".to_owned(), kind.to_owned()), ("rule".to_owned(), "text".to_owned())], false)
    }

    fn look_up(&mut self, name: &str, settings: &str) -> Made {
        let mut request = format!("id=\"={}\"", self.expression("text", 1));
        if self.below(2) == 0 {
            let _ = write!(request, " count=\"={}\"", self.expression("int", 1));
        }
        if self.below(2) == 0 {
            let _ = write!(request, " mood=\"={}\"", self.expression("mood", 1));
        }
        (format!("    observe \"{name}\"{settings} {{ call \"shop.get\" {request} }}\n"), vec![(String::new(), "got".to_owned())], false)
    }

    fn classify(&mut self, name: &str, settings: &str) -> Made {
        let text =
            format!("    decide \"{name}\"{settings} {{ classify \"mood\" route=\"mood\" text=\"={}\" }}\n", self.expression("text", 1));
        let gives = [("label", "mood"), ("confidence", "double"), ("by", "text")];
        (text, gives.map(|(part, kind)| (part.to_owned(), kind.to_owned())).to_vec(), false)
    }

    fn reflection(&mut self, name: &str, settings: &str) -> Made {
        let otherwise = if self.below(3) == 0 { "stop" } else { "continue" };
        let text = format!(
            "    reflect \"{name}\" else={otherwise}{settings} {{ require \"{}\" code=\"a\"; require \"{}\" code=\"b\" }}\n",
            self.expression("bool", 1),
            self.expression("bool", 1)
        );
        (text, vec![("passed".to_owned(), "bool".to_owned()), ("codes".to_owned(), "texts".to_owned())], false)
    }

    fn question(&mut self, name: &str, settings: &str) -> Made {
        let silence = if self.below(2) == 0 { "skip" } else { "stop" };
        let kind = self.kind();
        let text = format!(
            "    ask \"{name}\" to=\"leads\" within=\"4h\" on-timeout={silence}{settings} {{\n        question \"{}\"\n        show \"={}\"\n        answer \"said\"\n    }}\n",
            self.template(),
            self.expression(kind, 1)
        );
        (text, vec![(String::new(), "said".to_owned())], silence == "skip")
    }

    fn draft(&mut self, name: &str, settings: &str) -> Made {
        let template = self.template();
        let _ = writeln!(self.routes, "route \"r-{name}\" needs=text {{ template \"{template}\" }}");
        let text = format!("    decide \"{name}\"{settings} {{ draft \"words\" route=\"r-{name}\" }}\n");
        (text, vec![(String::new(), "words".to_owned())], false)
    }

    /// A text with holes.
    fn template(&mut self) -> String {
        let mut text = "Say".to_owned();
        for _ in 0..1 + self.below(3) {
            let at = self.below(self.names.0.len());
            let (path, kind) = self.names.0[at].clone();
            let _ = match kind.as_str() {
                "text" => write!(text, " {{{{ {path} | trim | title }}}}"),
                "texts" => write!(text, " {{{{ {path} | join('; ') }}}} {{{{ {path} | length }}}}"),
                "double" | "int" => write!(text, " {{{{ {path} | percent }}}} {{{{ {path} | round(1) }}}}"),
                "money" => write!(text, " {{{{ {path} | round(2) }}}}"),
                "lines" => write!(text, " {{% for l in {path} %}}{{{{ l.sku }}}} {{{{ l.note | default('no') }}}}{{% endfor %}}"),
                kind if kind.ends_with('?') => write!(text, " {{% if {path} %}}there{{% endif %}}"),
                "bool" => write!(text, " {{% if {path} and not input.lines %}}yes{{% else %}}no{{% endif %}}"),
                "instant" | "span" | "mood" | "decimal" => write!(text, " {{{{ {path} }}}}"),
                _ => write!(text, " thing"),
            };
        }
        text
    }

    pub(crate) fn output_kinds(&mut self) -> Vec<&'static str> {
        (0..1 + self.below(3)).map(|_| self.kind()).collect()
    }

    /// `output` of values of kinds, named `o0`, `o1`.
    pub(crate) fn output(&mut self, kinds: &[&str]) -> String {
        let parts: Vec<String> = kinds.iter().enumerate().map(|(at, kind)| format!("o{at} \"={}\"", self.expression(kind, 1))).collect();
        format!("output {{ {} }}", parts.join("; "))
    }

    fn choice(&mut self, name: &str, settings: &str, depth: usize) -> Made {
        let kinds = self.output_kinds();
        let kept = self.names.clone();
        let mut text = format!("    choose \"{name}\"{settings} {{\n");
        for arm in 0..2 + self.below(2) {
            match arm {
                0 => drop(writeln!(text, "    otherwise_at_end")),
                _ => drop(writeln!(text, "    when \"{}\" {{", self.expression("bool", 1))),
            }
            if arm > 0 {
                let count = self.below(3);
                self.steps(count, depth + 1, &mut text);
                let _ = writeln!(text, "    {} }}", self.output(&kinds));
                self.names = kept.clone();
            }
        }
        let mut last = "    otherwise {\n".to_owned();
        let count = self.below(2);
        self.steps(count, depth + 1, &mut last);
        let _ = writeln!(last, "    {} }}\n    }}", self.output(&kinds));
        self.names = kept;
        let text = text.replacen("    otherwise_at_end\n", "", 1) + &last;
        (text, kinds.iter().enumerate().map(|(at, kind)| (format!("o{at}"), (*kind).to_owned())).collect(), false)
    }

    fn act(&mut self, name: &str, settings: &str) -> Made {
        let skip = self.below(2) == 0;
        let denied = if skip { " on-denied=skip" } else { "" };
        let call = if self.below(2) == 0 {
            let why = if self.below(2) == 0 { format!(" why=\"={}\"", self.expression("text", 1)) } else { String::new() };
            format!("call \"shop.pay\" id=\"={}\" amount=\"={}\"{why}", self.expression("text", 1), self.expression("money", 1))
        } else {
            let count = if self.below(2) == 0 { format!(" count=\"={}\"", self.expression("int", 1)) } else { String::new() };
            format!("call \"shop.tell\" to=\"={}\" words=\"={}\"{count}", self.expression("text", 1), self.expression("text", 1))
        };
        let evidence = format!(
            "evidence sure=\"={}\" line=\"={}\" moods=\"={}\"",
            self.expression("double", 1),
            self.expression("line", 1),
            self.expression("moods", 1)
        );
        let text = format!("    act \"{name}\"{settings}{denied} {{ {call}; {evidence} }}\n");
        (text, vec![(String::new(), "sent".to_owned())], skip)
    }

    /// Policies that cover both operations, with rules of their own.
    fn policies(&mut self) -> String {
        self.names = Names::default();
        let needs = [("evidence.sure", "double"), ("evidence.line", "line"), ("evidence.moods", "moods"), ("settings.cap", "money")];
        needs.iter().for_each(|(name, kind)| self.names.add(name, kind));
        for (name, kind) in [("run.now", "instant"), ("action.flow", "text"), ("action.step", "text"), ("action.money", "money?")] {
            self.names.add(name, kind);
        }
        let common = self.names.clone();
        let mut text = String::new();
        for (operation, own) in [
            ("pay", [("id", "text"), ("amount", "money"), ("why", "text?")]),
            ("tell", [("to", "text"), ("words", "text"), ("count", "int?")]),
        ] {
            self.names = common.clone();
            own.iter().for_each(|(name, kind)| self.names.add(&format!("effect.{name}"), kind));
            let sum = if operation == "pay" { "sum=\"=effect.amount\" max=\"1000 USD\" per=\"24h\"" } else { "count=20000 per=day" };
            let _ = writeln!(
                text,
                "policy \"{operation}\" owner=\"leads\" {{\n    on \"shop.{operation}\"\n    needs \"sure\" double untrusted\n    needs \"line\" line untrusted\n    needs \"moods\" list<mood> untrusted\n    limit \"all\" {sum}\n    deny \"d\" when=\"{}\" message=\"{}\"\n    limit \"own\" sum=\"={}\" max=\"={}\" by=\"={}\" per=\"24h\"\n    escalate \"e\" when=\"{}\" to=\"leads\" within=\"4h\" on-timeout=deny\n}}",
                self.policy_part("bool"),
                self.template(),
                self.trusted_part("double", &["evidence"]),
                self.trusted_part("double", &["evidence", "effect"]),
                self.trusted_part("text", &["evidence", "run.now", "effect.words", "effect.why"]),
                self.policy_part("bool"),
            );
        }
        text
    }

    /// The same of nothing that may rest on what is outside, or on what a limit bounds.
    fn trusted_part(&mut self, kind: &str, without: &[&str]) -> String {
        let text = self.policy_part(kind);
        match kind {
            // A bound or a sum that is the same in every run may be no bound at all.
            "double" if !text.contains("settings.") && !text.contains("effect.") => "settings.share * 1000.0".to_owned(),
            _ if !without.iter().any(|word| text.contains(word)) => text,
            "double" => "settings.share * 1000.0".to_owned(),
            _ => "action.step".to_owned(),
        }
    }

    /// An expression of a policy: nothing of a flow is known there.
    fn policy_part(&mut self, kind: &str) -> String {
        let text = self.expression(kind, 1);
        let plain = match kind {
            "bool" => "evidence.sure > 0.25",
            "double" => "evidence.sure",
            _ => "action.step",
        };
        if text.contains("input.") { plain.to_owned() } else { text }
    }
}

/// The text of a step, what it gives (part of its value, kind), and whether silence or a denial leaves it without a value.
pub(crate) type Made = (String, Vec<(String, String)>, bool);
