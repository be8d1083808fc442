//! `remember` of several facts, each a row with fields and perhaps a condition of its own.

use super::context::Context;
use super::step::{Place, Verb};
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{Bindings, Facts, Memory, StepKind};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::ty::{Marks, Ty};

impl Context<'_> {
    pub(crate) fn lower_facts(&mut self, node: &Node, place: &mut Place<'_, '_>, memory: &Memory) -> Option<Verb> {
        let fields = self.plan.types.records.get(&memory.record)?.fields.clone();
        let subject = match node.setting("subject").cloned() {
            Some(subject) => Some(self.written_subject(&subject, place)).map(|checked| checked.map(|checked| place.note(checked).expr)),
            None => None,
        };
        if subject.is_none() && !memory.subject.is_empty() {
            self.missing(node, "subject", "write `subject=\"=input.customer_id\"`: whose facts these are");
        }
        let settings = crate::shape::rule_of("flow", "remember").map(|rule| rule.settings.as_slice()).unwrap_or_default();
        let beside: Vec<&Node> =
            node.children.iter().filter(|child| child.name.text != "-" && !settings.contains(&child.name.text)).collect();
        let rows: Vec<Node> = match (node.first("-"), beside.first()) {
            (Some(_), Some(stray)) => {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VERB, stray.name.span, "a field beside rows belongs to none of them");
                self.report(diagnostic.label("of which row?").help("write it in a row: `- role=user text=\"=input.text\"`"));
                return None;
            }
            (Some(_), None) => node.all("-").cloned().collect(),
            (None, _) => vec![Node { properties: Vec::new(), children: beside.into_iter().cloned().collect(), ..node.clone() }],
        };
        let mut facts: Vec<(Option<crate::expr::Expr>, Bindings)> = Vec::new();
        for row in &rows {
            let when = match row.property("when").cloned().filter(|_| node.first("-").is_some()) {
                Some(when) => {
                    let checked = self.condition(&when, &place.scope)?;
                    self.prove_picks(&place.scope, "this fact", when.span, &checked.expr);
                    if !planted(Hole::Row) {
                        place.steer(&checked, when.span);
                    }
                    Some(place.note(checked).expr)
                }
                None => None,
            };
            let own = Node {
                properties: row.properties.iter().filter(|property| property.name.text != "when").cloned().collect(),
                ..row.clone()
            };
            let bound = self.typed_bindings(&own, &fields, &place.scope, &memory.record, "field");
            self.check_remembered(&own, &memory.record, &fields, &bound, &place.scope);
            self.check_key(&own, memory, &bound, place);
            facts.push((when, bound.into_iter().map(|(name, checked)| (name, place.note(checked).expr)).collect()));
        }
        let subject = match subject {
            Some(subject) => Some(subject?),
            None => None,
        };
        let facts = Facts { memory: memory.name.clone(), subject, facts };
        Some((StepKind::Facts(Box::new(facts)), Ty::Object(Vec::new()), Marks::default()))
    }
}
