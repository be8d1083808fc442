//! What policies do to each other where they cover one operation: a `deny` of one comes before an `escalate` and a `limit` of another, and
//! together their denials may leave nothing. What one policy does to itself is in `policy`.

use super::context::{Context, name_of};
use super::prove::Written;
use super::unproved::{Question, Unproved};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Scope, Tree};
use crate::plan::{Need, Policy};
use crate::proof::{Answer, Conditions, Covered, Reading};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::Ty;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// Denials of one operation that are looked at together; where there are more, and these leave something, that is told.
const MOST_DENIALS: usize = 64;

/// A condition of a policy.
#[derive(Clone)]
struct Rule {
    /// Such as ``deny too-much``.
    name: String,
    policy: String,
    when: Expr,
    span: Span,
}

impl Rule {
    fn written(&self) -> Written<'_> {
        Written { name: format!("`{}` of the policy `{}`", self.name, self.policy), span: self.span, when: &self.when }
    }
}

/// All policies, as lowered and as written, and what was worked out of them.
struct All<'a> {
    policies: &'a [Arc<Policy>],
    nodes: &'a BTreeMap<String, &'a Node>,
    met: BTreeMap<(String, Vec<String>), Rc<Met>>,
}

/// The denials that an effect meets.
struct Met {
    /// What rules on it may name.
    scope: Scope,
    denials: Vec<Rule>,
    /// Each of them read.
    readings: Vec<Reading>,
    /// Whether there are more than these.
    more: bool,
    /// The policies that deny something.
    by: BTreeSet<String>,
}

impl Met {
    /// Those of other policies that say outright that nothing may pass.
    fn refusing(&self, but: &str) -> Vec<usize> {
        let refuses = |rule: &Rule| rule.policy != but && is_true(&rule.when.root);
        self.denials.iter().enumerate().filter(|(_, rule)| refuses(rule)).map(|(at, _)| at).take(1).collect()
    }

    /// What its denials leave of a condition; given up, too, where they leave something and there are more of them.
    fn covering(&self, condition: &Reading) -> Covered {
        let covered = condition.covered_by(&self.readings.iter().collect::<Vec<_>>());
        let given_up = covered.given_up || self.more && covered.by.is_empty();
        Covered { given_up, ..covered }
    }
}

fn is_true(tree: &Tree) -> bool {
    matches!(tree, Tree::Constant(Value::Bool(true)))
}

fn is_literal(tree: &Tree) -> bool {
    matches!(tree, Tree::Constant(Value::Bool(_)))
}

/// Whether every effect of an operation meets a policy where these flows, or any, have it.
fn meets(policy: &Policy, operation: &str, flows: &[String]) -> bool {
    let wide = policy.flows.is_empty() || !flows.is_empty() && flows.iter().all(|flow| policy.flows.contains(flow));
    wide && policy.on.iter().any(|on| on == operation)
}

/// Where a condition stands.
fn place(nodes: &BTreeMap<String, &Node>, policy: &str, kind: &str, name: &str, setting: &str) -> Option<Span> {
    let rule = nodes.get(policy)?.all(kind).find(|rule| rule.argument(0).and_then(Literal::text) == Some(name))?;
    // A limit without a condition holds always.
    rule.setting(setting).map(|value| value.span).or_else(|| name_of(rule).map(|name| name.span))
}

impl Context<'_> {
    /// Proves the rules of all policies against each other.
    pub(crate) fn prove_across(&mut self, nodes: &[Node]) {
        let written = nodes.iter().filter(|node| node.name.text == "policy");
        let written: BTreeMap<String, &Node> = written.filter_map(|node| Some((name_of(node)?.text, node))).collect();
        let policies: Vec<Arc<Policy>> = self.plan.policies.values().cloned().collect();
        let operations: BTreeSet<String> = policies.iter().flat_map(|policy| policy.on.iter().cloned()).collect();
        let (mut said, mut open) = (BTreeSet::new(), BTreeMap::new());
        let mut all = All { policies: &policies, nodes: &written, met: BTreeMap::new() };
        for operation in &operations {
            self.prove_possible_effect(operation, &mut all, &mut said, &mut open);
        }
        for unproved in open.into_values() {
            self.report_unproved(unproved);
        }
        let mut unproved = Unproved::default();
        for policy in &policies {
            self.prove_rules_across(policy, &mut all, &mut unproved);
        }
        self.report_unproved(unproved);
    }

    /// What every effect of an operation meets which a policy of these flows covers: worked out once, however many rules are asked about.
    fn meets(&self, operation: &str, flows: &[String], all: &mut All<'_>) -> Rc<Met> {
        let key = (operation.to_owned(), flows.to_vec());
        if let Some(met) = all.met.get(&key) {
            return Rc::clone(met);
        }
        let scope = self.scope_across(operation, all.policies);
        let mut denials = self.denials(operation, flows, all.policies, all.nodes);
        let more = denials.len() > MOST_DENIALS;
        denials.truncate(MOST_DENIALS);
        let by = all.policies.iter().filter(|policy| meets(policy, operation, flows) && !policy.denies.is_empty());
        let by = by.map(|policy| policy.name.clone()).collect();
        let conditions = Conditions::of(&scope, &self.plan.types);
        let readings = denials.iter().map(|rule| conditions.read(&rule.when.root)).collect();
        let met = Rc::new(Met { scope, denials, readings, more, by });
        all.met.insert(key, Rc::clone(&met));
        met
    }

    /// The denials that every effect of an operation meets which a policy of these flows covers, and one more than are looked at.
    fn denials(&self, operation: &str, flows: &[String], policies: &[Arc<Policy>], nodes: &BTreeMap<String, &Node>) -> Vec<Rule> {
        let of = |policy: &Arc<Policy>| -> Vec<Rule> {
            let rule = |deny: &crate::plan::Deny| {
                let span = place(nodes, &policy.name, "deny", &deny.name, "when")?;
                Some(Rule { name: format!("deny {}", deny.name), policy: policy.name.clone(), when: deny.when.clone(), span })
            };
            policy.denies.iter().take(MOST_DENIALS + 1).filter_map(rule).collect()
        };
        policies.iter().filter(|policy| meets(policy, operation, flows)).flat_map(of).take(MOST_DENIALS + 1).collect()
    }

    /// What the rules on one operation may name.
    fn scope_across(&self, operation: &str, policies: &[Arc<Policy>]) -> Scope {
        let covering = policies.iter().filter(|policy| policy.on.iter().any(|on| on == operation));
        let needs: Vec<Need> = covering.flat_map(|policy| policy.needs.iter().cloned()).collect();
        self.policy_scope(&[operation.to_owned()], &needs)
    }

    /// The denials of an operation leave something. A literal `true` says on purpose that nothing may pass.
    fn prove_possible_effect(
        &mut self,
        operation: &str,
        all: &mut All<'_>,
        said: &mut BTreeSet<Span>,
        open: &mut BTreeMap<Span, Unproved>,
    ) {
        let flows = all.policies.iter().filter(|policy| policy.on.iter().any(|on| on == operation)).map(|policy| policy.flows.clone());
        let groups: BTreeSet<Vec<String>> = flows.chain([Vec::new()]).collect();
        for flows in groups {
            let met = self.meets(operation, &flows, all);
            let conditions = Conditions::of(&met.scope, &self.plan.types);
            let denials = &met.denials;
            let always = |rule: &Rule| matches!(conditions.conflict(&[], &[&rule.when.root]), Answer::Conflict(_));
            let alone = denials.iter().any(|rule| is_literal(&rule.when.root) || always(rule));
            if denials.len() < 2 || alone {
                continue;
            }
            let covered = met.covering(&conditions.read(&Tree::Constant(Value::Bool(true))));
            if let Some(first) = denials.first().filter(|_| covered.given_up) {
                open.entry(first.span).or_default().note(Question::Allowed(operation), first.span);
            }
            let mut covering = covered.by.iter().filter_map(|at| denials.get(*at));
            let Some(first) = covering.next().filter(|first| said.insert(first.span)) else { continue };
            let message = format!("no effect of `{operation}` is ever allowed: these rules refuse everything between them");
            let mut diagnostic = Diagnostic::new(&meaning::NEVER_ALLOWED, first.span, message).label("refuses a part");
            for other in covering {
                diagnostic = diagnostic.also(other.span, format!("`{}` of the policy `{}` refuses the rest", other.name, other.policy));
            }
            self.report(diagnostic.help("change a bound, or write one `deny` whose `when` is `true` if it is meant to be off"));
        }
    }

    /// An `escalate` and a `limit` hold somewhere that no `deny` of another policy takes.
    fn prove_rules_across(&mut self, policy: &Policy, all: &mut All<'_>, unproved: &mut Unproved) {
        let escalates = policy.escalates.iter().map(|rule| ("escalate", &rule.name, "when", Some(&rule.when)));
        let limits = policy.limits.iter().map(|rule| ("limit", &rule.name, "where", rule.condition.as_ref()));
        for (kind, name, setting, when) in escalates.chain(limits) {
            let always = when.is_none_or(|when| is_true(&when.root));
            if !always && when.is_some_and(|when| is_literal(&when.root)) {
                continue;
            }
            let Some(span) = place(all.nodes, &policy.name, kind, name, setting) else { continue };
            let mut by: Vec<Rule> = Vec::new();
            // Where it decides for one of the operations, nothing is open.
            let (mut everywhere, mut free, mut open) = (!policy.on.is_empty(), false, false);
            for operation in &policy.on {
                let met = self.meets(operation, &policy.flows, all);
                // What a policy's own denials take from its escalations was looked at there.
                let alone = kind == "escalate" && met.by.iter().all(|by| *by == policy.name);
                let covered = match when.filter(|_| !always) {
                    Some(_) if alone => Covered::default(),
                    Some(when) => self.covering(when, &met),
                    // Between them, denials that refuse everything are told of where they stand.
                    None => Covered { by: met.refusing(&policy.name), given_up: false },
                };
                everywhere &= !covered.by.is_empty();
                open |= covered.given_up;
                free |= covered.by.is_empty() && !covered.given_up;
                for rule in covered.by.iter().filter_map(|at| met.denials.get(*at)) {
                    if by.iter().all(|known| known.span != rule.span) {
                        by.push(rule.clone());
                    }
                }
            }
            // What a policy's own denials take from its escalations was reported there.
            let own = kind == "escalate" && by.iter().all(|rule| rule.policy == policy.name);
            // A policy that switches an operation off for a while leaves the rules of others as they are.
            let off = by.iter().all(|rule| rule.policy != policy.name && is_true(&rule.when.root));
            if everywhere && !own && !off {
                let when = when.cloned().unwrap_or_else(|| Expr::constant(Value::Bool(true), Ty::Bool));
                let rule = Rule { name: format!("{kind} {name}"), policy: policy.name.clone(), when, span };
                self.report_shadowed(&rule, &by);
            } else if open && !free {
                unproved.note(Question::Decides(&format!("`{kind} {name}` of the policy `{}`", policy.name)), span);
            }
        }
    }

    /// The denials that hold wherever a condition does. Of one that never holds was told where it stands.
    fn covering(&self, when: &Expr, met: &Met) -> Covered {
        let conditions = Conditions::of(&met.scope, &self.plan.types);
        match conditions.conflict(&[&when.root], &[]) {
            Answer::Conflict(_) => Covered::default(),
            Answer::May | Answer::GivenUp => met.covering(&conditions.read(&when.root)),
        }
    }

    fn report_shadowed(&mut self, rule: &Rule, by: &[Rule]) {
        let names: Vec<String> = by.iter().map(|rule| rule.written().name).collect();
        let message = format!("{} never decides: wherever it holds, {} holds too", rule.written().name, names.join(" or "));
        let mut diagnostic = Diagnostic::new(&meaning::SHADOWED, rule.span, message).label("never decides");
        for earlier in by {
            diagnostic = diagnostic.also(earlier.span, "denies it first");
        }
        self.report(diagnostic.help("change one of the two bounds, or remove the rule"));
    }
}
