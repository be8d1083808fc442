//! Models, routes and memories.

use super::context::{Context, name_of};
use super::declare::confidence;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::{Memory, Model};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::Ty;
use std::sync::Arc;

/// A rung of a route as written; templates are checked where the route is used, in the step's scope.
#[derive(Debug, Clone)]
pub(crate) enum WrittenRung {
    Candidate(String),
    Template { text: String, literal: Literal },
    Value { label: Literal, confidence: f64 },
    Cached(i64),
    Person(crate::plan::Escalation),
    Fail(String),
}

/// The children of a route that are rungs of its ladder.
pub(crate) const RUNGS: &[&str] = &["candidate", "cached", "template", "value", "person", "fail"];

/// A route as written.
#[derive(Debug, Clone)]
pub(crate) struct WrittenRoute {
    pub(crate) needs: String,
    pub(crate) rungs: Vec<WrittenRung>,
    pub(crate) terms: crate::plan::RouteTerms,
}

impl WrittenRoute {
    /// The models that it may ask.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &String> {
        self.rungs.iter().filter_map(|rung| if let WrittenRung::Candidate(model) = rung { Some(model) } else { None })
    }
}

impl Context<'_> {
    pub(crate) fn lower_models(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "model") {
            let Some(name) = name_of(node) else { continue };
            if let Some(model) = self.lower_model(node, &name.text) {
                self.plan.models.insert(name.text, Arc::new(model));
            }
        }
    }

    fn lower_model(&mut self, node: &Node, name: &str) -> Option<Model> {
        let Some(provider) = node.setting("provider").cloned() else {
            self.missing(node, "provider", "write `provider=linear`: a classifier learned from labelled rows");
            return None;
        };
        let provider = self.word(&provider, "`provider`", super::provider::PROVIDERS)?;
        if !super::gate::LEARNERS.contains(&provider.as_str()) {
            return self.lower_remote(node, name, provider);
        }
        for unused in [
            "name",
            "base-url",
            "secret",
            "context",
            "max-output",
            "region",
            "stream",
            "limit",
            "batch",
            "warm",
            "request",
            "response",
            "tensors",
        ] {
            let given = node.property(unused).map(|value| value.span).or_else(|| node.first(unused).map(|child| child.name.span));
            if let Some(span) = given {
                let message = format!("`{unused}` says nothing of a model that learns from rows");
                self.report(Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("not used").help("leave it out"));
            }
        }
        let Some(rows) = node.setting("rows").cloned() else {
            self.missing(node, "rows", "write `rows=\"data/rows.jsonl\"`: labelled rows of the repository");
            return None;
        };
        let path = self.text(&rows, "`rows`")?;
        self.repository_file(&path, rows.span);
        let label = self.setting_text(node, "label").unwrap_or_else(|| "label".to_owned());
        let price = match node.first("price").and_then(|price| price.argument(0)).cloned() {
            Some(price) => self.money(&price)?,
            None => {
                self.missing(node, "price", "write `price \"0 USD\"`: a model of unknown price is never asked");
                return None;
            }
        };
        for can in node.list("can") {
            self.word(&can.clone(), "`can`", &["classify"]);
        }
        let gate = self.gate(node, &provider)?;
        Some(Model { name: name.to_owned(), provider, rows: path, label, price, remote: None, gate })
    }

    pub(crate) fn lower_routes(&mut self, nodes: &[Node]) -> std::collections::BTreeMap<String, WrittenRoute> {
        let mut routes = std::collections::BTreeMap::new();
        for node in nodes.iter().filter(|node| node.name.text == "route") {
            let Some(name) = name_of(node) else { continue };
            if let Some(route) = self.lower_route(node) {
                self.declare_labelled(&route);
                routes.insert(name.text, route);
            }
        }
        routes
    }

    fn lower_route(&mut self, node: &Node) -> Option<WrittenRoute> {
        let Some(needs) = node.setting("needs").cloned() else {
            self.missing(node, "needs", "write `needs=classify` or `needs=text`");
            return None;
        };
        let needs = self.word(&needs, "`needs`", &["classify", "text", "image"])?;
        let mut rungs = Vec::new();
        for child in &node.children {
            if child.name.text == "cached" {
                rungs.extend(self.cached_rung(child).map(WrittenRung::Cached));
            }
            let Some(value) = child.argument(0).cloned() else { continue };
            match child.name.text.as_str() {
                "candidate" => {
                    let model = self.reference(&value, "model");
                    self.check_candidate(&needs, child, model.as_deref());
                    rungs.extend(model.map(WrittenRung::Candidate));
                }
                "template" => {
                    self.check_needs(&needs, "text", child, "a template writes text");
                    // What its holes may name is known where a step uses the route.
                    if !self.refuse_expression(&value, Some(&Scope::default()))
                        && let Some((text, file)) = self.file_or_text(&value)
                    {
                        let literal = Literal { offsets: if file.is_some() { Vec::new() } else { value.offsets.clone() }, ..value };
                        rungs.push(WrittenRung::Template { text, literal });
                    }
                }
                "value" => {
                    self.check_needs(&needs, "classify", child, "a fixed value is a label");
                    let claimed = confidence(child.setting("confidence"));
                    if let (None, Some(given)) = (claimed, child.setting("confidence")) {
                        let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, given.span, "a confidence is a number from 0 to 1");
                        self.report(diagnostic.label("not such a number").help("write `confidence=0.0` for a guess"));
                    }
                    rungs.push(WrittenRung::Value { label: value, confidence: claimed.unwrap_or(0.0) });
                }
                "person" => rungs.extend(self.route_person(child, &value).map(WrittenRung::Person)),
                "fail" => {
                    self.refuse_holes(&value, "the message of a failure");
                    rungs.extend(self.text(&value, "a message").map(WrittenRung::Fail));
                }
                _ => {}
            }
        }
        // As written: a rung that could not be read was reported, and is a floor all the same.
        let last = node.children.iter().rev().map(|child| child.name.text.as_str()).find(|name| RUNGS.contains(name));
        let total = matches!(last, Some("template" | "value" | "person" | "fail"));
        if !total {
            let diagnostic = Diagnostic::new(&meaning::ROUTE_NOT_TOTAL, node.name.span, "this route has no answer when every model fails");
            let diagnostic = diagnostic.label("its ladder has no floor").help("end it with `value`, `template`, `person` or `fail`");
            self.report(match node.children.last().map(|last| last.span) {
                Some(last) => {
                    let behind = Span { start: last.end, ..last };
                    diagnostic.proposal("end it with `fail`", behind, "; fail \"no model answered\"")
                }
                None => diagnostic,
            });
        }
        self.check_unreachable_rungs(node);
        let terms = self.route_terms(node);
        Some(WrittenRoute { needs, rungs, terms })
    }

    /// A candidate can do what the route needs.
    fn check_candidate(&mut self, needs: &str, rung: &Node, model: Option<&str>) {
        let remote = model.and_then(|model| self.plan.models.get(model)).and_then(|model| model.remote.clone());
        match remote {
            Some(remote) if !remote.can.iter().any(|word| word == needs) => {
                let message = format!("the route needs {needs}, which `{}` cannot do", model.unwrap_or_default());
                let diagnostic = Diagnostic::new(&meaning::ROUTE_MISMATCH, rung.name.span, message).label("cannot do it");
                self.report(diagnostic.help(format!("remove it, or write `can {needs}` in the model")));
            }
            Some(_) => {}
            // A model that could not be read, or that is none, was reported; one that learns from rows classifies.
            None if model.is_none_or(|model| !self.plan.models.contains_key(model)) => {}
            None => {
                let provider =
                    model.and_then(|model| self.plan.models.get(model)).map_or("linear", |model| model.provider.as_str()).to_owned();
                self.check_needs(
                    needs,
                    "classify",
                    rung,
                    &format!("{} `{provider}` model classifies", if provider == "linear" { "a" } else { "an" }),
                );
            }
        }
    }

    fn check_needs(&mut self, needs: &str, offers: &str, rung: &Node, why: &str) {
        if needs != offers {
            let diagnostic = Diagnostic::new(&meaning::ROUTE_MISMATCH, rung.name.span, format!("the route needs {needs}, but {why}"));
            self.report(diagnostic.label(format!("gives {offers}")).help(format!("remove it, or write `needs={offers}`")));
        }
    }

    fn check_unreachable_rungs(&mut self, node: &Node) {
        let mut floor = None;
        for rung in node.children.iter().filter(|child| RUNGS.contains(&child.name.text.as_str())) {
            if let Some(floor) = floor {
                let diagnostic =
                    Diagnostic::new(&meaning::UNREACHABLE, rung.name.span, format!("this `{}` is never reached", rung.name.text));
                let diagnostic = diagnostic.label("never tried").also(floor, "this always answers").help("put it before, or remove it");
                self.report(diagnostic.proposal("remove it", rung.span, ""));
            } else if !matches!(rung.name.text.as_str(), "candidate" | "cached" | "person") {
                floor = Some(rung.name.span);
            }
        }
    }

    pub(crate) fn lower_memories(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "memory") {
            let Some(name) = name_of(node) else { continue };
            if let Some(memory) = self.lower_memory(node, &name.text) {
                self.declare_recalled(node, &memory);
                self.plan.memories.insert(name.text, Arc::new(memory));
            }
        }
    }

    pub(crate) fn lower_memory(&mut self, node: &Node, name: &str) -> Option<Memory> {
        let tier = match node.setting("tier").cloned() {
            Some(tier) => self.word(&tier, "`tier`", &["session", "working", "long-term"])?,
            None => {
                self.missing(node, "tier", "write `tier=session`, `working` or `long-term`");
                return None;
            }
        };
        let record = self.setting_reference(node, "record", "type")?;
        let fields = self.plan.types.records.get(&record).map(|record| record.fields.clone()).unwrap_or_default();
        let personal = fields.iter().any(|field| field.marks.pii);
        let subject = match node.setting("subject").cloned() {
            Some(subject) => Some((self.text(&subject, "`subject`")?, subject)),
            None if personal => {
                self.missing(node, "subject", "write `subject=\"customer_id\"`: the field that says whose facts these are");
                return None;
            }
            None => None,
        };
        let whose = subject.clone();
        if let Some((subject_name, subject)) = whose
            && !fields.iter().any(|field| field.name == subject_name && field.ty == Ty::String)
        {
            let known: Vec<String> = fields.iter().filter(|field| field.ty == Ty::String).map(|field| field.name.clone()).collect();
            let diagnostic =
                Diagnostic::new(&meaning::UNKNOWN_NAME, subject.span, format!("`{record}` has no text field `{subject_name}`"))
                    .label("no such field");
            self.report(super::context::suggest(diagnostic, &subject_name, &known, subject.span, "text field"));
        }
        let retention = match node.setting("retention").cloned() {
            Some(value) if value.text() == Some("forever") => None,
            Some(_) => Some(self.span_of_time(node, "retention")?),
            None => {
                let diagnostic = Diagnostic::new(
                    &meaning::NO_RETENTION,
                    node.name.span,
                    format!("the memory `{name}` does not say how long it keeps a fact"),
                );
                self.report(diagnostic.label("kept how long?").help("write `retention=\"90d\"`, or `retention=forever` if you mean it"));
                None
            }
        };
        let cap = node.setting("cap").is_some().then(|| self.count(node, "cap", 1, 1_000_000)).flatten();
        let terms = self.memory_terms(node, &fields);
        let subject = subject.map(|(name, _)| name).unwrap_or_default();
        Some(Memory { name: name.to_owned(), tier, record, subject, retention, cap, terms })
    }
}
