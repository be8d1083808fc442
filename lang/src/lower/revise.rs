//! Critics, and `reflect` of a draft: requirements, a model's judgement, what must be grounded; and bounded revisions.

use super::context::{Context, name_of};
use super::control::Steering;
use super::flow::FlowDraft;
use super::model::WrittenRoute;
use super::prove::Written;
use super::step::{Place, Verb};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::expr::select::inner_marks;
use crate::plan::{Critic, Judge, OnTimeout, Require, Revise, StepKind, Unaccepted};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::{Marks, Ty};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whether a `reflect` does more than require.
pub(crate) fn revises(node: &Node) -> bool {
    let settings = ["of", "max-revisions"].iter().any(|name| node.setting(name).is_some());
    settings || node.first("critic").is_some() || node.first("escalate").is_some()
}

/// What a node requires.
#[derive(Default)]
pub(crate) struct Required {
    pub(crate) requires: Vec<Require>,
    pub(crate) reads: Vec<(String, Span)>,
    /// What is said of whether they hold.
    pub(crate) marks: Marks,
    /// Requirements that rest on outside text.
    pub(crate) control: Vec<Steering>,
}

impl Context<'_> {
    /// The `require` children of a node, and what they read.
    pub(crate) fn requires(&mut self, node: &Node, scope: &Scope) -> Required {
        let mut required = Required::default();
        let mut spans = Vec::new();
        for require in node.all("require").collect::<Vec<_>>() {
            let Some(when) = require.argument(0).cloned() else { continue };
            let code = self.setting_text(require, "code").unwrap_or_else(|| format!("requirement-{}", required.requires.len() + 1));
            let message = self.setting_text(require, "message");
            require.setting("message").into_iter().for_each(|value| self.refuse_holes(value, "the message of a requirement"));
            if let Some(checked) = self.condition(&when, scope) {
                spans.push(when.span);
                required.marks = required.marks.with(checked.marks.choosing());
                required.control.extend(Steering::of(&checked, when.span));
                required.reads.extend(checked.reads);
                required.requires.push(Require { when: checked.expr, code, message });
            }
        }
        let written = required.requires.iter().zip(spans);
        let written: Vec<Written<'_>> =
            written.map(|(require, span)| Written { name: format!("requirement `{}`", require.code), span, when: &require.when }).collect();
        self.prove_requirements(scope, node.name.span, &written);
        required
    }

    pub(crate) fn lower_critics(&mut self, nodes: &[Node], routes: &BTreeMap<String, WrittenRoute>) {
        for node in nodes.iter().filter(|node| node.name.text == "critic") {
            let Some(name) = name_of(node) else { continue };
            if let Some(critic) = self.lower_critic(node, &name.text, routes) {
                self.plan.critics.insert(name.text, Arc::new(critic));
            }
        }
    }

    fn lower_critic(&mut self, node: &Node, name: &str, routes: &BTreeMap<String, WrittenRoute>) -> Option<Critic> {
        let of = self.setting_reference(node, "of", "type")?;
        let variable = match node.setting("as").cloned() {
            Some(value) => {
                let text = self.text(&value, "`as`")?;
                self.snake_case(&text, value.span, "a draft").then_some(text)?
            }
            None => "draft".to_owned(),
        };
        let plain = Marks::default();
        let scope = Scope::default().with(&variable, Ty::Record(of.clone()), plain).with("settings", self.settings_type(), plain);
        let requires = self.requires(node, &scope).requires;
        let judge = node.first("judge").and_then(|judge| self.lower_judge(judge, (name, &variable), scope.clone(), routes));
        let mut grounded = Vec::new();
        for value in node.first("grounded").map(|grounded| grounded.list("in")).unwrap_or_default().into_iter().cloned().collect::<Vec<_>>()
        {
            grounded.extend(self.reference(&value, "memory"));
        }
        if let Some(child) = node.first("grounded").filter(|child| child.list("in").is_empty()) {
            self.missing(child, "in", "write `grounded { in \"catalogue\" }`: the memories whose facts it must come from");
        }
        let mut scenarios = Vec::new();
        for value in node.list("scenario").into_iter().cloned().collect::<Vec<_>>() {
            scenarios.extend(self.reference(&value, "scenario"));
        }
        if node.children.iter().all(|child| matches!(child.name.text.as_str(), "of" | "as" | "override")) {
            let diagnostic = Diagnostic::new(&meaning::EMPTY, node.name.span, format!("the critic `{name}` accepts everything"));
            self.report(diagnostic.label("no requirement").help("write a `require`, a `judge` or `grounded` in it"));
        }
        Some(Critic { name: name.to_owned(), of, variable, requires, judge, grounded, scenarios })
    }

    fn lower_judge(
        &mut self,
        node: &Node,
        (critic, variable): (&str, &str),
        scope: Scope,
        routes: &BTreeMap<String, WrittenRoute>,
    ) -> Option<Judge> {
        let draft = FlowDraft::alone(critic, scope.clone(), routes);
        let mut place = Place::of(&draft, 0, scope);
        let (route, written) = self.route(node, "text", &place)?;
        let min = match node.setting("min").cloned() {
            Some(value) => match self.typed(&value, &Ty::Double)? {
                crate::value::Value::Double(share) if (0.0..=1.0).contains(&share) => share,
                _ => {
                    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, "`min` is a share from 0 to 1");
                    self.report(diagnostic.label("not such a number").help("write `min=0.7`"));
                    return None;
                }
            },
            None => {
                self.missing(node, "min", "write `min=0.7`: the least judgement that is good enough");
                return None;
            }
        };
        let (talk, mut marks) = self.lower_talk(node, &mut place)?;
        self.check_clearance(node, &route, &written, marks, place.paths());
        // What a draft was told is known where the critic looks at one.
        if place.reads.iter().any(|(path, _)| path.split('.').next() == Some(variable)) {
            self.known.judges.insert(critic.to_owned(), route.clone());
        }
        let route = self.agent_route(route, &written, &mut place, &mut marks)?;
        Some(Judge { route, min, talk })
    }

    pub(crate) fn lower_revise(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let of = match node.setting("of").cloned() {
            Some(value) => Some(self.revised(&value, place)?),
            None => None,
        };
        let mut critics = Vec::new();
        for value in node.list("critic").into_iter().cloned().collect::<Vec<_>>() {
            let Some(name) = self.reference(&value, "critic") else { continue };
            self.check_critic(&name, &value, of.as_ref());
            // Its model is told the draft, and so what the draft was told.
            let judge = self.known.judges.get(&name).and_then(|route| Some((route.clone(), place.draft.routes.get(route)?)));
            if let (Some((route, written)), Some((.., marks))) = (judge, &of) {
                let named = node.children.iter().find(|child| child.name.text == "critic" && child.arguments.contains(&value));
                self.check_clearance(named.unwrap_or(node), &route, written, *marks, place.paths());
            }
            critics.push(name);
        }
        let Required { requires, reads, control, marks: decided } = self.requires(node, &place.scope);
        let grounds = self.grounds(&critics);
        let decided = decided.with(grounds);
        control.iter().for_each(|of| place.came.take((of.path.clone(), of.span), false));
        place.control.extend(control);
        place
            .control
            .extend(node.first("critic").filter(|_| grounds.steered).map(|critic| Steering { span: critic.span, path: String::new() }));
        place.reads.extend(reads);
        if critics.is_empty() && node.first("require").is_none() {
            self.missing(node, "critic or require", "write `critic \"NAME\"`, or `require \"CONDITION\" code=\"…\"`: what must hold");
        }
        let max_revisions = if node.setting("max-revisions").is_some() { self.count(node, "max-revisions", 0, 100)? } else { 0 };
        if let (None, Some(value)) = (&of, node.setting("max-revisions")) {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, "there is no draft to write anew");
            self.report(diagnostic.label("not used").help("name the step that drafts it: `of=\"polished\"`"));
        }
        let otherwise = self.unaccepted(node)?;
        let (ty, marks) = match &of {
            // What is required decides which version it is.
            Some((_, ty, marks)) => (ty.clone(), marks.with(decided)),
            None => {
                let codes = ("codes".to_owned(), Ty::List(Box::new(Ty::String)));
                (Ty::Object(vec![("passed".to_owned(), Ty::Bool), codes]), decided)
            }
        };
        if let (Some((name, _, marks)), Some(value)) = (&of, node.setting("of"))
            && marks.choosing().steered
        {
            place.came.take((name.clone(), value.span), marks.untrusted);
        }
        // Whether a draft is accepted follows what it says.
        if let (Some((name, _, marks)), Some(value), false) = (&of, node.setting("of"), critics.is_empty())
            && marks.choosing().steered
        {
            place.control.push(Steering { span: value.span, path: name.clone() });
        }
        let revise = Revise { of: of.map(|(name, ..)| name), critics, requires, max_revisions, otherwise };
        Some((StepKind::Revise(Box::new(revise)), ty, marks))
    }

    /// What outside text decides of the facts that drafts are held against by these critics.
    fn grounds(&self, critics: &[String]) -> Marks {
        let memories = critics.iter().filter_map(|name| self.plan.critics.get(name)).flat_map(|critic| &critic.grounded);
        let records = memories.filter_map(|memory| self.plan.memories.get(memory)).map(|memory| &memory.record);
        records.fold(Marks::default(), |marks, record| {
            let inner = inner_marks(&Ty::Record(record.clone()), &self.plan.types).choosing();
            marks.with(inner).with(Marks { steered: self.known.recalled.whole(record), ..Marks::default() })
        })
    }

    /// The draft that is reflected on: a step that a model or a template writes.
    fn revised(&mut self, value: &Literal, place: &mut Place<'_, '_>) -> Option<(String, Ty, Marks)> {
        let name = self.text(value, "a step's name")?;
        place.reads.push((name.clone(), value.span));
        let visible = place.draft.visible(place.draft.drafts.get(place.at)?.within);
        let Some(at) = visible.iter().copied().find(|at| place.draft.drafts.get(*at).is_some_and(|step| step.name == name)) else {
            let known: Vec<String> = visible.iter().filter_map(|at| place.draft.drafts.get(*at)).map(|step| step.name.clone()).collect();
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, format!("there is no step `{name}` here"));
            self.report(super::context::suggest(diagnostic.label("no such step"), &name, &known, value.span, "step"));
            return None;
        };
        let Some(lowered) = place.draft.lowered.get(&at) else { return Some((name, Ty::Unknown, Marks::default())) };
        if !matches!(lowered.step.kind, StepKind::Generate(_) | StepKind::Draft { .. } | StepKind::Agent(_)) {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{name}` drafts nothing"));
            self.report(diagnostic.label("not a draft").help("name a step with `decide { draft … }`, or leave `of` out"));
        }
        Some((name, lowered.step.ty.clone(), lowered.marks))
    }

    fn check_critic(&mut self, name: &str, value: &Literal, of: Option<&(String, Ty, Marks)>) {
        let Some(critic) = self.plan.critics.get(name).cloned() else { return };
        let wrong = match of {
            None => Some("this `reflect` is of no draft".to_owned()),
            Some((_, Ty::Unknown, _)) => None,
            Some((step, ty, _)) => (*ty != Ty::Record(critic.of.clone())).then(|| format!("`{step}` drafts {ty}")),
        };
        if let Some(wrong) = wrong {
            let message = format!("the critic `{name}` looks at `{}`, and {wrong}", critic.of);
            let diagnostic = Diagnostic::new(&meaning::ROUTE_MISMATCH, value.span, message).label("cannot be looked at");
            self.report(diagnostic.help("write `of=\"STEP\"` with a step that drafts that type"));
        }
    }

    fn unaccepted(&mut self, node: &Node) -> Option<Unaccepted> {
        let word = match node.setting("else").cloned() {
            Some(word) => self.word(&word, "`else`", &["continue", "stop", "escalate"])?,
            None => "stop".to_owned(),
        };
        let escalate = node.first("escalate");
        if let (Some(child), true) = (escalate, word != "escalate") {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, child.name.span, format!("`else={word}` asks nobody"));
            self.report(diagnostic.label("not used").help("write `else=escalate`, or remove it"));
        }
        match (word.as_str(), escalate) {
            ("continue", _) => Some(Unaccepted::Continue),
            ("escalate", None) => {
                self.missing(node, "escalate", "write `escalate to=\"TEAM\" within=\"4h\" on-timeout=stop` in it");
                None
            }
            ("escalate", Some(child)) => {
                let escalation = self.escalation(child, &[])?;
                if matches!(escalation.on_timeout, OnTimeout::Approve | OnTimeout::Deny) {
                    let span = child.setting("on-timeout").map_or(child.name.span, |value| value.span);
                    let message = "a version that nobody accepted is left out or stops the run";
                    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("neither");
                    self.report(diagnostic.help("write `on-timeout=stop` or `on-timeout=skip`"));
                }
                Some(Unaccepted::Escalate(escalation))
            }
            _ => Some(Unaccepted::Stop),
        }
    }
}
