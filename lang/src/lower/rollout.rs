//! Rollouts: two arms, a growing share of units, metrics that must not get worse.

use super::context::{Context, name_of};
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{OnBreach, OnTimeout, Promote, Rollout, RolloutStage};
use crate::shape::Shaped;
use std::sync::Arc;

impl Context<'_> {
    pub(crate) fn lower_rollouts(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "rollout") {
            let Some(name) = name_of(node) else { continue };
            if let Some(rollout) = self.lower_rollout(node, &name.text) {
                self.plan.rollouts.insert(name.text, Arc::new(rollout));
            }
        }
    }

    fn child_text(&mut self, node: &Node, name: &'static str, help: &str) -> Option<String> {
        match node.first(name).and_then(|child| child.argument(0)).cloned() {
            Some(value) => self.text(&value, &format!("`{name}`")),
            None => {
                self.missing(node, name, help);
                None
            }
        }
    }

    fn lower_rollout(&mut self, node: &Node, name: &str) -> Option<Rollout> {
        let owner = node.setting("owner").cloned().and_then(|owner| self.reference(&owner, "team"));
        let unit = self.child_text(node, "unit", "write `unit \"sku_id\"`: what is assigned to an arm");
        let control = self.child_text(node, "control", "write `control \"current\"`: the arm that was there before");
        let treatment = self.child_text(node, "treatment", "write `treatment \"new\"`: the arm that is tried");
        if let (Some(one), true) = (node.first("treatment"), control.is_some() && control == treatment) {
            let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, one.name.span, "both arms have one name");
            self.report(diagnostic.label("again").help("rename one"));
        }
        let holdout = match node.first("holdout") {
            Some(child) => {
                let share = child.argument(0).cloned().and_then(|value| self.share(&value));
                if child.setting("for").is_none() {
                    self.missing(child, "for", "write `holdout \"5%\" for=\"90d\"`");
                }
                let span = child.setting("for").is_some().then(|| self.span_of_time(child, "for")).flatten();
                share.zip(span)
            }
            None => None,
        };
        let stages = self.rollout_stages(node);
        let mut guards = Vec::new();
        for guard in node.all("guard").collect::<Vec<_>>() {
            guards.extend(self.rollout_guard(guard));
        }
        if node.first("guard").is_none() {
            self.missing(node, "guard", "write `guard \"METRIC\" worse-by=\"1%\"`: what must not get worse");
        }
        let on_breach = match node.first("on-breach").and_then(|child| child.argument(0)).cloned() {
            Some(word) => self.word(&word, "`on-breach`", &["revert", "hold"]).map(|word| match word.as_str() {
                "hold" => OnBreach::Hold,
                _ => OnBreach::Revert,
            }),
            None => {
                self.missing(node, "on-breach", "write `on-breach revert`, or `hold`");
                None
            }
        };
        let promote = match node.first("promote") {
            Some(promote) => Some(self.rollout_promote(promote)?),
            None => None,
        };
        let (unit, control, treatment) = (unit?, control?, treatment?);
        let on_breach = on_breach?;
        Some(Rollout {
            name: name.to_owned(),
            owner,
            unit,
            control,
            treatment,
            holdout,
            stages,
            guards,
            on_breach,
            promote,
            assigned: Vec::new(),
        })
    }

    fn rollout_stages(&mut self, node: &Node) -> Vec<RolloutStage> {
        let mut stages: Vec<RolloutStage> = Vec::new();
        for child in node.all("share").collect::<Vec<_>>() {
            let Some(value) = child.argument(0).cloned() else { continue };
            let Some(share) = self.share(&value) else { continue };
            if stages.last().is_some_and(|before| before.share >= share) {
                let diagnostic = Diagnostic::new(&meaning::UNREACHABLE, value.span, "a stage has more units than the one before it");
                self.report(diagnostic.label("not more").help("let the shares grow, up to \"100%\""));
            }
            let hold = child.setting("hold").is_some().then(|| self.span_of_time(child, "hold")).flatten();
            let min_sample = child.setting("min-sample").is_some().then(|| self.count(child, "min-sample", 1, 100_000_000)).flatten();
            for needed in ["hold", "min-sample"].into_iter().filter(|needed| share < 1.0 && child.setting(needed).is_none()) {
                self.missing(child, needed, "write `share \"5%\" hold=\"3d\" min-sample=400`: when it may grow");
            }
            stages.push(RolloutStage { share, hold, min_sample });
        }
        if stages.is_empty() && node.first("share").is_none() {
            self.missing(node, "share", "write `share \"5%\" hold=\"3d\" min-sample=400`, and at last `share \"100%\"`");
        }
        stages
    }

    fn rollout_guard(&mut self, node: &Node) -> Option<(String, f64)> {
        let value = node.argument(0)?.clone();
        let metric = self.reference(&value, "metric")?;
        if self.plan.metrics.get(&metric).is_some_and(|metric| metric.better.is_none()) {
            let message = format!("the metric `{metric}` does not say which way is better");
            let diagnostic = Diagnostic::new(&meaning::MISSING_SETTING, value.span, message).label("worse is which way?");
            self.report(diagnostic.help("write `better=higher` or `better=lower` in the metric"));
        }
        let Some(worse) = node.setting("worse-by").cloned() else {
            self.missing(node, "worse-by", "write `worse-by=\"1%\"`");
            return None;
        };
        self.share(&worse).map(|share| (metric, share))
    }

    fn rollout_promote(&mut self, node: &Node) -> Option<Promote> {
        let to = self.setting_reference(node, "approval", "team");
        let within = if node.setting("within").is_some() {
            self.span_of_time(node, "within")
        } else {
            self.missing(node, "within", "write `within=\"24h\"`: how long they have");
            None
        };
        let Some(word) = node.setting("on-timeout").cloned() else {
            let message = "this `promote` does not say what happens when nobody answers";
            let diagnostic = Diagnostic::new(&meaning::NO_TIMEOUT, node.name.span, message).label("no `on-timeout`");
            self.report(diagnostic.help("write `on-timeout=hold` to keep the stage, or `stop` to end the rollout"));
            return None;
        };
        let on_timeout = match self.word(&word, "`on-timeout`", &["hold", "stop"])?.as_str() {
            "stop" => OnTimeout::Stop,
            _ => OnTimeout::Deny,
        };
        Some(Promote { to: to?, within: within?, on_timeout })
    }
}
