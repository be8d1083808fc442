//! The steps of generated programs that reach beyond their own run: loops, other flows, waits, events, facts, taking back, and what
//! follows a failure.

use super::program::{Draft, Made};
use std::fmt::Write as _;

impl Draft<'_> {
    /// A fact that is remembered, or the facts that are recalled; what was recalled is named by two steps more.
    pub(crate) fn facts(&mut self, name: &str, settings: &str) -> Made {
        if self.below(2) == 0 {
            let mut text =
                format!("    observe \"{name}\"{settings} {{ recall \"facts\" subject=\"={}\" last=2 }}\n", self.expression("text", 1));
            if settings.is_empty() {
                let _ = writeln!(text, "    let \"{name}n\" \"=size({name}) + {name}.map(n, n.count).first().or(1)\"");
                let _ = writeln!(text, "    let \"{name}w\" \"={name}.map(n, n.seen.or(n.who)).join('; ')\"");
                self.later.extend([(format!("{name}n"), "int"), (format!("{name}w"), "text")]);
            }
            return (text, Vec::new(), false);
        }
        let who = self.expression("text", 1);
        let text = format!(
            "    remember \"{name}\"{settings} in=\"facts\" subject=\"={who}\" {{ who \"={who}\"; count \"={}\"; seen \"={}\" }}\n",
            self.expression("int", 1),
            self.expression("text", 1)
        );
        (text, Vec::new(), false)
    }

    pub(crate) fn each(&mut self, name: &str, settings: &str, depth: usize) -> Made {
        let kinds = self.output_kinds();
        let (items, kind) = [("lines", "line"), ("ints", "int"), ("texts", "text"), ("moneys", "money")][self.below(4)];
        let (own, place) = (format!("item{}", self.number), format!("at{}", self.number));
        let over = self.expression(items, 1);
        let kept = self.names.clone();
        self.names.add(&own, kind);
        self.names.add(&place, "int");
        let only = if self.below(2) == 0 { format!(" where=\"{}\"", self.expression("bool", 1)) } else { String::new() };
        let key = if self.below(3) == 0 { format!(" key=\"={}\"", self.expression("text", 1)) } else { String::new() };
        let beside = if self.below(2) == 0 { " max-parallel=3" } else { "" };
        let mut text =
            format!("    each \"{name}\" in=\"={over}\" as=\"{own}\" index=\"{place}\"{key}{only} max=50{beside}{settings} {{\n");
        let count = 1 + self.below(2);
        self.steps(count, depth + 1, &mut text);
        let _ = writeln!(text, "    {} }}", self.output(&kinds));
        self.names = kept;
        if settings.is_empty() {
            let _ = writeln!(text, "    let \"{name}n\" \"=size({name})\"");
            self.later.push((format!("{name}n"), "int"));
            let listed = [("int", "ints"), ("text", "texts"), ("money", "moneys"), ("mood", "moods"), ("line", "lines")];
            if let Some((_, list)) = listed.into_iter().find(|(kind, _)| *kind == kinds[0]) {
                let _ = writeln!(text, "    let \"{name}o\" \"={name}.map(x, x.o0)\"");
                self.later.push((format!("{name}o"), list));
            }
        }
        (text, Vec::new(), false)
    }

    pub(crate) fn other_flow(&mut self, name: &str, settings: &str) -> Made {
        let note = if self.below(2) == 0 { format!(" note=\"={}\"", self.expression("text", 1)) } else { String::new() };
        let text = format!(
            "    act \"{name}\"{settings} {{ flow \"inner\" count=\"={}\" price=\"={}\"{note} }}\n",
            self.expression("int", 1),
            self.expression("money", 1)
        );
        (text, vec![("sum".to_owned(), "money".to_owned()), ("note".to_owned(), "text".to_owned())], false)
    }

    pub(crate) fn wait(&mut self, name: &str, settings: &str) -> Made {
        match self.below(3) {
            0 => (format!("    wait \"{name}\" until=\"={}\"{settings}\n", self.expression("instant", 1)), Vec::new(), false),
            1 => (format!("    wait \"{name}\" for=\"={}\"{settings}\n", self.expression("span", 1)), Vec::new(), false),
            _ => {
                let kept = self.names.clone();
                self.names.add("event", "parcel");
                let only = self.expression("bool", 1);
                self.names = kept;
                let event = if self.below(2) == 0 { "post.came" } else { "parcel" };
                let text = format!("    wait \"{name}\" event=\"{event}\" where=\"{only}\" within=\"21d\" on-timeout=skip{settings}\n");
                (text, vec![(String::new(), "parcel".to_owned())], true)
            }
        }
    }

    /// Tells of a parcel, which starts the flow `heard`.
    pub(crate) fn emit(&mut self, name: &str, settings: &str) -> Made {
        let worth = if self.below(2) == 0 { format!(" worth=\"={}\"", self.expression("money", 1)) } else { String::new() };
        let text = format!(
            "    act \"{name}\"{settings} {{ emit \"parcel\" id=\"={}\" weight=\"={}\"{worth} }}\n",
            self.expression("text", 1),
            self.expression("int", 1)
        );
        (text, Vec::new(), false)
    }

    /// Takes back what the flow `holds` did.
    pub(crate) fn undo(&mut self, name: &str, settings: &str) -> Made {
        let kept = self.names.clone();
        self.names.add("effect.id", "text");
        self.names.add("effect.amount", "money");
        let only = self.expression("bool", 1);
        self.names = kept;
        let mut text = format!("    act \"{name}\"{settings} {{ undo flow=\"holds\" step=\"hold\" where=\"{only}\" last=3 }}\n");
        if settings.is_empty() {
            let _ = writeln!(text, "    let \"{name}n\" \"=size({name}.effects)\"");
            self.later.push((format!("{name}n"), "int"));
        }
        (text, Vec::new(), false)
    }

    /// Steps that follow a failure: they name the input, what failed, and nothing of what the flow's steps came to.
    pub(crate) fn after(&mut self) -> String {
        if self.below(2) == 0 {
            return String::new();
        }
        self.names.0.retain(|(path, _)| ["input.", "run.", "settings."].iter().any(|root| path.starts_with(root)));
        for part in ["step", "kind", "message"] {
            self.names.add(&format!("failure.{part}"), "text");
        }
        let mut text = "    on-failure {\n".to_owned();
        let count = 1 + self.below(2);
        self.steps(count, 1, &mut text);
        text + "    }\n"
    }
}
