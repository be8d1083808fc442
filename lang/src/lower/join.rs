//! The type of a `choose`: what its arms' outputs have in common.

use super::context::Context;
use crate::expr::{Checked, Expr, Tree};
use crate::ty::Ty;
use crate::value::Value;

impl Context<'_> {
    /// A record of every name that any arm gives: optional where an arm lacks it, `json` where types differ.
    pub(crate) fn join_outputs(outputs: &mut [Vec<(String, Checked)>]) -> Ty {
        let mut names: Vec<String> = Vec::new();
        for name in outputs.iter().flatten().map(|(name, _)| name) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let mut fields = Vec::new();
        for name in names {
            let mut ty: Option<Ty> = None;
            for arm in outputs.iter() {
                let Some(checked) = arm.iter().find(|(of, _)| *of == name).map(|(_, checked)| checked) else { continue };
                ty = Some(match ty {
                    None => checked.expr.ty.clone(),
                    Some(ty) => join(&ty, &checked.expr.ty),
                });
            }
            let absent = outputs.iter().any(|arm| !arm.iter().any(|(of, _)| *of == name));
            let ty = ty.unwrap_or(Ty::Unknown);
            for checked in outputs.iter_mut().flatten().filter(|(of, _)| *of == name).map(|(_, checked)| checked) {
                widen(&mut checked.expr, &ty);
            }
            fields.push((name, if absent { ty.optional() } else { ty }));
        }
        Ty::Object(fields)
    }
}

/// A constant whole number among doubles becomes a double.
fn widen(expr: &mut Expr, ty: &Ty) {
    if let (Ty::Double, Tree::Constant(Value::Int(number))) = (ty, &expr.root) {
        #[expect(clippy::cast_precision_loss, reason = "as CEL's own conversion of int to double")]
        let number = *number as f64;
        *expr = Expr::constant(Value::Double(number), Ty::Double);
    }
}

pub(crate) fn join(left: &Ty, right: &Ty) -> Ty {
    match (left, right) {
        (left, right) if left == right => left.clone(),
        (Ty::Unknown, other) | (other, Ty::Unknown) => other.clone(),
        (Ty::Null, other) | (other, Ty::Null) => other.clone().optional(),
        (Ty::Optional(inner), other) | (other, Ty::Optional(inner)) => {
            let other = if let Ty::Optional(other) = other { other } else { other };
            join(inner, other).optional()
        }
        (Ty::Int, Ty::Double) | (Ty::Double, Ty::Int) => Ty::Double,
        // An enum's value meets text as text; the enum cannot be proved from a constant of the other arm alone.
        (Ty::Enum(_), Ty::String) | (Ty::String, Ty::Enum(_)) | (Ty::Enum(_), Ty::Enum(_)) => Ty::String,
        _ => Ty::Json,
    }
}
