//! What policies do to each other where they cover one operation: a `deny` of one comes before an `escalate` and a `limit` of another, and
//! together their denials may leave nothing. What one policy does to itself is in `policy`.

use super::context::{Context, name_of};
use super::prove::Written;
use super::unproved::{Question, Unproved};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Scope, Tree};
use crate::plan::{Deny, Need, Policy};
use crate::proof::{Answer, Conditions, Covered, Reading, Ways};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::Ty;
use crate::value::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// Denials of one operation that are looked at together. Where there are more, these leave something, and no way is found in which the
/// others do, too, that is told.
const MOST_DENIALS: usize = 64;

/// A condition of a policy.
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
    /// Those that cover an operation, by its name.
    on: BTreeMap<&'a str, Vec<&'a Policy>>,
    /// Where the condition of a rule stands, by the names of its policy, its kind and itself.
    places: BTreeMap<(&'a str, &'a str, &'a str), Span>,
    /// The denials of a policy.
    denials: BTreeMap<&'a str, Vec<Rc<Rule>>>,
    /// What rules on an operation may name.
    scopes: BTreeMap<String, Rc<Scope>>,
    /// A denial as it is read for an operation.
    readings: BTreeMap<(String, Span), Rc<Reading>>,
    met: BTreeMap<(String, Vec<String>), Rc<RefCell<Met>>>,
}

impl<'a> All<'a> {
    fn of(policies: &'a [Arc<Policy>], nodes: &'a [Node]) -> Self {
        let mut all = Self {
            policies,
            on: BTreeMap::new(),
            places: BTreeMap::new(),
            denials: BTreeMap::new(),
            scopes: BTreeMap::new(),
            readings: BTreeMap::new(),
            met: BTreeMap::new(),
        };
        // Of two policies of one name the last is the one that holds; within it, of two rules the first.
        let written = nodes.iter().filter(|node| node.name.text == "policy");
        let written: BTreeMap<&str, &Node> = written.filter_map(|node| Some((node.argument(0)?.text()?, node))).collect();
        for (policy, node) in written {
            for rule in &node.children {
                let (kind, Some(name)) = (rule.name.text.as_str(), rule.argument(0).and_then(Literal::text)) else { continue };
                let condition = rule.setting(if kind == "limit" { "where" } else { "when" });
                // A limit without a condition holds always.
                let Some(span) = condition.map(|value| value.span).or_else(|| name_of(rule).map(|name| name.span)) else { continue };
                all.places.entry((policy, kind, name)).or_insert(span);
            }
        }
        for policy in policies {
            policy.on.iter().for_each(|operation| all.on.entry(operation).or_default().push(policy));
            let rule = |deny: &Deny| {
                let span = all.place(&policy.name, "deny", &deny.name)?;
                Some(Rc::new(Rule { name: format!("deny {}", deny.name), policy: policy.name.clone(), when: deny.when.clone(), span }))
            };
            let denials = policy.denies.iter().filter_map(rule).collect();
            all.denials.insert(&policy.name, denials);
        }
        all
    }

    /// Where the condition of a rule stands.
    fn place(&self, policy: &str, kind: &str, name: &str) -> Option<Span> {
        self.places.get(&(policy, kind, name)).copied()
    }

    /// The policies that cover an operation in all of these flows, or in every flow.
    fn covering(&self, operation: &str, flows: &[String]) -> impl Iterator<Item = &'a Policy> {
        let holds =
            |policy: &&&Policy| policy.flows.is_empty() || !flows.is_empty() && flows.iter().all(|flow| policy.flows.contains(flow));
        self.on.get(operation).into_iter().flatten().filter(holds).copied()
    }
}

/// The denials that an effect meets.
struct Met {
    /// What rules on it may name.
    scope: Rc<Scope>,
    denials: Vec<Rc<Rule>>,
    /// Each of them read.
    readings: Vec<Rc<Reading>>,
    /// How all of them can fail.
    ways: Ways,
    /// The policies that deny something.
    by: BTreeSet<String>,
}

impl Met {
    /// One of those of other policies that say outright that nothing may pass.
    fn refusing(&self, but: &str) -> Vec<usize> {
        let refuses = |rule: &Rc<Rule>| rule.policy != but && is_true(&rule.when.root);
        self.denials.iter().enumerate().filter(|(_, rule)| refuses(rule)).map(|(at, _)| at).take(1).collect()
    }

    /// What its denials leave of a condition; given up, too, where those that are looked at leave something and of the others it is not known.
    fn covering(&mut self, condition: &Reading) -> Covered {
        let readings: Vec<&Reading> = self.readings.iter().map(Rc::as_ref).collect();
        let (near, far) = readings.split_at(readings.len().min(MOST_DENIALS));
        let covered = self.ways.covered(condition, near, far.iter().copied());
        Covered { given_up: covered.given_up || covered.beyond, ..covered }
    }
}

fn is_true(tree: &Tree) -> bool {
    matches!(tree, Tree::Constant(Value::Bool(true)))
}

fn is_literal(tree: &Tree) -> bool {
    matches!(tree, Tree::Constant(Value::Bool(_)))
}

impl Context<'_> {
    /// Proves the rules of all policies against each other.
    pub(crate) fn prove_across(&mut self, nodes: &[Node]) {
        let policies: Vec<Arc<Policy>> = self.plan.policies.values().cloned().collect();
        let operations: BTreeSet<String> = policies.iter().flat_map(|policy| policy.on.iter().cloned()).collect();
        let (mut said, mut open) = (BTreeSet::new(), BTreeMap::new());
        let mut all = All::of(&policies, nodes);
        for operation in &operations {
            self.prove_possible_effect(operation, &mut all, &mut said, &mut open);
        }
        for unproved in open.into_values() {
            self.report_unproved(unproved);
        }
        let mut unproved = Unproved::default();
        for policy in all.policies {
            self.prove_rules_across(policy, &mut all, &mut unproved);
        }
        self.report_unproved(unproved);
    }

    /// What every effect of an operation meets which a policy of these flows covers: worked out once, however many rules are asked about.
    fn meets(&self, operation: &str, flows: &[String], all: &mut All<'_>) -> Rc<RefCell<Met>> {
        let key = (operation.to_owned(), flows.to_vec());
        if let Some(met) = all.met.get(&key) {
            return Rc::clone(met);
        }
        // What every flow meets is worked out once for all of them.
        let wide = (!flows.is_empty()).then(|| self.meets(operation, &[], all));
        let mut ways = wide.map_or_else(Ways::default, |wide| wide.borrow().ways.clone());
        let scope = self.scope_across(operation, all);
        let conditions = Conditions::of(&scope, &self.plan.types);
        let (mut denials, mut readings, mut by) = (Vec::new(), Vec::new(), BTreeSet::new());
        let policies: Vec<&Policy> = all.covering(operation, flows).collect();
        for policy in policies {
            for rule in all.denials.get(policy.name.as_str()).into_iter().flatten() {
                let key = (operation.to_owned(), rule.span);
                let reading = all.readings.entry(key).or_insert_with(|| Rc::new(conditions.read(&rule.when.root)));
                if flows.is_empty() || !policy.flows.is_empty() {
                    ways.also_fails(reading);
                }
                readings.push(Rc::clone(reading));
                denials.push(Rc::clone(rule));
                by.insert(policy.name.clone());
            }
        }
        let met = Rc::new(RefCell::new(Met { scope: Rc::clone(&scope), denials, readings, ways, by }));
        all.met.insert(key, Rc::clone(&met));
        met
    }

    /// What the rules on one operation may name.
    fn scope_across(&self, operation: &str, all: &mut All<'_>) -> Rc<Scope> {
        if let Some(scope) = all.scopes.get(operation) {
            return Rc::clone(scope);
        }
        let needs: Vec<Need> = all.on.get(operation).into_iter().flatten().flat_map(|policy| policy.needs.iter().cloned()).collect();
        let scope = Rc::new(self.policy_scope(&[operation.to_owned()], &needs));
        all.scopes.insert(operation.to_owned(), Rc::clone(&scope));
        scope
    }

    /// The denials of an operation leave something. A literal `true` says on purpose that nothing may pass.
    fn prove_possible_effect(
        &mut self,
        operation: &str,
        all: &mut All<'_>,
        said: &mut BTreeSet<Span>,
        open: &mut BTreeMap<Span, Unproved>,
    ) {
        let flows = all.on.get(operation).into_iter().flatten().map(|policy| policy.flows.clone());
        let groups: BTreeSet<Vec<String>> = flows.chain([Vec::new()]).collect();
        for flows in groups {
            let met = self.meets(operation, &flows, all);
            let mut met = met.borrow_mut();
            let scope = Rc::clone(&met.scope);
            let conditions = Conditions::of(&scope, &self.plan.types);
            let covered = match met.denials.len() {
                0 | 1 => continue,
                _ => met.covering(&conditions.read(&Tree::Constant(Value::Bool(true)))),
            };
            if covered.by.is_empty() && !covered.given_up {
                continue;
            }
            let denials = &met.denials;
            let always = |rule: &Rc<Rule>| matches!(conditions.conflict(&[], &[&rule.when.root]), Answer::Conflict(_));
            if denials.iter().any(|rule| is_literal(&rule.when.root) || always(rule)) {
                continue;
            }
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
        let escalates = policy.escalates.iter().map(|rule| ("escalate", &rule.name, Some(&rule.when)));
        let limits = policy.limits.iter().map(|rule| ("limit", &rule.name, rule.condition.as_ref()));
        for (kind, name, when) in escalates.chain(limits) {
            let always = when.is_none_or(|when| is_true(&when.root));
            if !always && when.is_some_and(|when| is_literal(&when.root)) {
                continue;
            }
            let Some(span) = all.place(&policy.name, kind, name) else { continue };
            let mut by: Vec<Rc<Rule>> = Vec::new();
            // Where it decides for one of the operations, nothing is open.
            let (mut everywhere, mut free, mut open) = (!policy.on.is_empty(), false, false);
            for operation in &policy.on {
                let met = self.meets(operation, &policy.flows, all);
                let mut met = met.borrow_mut();
                // What a policy's own denials take from its escalations was looked at there.
                let alone = kind == "escalate" && met.by.iter().all(|by| *by == policy.name);
                let covered = match when.filter(|_| !always) {
                    Some(_) if alone => Covered::default(),
                    Some(when) => self.covering(when, &mut met),
                    // Between them, denials that refuse everything are told of where they stand.
                    None => Covered { by: met.refusing(&policy.name), ..Covered::default() },
                };
                everywhere &= !covered.by.is_empty();
                open |= covered.given_up;
                free |= covered.by.is_empty() && !covered.given_up;
                for rule in covered.by.iter().filter_map(|at| met.denials.get(*at)) {
                    if by.iter().all(|known| known.span != rule.span) {
                        by.push(Rc::clone(rule));
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
    fn covering(&self, when: &Expr, met: &mut Met) -> Covered {
        let scope = Rc::clone(&met.scope);
        let conditions = Conditions::of(&scope, &self.plan.types);
        match conditions.conflict(&[&when.root], &[]) {
            Answer::Conflict(_) => Covered::default(),
            Answer::May | Answer::GivenUp => met.covering(&conditions.read(&when.root)),
        }
    }

    fn report_shadowed(&mut self, rule: &Rule, by: &[Rc<Rule>]) {
        let names: Vec<String> = by.iter().map(|rule| rule.written().name).collect();
        let message = format!("{} never decides: wherever it holds, {} holds too", rule.written().name, names.join(" or "));
        let mut diagnostic = Diagnostic::new(&meaning::SHADOWED, rule.span, message).label("never decides");
        for earlier in by {
            diagnostic = diagnostic.also(earlier.span, "denies it first");
        }
        self.report(diagnostic.help("change one of the two bounds, or remove the rule"));
    }
}
