//! What a policy covers beside the operations that it names: kinds of effect, flows; and what was there before the effect.

use super::context::Context;
use crate::ast::Node;
use crate::plan::{EffectKind, MoneyDirection};
use crate::shape::Shaped;
use crate::ty::Ty;

impl Context<'_> {
    /// The kinds and the flows that a policy's `on` names.
    pub(crate) fn covered_kinds(&mut self, node: &Node) -> (Vec<String>, Vec<String>) {
        let (mut kinds, mut flows) = (Vec::new(), Vec::new());
        for on in node.all("on").collect::<Vec<_>>() {
            if let Some(kind) = on.property("kind").cloned() {
                kinds.extend(self.word(&kind, "`kind`", &["reversible", "compensable", "irreversible", "money"]));
            }
            if let Some(flow) = on.property("flow").cloned() {
                flows.extend(self.reference(&flow, "flow"));
            }
        }
        (kinds, flows)
    }

    /// The operations named and those of the kinds named; every write, where only flows are.
    pub(crate) fn widened(&self, mut on: Vec<String>, kinds: &[String], flows: &[String]) -> Vec<String> {
        if kinds.is_empty() && (flows.is_empty() || !on.is_empty()) {
            return on;
        }
        for operation in self.plan.operations.values().filter(|operation| operation.effect != EffectKind::Read) {
            let kind = match operation.effect {
                EffectKind::Reversible => "reversible",
                EffectKind::Compensable => "compensable",
                _ => "irreversible",
            };
            let money = operation.money.as_ref().is_some_and(|money| money.direction != MoneyDirection::Price);
            let fits = kinds.is_empty() || kinds.iter().any(|wanted| wanted == kind || (wanted == "money" && money));
            if fits && !on.contains(&operation.name) {
                on.push(operation.name.clone());
            }
        }
        on
    }

    /// The type of `before` in a policy: what every covered operation reads before it writes.
    pub(crate) fn before_type(&self, on: &[String]) -> Option<Ty> {
        let mut types = on.iter().filter_map(|name| self.plan.operations.get(name)).map(|operation| {
            let before = operation.terms.before.as_ref()?;
            self.plan.operations.get(&before.operation).map(|read| read.response.clone())
        });
        let fields = |ty: Ty| match ty {
            Ty::Record(name) => {
                let record = self.plan.types.records.get(&name);
                record.map(|record| record.fields.iter().map(|field| (field.name.clone(), field.ty.clone())).collect()).unwrap_or_default()
            }
            Ty::Object(fields) => fields,
            _ => Vec::new(),
        };
        let mut shared: Vec<(String, Ty)> = fields(types.next()??);
        for ty in types {
            let own = fields(ty?);
            shared.retain(|field| own.contains(field));
        }
        Some(Ty::Object(shared))
    }
}
