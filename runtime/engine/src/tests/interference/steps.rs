//! The steps of generated flows, one verb each.

use super::draft::{Draft, Flow, is_plain, line};

impl Draft<'_> {
    pub(super) fn steps(&mut self, count: usize, out: &mut String) {
        for _ in 0..count {
            let deep = self.depth >= 2;
            let loops = deep || self.item.is_some() || self.lists.is_empty();
            match self.below(25) {
                0 => self.value(out),
                1 => self.rules(out),
                2 => self.reflection(out),
                3 => self.look_up(out),
                4 => self.review(out),
                5 => self.classify(out),
                6 => self.words(out),
                7 if !deep => self.choice(out),
                8 | 9 if !loops => self.each(out),
                10 => self.wait(out),
                11 if self.flow != Flow::Told => self.emit(out),
                12 | 13 if self.remembers() => self.memory(out),
                14 if self.flow == Flow::Main || self.flow == Flow::After => self.begin(out),
                15 if self.flow == Flow::Main && self.depth == 0 => self.back(out),
                21 | 22 => self.drafted(out),
                23 => self.agent(out),
                24 if self.remembers() => self.search(out),
                16 if self.depth == 0 && self.flow == Flow::Main => self.question(out),
                _ => self.act(out),
            }
        }
    }

    /// Facts are read and written where nothing runs beside it: then their order is that of the document.
    fn remembers(&self) -> bool {
        self.item.is_none() && matches!(self.flow, Flow::Main | Flow::After)
    }

    fn value(&mut self, out: &mut String) {
        let (name, stray) = (self.name('l'), self.strays());
        self.uses("let");
        let (text, amount) = match self.below(6) {
            0 => (Vec::new(), vec![self.amount(stray)]),
            4 => {
                self.uses("text with holes");
                let filled = self.filled();
                line(out, &format!("let \"{name}\" \"{filled}\""));
                self.raw.push(name.clone());
                self.any.conditions.push(format!("{name}.contains('x')"));
                return;
            }
            1 => {
                let raw = self.outside();
                line(out, &format!("let \"{name}\" \"=({raw}).lowerAscii()\""));
                self.raw.push(name.clone());
                self.any.conditions.push(format!("{name}.contains('x')"));
                return;
            }
            _ => (vec![self.text(stray)], Vec::new()),
        };
        for value in text.iter().chain(&amount) {
            line(out, &format!("let \"{name}\" \"={value}\""));
        }
        let given = |values: &[String]| values.iter().map(|_| name.clone()).collect::<Vec<_>>();
        self.gives(stray, false, &given(&text), &given(&amount));
    }

    fn rules(&mut self, out: &mut String) {
        let (name, mut stray) = (self.name('d'), self.strays());
        let (settings, absent) = self.settings(&mut stray);
        let (when, amount) = (self.condition(stray), self.amount(stray));
        self.uses("rules");
        line(
            out,
            &format!(
                "decide \"{name}\"{settings} {{ rule \"one\" when=\"{when}\" value=\"={amount}\"; otherwise value=\"=money('7 USD')\" }}"
            ),
        );
        self.gives(stray, absent, &[], &[format!("{name}.value")]);
        self.became(&name, stray, &["ran"]);
    }

    fn reflection(&mut self, out: &mut String) {
        let (name, stray) = (self.name('r'), self.strays());
        let stops = self.one_in(if stray { 6 } else { 3 });
        let (when, otherwise) = (self.condition(stray), if stops { "stop" } else { "continue" });
        self.uses("reflect");
        line(out, &format!("reflect \"{name}\" else={otherwise} {{ require \"{when}\" code=\"c\" }}"));
        self.led |= stray && stops;
        self.pool(stray).conditions.push(format!("{name}.passed"));
    }

    fn look_up(&mut self, out: &mut String) {
        let (name, mut stray) = (self.name('o'), self.strays());
        let (settings, absent) = self.settings(&mut stray);
        let id = self.text(stray);
        self.uses("look-up");
        let deadline = if self.one_in(4) {
            self.uses("deadline of a step");
            " deadline=\"5m\""
        } else {
            ""
        };
        line(out, &format!("observe \"{name}\"{settings}{deadline} {{ call \"shop.order.get\" id=\"={id}\" }}"));
        self.gives(stray, absent, &[format!("{name}.id")], &[format!("{name}.paid")]);
        self.became(&name, stray, &["ran", "failed"]);
    }

    fn review(&mut self, out: &mut String) {
        let (name, mut stray) = (self.name('v'), false);
        let (settings, absent) = self.settings(&mut stray);
        let id = self.text(stray);
        self.uses("read of outside text");
        line(out, &format!("observe \"{name}\"{settings} {{ call \"talk.review.get\" id=\"={id}\" }}"));
        let text = if absent { format!("{name}.text.or('')") } else { format!("{name}.text") };
        self.any.conditions.push(format!("{text}.contains('x')"));
        self.raw.push(text);
        self.gives(stray, absent, &[format!("{name}.order_id")], &[]);
    }

    fn classify(&mut self, out: &mut String) {
        let (name, mut stray) = (self.name('k'), true);
        let (settings, absent) = self.settings(&mut stray);
        let text = self.outside();
        self.uses("classify with a ladder");
        line(out, &format!("decide \"{name}\"{settings} {{ classify \"kinds\" route=\"kind\" text=\"={text}\" }}"));
        let conditions = if absent {
            vec![format!("{name}.label.or('praise') == 'praise'")]
        } else {
            vec![format!("{name}.label == 'praise'"), format!("{name}.confidence > 0.5")]
        };
        self.pool(true).conditions.extend(conditions);
        self.became(&name, stray, &["ran"]);
    }

    /// Words that a template makes; who is told them sees outside text.
    fn words(&mut self, out: &mut String) {
        let (name, raw) = (self.name('w'), self.outside());
        let own = self.text(false);
        let holes: Vec<String> = [own, raw].into_iter().filter(|word| is_plain(word)).map(|word| format!("{{{{ {word} }}}}")).collect();
        self.uses("template");
        let ending = "{% if input.order_id %}Yours{% endif %}";
        self.routes += &format!("route \"r-{name}\" needs=text {{ template \"Dear {}, {ending}\" }}\n", holes.join(", "));
        line(out, &format!("decide \"{name}\" {{ draft \"words\" route=\"r-{name}\" }}"));
        self.raw.push(format!("{name}.text"));
        self.any.conditions.push(format!("{name}.text.contains('x')"));
    }

    fn choice(&mut self, out: &mut String) {
        let (name, mut stray) = (self.name('c'), self.strays());
        self.uses(if self.depth > 0 { "choose in choose or each" } else { "choose" });
        let (settings, absent) = if self.one_in(6) {
            self.uses("on-error=skip of a choose");
            stray |= self.strays();
            (" on-error=skip", true)
        } else {
            ("", false)
        };
        line(out, &format!("choose \"{name}\"{settings} {{"));
        let kept = self.kept();
        let arms = 1 + self.below(2);
        for _ in 0..arms {
            let when = self.condition(stray);
            line(out, &format!("when \"{when}\" {{"));
            self.led |= stray;
            let count = 1 + self.below(2);
            self.inside(&name, count, out);
            let (amount, text) = (self.amount(stray), self.text(stray));
            line(out, &format!("output {{ v \"={amount}\"; t \"={text}\"; l \"={text}\" \"o1\"; m {{ a \"={amount}\" }} }} }}"));
            self.forget(kept.clone());
        }
        self.uses("written list and map");
        line(out, "otherwise { output { v \"=money('9 USD')\"; t \"='o2'\"; l \"o2\" \"o1\"; m { a \"=money('9 USD')\" } } } }");
        // What is written out gives its parts; where it may be absent, its fields are enough.
        if absent {
            self.gives(stray, true, &[format!("{name}.t")], &[format!("{name}.v")]);
        } else {
            self.gives(stray, false, &[format!("{name}.t"), format!("{name}.l[0]")], &[format!("{name}.v"), format!("{name}.m.a")]);
        }
        self.became(&name, stray, &["ran", "failed"]);
    }

    fn each(&mut self, out: &mut String) {
        let (name, lists) = (self.name('e'), self.lists.clone());
        let list = self.pick(&lists);
        let strange = list.contains("words");
        let (item, place) = (format!("i{name}"), format!("n{name}"));
        self.uses("each");
        let kept = self.kept();
        self.own.texts.push(format!("{item}.order"));
        self.own.amounts.push(format!("{item}.amount"));
        self.own.conditions.push(format!("{place} > 0"));
        self.raw.push(format!("{item}.words"));
        self.any.conditions.push(format!("{item}.words.contains('x')"));
        self.any.texts.push(format!("({item}.words == 'o1' ? 'o1' : 'o2')"));
        let picks = self.one_in(3);
        let mut stray = strange;
        let only = if picks {
            self.uses("each with where");
            let strays = self.strays();
            stray |= strays;
            format!(" where=\"{}\"", self.condition(strays))
        } else {
            String::new()
        };
        let skips = self.one_in(3);
        let skip = if skips {
            self.uses("each with on-error=skip");
            " on-error=skip"
        } else {
            ""
        };
        let key = match self.below(6) {
            0 => {
                self.uses("key of an item by outside text");
                format!(" key=\"={item}.words\"")
            }
            1 | 2 => format!(" key=\"={item}.id\""),
            _ => String::new(),
        };
        line(out, &format!("each \"{name}\" in=\"={list}\" as=\"{item}\" index=\"{place}\"{key}{only} max=4 max-parallel=2{skip} {{"));
        self.led |= stray;
        self.item = Some(item.clone());
        let count = 1 + self.below(3);
        self.inside(&name, count, out);
        self.item = None;
        let strays = stray || self.strays();
        let (amount, text) = (self.amount(strays), self.text(strays));
        line(out, &format!("output {{ v \"={amount}\"; t \"={text}\" }} }}"));
        self.forget(kept);
        self.gives(
            strays,
            false,
            &[format!("{name}.map(x, x.t).first().or('o1')")],
            &[format!("{name}.map(x, x.v).sort().last().or(money('2 USD'))")],
        );
        self.pool(strays || skips).conditions.push(format!("size({name}) > 1"));
    }

    fn wait(&mut self, out: &mut String) {
        let name = self.name('g');
        match self.below(if self.item.is_some() || self.flow != Flow::Main { 2 } else { 4 }) {
            0 => {
                self.uses("wait for a span");
                line(out, &format!("wait \"{name}\" for=\"30m\""));
            }
            1 => {
                self.uses("wait for an instant");
                line(out, &format!("wait \"{name}\" until=\"=run.now + duration('1h')\""));
            }
            _ => {
                self.uses("wait for an event");
                let stray = self.strays();
                let only = match self.below(3) {
                    0 if stray => " where=\"event.note.contains('x')\"",
                    0 => " where=\"event.order_id == 'o2'\"",
                    _ => "",
                };
                let silence = if self.one_in(3) { "stop" } else { "skip" };
                line(out, &format!("wait \"{name}\" event=\"parcel\"{only} within=\"2h\" on-timeout={silence}"));
                let absent = silence == "skip";
                self.gives(stray, absent, &[format!("{name}.order_id")], &[format!("{name}.paid")]);
                self.raw.push(if absent { format!("{name}.note.or('')") } else { format!("{name}.note") });
                self.became(&name, stray, &["ran"]);
            }
        }
    }

    fn question(&mut self, out: &mut String) {
        let (name, raw) = (self.name('p'), self.outside());
        self.uses("ask");
        let silence = if self.one_in(2) { "skip" } else { "stop" };
        line(
            out,
            &format!(
                "ask \"{name}\" to=\"leads\" within=\"4h\" on-timeout={silence} {{ question \"What of {{{{ input.id }}}}?\"; show \"={raw}\"; answer \"said\" }}"
            ),
        );
        self.gives(false, silence == "skip", &[format!("{name}.order_id")], &[format!("{name}.amount")]);
    }
}
