//! Which parameters of an operation say whom an effect reaches or how much it moves. Outside text may not be in those; where it is allowed
//! to stand, the parameter is marked `untrusted`. A target that is the same whatever is asked for is refused: it would tell no effect from another.

use super::context::Context;
use super::payment::reads;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Checked;
use crate::plan::{EffectKind, MoneyDirection, MoneyMove};
use crate::shape::Shaped;
use crate::ty::{Field, Ty, TypeTable};
use std::collections::BTreeSet;

/// Whether an effect moves money or cannot be taken back.
pub(crate) fn is_grave(effect: EffectKind, money: Option<&MoneyMove>) -> bool {
    effect == EffectKind::Irreversible || money.is_some_and(|money| money.direction != MoneyDirection::Price)
}

/// Whether a value of a type is an amount, or holds one.
fn holds_money(ty: &Ty, types: &TypeTable) -> bool {
    fn holds<'t>(ty: &'t Ty, types: &'t TypeTable, seen: &mut BTreeSet<&'t str>) -> bool {
        match ty {
            Ty::Money => true,
            Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => holds(inner, types, seen),
            Ty::Object(fields) => fields.iter().any(|(_, ty)| holds(ty, types, seen)),
            // A record may hold itself.
            Ty::Record(name) if seen.insert(name) => {
                types.records.get(name).is_some_and(|record| record.fields.iter().any(|field| holds(&field.ty, types, seen)))
            }
            _ => false,
        }
    }
    holds(ty, types, &mut BTreeSet::new())
}

impl Context<'_> {
    /// The parameters that choose: `read`, which are those of the target, the amount and the business key; those of the address; of an
    /// operation that moves money or cannot be taken back every one, and of any other each that holds an amount, unless it is marked.
    pub(crate) fn choosing_fields(&self, request: &[Field], read: Vec<String>, path: &str, grave: bool) -> Vec<String> {
        let mut choosing: Vec<String> = Vec::new();
        let addressed = request.iter().map(|field| field.name.clone()).filter(|name| path.contains(&format!("{{{name}}}")));
        let plain = request.iter().filter(|field| !field.marks.untrusted && (grave || holds_money(&field.ty, &self.plan.types)));
        for name in read.into_iter().chain(addressed).chain(plain.map(|field| field.name.clone())) {
            if !choosing.contains(&name) {
                choosing.push(name);
            }
        }
        choosing
    }

    /// What an effect acts on is taken from its request, where there is anything in it.
    pub(crate) fn check_target(&mut self, node: &Node, request: &[Field], target: &Checked, operation: &str) {
        if request.is_empty() || reads(target, "request") {
            return;
        }
        let span = node.setting("target").map_or(node.name.span, |value| value.span);
        let message = format!("the target of `{operation}` is the same for every request, so it tells none from another");
        let diagnostic = Diagnostic::new(&meaning::HOLLOW_TARGET, span, message).label("reads nothing of the request");
        let field = request.iter().find(|field| field.ty == Ty::String && !field.marks.untrusted).or(request.first());
        let named = field.map_or("id", |field| field.name.as_str());
        self.report(diagnostic.help(format!("write `target \"=request.{named}\"`: whom or what the effect reaches")));
    }
}
