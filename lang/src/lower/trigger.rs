//! `trigger`: what starts a flow, and how what happened becomes its input.

use super::context::{Context, suggest};
use super::control::Steering;
use super::emitted::{Emitted, What};
use super::marked::Paths;
use crate::ast::{Literal, Node, Scalar};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Scope};
use crate::plan::{Bindings, CatchUp, Cause, Times, Trigger};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::shape::given::Given;
use crate::source::Span;
use crate::ty::{Field, Marks, Ty};
use crate::value::Value;

/// The settings that say what happens; one of them.
const CAUSES: &[&str] = &["event", "webhook", "request", "manual", "metric", "every", "cron"];

/// Which settings go with which cause.
const BESIDE: &[(&str, &[&str])] = &[
    ("where", &["event"]),
    ("debounce", &["event"]),
    ("auth", &["webhook", "request"]),
    ("reply-within", &["request"]),
    ("when", &["metric"]),
    ("rearm", &["metric"]),
    ("on", &["every"]),
    ("at", &["every"]),
    ("catch-up", &["every", "cron"]),
    ("time-zone", &["every", "cron"]),
];

/// What comes by its own name, and of what the fields are, for messages.
pub(crate) struct Carried<'a> {
    pub(crate) of: String,
    /// `None` where anything may come.
    pub(crate) fields: Option<&'a [Field]>,
}

const DAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Context<'_> {
    pub(crate) fn lower_triggers(&mut self, flow: &Node, name: &str, input: Option<&str>) -> Vec<Trigger> {
        let fields = input.and_then(|input| self.plan.types.records.get(input)).map(|record| record.fields.clone()).unwrap_or_default();
        let triggers: Vec<&Node> = flow.all("trigger").collect();
        let of = |(at, node): (usize, &Node)| self.lower_trigger(node, (name, at), &fields);
        triggers.into_iter().enumerate().filter_map(of).collect()
    }

    fn lower_trigger(&mut self, node: &Node, by: (&str, usize), fields: &[Field]) -> Option<Trigger> {
        let given: Vec<&str> = CAUSES.iter().copied().filter(|name| node.property(name).is_some()).collect();
        let [cause] = given.as_slice() else {
            let message = if given.is_empty() { "this `trigger` does not say what happens" } else { "this `trigger` has two causes" };
            let diagnostic = Diagnostic::new(&meaning::WRONG_VERB, node.name.span, message).label("exactly one");
            self.report(diagnostic.help("write one of `event`, `webhook`, `request`, `manual`, `metric`, `every` and `cron`"));
            return None;
        };
        for (name, causes) in BESIDE {
            if let Some(value) = node.property(name).filter(|_| !causes.contains(cause)) {
                let message = format!("`{name}` says nothing of a trigger by `{cause}`");
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, message).label("not used");
                self.report(diagnostic.help("leave it out"));
            }
        }
        let plain = Marks::default();
        let scope = Scope::default().with("settings", self.settings_type(), plain).with("run", super::policy::run_type(), plain);
        match *cause {
            "event" => self.event_trigger(node, by, fields, scope),
            "metric" => self.metric_trigger(node, fields, scope),
            "manual" => {
                let value = node.property("manual")?.clone();
                if value.scalar != Scalar::Bool(true) {
                    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, "`manual` is given or not");
                    self.report(diagnostic.label("not #true").help("write `trigger manual=#true`"));
                }
                self.mapped(node, fields, &Scope::default(), None);
                Some(Trigger { cause: Cause::Manual, condition: None, debounce: None, input: Bindings::new() })
            }
            "webhook" | "request" => self.called_trigger((node, cause), by, fields, scope),
            _ => {
                let cause = self.schedule(node);
                let input = self.mapped(node, fields, &scope, Some(&[]));
                Some(Trigger { cause: cause?, condition: None, debounce: None, input })
            }
        }
    }

    fn event_trigger(&mut self, node: &Node, by: (&str, usize), fields: &[Field], scope: Scope) -> Option<Trigger> {
        let value = node.property("event")?.clone();
        let (event, record) = self.event_record(&value)?;
        let scope = scope.with("event", Ty::Record(record.clone()), Marks::default());
        let mut control = None;
        let condition = node.property("where").cloned().and_then(|condition| {
            let checked = self.condition(&condition, &scope)?;
            self.prove_picks(&scope, "this `trigger`", condition.span, &checked.expr);
            control = Steering::of(&checked, condition.span);
            Some(checked.expr)
        });
        let debounce = node.property("debounce").is_some().then(|| self.span_of_time(node, "debounce")).flatten();
        let carried = self.plan.types.records.get(&record).map(|record| record.fields.clone()).unwrap_or_default();
        let input = self.given(node, fields, &scope, Some(&carried));
        let input = self.note_triggered(node, by, control, input);
        Some(Trigger { cause: Cause::Event { event }, condition, debounce, input })
    }

    fn metric_trigger(&mut self, node: &Node, fields: &[Field], scope: Scope) -> Option<Trigger> {
        let value = node.property("metric")?.clone();
        let metric = self.reference(&value, "metric")?;
        let found = self.plan.metrics.get(&metric)?.clone();
        let group = Ty::Object(found.by.iter().map(|(name, ty)| (name.clone(), ty.clone())).collect());
        let scope = scope.with("value", found.ty.clone(), Marks::default()).with("group", group, Marks::default());
        let when = match node.property("when").cloned() {
            Some(when) => self.condition(&when, &scope).map(|checked| {
                self.prove_picks(&scope, "this `trigger`", when.span, &checked.expr);
                checked.expr
            }),
            None => {
                self.missing(node, "when", "write `when=\"value >= 3\"`: the bound that it crosses");
                None
            }
        };
        let rearm = match node.property("rearm") {
            Some(_) => self.span_of_time(node, "rearm"),
            None => {
                self.missing(node, "rearm", "write `rearm=\"14d\"`: how long it is quiet afterwards");
                None
            }
        };
        let input = self.mapped(node, fields, &scope, Some(&[]));
        Some(Trigger { cause: Cause::Metric { metric, when: when?, rearm: rearm? }, condition: None, debounce: None, input })
    }

    fn called_trigger(&mut self, (node, cause): (&Node, &str), by: (&str, usize), fields: &[Field], scope: Scope) -> Option<Trigger> {
        let value = node.property(cause)?.clone();
        let path = self.text(&value, "an address")?;
        if path.is_empty() || !path.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '/')) {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{path}` is not the end of an address"));
            self.report(diagnostic.label("not a path").help("letters, digits, `-`, `_` and `/`, such as \"photos\""));
        }
        let auth = match node.property("auth").cloned() {
            None => {
                self.missing(node, "auth", "write `auth=(secret)\"NAME\"`, or `auth=none` if anybody may call");
                None
            }
            Some(value) if value.annotation.is_none() && value.text() == Some("none") => None,
            Some(value) => self.secret_reference(&value),
        };
        let cause = if cause == "request" {
            let reply_within = match node.property("reply-within") {
                Some(_) => self.span_of_time(node, "reply-within"),
                None => {
                    self.missing(node, "reply-within", "write `reply-within=\"2s\"`: how long the caller waits");
                    None
                }
            };
            Cause::Request { path: path.clone(), auth, reply_within: reply_within? }
        } else {
            Cause::Webhook { path: path.clone(), auth }
        };
        // The body is the input as it stands; a child only says where another name comes from. Whoever knows the secret answers for what
        // he says, and the marks of the fields say whose words they are; of anybody, everything is from outside.
        let open = node.property("auth").filter(|value| value.annotation.is_none() && value.text() == Some("none")).cloned();
        let outside = Marks { untrusted: open.is_some(), ..Marks::default() };
        let input = self.given(node, fields, &scope.with("body", Ty::Json, outside), None);
        let control = open.as_ref().map(|open| Steering { span: open.span, path: String::new() });
        if let Some(open) = &open {
            self.check_anybody(open, &path, fields, &input);
            let told = self.known.outputs.get(by.0).is_some_and(|answer| answer.marks.private || answer.marks.secret);
            if told && node.property("request").is_some() {
                let message = format!("anybody may call `{path}`, and would be told personal data");
                let diagnostic = Diagnostic::new(&meaning::PERSONAL_PLACE, open.span, message).label("asks nobody who he is");
                self.report(diagnostic.help("write `auth=(secret)\"NAME\"`, or leave it out of the flow's `output`"));
            }
        }
        let input = self.note_triggered(node, by, control, input);
        Some(Trigger { cause, condition: None, debounce: None, input })
    }

    /// What anybody may send is outside text by its place, whatever its type says.
    fn check_anybody(&mut self, open: &Literal, path: &str, fields: &[Field], given: &[(String, Checked)]) {
        let by_name = |field: &&Field| !field.marks.untrusted && !given.iter().any(|(name, _)| *name == field.name);
        let plain: Vec<&Field> = fields.iter().filter(by_name).collect();
        if let Some(first) = plain.first() {
            let names: Vec<String> = plain.iter().map(|field| format!("`{}`", field.name)).collect();
            let message = format!("anybody may call `{path}` and say {}, which would be trusted", names.join(", "));
            let diagnostic = Diagnostic::new(&meaning::TAINTED, open.span, message).label("asks nobody who he is");
            let help = format!("write `auth=(secret)\"NAME\"`, or mark what is said: `field \"{}\" {} untrusted`", first.name, first.ty);
            self.report(diagnostic.help(help));
        }
    }

    /// The input's fields that the trigger's children give. `carried`: what comes by its own name; `None` where anything may.
    fn mapped(&mut self, node: &Node, fields: &[Field], scope: &Scope, carried: Option<&[Field]>) -> Bindings {
        self.given(node, fields, scope, carried).into_iter().map(|(name, checked)| (name, checked.expr)).collect()
    }

    /// The same with what is said of each.
    fn given(&mut self, node: &Node, fields: &[Field], scope: &Scope, carried: Option<&[Field]>) -> Vec<(String, Checked)> {
        self.carried(node, fields, scope, &Carried { of: "the flow's input".to_owned(), fields: carried })
    }

    /// Notes what outside text decides of a trigger: whether it begins a run, and which of our own values the run is given.
    fn note_triggered(
        &mut self,
        node: &Node,
        (flow, at): (&str, usize),
        control: Option<Steering>,
        given: Vec<(String, Checked)>,
    ) -> Bindings {
        let span = |name: &str| node.children.iter().find(|child| child.name.text == name).map_or(node.span, |child| child.span);
        let steered = given.iter().filter(|(_, checked)| !planted(Hole::Trigger) && checked.marks.steered && !checked.marks.untrusted);
        let fields = steered.filter_map(|(name, checked)| Some((name.clone(), Steering::of(checked, span(name))?))).collect();
        let (by, what) = ((flow.to_owned(), format!("trigger {at}")), What::Trigger(flow.to_owned()));
        let control = control.into_iter().filter(|_| !planted(Hole::Trigger)).collect();
        self.known.emitted.push(Emitted { by, what, span: node.name.span, control, fields });
        given.into_iter().map(|(name, checked)| (name, checked.expr)).collect()
    }

    /// Fields that a node's children give, or that come by their own name and type.
    pub(crate) fn carried(&mut self, node: &Node, fields: &[Field], scope: &Scope, carried: &Carried<'_>) -> Vec<(String, Checked)> {
        let mut bound = Vec::new();
        let pairs: Vec<_> = node.children.iter().filter_map(|child| Some((&child.name, Given::of(child)?))).collect();
        for (name, value) in &pairs {
            let Some(field) = fields.iter().find(|field| field.name == name.text) else {
                let known: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
                let message = format!("{} has no field `{}`", carried.of, name.text);
                let diagnostic = Diagnostic::new(&meaning::UNKNOWN_PARAMETER, name.span, message).label("unknown field");
                self.report(suggest(diagnostic, &name.text, &known, name.span, "field"));
                continue;
            };
            let Some(checked) = self.given_value(&name.text, *value, scope, Some(&field.ty)) else { continue };
            self.check_labels(&checked, field, value.span(), scope);
            bound.push((name.text.clone(), checked));
        }
        for field in fields.iter().filter(|field| !pairs.iter().any(|(name, _)| name.text == field.name)) {
            self.check_carried(node, field, scope, carried);
        }
        bound
    }

    /// A field that nothing maps comes by its own name, has a default, or is missing.
    fn check_carried(&mut self, node: &Node, field: &Field, scope: &Scope, carried: &Carried<'_>) {
        let Some(others) = carried.fields else { return };
        let fits = |other: &&Field| other.name == field.name && (other.ty == field.ty || other.ty.clone().optional() == field.ty);
        let same = others.iter().find(fits);
        if same.is_some_and(|other| other.marks.secret && !field.marks.secret) {
            let reads = [(format!("event.{}", field.name), node.name.span)];
            self.report_secret_field(field, node.name.span, Paths { scope, reads: &reads });
            return;
        }
        let lost = same.is_some_and(|other| (other.marks.untrusted && !field.marks.untrusted) || (other.marks.pii && !field.marks.pii));
        if lost {
            let message = format!("`{}` of the event is marked, and that field of {} is not", field.name, carried.of);
            let diagnostic = Diagnostic::new(&meaning::TAINTED, node.name.span, message).label("would lose its marks");
            self.report(diagnostic.help(format!("mark the field `{}` as the event's is", field.name)));
        } else if same.is_none() && field.default.is_none() && !matches!(field.ty, Ty::Optional(_)) {
            let message = format!("this `{}` does not give `{}` of {}", node.name.text, field.name, carried.of);
            let diagnostic = Diagnostic::new(&meaning::MISSING_PARAMETER, node.name.span, message).label(format!("no `{}`", field.name));
            self.report(diagnostic.help(format!("write `{} \"=…\"` of type {} in it", field.name, field.ty)));
        }
    }

    /// Text from outside, and personal text, goes into fields that are marked so.
    pub(crate) fn check_labels(&mut self, checked: &Checked, field: &Field, at: Span, scope: &Scope) {
        if self.check_secret_field(checked, field, at, scope) {
            return;
        }
        let lost = match (checked.marks.untrusted && !field.marks.untrusted, checked.marks.pii && !field.marks.pii) {
            (true, _) => "untrusted",
            (_, true) => "pii",
            _ => return,
        };
        let message = format!("`{}` would forget that this is {lost}", field.name);
        let diagnostic = Diagnostic::new(&meaning::TAINTED, at, message).label(format!("is {lost}, the field is not"));
        let diagnostic = self.with_lost(diagnostic, checked, scope, lost == "pii");
        self.report(diagnostic.help(format!("write `field \"{}\" {} {lost}`", field.name, field.ty)));
    }

    fn schedule(&mut self, node: &Node) -> Option<Cause> {
        let catch_up = match node.property("catch-up").cloned() {
            None => {
                self.missing(node, "catch-up", "write `catch-up=skip`, `latest` or `all`: what is done about times at which nothing ran");
                None
            }
            Some(word) => self.word(&word, "`catch-up`", &["skip", "latest", "all"]).map(|word| match word.as_str() {
                "latest" => CatchUp::Latest,
                "all" => CatchUp::All,
                _ => CatchUp::Skip,
            }),
        };
        let times = match node.property("cron").cloned() {
            Some(cron) => self.cron(&cron),
            None => self.every(node),
        };
        let time_zone = self.time_zone(node);
        Some(Cause::Schedule { times: times?, catch_up: catch_up?, time_zone })
    }

    fn every(&mut self, node: &Node) -> Option<Times> {
        let value = node.property("every")?.clone();
        let word = self.text(&value, "`every`")?;
        let at = |context: &mut Self| match node.property("at").cloned() {
            Some(at) => context.minute_of_day(&at),
            None => {
                context.missing(node, "at", "write `at=\"09:00\"`: the time of day");
                None
            }
        };
        match word.as_str() {
            "day" => at(self).map(|at| Times::Daily { at }),
            "week" => {
                let Some(day) = node.property("on").cloned() else {
                    self.missing(node, "on", "write `on=monday`: the day of the week");
                    return None;
                };
                let day = self.word(&day, "`on`", DAYS);
                let at = at(self)?;
                let day = DAYS.iter().position(|name| Some(*name) == day.as_deref())?;
                Some(Times::Weekly { day: u8::try_from(day + 1).ok()?, at })
            }
            _ => match self.typed(&value, &Ty::Duration)? {
                Value::Duration(micros) if micros >= 1_000_000 => Some(Times::Every(micros)),
                _ => {
                    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, "a schedule runs at most once a second");
                    self.report(diagnostic.label("too often").help("write a span such as \"15m\", or `day`, or `week`"));
                    None
                }
            },
        }
    }

    fn minute_of_day(&mut self, value: &Literal) -> Option<u16> {
        let text = self.text(value, "`at`")?;
        let read = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
        let read = read.and_then(|(hour, minute)| Some((hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?)));
        if let Some((hour, minute)) = read.filter(|(hour, minute)| *hour < 24 && *minute < 60) {
            return Some(hour * 60 + minute);
        }
        let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{text}` is not a time of day"));
        self.report(diagnostic.label("not a time").help("write it as \"09:00\""));
        None
    }
}
