//! Terms of a route beside its rungs: conditions, hedges, budgets, caches, breakers, a person at its end.

use super::context::Context;
use super::model::{WrittenRoute, WrittenRung};
use super::prove::Written;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::{Breaker, CandidateTerms, MODEL_TIMEOUT, OnTimeout, RouteTerms, labelled};
use crate::shape::Shaped;
use crate::ty::{Field, Marks, Record, Ty};

/// What is known of a task when a model is chosen for it.
fn task_scope() -> Scope {
    let fields = [("capability", Ty::String), ("risk", Ty::String), ("tokens", Ty::Int), ("personal", Ty::Bool), ("left", Ty::Money)];
    let fields = fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect();
    Scope::default().with("task", Ty::Object(fields), Marks::default())
}

impl Context<'_> {
    pub(crate) fn route_terms(&mut self, node: &Node) -> RouteTerms {
        let deadline = node.setting("deadline").is_some().then(|| self.span_of_time(node, "deadline")).flatten();
        let repairs = node.setting("repairs").is_some().then(|| self.count(node, "repairs", 0, 10)).flatten();
        let mut terms = RouteTerms { deadline, repairs, ..RouteTerms::default() };
        let rungs = node.children.iter().filter(|child| super::model::RUNGS.contains(&child.name.text.as_str()));
        for (place, child) in rungs.enumerate().filter(|(_, child)| child.name.text == "candidate") {
            let when = child.setting("when").cloned().and_then(|when| self.condition(&when, &task_scope())).map(|checked| checked.expr);
            if let (Some(when), Some(value)) = (&when, child.setting("when")) {
                let name = format!("the candidate `{}`", child.argument(0).and_then(Literal::text).unwrap_or_default());
                self.prove_possible_alone(&task_scope(), &Written { name, span: value.span, when });
            }
            let hedge = child.setting("hedge").cloned().and_then(|hedge| self.hedge(&hedge));
            let timeout = child.setting("timeout").is_some().then(|| self.call_timeout(child)).flatten();
            if when.is_some() || hedge.is_some() || timeout.is_some() {
                terms.candidates.insert(u8::try_from(place).unwrap_or(u8::MAX), CandidateTerms { when, hedge, timeout });
            }
        }
        for budget in node.all("budget").collect::<Vec<_>>() {
            terms.budgets.extend(self.budget(budget));
        }
        if let Some(cache) = node.first("cache") {
            terms.cache_exact = self.span_of_time_of(cache, "exact", "write `cache exact=\"24h\"`: how old an answer may be");
            terms.cache_similar = cache.setting("similar").cloned().and_then(|value| self.share(&value));
        }
        if let Some(breaker) = node.first("breaker") {
            let help = "write `breaker failures=5 in=\"30s\" open=\"20s\"`";
            let failures = breaker.setting("failures").is_some().then(|| self.count(breaker, "failures", 1, 10_000)).flatten();
            let (within, open) = (self.span_of_time_of(breaker, "in", help), self.span_of_time_of(breaker, "open", help));
            match (failures, within, open) {
                (Some(failures), Some(within), Some(open)) => terms.breaker = Some(Breaker { failures, within, open }),
                (None, ..) => self.missing(breaker, "failures", help),
                _ => {}
            }
        }
        terms
    }

    /// How long one call of a candidate may take: less than any call may. What runs in this process is not waited for.
    fn call_timeout(&mut self, candidate: &Node) -> Option<i64> {
        let span = candidate.setting("timeout").map(|value| value.span)?;
        let model = candidate.argument(0).and_then(Literal::text).unwrap_or_default().to_owned();
        let refuse = |context: &mut Self, message: String, help: &str| {
            context.report(Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("not used").help(help));
            None
        };
        if self.plan.models.get(&model).is_some_and(|model| model.remote.is_none()) {
            return refuse(self, format!("`{model}` is part of this process, and nobody waits for it"), "leave it out");
        }
        let timeout = self.span_of_time(candidate, "timeout")?;
        if timeout > MODEL_TIMEOUT {
            return refuse(self, "a call of a model takes a minute at most".to_owned(), "write a shorter span, or leave it out");
        }
        Some(timeout)
    }

    /// `p95`: the share of calls that are faster.
    fn hedge(&mut self, value: &Literal) -> Option<f64> {
        let text = self.text(value, "`hedge`")?;
        let share = text.strip_prefix('p').and_then(|digits| digits.parse::<u8>().ok()).filter(|share| (50..=99).contains(share));
        if share.is_none() {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{text}` is no share of calls"));
            self.report(diagnostic.label("from p50 to p99").help("write `hedge=\"p95\"`: a second call after the time that 95% keep"));
        }
        share.map(|share| f64::from(share) / 100.0)
    }

    /// `person TEAM within= on-timeout=fail`.
    pub(crate) fn route_person(&mut self, node: &Node, team: &Literal) -> Option<crate::plan::Escalation> {
        let to = self.reference(team, "team");
        let within = self.span_of_time_of(node, "within", "write `within=\"4h\"`: how long they have");
        let Some(word) = node.setting("on-timeout").cloned() else {
            let message = "this `person` does not say what happens when nobody answers";
            let diagnostic = Diagnostic::new(&meaning::NO_TIMEOUT, node.name.span, message).label("no `on-timeout`");
            self.report(diagnostic.help("write `on-timeout=fail`: the step fails"));
            return None;
        };
        self.word(&word, "`on-timeout`", &["fail"])?;
        Some(crate::plan::Escalation { to: to?, within: within?, on_timeout: OnTimeout::Stop, quorum: 1, batch: false, then: Vec::new() })
    }

    /// Where a person may give a label, there is a record in which he gives it, for every enum: which one is asked for, a step says.
    pub(crate) fn declare_labelled(&mut self, route: &WrittenRoute) {
        if route.needs != "classify" || !route.rungs.iter().any(|rung| matches!(rung, WrittenRung::Person(_))) {
            return;
        }
        for labels in self.plan.types.enums.keys().cloned().collect::<Vec<_>>() {
            let field = Field::plain("label".to_owned(), Ty::Enum(labels.clone()));
            self.plan.types.records.insert(labelled(&labels), Record { version: 1, subject: None, fields: vec![field] });
        }
    }

    /// `cached max-age="30d"`.
    pub(crate) fn cached_rung(&mut self, node: &Node) -> Option<i64> {
        self.span_of_time_of(node, "max-age", "write `cached max-age=\"30d\"`: how old an answer may be")
    }
}
