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
use crate::proof::{Answer, Conditions, Covered};
use crate::shape::Shaped;
use crate::source::Span;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Denials of one operation that are looked at together; where there are more, and these leave something, that is told.
const MOST_DENIALS: usize = 64;

/// A condition of a policy.
struct Rule {
    /// Such as ``deny too-much``.
    name: String,
    policy: String,
    when: Expr,
    span: Span,
}

/// What denials take from a rule.
struct Taken {
    by: Vec<Rule>,
    /// Whether they leave it nothing, for any of the operations.
    everywhere: bool,
    /// Whether that could not be worked out.
    open: bool,
}

impl Rule {
    fn written(&self) -> Written<'_> {
        Written { name: format!("`{}` of the policy `{}`", self.name, self.policy), span: self.span, when: &self.when }
    }
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
    rule.setting(setting).map(|value| value.span)
}

impl Context<'_> {
    /// Proves the rules of all policies against each other.
    pub(crate) fn prove_across(&mut self, nodes: &[Node]) {
        let written = nodes.iter().filter(|node| node.name.text == "policy");
        let written: BTreeMap<String, &Node> = written.filter_map(|node| Some((name_of(node)?.text, node))).collect();
        let policies: Vec<Arc<Policy>> = self.plan.policies.values().cloned().collect();
        let operations: BTreeSet<String> = policies.iter().flat_map(|policy| policy.on.iter().cloned()).collect();
        let (mut said, mut open) = (BTreeSet::new(), BTreeMap::new());
        for operation in &operations {
            self.prove_possible_effect(operation, &policies, &written, &mut said, &mut open);
        }
        for unproved in open.into_values() {
            self.report_unproved(unproved);
        }
        for policy in &policies {
            self.prove_rules_across(policy, &policies, &written);
        }
    }

    /// The denials that every effect of an operation meets which a policy of these flows covers, and whether there are more than these.
    fn denials(&self, operation: &str, flows: &[String], policies: &[Arc<Policy>], nodes: &BTreeMap<String, &Node>) -> (Vec<Rule>, bool) {
        let of = |policy: &Arc<Policy>| -> Vec<Rule> {
            let rule = |deny: &crate::plan::Deny| {
                let span = place(nodes, &policy.name, "deny", &deny.name, "when")?;
                Some(Rule { name: format!("deny {}", deny.name), policy: policy.name.clone(), when: deny.when.clone(), span })
            };
            policy.denies.iter().take(MOST_DENIALS + 1).filter_map(rule).collect()
        };
        let mut found: Vec<Rule> =
            policies.iter().filter(|policy| meets(policy, operation, flows)).flat_map(of).take(MOST_DENIALS + 1).collect();
        let more = found.len() > MOST_DENIALS;
        found.truncate(MOST_DENIALS);
        (found, more)
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
        policies: &[Arc<Policy>],
        nodes: &BTreeMap<String, &Node>,
        said: &mut BTreeSet<Span>,
        open: &mut BTreeMap<Span, Unproved>,
    ) {
        let flows = policies.iter().filter(|policy| policy.on.iter().any(|on| on == operation)).map(|policy| policy.flows.clone());
        let groups: BTreeSet<Vec<String>> = flows.chain([Vec::new()]).collect();
        for flows in groups {
            let (denials, more) = self.denials(operation, &flows, policies, nodes);
            let scope = self.scope_across(operation, policies);
            let conditions = Conditions::of(&scope, &self.plan.types);
            let always = |rule: &Rule| matches!(conditions.conflict(&[], &[&rule.when.root]), Answer::Conflict(_));
            let alone = denials.iter().any(|rule| is_literal(&rule.when.root) || always(rule));
            let trees: Vec<&Tree> = denials.iter().map(|rule| &rule.when.root).collect();
            if denials.len() < 2 || alone {
                continue;
            }
            let everything = Tree::Constant(Value::Bool(true));
            let covered = conditions.covered_by(&everything, &trees);
            if let Some(first) = denials.first().filter(|_| covered.given_up || more && covered.by.is_empty()) {
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

    /// An `escalate` and the `where` of a `limit` hold somewhere that no `deny` of another policy takes.
    fn prove_rules_across(&mut self, policy: &Policy, policies: &[Arc<Policy>], nodes: &BTreeMap<String, &Node>) {
        let escalates = policy.escalates.iter().map(|rule| ("escalate", &rule.name, "when", &rule.when));
        let limits = policy.limits.iter().filter_map(|rule| Some(("limit", &rule.name, "where", rule.condition.as_ref()?)));
        let mut unproved = Unproved::default();
        for (kind, name, setting, when) in escalates.chain(limits).filter(|(.., when)| !is_literal(&when.root)) {
            let Some(span) = place(nodes, &policy.name, kind, name, setting) else { continue };
            let rule = Rule { name: format!("{kind} {name}"), policy: policy.name.clone(), when: when.clone(), span };
            // What a policy's own denials take from its escalations was reported there.
            let alone = |operation: &String| {
                let other = |other: &&Arc<Policy>| other.name != policy.name && !other.denies.is_empty();
                policies.iter().filter(other).all(|other| !meets(other, operation, &policy.flows))
            };
            if kind == "escalate" && policy.on.iter().all(alone) {
                continue;
            }
            let denials: Vec<_> =
                policy.on.iter().map(|operation| (operation, self.denials(operation, &policy.flows, policies, nodes))).collect();
            let Taken { by, everywhere, open } = self.taken(&rule, denials, policies);
            let own = kind == "escalate" && by.iter().all(|rule| rule.policy == policy.name);
            if everywhere && !own {
                self.report_shadowed(&rule, &by);
            } else if open {
                unproved.note(Question::Decides(&rule.written().name), span);
            }
        }
        self.report_unproved(unproved);
    }

    /// What these denials of each operation take from a rule.
    fn taken(&self, rule: &Rule, denials: Vec<(&String, (Vec<Rule>, bool))>, policies: &[Arc<Policy>]) -> Taken {
        let (mut everywhere, mut free, mut open) = (!denials.is_empty(), false, false);
        let mut by: Vec<Rule> = Vec::new();
        for (operation, (denials, more)) in denials {
            let trees: Vec<&Tree> = denials.iter().map(|rule| &rule.when.root).collect();
            let scope = self.scope_across(operation, policies);
            let conditions = Conditions::of(&scope, &self.plan.types);
            // One that never holds was reported where it stands.
            let possible = !matches!(conditions.conflict(&[&rule.when.root], &[]), Answer::Conflict(_));
            let covered = if possible { conditions.covered_by(&rule.when.root, &trees) } else { Covered::default() };
            everywhere &= !covered.by.is_empty();
            let left_open = covered.given_up || more && covered.by.is_empty();
            open |= left_open;
            free |= covered.by.is_empty() && !left_open;
            let covering = denials.into_iter().enumerate().filter(|(at, _)| covered.by.contains(at)).map(|(_, rule)| rule);
            by.extend(covering.filter(|rule| by.iter().all(|known| known.span != rule.span)).collect::<Vec<_>>());
        }
        // Where it decides for one of the operations, nothing is open.
        Taken { by, everywhere, open: open && !free }
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
