//! A document's `agent`: a stateful actor that flows address by key.

use super::context::{Context, name_of};
use super::flow::FlowDraft;
use super::model::WrittenRoute;
use super::policy::run_type;
use super::step::Place;
use crate::ast::Node;
use crate::expr::Scope;
use crate::plan::{Acting, Actor, Session, Talk};
use crate::shape::Shaped;
use crate::ty::{Marks, Ty};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Context<'_> {
    pub(crate) fn lower_actors(&mut self, nodes: &[Node], routes: &BTreeMap<String, WrittenRoute>) {
        for node in nodes.iter().filter(|node| node.name.text == "agent") {
            let Some(name) = name_of(node) else { continue };
            if let Some(actor) = self.lower_actor(node, &name.text, routes) {
                self.plan.agents.insert(name.text, Arc::new(actor));
            }
        }
    }

    fn lower_actor(&mut self, node: &Node, name: &str, routes: &BTreeMap<String, WrittenRoute>) -> Option<Actor> {
        let plain = Marks::default();
        let scope = Scope::default().with("key", Ty::String, plain).with("run", run_type(), plain);
        let scope = scope.with("settings", self.settings_type(), plain);
        let draft = FlowDraft::alone(name, scope.clone(), routes);
        let mut place = Place::of(&draft, 0, scope.clone());
        let record = self.setting_reference(node, "type", "type");
        let route = self.route(node, "text", &place);
        let max_steps = self.bound(node, "max-steps", 1_000, "write `max-steps=6`: how many turns a message takes at most");
        let talk = self.lower_talk(node, &mut place);
        let mut tool_scope = scope.clone();
        let heard = talk.as_ref().map_or(plain, |(_, marks)| *marks);
        let (tools, read) = self.lower_tools(node, &mut tool_scope, heard, &mut place);
        let mut memories = Vec::new();
        let mut marks = read;
        for value in node.list("memory").into_iter().cloned().collect::<Vec<_>>() {
            let Some(memory) = self.reference(&value, "memory") else { continue };
            let record = self.plan.memories.get(&memory).map(|memory| memory.record.clone());
            marks = record.map_or(marks, |record| marks.with(crate::expr::select::inner_marks(&Ty::Record(record), &self.plan.types)));
            memories.push(memory);
        }
        let budget = node.first("budget").and_then(|budget| self.budget(budget));
        let version = if node.setting("version").is_some() { self.count(node, "version", 1, 1_000_000)? } else { 1 };
        let record = record?;
        let answer = scope.with("answer", Ty::Record(record.clone()), plain);
        let requires = self.requires(node, &answer).requires;
        let (talk, told) = talk?;
        let mut marks = marks.with(told);
        let (route, written) = route?;
        self.check_clearance(node, &route, &written, marks, place.paths());
        if !tools.is_empty() {
            self.check_ability(node, &written, "tools");
        }
        place.mixture.add(Marks { private: marks.private, untrusted: marks.untrusted, ..plain }, node.name.span);
        self.check_tools(&tools, marks.untrusted, place.mixture, (node.name.span, name));
        let route = self.agent_route(route, &written, &mut place, &mut marks)?;
        let reads_outside = marks.untrusted;
        let talk = Talk { personal: marks.pii, ..talk };
        let acting = Acting { actor: None, record, route, max_steps: max_steps?, talk, tools, requires, reads_outside };
        let session = self.lower_session(node);
        Some(Actor { name: name.to_owned(), version, acting, memories, budget, marks, session })
    }

    /// How long what an agent is told and says is kept.
    fn lower_session(&mut self, node: &Node) -> Option<Session> {
        let retention = match node.setting("retention") {
            Some(value) if value.text() == Some("forever") => None,
            Some(_) => self.span_of_time(node, "retention"),
            None => None,
        };
        let cap = node.setting("cap").is_some().then(|| self.count(node, "cap", 1, 1_000_000)).flatten();
        let after = node.first("retention").and_then(|retention| retention.property("after")).cloned();
        let after = after.and_then(|value| self.word(&value, "`after`", &["last-write", "write"]));
        for (child, setting) in [("cap", "per"), ("cap", "evict")] {
            if let Some(value) = node.first(child).and_then(|child| child.property(setting)).cloned() {
                // A session is one subject's, and its oldest messages go first.
                let words: &[&str] = if setting == "per" { &["subject"] } else { &["oldest"] };
                self.word(&value, &format!("`{setting}`"), words);
            }
        }
        let session = Session { retention, after_last_write: after.as_deref() == Some("last-write"), cap };
        (session != Session::default()).then_some(session)
    }
}
