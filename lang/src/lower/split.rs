//! `decide { split }`: the arms of a rollout, each with a decision of its own.

use super::context::{Context, name_of};
use super::step::{Place, Verb};
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{Decision, Generate, Split, StepKind, Talk};
use crate::shape::Shaped;
use crate::ty::{Marks, Ty};

impl Context<'_> {
    pub(crate) fn lower_split(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let value = node.argument(0)?.clone();
        let name = self.reference(&value, "rollout");
        let mut chosen = Marks::default();
        let by = match node.setting("by").cloned() {
            Some(by) => self.value(&by, &place.scope, None).map(|checked| {
                self.check_personal(&checked, Some(&by), "the unit of a rollout", &place.scope);
                chosen = checked.marks.choosing();
                place.note(checked).expr
            }),
            None => {
                self.missing(node, "by", "write `by=\"=sku.id\"`: what is assigned to an arm");
                None
            }
        };
        let mut arms: Vec<(String, Decision)> = Vec::new();
        let mut types: Vec<Ty> = Vec::new();
        let mut marks = chosen;
        let mut complete = true;
        for arm in node.all("arm").collect::<Vec<_>>() {
            let Some(of) = name_of(arm) else { continue };
            if arms.iter().any(|(other, _)| *other == of.text) {
                let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, of.span, format!("there are two arms named `{}`", of.text));
                self.report(diagnostic.label("again").help("rename one, or remove it"));
            }
            let Some((kind, ty, own)) = self.lower_decide(arm, place) else {
                complete = false;
                continue;
            };
            marks = marks.with(own);
            types.push(ty);
            arms.extend(decision(kind).map(|decision| (of.text, decision)));
        }
        let rollout = name.and_then(|name| self.plan.rollouts.get(&name).cloned())?;
        self.check_arms(node, &arms, &rollout.control, &rollout.treatment, complete);
        let mut fields = self.arms_type(&types);
        fields.push(("arm".to_owned(), Ty::String));
        let split = Split { rollout: rollout.name.clone(), by: by?, arms };
        complete.then_some((StepKind::Split(Box::new(split)), Ty::Object(fields), marks))
    }

    fn check_arms(&mut self, node: &Node, arms: &[(String, Decision)], control: &str, treatment: &str, complete: bool) {
        for wanted in [control, treatment] {
            if complete && !arms.iter().any(|(name, _)| name == wanted) {
                let diagnostic = Diagnostic::new(&meaning::NOT_TOTAL, node.name.span, format!("this `split` has no arm `{wanted}`"));
                self.report(diagnostic.label("an arm is missing").help(format!("write `arm \"{wanted}\" {{ … }}`")));
            }
        }
        for arm in node.all("arm").collect::<Vec<_>>() {
            let Some(name) = name_of(arm).filter(|name| name.text != control && name.text != treatment) else { continue };
            let message = format!("the rollout has no arm `{}`", name.text);
            let diagnostic = Diagnostic::new(&meaning::UNREACHABLE, name.span, message).label("never taken");
            self.report(diagnostic.help(format!("its arms are `{control}` and `{treatment}`")));
        }
    }

    /// The fields that every arm has, with a type that all of them fit.
    fn arms_type(&self, types: &[Ty]) -> Vec<(String, Ty)> {
        let fields = |ty: &Ty| match ty {
            Ty::Object(fields) => fields.clone(),
            Ty::Record(name) => {
                let record = self.plan.types.records.get(name);
                record.map(|record| record.fields.iter().map(|field| (field.name.clone(), field.ty.clone())).collect()).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let Some((first, others)) = types.split_first() else { return Vec::new() };
        let mut joined = fields(first);
        for other in others {
            let other = fields(other);
            joined.retain(|(name, _)| other.iter().any(|(of, _)| of == name));
            for (name, ty) in &mut joined {
                if let Some((_, other)) = other.iter().find(|(of, _)| of == name) {
                    *ty = super::join::join(ty, other);
                }
            }
        }
        joined
    }
}

fn decision(kind: StepKind) -> Option<Decision> {
    Some(match kind {
        StepKind::Rules { rules, otherwise } => Decision::Rules { rules, otherwise },
        StepKind::Generate(generate) => Decision::Draft(*generate),
        StepKind::Draft { record, route, .. } => Decision::Draft(Generate { record, route, talk: Talk::default() }),
        StepKind::Classify { labels, route, text } => Decision::Classify { labels, route, text },
        _ => return None,
    })
}
