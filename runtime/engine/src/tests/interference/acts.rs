//! The steps of generated flows that do something: effects, events, facts, other flows, taking back.

use super::draft::{Draft, Flow, line};

impl Draft<'_> {
    pub(super) fn act(&mut self, out: &mut String) {
        let capped = if self.led { !self.one_in(10) } else { self.one_in(3) };
        let name = self.name(if capped { 'a' } else { 'x' });
        if capped { self.capped_act(&name, out) } else { self.bare_act(&name, out) }
    }

    /// Settings of an act, and whether outside text may decide it; it may always be left out.
    fn done_if(&mut self, may_stray: bool) -> (String, bool) {
        let mut settings = String::new();
        let mut stray = false;
        if self.one_in(3) {
            stray = may_stray && self.strays();
            settings = format!(" when=\"{}\"", self.condition(stray));
            self.uses("act with when");
        }
        if self.one_in(8) {
            self.uses("on-error=skip of an act");
            settings += " on-error=skip";
        }
        (settings + " on-denied=skip", stray)
    }

    /// What no cap holds.
    fn bare_act(&mut self, name: &str, out: &mut String) {
        let stray = self.one_in(12);
        let (settings, _) = self.done_if(stray);
        let words = self.line_of(name);
        if self.one_in(3) {
            self.uses("act that cannot be taken back");
            let text = match self.below(3) {
                0 => "='look'".to_owned(),
                1 => format!("={}", self.text(stray)),
                _ => self.own_filled(stray),
            };
            line(out, &format!("act \"{name}\"{settings} {{ call \"desk.page\" text=\"{text}\" }}"));
        } else {
            self.uses("act that moves money");
            let (order, amount) = (self.text(stray), self.amount(stray));
            line(
                out,
                &format!("act \"{name}\"{settings} {{ call \"pay.credit\" order_id=\"={order}\" amount=\"={amount}\" line=\"={words}\" }}"),
            );
            self.gives(stray, true, &[format!("{name}.request.order_id")], &[format!("{name}.request.amount")]);
        }
        self.became(name, stray, &["ran", "denied"]);
    }

    /// What a cap or a person holds.
    fn capped_act(&mut self, name: &str, out: &mut String) {
        let (settings, decided) = self.done_if(true);
        let mut stray = decided || self.strays();
        let (order, amount, words) = (self.text(stray), self.amount(stray), self.line_of(name));
        match self.below(5) {
            0 => {
                self.uses("act with evidence");
                let paid = self.amount(false);
                line(
                    out,
                    &format!(
                        "act \"{name}\"{settings} {{ call \"pay.refund\" order_id=\"={order}\" amount=\"={amount}\" reason=\"r\"; evidence paid=\"={paid}\" }}"
                    ),
                );
            }
            1 => {
                self.uses("staged act");
                line(
                    out,
                    &format!(
                        "act \"{name}\"{settings} {{ call \"pay.credit\" order_id=\"={order}\" amount=\"={amount}\" line=\"={words}\"; stage to=\"leads\" within=\"4h\" on-timeout=deny }}"
                    ),
                );
            }
            2 => {
                self.uses("act that can be taken back");
                line(
                    out,
                    &format!(
                        "act \"{name}\"{settings} {{ call \"vault.hold\" order_id=\"={order}\" amount=\"={amount}\" line=\"={words}\" }}"
                    ),
                );
                if self.flow == Flow::Main {
                    self.holds.push(name.to_owned());
                }
            }
            _ => {
                self.uses("message with outside text");
                let words = self.told();
                line(out, &format!("act \"{name}\"{settings} {{ call \"desk.reply\" message_id=\"=input.id\" words=\"{words}\" }}"));
                stray = true;
            }
        }
        self.became(name, stray, &["ran", "denied", "failed"]);
    }

    pub(super) fn emit(&mut self, out: &mut String) {
        let (name, stray) = (self.name('m'), self.one_in(8));
        let when = if self.one_in(3) { format!(" when=\"{}\"", self.condition(stray)) } else { String::new() };
        let (order, amount, raw, id) = (self.text(stray), self.amount(stray), self.told(), self.line_of(&name));
        self.uses("emit");
        line(
            out,
            &format!("act \"{name}\"{when} {{ emit \"told\" id=\"={id}\" order_id=\"={order}\" amount=\"={amount}\" words=\"{raw}\" }}"),
        );
    }

    pub(super) fn memory(&mut self, out: &mut String) {
        let (name, stray) = (self.name('b'), self.one_in(6));
        let after = self.memory.as_ref().map_or(String::new(), |before| format!(" after=\"{before}\""));
        let subject = if stray { "(input.text.contains('x') ? 'c1' : 'c2')" } else { "'c1'" };
        if self.one_in(2) {
            self.uses("remember");
            let (order, amount, raw) = (self.text(stray), self.amount(stray), self.told());
            if self.one_in(4) {
                self.uses("row that is remembered or not");
                let strays = self.strays();
                let when = self.condition(strays);
                let row = format!("customer_id=\"=input.id\" order_id=\"={order}\" amount=\"={amount}\" words=\"{raw}\"");
                line(out, &format!("remember \"{name}\"{after} in=\"facts\" subject=\"='c1'\" {{\n- when=\"{when}\" {row}\n}}"));
                self.memory = Some(name);
                return;
            }
            line(
                out,
                &format!(
                    "remember \"{name}\"{after} in=\"facts\" subject=\"={subject}\" {{ customer_id \"={subject}\"; order_id \"={order}\"; amount \"={amount}\"; words \"{raw}\" }}"
                ),
            );
        } else {
            self.uses("recall");
            line(out, &format!("observe \"{name}\"{after} {{ recall \"facts\" subject=\"={subject}\" last=2 }}"));
            self.gives(
                stray,
                false,
                &[format!("{name}.map(n, n.order_id).first().or('o1')")],
                &[format!("{name}.map(n, n.amount).first().or(money('2 USD'))")],
            );
            self.pool(stray).conditions.push(format!("size({name}) > 0"));
            self.raw.push(format!("{name}.map(n, n.words).join(' ')"));
        }
        self.memory = Some(name);
    }

    pub(super) fn begin(&mut self, out: &mut String) {
        let (name, mut stray) = (self.name('q'), self.one_in(8));
        let (settings, absent) = if self.led { (String::new(), false) } else { self.settings(&mut stray) };
        let (order, amount, raw, id) = (self.text(stray), self.amount(stray), self.outside(), self.line_of(&name));
        let strays = self.one_in(12);
        let loud = self.condition(strays);
        self.uses("flow that a flow begins");
        line(
            out,
            &format!(
                "act \"{name}\"{settings} {{ flow \"s\" id=\"={id}\" order_id=\"={order}\" amount=\"={amount}\" loud=\"={loud}\" words=\"={raw}\" }}"
            ),
        );
        self.gives(stray, absent, &[format!("{name}.t")], &[format!("{name}.v")]);
        self.became(&name, stray, &["ran", "failed"]);
    }

    /// Takes back what an earlier run did.
    pub(super) fn back(&mut self, out: &mut String) {
        if self.holds.is_empty() {
            let (name, stray) = (self.name('h'), self.one_in(4));
            let (order, amount, words) = (self.text(stray), self.amount(stray), self.line_of(&name));
            line(out, &format!("act \"{name}\" {{ call \"vault.hold\" order_id=\"={order}\" amount=\"={amount}\" line=\"={words}\" }}"));
            self.holds.push(name);
        }
        let (name, holds) = (self.name('u'), self.holds.clone());
        let step = self.pick(&holds);
        self.uses("undo");
        line(out, &format!("act \"{name}\" {{ undo flow=\"f\" step=\"{step}\" where=\"effect.order_id != ''\" last=2 }}"));
        self.own.conditions.push(format!("size({name}.effects) > 0"));
    }
}
