//! Arms of a rollout: which one a unit gets. A unit stands somewhere between 0 and 1, by a digest of its name and the rollout's, wherever
//! and whenever it is asked; it gets the treatment where it stands below the share. So a share that grows moves nobody back.
//!
//! The share is that of the rollout's first stage. Nothing here moves a rollout on to its next one, and nothing watches its guards.

use crate::key::{short_digest, text_of};
use crate::planted::{Bug, planted};
use crate::scope::StepScope;
use crate::state::RunState;
use std::borrow::Cow;
use tradewind_lang::plan::{Decision, Rollout, Split, StepId, StepKind};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::{Record, Value};

/// Where a unit stands in a rollout: from 0 up to 1, without 1.
fn stands(rollout: &str, unit: &str) -> f64 {
    let digest = short_digest(&["cohort", rollout, unit]);
    // 53 bits are what a double holds exactly.
    let bits = digest.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte)) >> 11;
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    let number = bits as f64;
    number / (1_u64 << 53) as f64
}

/// The arm of a unit. What is held out stays with the control whatever the share.
#[must_use]
pub fn arm<'a>(rollout: &'a Rollout, unit: &str) -> &'a str {
    if let Some((_, arm)) = rollout.assigned.iter().find(|(of, _)| of == unit) {
        return arm;
    }
    let share = rollout.stages.first().map_or(0.0, |stage| stage.share);
    let open = rollout.holdout.map_or(1.0, |(held, _)| 1.0 - held);
    if stands(&rollout.name, unit) < share.min(open) { &rollout.treatment } else { &rollout.control }
}

/// What a step does: of a split, what the arm does that its unit gets.
///
/// # Errors
/// There is no such step, its unit has no value, or its rollout is not in the plan.
pub(crate) fn verb(state: &RunState, id: StepId) -> Result<Cow<'_, StepKind>, String> {
    let kind = state.graph.step(id).map(|step| &step.kind).ok_or("the flow has no such step")?;
    let StepKind::Split(split) = kind else { return Ok(Cow::Borrowed(kind)) };
    let (_, decision) = chosen(state, split)?;
    Ok(Cow::Owned(match decision {
        Decision::Rules { rules, otherwise } => StepKind::Rules { rules: rules.clone(), otherwise: otherwise.clone() },
        Decision::Draft(generate) => StepKind::Generate(Box::new(generate.clone())),
        Decision::Classify { labels, route, text } => {
            StepKind::Classify { labels: labels.clone(), route: route.clone(), text: text.clone() }
        }
    }))
}

fn chosen<'a>(state: &'a RunState, split: &'a Split) -> Result<&'a (String, Decision), String> {
    let rollout = state.pinned.plan.rollouts.get(&split.rollout);
    let rollout = rollout.ok_or_else(|| format!("the plan has no rollout `{}`", split.rollout))?;
    // The instant at which the run began, so that its unit is the same however long a model takes.
    let unit = split.by.evaluate(&StepScope { state, now: state.started_at });
    let unit = unit.map_err(|error| format!("`{}`: {}", split.by.source, error.0))?;
    if unit == Value::Null {
        return Err(format!("`{}` has no value", split.by.source));
    }
    let unit = if planted(Bug::ArmOfRun) { state.id.clone() } else { text_of(&unit) };
    let arm = arm(rollout, &unit);
    split.arms.iter().find(|(name, _)| name == arm).ok_or_else(|| format!("there is no arm `{arm}`"))
}

/// The value of a step: of a split, what its arm came to as far as all arms have it, and the arm's name.
pub(crate) fn told(state: &RunState, id: StepId, value: Value) -> Value {
    let Some(step) = state.graph.step(id) else { return value };
    let (StepKind::Split(split), Ty::Object(fields)) = (&step.kind, &step.ty) else { return value };
    let Ok((arm, decision)) = chosen(state, split) else { return value };
    let mut record = Record::default();
    for (name, ty) in fields {
        let own = value.get(name).cloned().unwrap_or(Value::Null);
        record.set(name, widened(own, ty));
    }
    // What a model said of a text is needed to decide again, whether the other arm says it or not.
    let says: &[&str] = if matches!(decision, Decision::Classify { .. }) { &["label", "confidence", "by"] } else { &[] };
    for name in says.iter().filter(|name| fields.iter().all(|(field, _)| field != *name)) {
        record.set(name, value.get(name).cloned().unwrap_or(Value::Null));
    }
    record.set("arm", Value::string(arm.as_str()));
    Value::Record(record.into())
}

/// A whole number where the other arm gives one that is not.
fn widened(value: Value, ty: &Ty) -> Value {
    match (value, ty) {
        #[expect(clippy::cast_precision_loss, reason = "as CEL's own conversion of int to double")]
        (Value::Int(number), Ty::Double) => Value::Double(number as f64),
        (value, Ty::Optional(inner)) => widened(value, inner),
        (value, _) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tradewind_lang::plan::{OnBreach, RolloutStage};

    fn rollout(share: f64, holdout: Option<f64>) -> Rollout {
        Rollout {
            name: "prices".to_owned(),
            owner: None,
            unit: "sku".to_owned(),
            control: "old".to_owned(),
            treatment: "new".to_owned(),
            holdout: holdout.map(|share| (share, 1)),
            stages: vec![RolloutStage { share, hold: None, min_sample: None }],
            guards: Vec::new(),
            on_breach: OnBreach::Revert,
            promote: None,
            assigned: Vec::new(),
        }
    }

    fn treated(of: &Rollout) -> Vec<usize> {
        (0..20_000).filter(|unit| arm(of, &format!("sku-{unit}")) == "new").collect()
    }

    #[test]
    fn a_share_of_the_units_gets_the_treatment_and_a_larger_one_takes_nobody_back() {
        let (five, twenty) = (treated(&rollout(0.05, None)), treated(&rollout(0.2, None)));
        assert!((900..1_100).contains(&five.len()), "{}", five.len());
        assert!((3_800..4_200).contains(&twenty.len()), "{}", twenty.len());
        assert!(five.iter().all(|unit| twenty.contains(unit)));
        assert_eq!((treated(&rollout(1.0, None)).len(), treated(&rollout(0.0, None)).len()), (20_000, 0));
    }

    #[test]
    fn what_is_held_out_keeps_the_control_whatever_the_share() {
        let all = treated(&rollout(1.0, Some(0.1)));
        assert!((17_800..18_200).contains(&all.len()), "{}", all.len());
        let half = treated(&rollout(0.5, Some(0.1)));
        assert!(half.iter().all(|unit| all.contains(unit)));
    }

    #[test]
    fn another_rollout_divides_otherwise_and_what_is_assigned_is_assigned() {
        let (one, mut other) = (rollout(0.5, None), rollout(0.5, None));
        other.name = "words".to_owned();
        let both = treated(&one).into_iter().filter(|unit| treated_by(&other, *unit)).count();
        assert!((4_700..5_300).contains(&both), "half of a half: {both}");
        other.assigned = vec![("sku-1".to_owned(), "new".to_owned()), ("sku-2".to_owned(), "old".to_owned())];
        assert_eq!(["sku-1", "sku-2"].map(|unit| arm(&other, unit)), ["new", "old"]);
    }

    fn treated_by(of: &Rollout, unit: usize) -> bool {
        arm(of, &format!("sku-{unit}")) == "new"
    }
}
