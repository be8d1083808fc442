//! Metrics and the objectives that rest on them.

use super::aggregate::Source;
use super::context::{Context, name_of};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::{Alert, Better, Metric, MetricSource, Slo};
use crate::shape::Shaped;
use crate::ty::{Marks, Ty};
use crate::value::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The records of a source: the name of the whole, and its fields.
type Rows = (&'static str, Vec<(String, Ty, Marks)>);

impl Context<'_> {
    /// Metrics, those that others name first.
    pub(crate) fn lower_metrics(&mut self, nodes: &[Node]) {
        let mut waiting: Vec<(&Node, BTreeSet<String>)> = Vec::new();
        let metrics: Vec<&Node> = nodes.iter().filter(|node| node.name.text == "metric").collect();
        let names: BTreeSet<String> = metrics.iter().filter_map(|node| name_of(node)).map(|name| name.text).collect();
        for node in metrics {
            let text = node.setting("value").and_then(Literal::text).unwrap_or("").to_owned();
            let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').map(str::to_owned);
            waiting.push((node, words.filter(|word| names.contains(word)).collect()));
        }
        while !waiting.is_empty() {
            let open: BTreeSet<String> = waiting.iter().filter_map(|(node, _)| name_of(node)).map(|name| name.text).collect();
            let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, uses)| uses.is_disjoint(&open));
            if ready.is_empty() {
                for (node, _) in &rest {
                    let diagnostic = Diagnostic::new(&meaning::CYCLE, node.name.span, "this metric is made of itself");
                    self.report(diagnostic.label("goes round").help("a metric names others that do not name it"));
                }
                return;
            }
            for (node, uses) in ready {
                let Some(name) = name_of(node) else { continue };
                self.snake_case(&name.text, name.span, "a metric");
                if let Some(metric) = self.lower_metric(node, &name.text, uses) {
                    self.plan.metrics.insert(name.text, Arc::new(metric));
                }
            }
            waiting = rest;
        }
    }

    fn lower_metric(&mut self, node: &Node, name: &str, uses: BTreeSet<String>) -> Option<Metric> {
        let source = match node.setting("from").cloned() {
            Some(from) => Some(self.metric_source(&from)?),
            None => None,
        };
        let rows = source.as_ref().map(|source| self.metric_rows(source));
        let mut scope = Scope::default().with("settings", self.settings_type(), Marks::default());
        if let Some((whole, fields)) = &rows {
            let ty = Ty::Object(fields.iter().map(|(name, ty, _)| (name.clone(), ty.clone())).collect());
            let marks = fields.iter().fold(Marks::default(), |marks, (_, _, own)| marks.with(*own));
            scope = fields.iter().fold(scope, |scope, (name, ty, marks)| scope.with(name, ty.clone(), *marks)).with(whole, ty, marks);
        }
        let condition = node.setting("where").cloned().and_then(|value| {
            let checked = self.condition(&value, &scope)?;
            self.prove_picks(&scope, "this `metric`", value.span, &checked.expr);
            Some(checked.expr)
        });
        let text = |name: &str| (name.to_owned(), Ty::String);
        let effect = Ty::Object(vec![text("operation"), text("target"), text("flow"), text("step"), ("at".to_owned(), Ty::Timestamp)]);
        let joined = scope.clone().with("effect", effect, Marks::default());
        let join = node.setting("join").cloned().and_then(|value| self.condition(&value, &joined)).map(|checked| checked.expr);
        let window = if node.setting("window").is_some() {
            self.span_of_time(node, "window")
        } else {
            self.missing(node, "window", "write `window=\"7d\"`: over the last so long");
            None
        };
        let by = self.metric_by(node, rows.as_ref(), &uses);
        let mut beside = Scope::default().with("settings", self.settings_type(), Marks::default());
        for used in &uses {
            let Some(metric) = self.plan.metrics.get(used) else { continue };
            beside = beside.with(used, metric.ty.clone(), Marks::default());
        }
        let Some(value) = node.setting("value").cloned() else {
            self.missing(node, "value", "write `value=\"=count()\"`");
            return None;
        };
        // A metric with a mistake was reported; what it is made into has no type to check.
        if uses.iter().any(|used| !self.plan.metrics.contains_key(used)) {
            return None;
        }
        let (value, ty, _) = self.figure(&value, &Source { rows: scope, beside, of_series: false })?;
        let ty = if let Ty::Optional(inner) = ty { *inner } else { ty };
        let better = match node.setting("better").cloned() {
            Some(word) => self.word(&word, "`better`", &["higher", "lower"]).map(|word| match word.as_str() {
                "lower" => Better::Lower,
                _ => Better::Higher,
            }),
            None => None,
        };
        let uses = uses.into_iter().collect();
        Some(Metric { name: name.to_owned(), source, condition, join, by: by?, window: window?, value, uses, ty, better })
    }

    fn metric_source(&mut self, value: &Literal) -> Option<MetricSource> {
        let text = self.text(value, "`from`")?;
        let named = |name: &str| {
            let mut literal = value.clone();
            literal.scalar = crate::ast::Scalar::String(name.to_owned());
            literal
        };
        match text.split_once(':') {
            Some(("memory", name)) => self.reference(&named(name), "memory").map(MetricSource::Memory),
            Some(("series", name)) => {
                let name = self.reference(&named(name), "series")?;
                self.plan.series.contains_key(&name).then_some(MetricSource::Series(name))
            }
            Some(("event", name)) => self.event_record(&named(name)).map(|(event, _)| MetricSource::Event(event)),
            None if text == "approvals" => Some(MetricSource::Approvals),
            None if text == "model-calls" => Some(MetricSource::ModelCalls),
            None if text == "effects" => Some(MetricSource::Effects),
            None if text == "runs" => Some(MetricSource::Runs),
            _ => {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{text}` is no source of a metric"));
                let help = "write `memory:NAME`, `series:NAME`, `event:NAME`, `approvals`, `model-calls`, `effects` or `runs`";
                self.report(diagnostic.label("unknown source").help(help));
                None
            }
        }
    }

    fn metric_rows(&mut self, source: &MetricSource) -> Rows {
        let record = match source {
            MetricSource::Memory(name) => self.plan.memories.get(name).map(|memory| ("fact", memory.record.clone())),
            MetricSource::Series(name) => self.plan.series.get(name).map(|series| ("point", series.point.clone())),
            MetricSource::Event(name) => {
                let record = self.plan.events.get(name).map_or_else(|| name.clone(), |event| event.record.clone());
                Some(("event", record))
            }
            _ => None,
        };
        if let Some((whole, record)) = record {
            let fields = self.plan.types.records.get(&record).map(|record| record.fields.clone()).unwrap_or_default();
            return (whole, fields.into_iter().map(|field| (field.name, field.ty, field.marks)).collect());
        }
        let (whole, texts, times, others): (_, &[&str], &[&str], &[(&str, Ty)]) = match source {
            MetricSource::Approvals => ("approval", &["team", "flow", "step", "rule", "decision", "by"], &["asked_at", "decided_at"], &[]),
            MetricSource::ModelCalls => {
                ("call", &["model", "route", "flow", "step"], &["at"], &[("cost", Ty::Money), ("tokens", Ty::Int), ("took", Ty::Duration)])
            }
            MetricSource::Effects => ("effect", &["operation", "target", "flow", "step", "outcome"], &["at"], &[]),
            _ => ("run", &["flow", "outcome"], &["started_at", "ended_at"], &[("cost", Ty::Money)]),
        };
        let texts = texts.iter().map(|name| (*name, Ty::String));
        let times = times.iter().map(|name| (*name, Ty::Timestamp));
        let all = texts.chain(times).chain(others.iter().cloned());
        (whole, all.map(|(name, ty)| (name.to_owned(), ty, Marks::default())).collect())
    }

    /// The fields by which a metric is told apart: of its records, or of the metrics that it is made of.
    fn metric_by(&mut self, node: &Node, rows: Option<&Rows>, uses: &BTreeSet<String>) -> Option<Vec<(String, Ty)>> {
        let mut by = Vec::new();
        for value in node.list("by").into_iter().cloned().collect::<Vec<_>>() {
            let name = self.text(&value, "a field")?;
            let used = uses.iter().filter_map(|used| self.plan.metrics.get(used)).flat_map(|metric| metric.by.iter().cloned());
            let fields: Vec<(String, Ty)> = match rows {
                Some((_, fields)) => fields.iter().map(|(name, ty, _)| (name.clone(), ty.clone())).collect(),
                None => used.collect(),
            };
            let marks = rows.and_then(|(_, fields)| fields.iter().find(|(of, ..)| *of == name)).map(|(_, _, marks)| *marks);
            self.check_metric_label(&value, &name, marks.unwrap_or_default(), &fields);
            match fields.iter().find(|(of, _)| *of == name) {
                Some(field) => by.push(field.clone()),
                None => {
                    let known: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
                    let diagnostic =
                        Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, format!("there is no field `{name}` to tell apart by"));
                    self.report(super::context::suggest(diagnostic.label("no such field"), &name, &known, value.span, "field"));
                }
            }
        }
        Some(by)
    }

    pub(crate) fn lower_slos(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "slo") {
            let Some(name) = name_of(node) else { continue };
            if let Some(slo) = self.lower_slo(node, &name.text) {
                self.plan.slos.insert(name.text, Arc::new(slo));
            }
        }
    }

    fn lower_slo(&mut self, node: &Node, name: &str) -> Option<Slo> {
        let metric = self.setting_reference(node, "metric", "metric")?;
        let ty = self.plan.metrics.get(&metric)?.ty.clone();
        let scope = Scope::default().with("value", ty, Marks::default()).with("settings", self.settings_type(), Marks::default());
        let target = match node.setting("target").cloned() {
            Some(target) => self.condition(&target, &scope).map(|checked| checked.expr),
            None => {
                self.missing(node, "target", "write `target=\"value <= '2h'\"`: what is good");
                None
            }
        };
        for needed in ["over", "objective"].into_iter().filter(|needed| node.setting(needed).is_none()) {
            self.missing(node, needed, "write `over=\"30d\" objective=\"99%\"`");
        }
        let over = node.setting("over").is_some().then(|| self.span_of_time(node, "over")).flatten();
        let objective = node.setting("objective").cloned().and_then(|value| self.share(&value));
        let mut alerts = Vec::new();
        for alert in node.all("alert").collect::<Vec<_>>() {
            let to = self.setting_reference(alert, "to", "team");
            let burn = alert.setting("burn").cloned().and_then(|value| self.typed(&value, &Ty::Double));
            let window = alert.setting("in").is_some().then(|| self.span_of_time(alert, "in")).flatten();
            match (burn, window) {
                (Some(Value::Double(burn)), Some(window)) if burn > 0.0 => alerts.extend(to.map(|to| Alert { burn, window, to })),
                (Some(Value::Double(burn)), _) if burn <= 0.0 => {
                    let span = alert.setting("burn").map_or(alert.span, |value| value.span);
                    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, "an alert burns more than nothing");
                    self.report(diagnostic.label("not above 0").help("write `alert burn=14.4 in=\"1h\" to=\"TEAM\"`"));
                }
                _ => {
                    for needed in ["burn", "in"].into_iter().filter(|needed| alert.setting(needed).is_none()) {
                        self.missing(alert, needed, "write `alert burn=14.4 in=\"1h\" to=\"TEAM\"`");
                    }
                }
            }
        }
        Some(Slo { name: name.to_owned(), metric, target: target?, over: over?, objective: objective?, alerts })
    }

    /// A share of a setting: above 0, at most 1.
    pub(crate) fn share(&mut self, value: &Literal) -> Option<f64> {
        match self.typed(value, &Ty::Double)? {
            Value::Double(share) if share > 0.0 && share <= 1.0 => Some(share),
            _ => {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, "a share lies between 0% and 100%");
                self.report(diagnostic.label("not a share").help("write it as \"5%\""));
                None
            }
        }
    }
}
