//! Events: what a connector tells of, and what a flow emits. An event is named by its connector, or by the type that it carries.

use super::context::{Context, name_of, suggest};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::{Bindings, Event};
use crate::shape::Shaped;
use crate::ty::{Field, Marks, Ty};
use std::sync::Arc;

impl Context<'_> {
    /// The name of an event and the record that it carries.
    pub(crate) fn event_record(&mut self, value: &Literal) -> Option<(String, String)> {
        let name = self.text(value, "the name of an event")?;
        if let Some(event) = self.plan.events.get(&name) {
            return Some((name, event.record.clone()));
        }
        if self.plan.types.records.contains_key(&name) && self.declared.contains_key(&("type", name.clone())) {
            return Some((name.clone(), name));
        }
        // An event with a mistake of its own was reported there.
        if !self.declared.contains_key(&("event", name.clone())) {
            let known: Vec<String> = self.declared.keys().filter(|(kind, _)| *kind == "event").map(|(_, name)| name.clone()).collect();
            let message = format!("there is no event `{name}`");
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, message).label("no such event");
            self.report(suggest(diagnostic, &name, &known, value.span, "event"));
        }
        None
    }

    pub(crate) fn lower_events(&mut self, nodes: &[Node]) {
        for connector in nodes.iter().filter(|node| node.name.text == "connector") {
            let Some(name) = name_of(connector) else { continue };
            let hooked = connector.first("webhook").is_some();
            for node in connector.all("event").collect::<Vec<_>>() {
                let Some(event) = name_of(node) else { continue };
                if !hooked {
                    let message = format!("`{}` has an event, and no webhook by which it comes", name.text);
                    let diagnostic = Diagnostic::new(&meaning::MISSING_SETTING, node.name.span, message).label("comes from where?");
                    self.report(diagnostic.help("write `webhook \"/hooks/shop\" { verify … }` in the connector"));
                }
                if let Some(lowered) = self.lower_event(node, &name.text) {
                    self.plan.events.insert(format!("{}.{}", name.text, event.text), Arc::new(lowered));
                }
            }
        }
    }

    fn lower_event(&mut self, node: &Node, connector: &str) -> Option<Event> {
        let Some(payload) = node.first("payload") else {
            self.missing(node, "payload", "write `payload \"TYPE\" { id \"=string(body.id)\" }`");
            return None;
        };
        let scope = hook_scope();
        let when = match node.setting("when").cloned() {
            Some(when) => self.condition(&when, &scope).map(|checked| {
                self.prove_picks(&scope, "this `event`", when.span, &checked.expr);
                checked.expr
            }),
            None => {
                self.missing(node, "when", "write `when=\"headers['x-topic'] == 'orders/paid'\"`: which deliveries are this event");
                None
            }
        };
        let value = payload.argument(0)?.clone();
        let record = self.reference(&value, "type")?;
        let fields = self.plan.types.records.get(&record)?.fields.clone();
        // Lists and records of the delivery are held to their type when it comes, whole.
        let whole = |ty: Ty| match ty {
            Ty::List(_) | Ty::Map(_) | Ty::Record(_) => Ty::Json,
            Ty::Optional(inner) if matches!(*inner, Ty::List(_) | Ty::Map(_) | Ty::Record(_)) => Ty::Json.optional(),
            other => other,
        };
        let optional = |field: &Field| matches!(field.ty, Ty::Optional(_)) && field.default.is_none();
        let default = |field: &Field| if optional(field) { Some(crate::value::Value::Null) } else { field.default.clone() };
        let fields: Vec<Field> =
            fields.into_iter().map(|field| Field { default: default(&field), ty: whole(field.ty.clone()), ..field }).collect();
        let bound = self.typed_bindings(payload, &fields, &scope, &record, "field");
        let payload: Bindings = bound.into_iter().map(|(name, checked)| (name, checked.expr)).collect();
        Some(Event { connector: connector.to_owned(), when: when?, record, payload })
    }
}

/// What a delivery of a webhook has.
pub(crate) fn hook_scope() -> Scope {
    let plain = Marks::default();
    Scope::default().with("headers", Ty::Map(Box::new(Ty::String)), plain).with("body", Ty::Json, plain)
}
