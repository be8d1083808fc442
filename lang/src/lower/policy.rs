//! Policies: what effects may do. A rule sees the effect, the evidence and the settings, never a flow's own names.

use super::context::{Context, name_of, suggest_of};
use super::prove::{Earlier, MOST_EARLIER, Written};
use super::unproved::Unproved;
use crate::ast::{Literal, Node, Scalar};
use crate::code::meaning;
use crate::diagnostic::{Diagnostic, nearest};
use crate::expr::{Expr, Scope, Tree};
use crate::plan::{
    Deny, EffectKind, Escalate, Escalation, Level, Limit, LimitElse, Measure, MoneyDirection, Need, OnTimeout, Policy, Window,
};
use crate::proof::Ways;
use crate::shape::{Shaped, given};
use crate::source::Span;
use crate::template::{self, Template};
use crate::ty::{Marks, Ty};
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most teams that are asked after the first.
const MOST_LEVELS: usize = 4;

/// The type of `run` in flows and policies.
pub(crate) fn run_type() -> Ty {
    Ty::Object(vec![("id".to_owned(), Ty::String), ("now".to_owned(), Ty::Timestamp), ("flow".to_owned(), Ty::String)])
}

impl Context<'_> {
    pub(crate) fn lower_policies(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "policy") {
            let Some(name) = name_of(node) else { continue };
            let policy = self.lower_policy(node, &name.text);
            self.locate(format!("policy:{}", name.text), node.span);
            self.plan.policies.insert(name.text, Arc::new(policy));
        }
        self.prove_across(nodes);
    }

    fn lower_policy(&mut self, node: &Node, name: &str) -> Policy {
        let owner = node.setting("owner").cloned().and_then(|owner| self.reference(&owner, "team"));
        let on: Vec<Literal> = node.list("on").into_iter().cloned().collect();
        let (kinds, flows) = self.covered_kinds(node);
        if on.is_empty() && !node.all("on").any(|on| on.property("kind").is_some() || on.property("flow").is_some()) {
            self.missing(node, "on", "write `on \"CONNECTOR.OPERATION\"`: what it covers");
        }
        for empty in node.all("on").filter(|on| on.arguments.is_empty() && on.properties.is_empty()).skip(usize::from(on.is_empty())) {
            let diagnostic = Diagnostic::new(&meaning::MISSING_ARGUMENT, empty.name.span, "this `on` covers nothing");
            self.report(diagnostic.label("of what?").help("write `on \"CONNECTOR.OPERATION\"`, or remove it"));
        }
        let mut covered: Vec<String> = Vec::new();
        for value in &on {
            let Some(operation) = self.covered_operation(value) else { continue };
            if covered.contains(&operation) {
                let diagnostic =
                    Diagnostic::new(&meaning::DUPLICATE_SETTING, value.span, format!("`{operation}` is covered twice by this policy"));
                self.report(diagnostic.label("again").help("keep one of the two: its rules would count twice").fix(
                    "remove it",
                    value.span,
                    "",
                ));
                continue;
            }
            covered.push(operation);
        }
        let on = self.widened(covered, &kinds, &flows);
        let needs = self.lower_needs(node);
        let scope = self.policy_scope(&on, &needs);
        let mut policy =
            Policy { name: name.to_owned(), owner, on, flows, needs, denies: Vec::new(), limits: Vec::new(), escalates: Vec::new() };
        let mut names: Vec<String> = Vec::new();
        if !node.children.iter().any(|child| matches!(child.name.text.as_str(), "deny" | "limit" | "escalate")) {
            let diagnostic =
                Diagnostic::new(&meaning::EMPTY, node.name.span, format!("the policy `{name}` has no rule, so it holds nothing"));
            self.report(diagnostic.label("no rule").help("write a `deny`, a `limit` or an `escalate` in it"));
        }
        for rule in node.children.iter().filter(|child| matches!(child.name.text.as_str(), "deny" | "limit" | "escalate")) {
            let Some(of) = name_of(rule) else { continue };
            if names.contains(&of.text) {
                let diagnostic =
                    Diagnostic::new(&meaning::DUPLICATE_NAME, of.span, format!("the policy `{name}` has two rules named `{}`", of.text));
                self.report(diagnostic.label("again").help("rename one: the log names the rule that decided"));
            }
            self.locate(format!("policy:{name}.{}", of.text), rule.span);
            names.push(of.text.clone());
            match rule.name.text.as_str() {
                "deny" => policy.denies.extend(self.lower_deny(rule, of.text, &scope, &policy.on)),
                "limit" => match self.lower_limit(rule, of.text, &scope, &policy.on, &policy.needs) {
                    Some(limit) => policy.limits.push(limit),
                    None => drop(self.known.unread.insert(name.to_owned())),
                },
                _ => match self.lower_escalate(rule, of.text, &scope, &policy.on) {
                    Some(escalate) => policy.escalates.push(escalate),
                    None => drop(self.known.unread.insert(name.to_owned())),
                },
            }
        }
        self.prove_policy(node, &policy, &scope);
        self.prove_open(node, &policy);
        policy
    }

    /// An operation that a policy names. One that is mistyped is taken for the one that it is near to, so that its rules are read and
    /// nobody is told that no policy covers it.
    fn covered_operation(&mut self, value: &Literal) -> Option<String> {
        let name = self.text(value, "the name of an operation")?;
        if !self.declared.contains_key(&("operation", name.clone())) {
            let message = format!("there is no operation `{name}`");
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, message).label("no such operation");
            if name.contains('*') {
                let each =
                    "name each operation, or cover a kind of them with `on kind=money`, `compensable`, `reversible` or `irreversible`";
                self.report(diagnostic.help(each));
                return None;
            }
            // What only reads is judged by no policy, so it was not meant.
            let writes = self
                .plan
                .operations
                .values()
                .filter(|operation| operation.effect != EffectKind::Read)
                .map(|operation| operation.name.as_str());
            let near = nearest(&name, writes.clone()).map(str::to_owned);
            let diagnostic = suggest_of(diagnostic, &name, writes, (value.span, "operation that changes something"), true);
            self.report(diagnostic);
            return near;
        }
        if self.plan.operations.get(&name).is_some_and(|operation| operation.effect == EffectKind::Read) {
            let message = format!("`{name}` changes nothing, and a policy judges what changes something");
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, message).label("a read");
            self.report(diagnostic.help("remove it: a look-up is never asked about"));
            return None;
        }
        Some(name)
    }

    /// The evidence of a policy, each name once.
    fn lower_needs(&mut self, node: &Node) -> Vec<Need> {
        let mut needs: Vec<Need> = Vec::new();
        let mut names: BTreeMap<String, Span> = BTreeMap::new();
        for need in node.all("needs") {
            let Some(name) = name_of(need) else { continue };
            if let Some(first) = names.get(&name.text).copied() {
                let message = format!("this policy needs `{}` twice", name.text);
                let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, name.span, message).label("again").also(first, "first here");
                self.report(diagnostic.help("rename one, or remove it"));
                continue;
            }
            names.insert(name.text, name.span);
            needs.extend(self.lower_need(need));
        }
        needs
    }

    /// What stands beside a `deny` that refuses everything is never asked.
    fn prove_open(&mut self, node: &Node, policy: &Policy) {
        let shut = policy.denies.iter().find(|deny| matches!(deny.when.root, Tree::Constant(Value::Bool(true))));
        let Some(shut) = shut else { return };
        let named = |kind: &str, name: &str| {
            node.children.iter().find(|rule| rule.name.text == kind && rule.argument(0).and_then(Literal::text) == Some(name))
        };
        let by = named("deny", &shut.name).map_or(node.name.span, |rule| rule.name.span);
        for limit in &policy.limits {
            let span = named("limit", &limit.name).and_then(name_of).map_or(node.name.span, |name| name.span);
            let message = format!("`limit {}` never decides: `deny {}` refuses everything", limit.name, shut.name);
            let diagnostic = Diagnostic::new(&meaning::SHADOWED, span, message).label("never decides").also(by, "denies it first");
            self.report(diagnostic.help("remove one of the two"));
        }
    }

    /// Rules that never decide: `deny` comes before `escalate`, whatever their order in the file.
    fn prove_policy(&mut self, node: &Node, policy: &Policy, scope: &Scope) {
        // The first of a name, as it is found when it is read.
        let mut spans: BTreeMap<(&str, &str), Span> = BTreeMap::new();
        for rule in &node.children {
            let Some(name) = rule.argument(0).and_then(Literal::text) else { continue };
            let setting = if rule.name.text == "limit" { "where" } else { "when" };
            let span = rule.setting(setting).map_or(node.name.span, |when| when.span);
            spans.entry((rule.name.text.as_str(), name)).or_insert(span);
        }
        let span = |kind: &str, name: &str| spans.get(&(kind, name)).copied().unwrap_or(node.name.span);
        let written = |kind: &str, name: &str, when| Written { name: format!("`{kind} {name}`"), span: span(kind, name), when };
        let denies: Vec<Written<'_>> = policy.denies.iter().map(|rule| written("deny", &rule.name, &rule.when)).collect();
        let escalates: Vec<Written<'_>> = policy.escalates.iter().map(|rule| written("escalate", &rule.name, &rule.when)).collect();
        let mut unproved = Unproved::default();
        let wheres = policy.limits.iter().filter_map(|limit| Some((limit, limit.condition.as_ref()?)));
        let wheres: Vec<Written<'_>> = wheres.map(|(limit, condition)| written("limit", &limit.name, condition)).collect();
        for rule in denies.iter().chain(&escalates).chain(&wheres) {
            self.prove_says_something(scope, rule, &mut unproved);
        }
        for rule in &wheres {
            self.prove_possible(scope, rule, &mut unproved);
        }
        // The first that holds denies, and says why.
        self.prove_each_decides(scope, &denies, "denies it first", &mut unproved);
        let (read, readings) = (self.readings(scope, &denies), self.readings(scope, &escalates));
        let earlier = Earlier { written: &denies, read: &read, near: 0..denies.len().min(MOST_EARLIER) };
        // Anew: what was spent on the denials among themselves is not missing here.
        let mut ways = Ways::default();
        read.iter().for_each(|deny| ways.also_fails(deny));
        for (rule, reading) in escalates.iter().zip(&readings) {
            if !self.prove_possible(scope, rule, &mut unproved) {
                self.prove_not_shadowed((rule, reading), &earlier, &mut ways, "denies it first", &mut unproved);
            }
        }
        self.report_unproved(unproved);
    }

    fn lower_need(&mut self, node: &Node) -> Option<Need> {
        let name = name_of(node)?;
        self.snake_case(&name.text, name.span, "evidence");
        let ty = self.type_of_literal(&node.argument(1)?.clone())?;
        let default = given::setting(node, "default").and_then(|value| self.typed_given("default", value, &ty));
        let untrusted = self.marks(node).untrusted;
        Some(Need { name: name.text, ty, untrusted, default })
    }

    /// `effect` has the parameters that every covered operation has, with the same type.
    pub(crate) fn policy_scope(&self, on: &[String], needs: &[Need]) -> Scope {
        let mut fields: Option<Vec<(String, Ty)>> = None;
        let mut marks = Marks::default();
        for operation in on.iter().filter_map(|name| self.plan.operations.get(name)) {
            let own: Vec<(String, Ty)> = operation.request.iter().map(|field| (field.name.clone(), field.ty.clone())).collect();
            marks = operation.request.iter().fold(marks, |marks, field| marks.with(field.marks));
            fields = Some(match fields {
                None => own,
                Some(fields) => fields.into_iter().filter(|field| own.contains(field)).collect(),
            });
        }
        let secret = Marks { secret: true, ..Marks::default() };
        let requests = on.iter().filter_map(|name| self.plan.operations.get(name)).flat_map(|operation| &operation.request);
        let secrets: Vec<String> = requests.filter(|field| field.marks.secret).map(|field| format!("effect.{}", field.name)).collect();
        let effect = fields.map_or(Ty::Unknown, Ty::Object);
        let text = |name: &str| (name.to_owned(), Ty::String);
        let action = vec![text("operation"), text("flow"), text("step"), ("money".to_owned(), Ty::Money.optional())];
        let action = Ty::Object(action.into_iter().chain([("account".to_owned(), Ty::String.optional())]).collect());
        let evidence = Ty::Object(needs.iter().map(|need| (need.name.clone(), need.ty.clone())).collect());
        let plain = Marks::default();
        let scope = Scope::default().with("effect", effect, plain).with("action", action, plain).with("evidence", evidence, plain);
        let scope = secrets.into_iter().fold(scope, |scope, path| scope.part(path, secret));
        let scope = match self.before_type(on) {
            Some(before) => scope.with("before", before, plain),
            None => scope,
        };
        scope.with("settings", self.settings_type(), plain).with("run", run_type(), plain)
    }

    fn required_condition(&mut self, node: &Node, scope: &Scope) -> Option<Expr> {
        let Some(when) = node.setting("when").cloned() else {
            self.missing(node, "when", "write `when=\"effect.amount > '100 USD'\"`");
            return None;
        };
        self.condition(&when, scope).map(|checked| checked.expr)
    }

    fn lower_deny(&mut self, node: &Node, name: String, scope: &Scope, on: &[String]) -> Option<Deny> {
        let when = self.required_condition(node, scope)?;
        self.check_currencies(node, &[("when", &when)]);
        let message = node.setting("message").cloned().and_then(|message| self.deny_message(&message, scope, on));
        Some(Deny { name, when, message })
    }

    /// A literal as a template over a scope.
    pub(crate) fn template(&mut self, value: &Literal, scope: &Scope) -> Option<Template> {
        let text = self.text(value, "a text")?;
        let (checked, found) = template::check(&text, value, scope, &self.plan.types);
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
        checked.map(|checked| checked.template)
    }

    fn lower_escalate(&mut self, node: &Node, name: String, scope: &Scope, on: &[String]) -> Option<Escalate> {
        let when = self.required_condition(node, scope);
        when.iter().for_each(|when| self.check_currencies(node, &[("when", when)]));
        let escalation = self.escalation(node, on);
        Some(Escalate { name, when: when?, escalation: escalation? })
    }

    fn lower_limit(&mut self, node: &Node, name: String, scope: &Scope, on: &[String], needs: &[Need]) -> Option<Limit> {
        let (measure, max) = match (node.setting("sum").cloned(), node.setting("count").cloned()) {
            (Some(sum), None) => {
                let Some(max) = node.setting("max").cloned() else {
                    self.missing(node, "max", "write `max=\"1000 USD\"`");
                    return None;
                };
                let sum = self.value(&sum, scope, None)?;
                let measured = sum.expr.ty.clone();
                if !matches!(measured, Ty::Money | Ty::Int | Ty::Double | Ty::Unknown) {
                    let span = node.setting("sum").map_or(node.span, |value| value.span);
                    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, format!("a limit sums money or numbers, not {measured}"));
                    self.report(diagnostic.label("cannot be summed").help("write `count=20` to count effects"));
                    return None;
                }
                (Measure::Sum(sum.expr), self.value(&max, scope, Some(&measured))?.expr)
            }
            (None, Some(_)) if node.setting("max").is_some() => {
                let span = node.setting("max").map_or(node.span, |value| value.span);
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, "`count` says how many, so `max` says nothing more");
                self.report(diagnostic.label("not used").help("write `sum=` for an amount, or leave `max` out"));
                return None;
            }
            (None, Some(count)) => match count.scalar {
                Scalar::Int(most) if most >= 0 => (Measure::Count, Expr::constant(Value::Int(most), Ty::Int)),
                Scalar::Int(_) => {
                    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, count.span, "a limit cannot be less than nothing");
                    self.report(diagnostic.label("below 0").help("write a `deny` whose `when` is `true` to let none pass"));
                    return None;
                }
                _ => (Measure::Count, self.value(&count, scope, Some(&Ty::Int))?.expr),
            },
            (Some(_), Some(count)) => {
                let message = "`sum` and `count` stand in one limit, which holds one of the two";
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, count.span, message).label("one too many");
                self.report(diagnostic.help("write two limits: one with `sum` and `max`, one with `count`"));
                return None;
            }
            (None, None) => {
                self.missing(node, "sum or count", "write `sum=\"=effect.amount\" max=\"1000 USD\"`, or `count=20`: one of the two");
                return None;
            }
        };
        let by = node.setting("by").cloned().and_then(|by| self.value(&by, scope, None)).map(|checked| {
            self.check_personal_rule(on, &checked.reads, "what a limit counts by");
            checked.expr
        });
        let window = self.limit_window(node);
        self.refuse_unasked(node);
        let otherwise = match node.setting("else").cloned() {
            None => LimitElse::Deny,
            Some(word) => match self.word(&word, "`else`", &["deny", "escalate"])?.as_str() {
                "escalate" => LimitElse::Escalate(self.escalation(node, on)?),
                _ => LimitElse::Deny,
            },
        };
        let condition = node.setting("where").cloned().and_then(|condition| self.condition(&condition, scope)).map(|checked| checked.expr);
        let limit = Limit { name, measure, max, by, condition, window, otherwise };
        self.check_limit_sources(node, &limit, on, needs);
        self.check_hollow(node, &limit, on);
        let mut written = vec![("max", &limit.max)];
        written.extend(limit.condition.iter().map(|condition| ("where", condition)));
        if let Measure::Sum(sum) = &limit.measure {
            written.push(("sum", sum));
        }
        self.check_currencies(node, &written);
        Some(limit)
    }

    /// What says how people are asked stands only where they are.
    fn refuse_unasked(&mut self, node: &Node) {
        let escalates = node.setting("else").and_then(Literal::text) == Some("escalate");
        let settings = ["to", "within", "on-timeout", "quorum", "batch"].into_iter().filter(|name| node.setting(name).is_some());
        for unused in settings.chain(node.first("then").map(|_| "then")).filter(|_| !escalates) {
            let named = node.setting(unused).map(|value| value.span).or_else(|| node.first(unused).map(|child| child.name.span));
            let span = named.unwrap_or(node.span);
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, format!("`{unused}` says nothing in a limit that denies"));
            self.report(diagnostic.label("not used").help("write `else=escalate` to ask people, or leave it out"));
        }
    }

    fn limit_window(&mut self, node: &Node) -> Option<Window> {
        match node.setting("per")?.text() {
            Some("day") => Some(Window::Day),
            _ => self.span_of_time(node, "per").map(Window::Rolling),
        }
    }

    /// `to`, `within`, `on-timeout`, `quorum` of a node. `on`: the operations it guards.
    pub(crate) fn escalation(&mut self, node: &Node, on: &[String]) -> Option<Escalation> {
        let to = self.setting_reference(node, "to", "team");
        let within = match node.setting("within") {
            Some(_) => self.span_of_time(node, "within"),
            None => {
                self.missing(node, "within", "write `within=\"4h\"`: how long they have");
                None
            }
        };
        let on_timeout = self.on_timeout(node, on);
        let quorum = self.quorum(node, 1, to.as_deref().into_iter())?;
        let batch = match node.setting("batch").cloned() {
            Some(word) => self.word(&word, "`batch`", &["run"]).is_some(),
            None => false,
        };
        let mut asked: Vec<String> = to.iter().cloned().collect();
        let (mut then, mut before) = (Vec::new(), quorum);
        for child in node.children.iter().filter(|child| child.name.text == "then") {
            let level = self.level(child, before, &mut asked);
            before = level.as_ref().map_or(before, |level| level.quorum);
            then.push(level);
        }
        let then: Option<Vec<Level>> = then.into_iter().collect();
        if let Some(child) = node.children.iter().filter(|child| child.name.text == "then").nth(MOST_LEVELS) {
            let message = format!("more than {MOST_LEVELS} teams would be asked after the first");
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, child.name.span, message).label("one too many");
            self.report(diagnostic.help("leave some of them out, or ask one team of all these people"));
        }
        Some(Escalation { to: to?, within: within?, on_timeout: on_timeout?, quorum, batch, then: then? })
    }

    /// `then to= within= quorum=`: who is asked when those before let their time pass.
    fn level(&mut self, node: &Node, before: u32, asked: &mut Vec<String>) -> Option<Level> {
        let to = self.setting_reference(node, "to", "team");
        let within = match node.setting("within") {
            Some(_) => self.span_of_time(node, "within"),
            None => {
                self.missing(node, "within", "write `within=\"1d\"`: how long they have, from the moment they are asked");
                None
            }
        };
        asked.extend(to.clone());
        let quorum = self.quorum(node, before, asked.iter().map(String::as_str))?;
        Some(Level { to: to?, within: within?, quorum })
    }

    /// How many distinct people must agree: never more than the teams have that are asked until then.
    fn quorum<'n>(&mut self, node: &Node, otherwise: u32, teams: impl Iterator<Item = &'n str>) -> Option<u32> {
        let known: Vec<_> = teams.map(|team| self.plan.teams.get(team).cloned()).collect();
        let people: BTreeSet<String> = known.iter().flatten().flat_map(|team| &team.members).map(|one| one.to_lowercase()).collect();
        let Some(span) = node.setting("quorum").map(|value| value.span) else { return Some(otherwise) };
        let quorum = self.count(node, "quorum", 1, 100)?;
        // A team that has no members, or is not declared, is told of elsewhere.
        let is_known = !known.is_empty() && known.iter().all(|team| team.as_ref().is_some_and(|team| !team.members.is_empty()));
        if is_known && usize::try_from(quorum).unwrap_or(usize::MAX) > people.len() {
            let members = people.len();
            let whose = if known.len() > 1 { "these teams have" } else { "the team has" };
            let diagnostic =
                Diagnostic::new(&meaning::QUORUM_TOO_LARGE, span, format!("{quorum} people must agree, but {whose} {members}"));
            let diagnostic = diagnostic.label("can never be reached").help("lower it, or add members to the team");
            self.report(diagnostic.proposal(format!("write {members}"), span, members.to_string()));
        }
        Some(quorum)
    }

    fn on_timeout(&mut self, node: &Node, on: &[String]) -> Option<OnTimeout> {
        let kind = node.name.text.clone();
        let Some(value) = node.setting("on-timeout").cloned() else {
            if super::context::mistyped(node, "on-timeout") {
                return None;
            }
            let diagnostic = Diagnostic::new(
                &meaning::NO_TIMEOUT,
                node.name.span,
                format!("this `{kind}` does not say what happens when nobody answers"),
            );
            let choice = if kind == "ask" { "`stop` or `skip`" } else { "`deny`, `skip` or `stop`" };
            let strictest = if kind == "ask" { "stop" } else { "deny" };
            let name = node.argument(0).map_or(node.name.span, |name| name.span);
            let behind = Span { start: name.end, ..name };
            let diagnostic = diagnostic.label("no `on-timeout`").help(format!("write `on-timeout=` with {choice}"));
            self.report(diagnostic.proposal(format!("write `on-timeout={strictest}`"), behind, format!(" on-timeout={strictest}")));
            return None;
        };
        let choice: &[&str] = if kind == "ask" { &["stop", "skip"] } else { &["approve", "deny", "skip", "stop"] };
        let chosen = match self.word(&value, "`on-timeout`", choice)?.as_str() {
            "approve" => OnTimeout::Approve,
            "skip" => OnTimeout::Skip,
            "stop" => OnTimeout::Stop,
            _ => OnTimeout::Deny,
        };
        let guarded = on.iter().filter_map(|name| self.plan.operations.get(name)).find(|operation| {
            operation.effect == crate::plan::EffectKind::Irreversible
                || operation.money.as_ref().is_some_and(|money| money.direction != MoneyDirection::Price)
        });
        if let (OnTimeout::Approve, Some(operation)) = (chosen, guarded) {
            let message = format!("silence cannot approve `{}`: it moves money or cannot be taken back", operation.name);
            let diagnostic = Diagnostic::new(&meaning::APPROVED_BY_SILENCE, value.span, message).label("approves when nobody looks");
            self.report(diagnostic.help("write `on-timeout=deny`").proposal("write `deny`", value.span, "deny"));
        }
        Some(chosen)
    }
}
