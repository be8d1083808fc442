//! `agent`: a model with tools. What it may call, how often, and what it may choose; a document's `agent`, and a step that uses one.

use super::asked::{Asked, SILENCE};
use super::context::{Context, name_of};
use super::mixture::Mixture;
use super::model::WrittenRoute;
use super::revise::Required;
use super::step::{Place, Verb};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::{Acting, Bindings, EffectKind, MoneyDirection, Operation, Require, Route, StepKind, Talk, Tool};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::{Field, Marks, Ty};
use std::sync::Arc;

impl Context<'_> {
    pub(crate) fn lower_agent(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        match node.setting("use").cloned() {
            Some(actor) => self.lower_agent_use(node, &actor, place),
            None => self.lower_agent_step(node, place),
        }
    }

    /// A step that addresses an agent of the document by key: the document says all but what this one is told.
    fn lower_agent_use(&mut self, node: &Node, actor: &Literal, place: &mut Place<'_, '_>) -> Option<Verb> {
        let name = self.reference(actor, "agent")?;
        let found = self.plan.agents.get(&name)?.clone();
        for given in ["type", "route", "max-steps"].into_iter().filter(|given| node.setting(given).is_some()) {
            let span = node.setting(given).map_or(node.name.span, |value| value.span);
            let message = format!("the agent `{name}` says its own `{given}`");
            self.report(Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("given twice").help("leave it out"));
        }
        for tool in node.all("tool").collect::<Vec<_>>() {
            let message = format!("the agent `{name}` has its own tools");
            self.report(Diagnostic::new(&meaning::WRONG_VERB, tool.name.span, message).label("not here").help("add it to the agent"));
        }
        let key = match node.setting("key").cloned() {
            Some(key) => self.value(&key, &place.scope, Some(&Ty::String)),
            None => {
                self.missing(node, "key", "write `key=\"=input.conversation_id\"`: which one of them is meant");
                None
            }
        };
        let talk = self.lower_talk(node, place);
        let (requires, required) = self.agent_requires(node, &found.acting.record, place);
        let (talk, told) = talk?;
        // Which of them answers, and what it said and heard before, is in the answer, too.
        let chosen = key.as_ref().map_or(Marks::default(), |key| key.marks.choosing());
        self.note_heard(&name, told.with(chosen));
        let known = found.marks.with(self.heard(&found));
        let marks = told.with(known).with(chosen).with(required);
        place.mixture.add(known, actor.span);
        self.check_tools(&found.acting.tools, marks.untrusted, place.mixture, (actor.span, &name));
        self.note_moved(&found.acting.tools, marks, actor.span, place);
        if let Some(written) = place.draft.routes.get(&found.acting.route) {
            self.check_clearance(node, &found.acting.route, written, told, place.paths());
        }
        let key = key?;
        self.check_personal(&key, node.setting("key"), "the key of an agent", &place.scope);
        self.check_key_of_agent(&found, &key, marks, place);
        let key = place.note(key).expr;
        let reads_outside = marks.untrusted;
        let talk = Talk { personal: marks.pii, ..talk };
        let acting = Acting { actor: Some((name, key)), talk, requires, tools: Vec::new(), reads_outside, ..found.acting.clone() };
        let ty = Ty::Record(acting.record.clone());
        Some((StepKind::Agent(Box::new(acting)), ty, Marks { model: true, secret: false, ..marks }))
    }

    fn lower_agent_step(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let record = self.setting_reference(node, "type", "type");
        let max_steps = self.bound(node, "max-steps", 1_000, "write `max-steps=6`: how many turns it has at most");
        let route = self.route(node, "text", place);
        let talk = self.lower_talk(node, place);
        let mut scope = place.scope.clone();
        let heard = talk.as_ref().map_or(Marks::default(), |(_, marks)| *marks);
        let (tools, read) = self.lower_tools(node, &mut scope, heard, place);
        let record = record?;
        let (requires, required) = self.agent_requires(node, &record, place);
        let (talk, marks) = talk?;
        let mut marks = marks.with(read).with(required);
        if let Some((name, written)) = &route {
            self.check_clearance(node, name, written, marks, place.paths());
            if !tools.is_empty() {
                self.check_ability(node, written, "tools");
            }
        }
        self.check_tools(&tools, marks.untrusted, place.mixture, (node.name.span, &place.draft.name));
        self.note_moved(&tools, marks, node.name.span, place);
        let (reads_outside, talk) = (marks.untrusted, Talk { personal: marks.pii, ..talk });
        let (route, written) = route?;
        let route = self.agent_route(route, &written, place, &mut marks)?;
        let ty = Ty::Record(record.clone());
        let acting = Acting { actor: None, record, route, max_steps: max_steps?, talk, tools, requires, reads_outside };
        let marks = if planted(Hole::Agent) { Marks::default() } else { marks };
        Some((StepKind::Agent(Box::new(acting)), ty, Marks { model: true, secret: false, ..marks }))
    }

    /// The rungs of an agent's route. A template acts on nothing, and what it says is the answer: its marks are added to `marks`.
    pub(crate) fn agent_route(
        &mut self,
        route: String,
        written: &WrittenRoute,
        place: &mut Place<'_, '_>,
        marks: &mut Marks,
    ) -> Option<String> {
        let rungs = self.writing_rungs(written, place, marks)?;
        let (name, needs, terms) = (route.clone(), written.needs.clone(), written.terms.clone());
        self.plan.routes.entry(route.clone()).or_insert_with(|| Arc::new(Route { name, needs, rungs, terms }));
        Some(route)
    }

    /// What an answer must be, and what is said of whether it is: an answer that does not hold is asked for again, or the step fails.
    fn agent_requires(&mut self, node: &Node, record: &str, place: &mut Place<'_, '_>) -> (Vec<Require>, Marks) {
        let Some(name) = name_of(node).map(|name| name.text) else { return (Vec::new(), Marks::default()) };
        let scope = place.scope.clone().with(&name, Ty::Record(record.to_owned()), Marks::default());
        let Required { requires, reads, marks, .. } = self.requires(node, &scope);
        place.reads.extend(reads.into_iter().filter(|(path, _)| path.split('.').next() != Some(name.as_str())));
        (requires, marks)
    }

    /// The tools of a node, and the marks of everything that they can read. A tool's answer is in the scope of later ones. `heard`: what
    /// the agent was told, by which it chooses what is not fixed.
    pub(crate) fn lower_tools(&mut self, node: &Node, scope: &mut Scope, heard: Marks, place: &mut Place<'_, '_>) -> (Vec<Tool>, Marks) {
        let (mut tools, mut read): (Vec<Tool>, Marks) = (Vec::new(), Marks::default());
        for child in node.all("tool").collect::<Vec<_>>() {
            let Some(value) = child.argument(0).cloned() else { continue };
            let Some(operation) = self.reference(&value, "operation").and_then(|name| self.plan.operations.get(&name).cloned()) else {
                continue;
            };
            let max_calls = self.bound(child, "max-calls", 1_000, "write `max-calls=3`: how often it may be called at most");
            let name = match child.setting("as").cloned() {
                Some(name) => self.text(&name, "a tool's name").filter(|text| self.snake_case(text, name.span, "a tool")),
                None => {
                    self.missing(child, "as", "write `as=\"order\"`: its name for the model");
                    None
                }
            };
            let earlier: Vec<String> = tools.iter().map(|tool| tool.name.clone()).collect();
            let fixed = child.first("fixed").map(|fixed| self.tool_parameters(fixed, &operation, scope, false)).unwrap_or_default();
            let one_of = child.first("one-of").map(|one_of| self.tool_parameters(one_of, &operation, scope, true)).unwrap_or_default();
            for (node, bound) in [(child.first("fixed"), &fixed), (child.first("one-of"), &one_of)] {
                let Some(node) = node else { continue };
                self.check_taint(node, &operation, bound, place);
                self.check_backwards(node, &operation, bound);
                self.check_personal_call(node, &operation, bound, scope);
                if operation.effect != EffectKind::Read {
                    self.check_mixed(node, &operation, bound, place, Asked::No);
                }
                self.note_steered(node, &operation, bound, place);
            }
            let is_fixed = |field: &Field| fixed.iter().any(|(name, _)| *name == field.name);
            let chosen = if operation.request.iter().all(is_fixed) { Marks::default() } else { heard.with(read) };
            let given = fixed.iter().chain(&one_of).fold(chosen, |marks, (_, checked)| marks.with(checked.marks)).choosing();
            let mut keep = |bound: Vec<(String, crate::expr::Checked)>| -> Bindings {
                let own = |path: &str| earlier.iter().any(|name| path.split('.').next() == Some(name));
                let reads = bound.iter().flat_map(|(_, checked)| checked.reads.iter());
                place.reads.extend(reads.filter(|(path, _)| !own(path)).cloned());
                bound.into_iter().map(|(name, checked)| (name, checked.expr)).collect()
            };
            let (fixed, one_of) = (keep(fixed), keep(one_of));
            let (Some(max_calls), Some(name)) = (max_calls, name) else { continue };
            let whole = crate::expr::select::inner_marks(&operation.response, &self.plan.types);
            // Which of its records a provider answers with follows what it was given.
            read = read.with(whole).with(given);
            place.mixture.add(whole, child.name.span);
            if whole.choosing().steered {
                place.came.take((operation.name.clone(), value.span), whole.untrusted);
            }
            *scope = std::mem::take(scope).with(&name, operation.response.clone(), given);
            tools.push(Tool { operation: operation.name.clone(), name, max_calls, fixed, one_of });
        }
        (tools, read)
    }

    fn tool_parameters(&mut self, node: &Node, operation: &Operation, scope: &Scope, listed: bool) -> Vec<(String, crate::expr::Checked)> {
        let field = |field: &Field| {
            let ty = if listed { Ty::List(Box::new(field.ty.clone())) } else { field.ty.clone() };
            Field { ty: ty.optional(), ..field.clone() }
        };
        let fields: Vec<Field> = operation.request.iter().map(field).collect();
        self.typed_bindings(node, &fields, scope, &operation.name, "parameter")
    }

    /// What an agent may change: it never chooses whom or how much; and one that read outside text has its writes looked at.
    pub(crate) fn check_tools(&mut self, tools: &[Tool], reads_outside: bool, mixture: Mixture, (span, flow): (Span, &str)) {
        for tool in tools {
            let Some(operation) = self.plan.operations.get(&tool.operation).cloned() else { continue };
            if operation.effect == EffectKind::Read {
                continue;
            }
            let bound = |name: &String| tool.fixed.iter().chain(&tool.one_of).any(|(of, _)| of == name);
            let choosing = self.choosing.get(&operation.name).cloned().unwrap_or_default();
            for name in choosing.iter().filter(|name| !bound(name)) {
                let message = format!("the agent would choose `{name}` of `{}`", operation.name);
                let diagnostic = Diagnostic::new(&meaning::AGENT_TOO_FREE, span, message).label("left to the agent");
                self.report(diagnostic.help(format!("write `fixed {name}=\"=…\"` or `one-of {name}=\"=…\"` in the tool")));
            }
            let covering: Vec<_> = self.plan.policies.values().filter(|policy| policy.covers(&operation.name, flow)).cloned().collect();
            let money = operation.money.as_ref().is_some_and(|money| money.direction != MoneyDirection::Price);
            if covering.is_empty() && (money || operation.effect == EffectKind::Irreversible) {
                let code = if money { &meaning::UNCOVERED_MONEY } else { &meaning::UNGUARDED };
                let message = format!("an agent may call `{}`, and no policy covers it", operation.name);
                let diagnostic = Diagnostic::new(code, span, message).label("nothing holds it");
                self.report(
                    diagnostic.help(format!("write a policy with `on \"{}\"` and a `limit`, `deny` or `escalate`", operation.name)),
                );
            }
            let asked = self.always_asked(&operation.name, flow);
            let unseen = reads_outside && !planted(Hole::Tool) && asked != Asked::Always;
            if unseen && !self.check_exfiltration(tool, &operation, mixture, (span, flow)) {
                let message = format!("an agent that reads outside text may call `{}`, and nobody looks at it", operation.name);
                let diagnostic = Diagnostic::new(&meaning::AGENT_TOO_FREE, span, message).label("outside text may move it");
                let diagnostic =
                    mixture.told_outside().into_iter().fold(diagnostic, |diagnostic, span| diagnostic.also(span, "outside text"));
                self.report(diagnostic.help(match asked {
                    Asked::UntilSilence => SILENCE.to_owned(),
                    _ => format!(
                        "write a policy with `on \"{}\"` and an `escalate` whose `when` is `true`, or let an `act` do it",
                        operation.name
                    ),
                }));
            }
            self.check_tool_evidence(&covering, &operation.name, span);
        }
    }

    /// A tool's call has no evidence: policies that need some cannot judge it.
    fn check_tool_evidence(&mut self, covering: &[Arc<crate::plan::Policy>], operation: &str, span: Span) {
        for need in covering.iter().flat_map(|policy| &policy.needs).filter(|need| need.default.is_none()) {
            let message = format!("a policy on `{operation}` needs the evidence `{}`, which a tool cannot give", need.name);
            let diagnostic = Diagnostic::new(&meaning::MISSING_EVIDENCE, span, message).label(format!("no `{}`", need.name));
            self.report(diagnostic.help("give the need a `default`, or let an `act` do it after the agent"));
        }
    }
}
