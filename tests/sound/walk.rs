//! A run without an engine: every expression of a flow is evaluated where the plan says it is, on values made up for what comes from
//! outside. It knows all verbs, also those that runs do not have yet. It keeps no log and performs nothing.

use crate::declared;
use crate::expression::below;
use crate::given;
use std::collections::BTreeSet;
use std::sync::Arc;
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::{Bindings, Decision, Flow, OnError, Plan, Require, Rule, Rung, Stage, Step, StepId, StepKind, Until};
use tradewind_lang::template::Template;
use tradewind_lang::ty::Ty;
use tradewind_lang::value::{Record, Value};
use tradewind_tests::fits::fits;
use tradewind_tests::random::Random;

/// Why a walk ends early.
pub(crate) enum End {
    /// Something that the language declares: a division by zero, a stop.
    Declared,
    /// What a clean check rules out.
    Wrong(String),
}

/// What was looked at.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) evaluated: usize,
    pub(crate) failed: usize,
    pub(crate) steps: usize,
}

pub(crate) struct Walk<'p> {
    plan: &'p Plan,
    flow: &'p Flow,
    /// Those of the flow, or those that follow its failure.
    steps: &'p [Step],
    random: &'p mut Random,
    pub(crate) counted: Counted,
    ran: BTreeSet<String>,
}

type Within = Option<(StepId, u16)>;

impl<'p> Walk<'p> {
    pub(crate) fn of(plan: &'p Plan, flow: &'p Flow, random: &'p mut Random) -> Self {
        Self { plan, flow, steps: &flow.steps, random, counted: Counted::default(), ran: BTreeSet::new() }
    }

    /// The whole flow on one input.
    pub(crate) fn run(&mut self, input: Value) -> Result<(), End> {
        let run =
            Value::record([("id", Value::string("f-1")), ("now", Value::Timestamp(1_767_225_600_000_000)), ("flow", Value::string("f"))]);
        let mut scope = Record::default();
        scope.set("input", input);
        if let Some(key) = &self.flow.key {
            self.evaluate(key, &scope)?;
        }
        scope.set("run", run);
        let settings = self.plan.project.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        scope.set("settings", Value::Record(Arc::new(settings)));
        self.tell_steps(&mut scope);
        let before = scope.clone();
        let done = self.block(None, &mut scope).and_then(|()| self.bind(&self.flow.output, &scope).map(drop));
        match done {
            Err(End::Wrong(why)) => Err(End::Wrong(why)),
            done => self.after_failure(before).and(done),
        }
    }

    /// The steps that follow a failure, whether or not there was one.
    fn after_failure(&mut self, mut scope: Record) -> Result<(), End> {
        self.steps = &self.flow.terms.on_failure;
        self.ran.clear();
        let failure = [("step", "s1"), ("kind", "policy"), ("message", "it does not fit")].map(|(name, text)| (name, Value::string(text)));
        scope.set("failure", Value::record(failure));
        self.tell_steps(&mut scope);
        match self.block(None, &mut scope) {
            Err(End::Declared) => Ok(()),
            done => done,
        }
    }

    /// `steps`: what became of each.
    fn tell_steps(&self, scope: &mut Record) {
        let told = self.steps.iter().map(|step| {
            let ran = self.ran.contains(&step.name);
            let flags = [("ran", ran), ("denied", false), ("failed", false)].map(|(name, flag)| (name, Value::Bool(flag)));
            (step.name.clone(), Value::record(flags.into_iter().chain([("settled_by", Value::string(""))])))
        });
        scope.set("steps", Value::Record(Arc::new(told.collect())));
    }

    fn evaluate(&mut self, expr: &Expr, scope: &Record) -> Result<Value, End> {
        self.counted.evaluated += 1;
        match expr.evaluate(scope) {
            Ok(value) if fits(&value, &expr.ty, &self.plan.types) => Ok(value),
            Ok(value) => Err(End::Wrong(format!("`{}` is {value:?}, and not {}", expr.source, expr.ty))),
            Err(error) => {
                self.counted.failed += 1;
                if declared::of_expression(&error.0) {
                    Err(End::Declared)
                } else {
                    Err(End::Wrong(format!("`{}`: {}", expr.source, error.0)))
                }
            }
        }
    }

    /// What an error or a missing value is no failure of, such as a rule of a policy, is looked at all the same.
    fn look_at(&mut self, expr: &Expr, scope: &Record) -> Result<(), End> {
        match self.evaluate(expr, scope) {
            Err(End::Wrong(why)) => Err(End::Wrong(why)),
            _ => Ok(()),
        }
    }

    fn holds(&mut self, expr: &Expr, scope: &Record) -> Result<bool, End> {
        match self.evaluate(expr, scope)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(End::Wrong(format!("the condition `{}` is {other:?}", expr.source))),
        }
    }

    fn bind(&mut self, bindings: &Bindings, scope: &Record) -> Result<Value, End> {
        let pairs: Result<Record, End> = bindings
            .iter()
            .map(|(name, expr)| Ok((name.clone(), self.evaluate(expr, scope)?)))
            .collect::<Result<Vec<_>, _>>()
            .map(|pairs| pairs.into_iter().collect());
        Ok(Value::Record(Arc::new(pairs?)))
    }

    fn fill(&mut self, template: &Template, scope: &Record) -> Result<(), End> {
        self.counted.evaluated += 1;
        match template.render(scope) {
            Ok(_) => Ok(()),
            Err(sentence) if declared::of_template(&sentence) => Err(End::Declared),
            Err(sentence) => Err(End::Wrong(format!("`{}`: {sentence}", template.text))),
        }
    }

    fn made_up(&mut self, ty: &Ty) -> Value {
        given::value(self.random, ty, &self.plan.types)
    }

    /// The steps that stand directly within a place, each after those that it, or what stands within it, waits for.
    fn block(&mut self, within: Within, scope: &mut Record) -> Result<(), End> {
        let steps = self.steps;
        let mut open: Vec<usize> = (0..steps.len()).filter(|at| steps[*at].within == within).collect();
        while !open.is_empty() {
            let waits = |at: usize| self.needs(at).iter().any(|need| *need != at && open.contains(need));
            let Some(place) = open.iter().position(|at| !waits(*at)) else {
                return Err(End::Wrong("steps wait for each other".to_owned()));
            };
            let at = open.remove(place);
            self.step(at, scope)?;
            self.tell_steps(scope);
        }
        Ok(())
    }

    /// The steps around which, or at which, stands what a step and all that is within it depend on.
    fn needs(&self, at: usize) -> BTreeSet<usize> {
        let steps = self.steps;
        let around = |mut of: usize| {
            let mut all = vec![of];
            while let Some((outer, _)) = steps[of].within {
                of = usize::from(outer.0);
                all.push(of);
            }
            all
        };
        let inner = (0..steps.len()).filter(|of| around(*of).contains(&at));
        inner.flat_map(|of| steps[of].depends.iter().flat_map(|on| around(usize::from(on.0)))).collect()
    }

    fn step(&mut self, at: usize, scope: &mut Record) -> Result<(), End> {
        let step = &self.steps[at];
        let id = StepId(u16::try_from(at).unwrap());
        self.counted.steps += 1;
        let value = match self.value(step, id, scope) {
            Ok(value) => value,
            Err(End::Declared) if step.on_error == OnError::Skip => Some(Value::Null),
            Err(end) => return Err(end),
        };
        if let Some(value) = &value
            && !fits(value, &step.ty, &self.plan.types)
            && *value != Value::Null
        {
            return Err(End::Wrong(format!("the value of `{}` is {value:?}, and not {}", step.name, step.ty)));
        }
        if value.as_ref().is_some_and(|value| *value != Value::Null) {
            self.ran.insert(step.name.clone());
        }
        scope.set(&step.name, value.unwrap_or(Value::Null));
        Ok(())
    }

    /// The value of a step; `None` where it did not run.
    fn value(&mut self, step: &'p Step, id: StepId, scope: &mut Record) -> Result<Option<Value>, End> {
        if let Some(when) = &step.when
            && !self.holds(when, scope)?
        {
            return Ok(None);
        }
        let silent = self.plan.may_be_absent(step, &self.flow.name) && step.when.is_none();
        let value = match &step.kind {
            StepKind::Choose { arms } => {
                let mut taken = None;
                for (at, arm) in arms.iter().enumerate() {
                    if taken.is_none() && arm.when.as_ref().map_or(Ok(true), |when| self.holds(when, scope))? {
                        taken = Some((at, arm));
                    }
                }
                let Some((at, arm)) = taken else { return Err(End::Wrong("no arm is taken".to_owned())) };
                self.block(Some((id, u16::try_from(at).unwrap())), scope)?;
                self.bind(&arm.output, scope)?
            }
            StepKind::Each(each) => {
                let Value::List(items) = self.evaluate(&each.items, scope)? else {
                    return Err(End::Wrong("a loop over no list".to_owned()));
                };
                let mut outputs = Vec::new();
                for (at, item) in items.iter().take(2).enumerate() {
                    let mut inner = scope.clone();
                    inner.set(&each.item, item.clone());
                    each.index.iter().for_each(|index| inner.set(index, Value::Int(at as i64)));
                    if !each.condition.as_ref().map_or(Ok(true), |only| self.holds(only, &inner))? {
                        continue;
                    }
                    if let Some(key) = &each.key {
                        self.evaluate(key, &inner)?;
                    }
                    let done = self.block(Some((id, 0)), &mut inner).and_then(|()| self.bind(&each.body.output, &inner));
                    match done {
                        Ok(output) => outputs.push(output),
                        Err(End::Declared) if step.on_error == OnError::Skip => {}
                        Err(end) => return Err(end),
                    }
                }
                Value::list(outputs)
            }
            _ => self.plain_value(step, scope)?,
        };
        // Left out, failed, denied, or skipped in silence: whoever reads it is ready for that.
        Ok(if silent && self.random.below(4) == 0 { None } else { Some(value) })
    }

    fn plain_value(&mut self, step: &Step, scope: &Record) -> Result<Value, End> {
        if let Some(instant) = &step.bounds.not_before {
            self.evaluate(instant, scope)?;
        }
        match &step.kind {
            StepKind::Let { value } => return self.evaluate(value, scope),
            StepKind::Call { request, .. } => drop(self.bind(request, scope)?),
            StepKind::Recall { subject, .. } => drop(self.evaluate(subject, scope)?),
            StepKind::Classify { text, route, .. } => {
                self.evaluate(text, scope)?;
                self.route(route, scope)?;
            }
            StepKind::Draft { route, .. } => self.route(route, scope)?,
            StepKind::Rules { rules, otherwise } => return self.rules(rules, otherwise, scope),
            StepKind::Reflect { requires, go_on } => return self.reflect(requires, *go_on, scope),
            StepKind::Ask { question, show, .. } => {
                self.fill(question, scope)?;
                show.iter().try_for_each(|expr| self.look_at(expr, scope))?;
            }
            StepKind::Act { operation, request, evidence, stage } => {
                let request = self.bind(request, scope)?;
                let evidence = self.bind(evidence, scope)?;
                self.stage(stage.as_ref(), scope)?;
                self.judge(operation, &request, &evidence, scope)?;
                // The response, and what was sent.
                let Value::Record(answer) = self.made_up(&step.ty) else { return Ok(Value::Null) };
                let mut answer = answer.as_ref().clone();
                if answer.get("request").is_some() {
                    answer.set("request", request);
                }
                return Ok(Value::Record(Arc::new(answer)));
            }
            StepKind::Remember { subject, fields, .. } => {
                self.evaluate(subject, scope)?;
                self.bind(fields, scope)?;
            }
            StepKind::Wait(wait) => match &wait.until {
                Until::Span(expr) | Until::Instant(expr) => drop(self.evaluate(expr, scope)?),
                Until::Event { event, condition, .. } => {
                    // One that a flow emits is named by its type.
                    let record = self.plan.events.get(event).map_or_else(|| event.to_string(), |declared| declared.record.clone());
                    let payload = Ty::Record(record);
                    let mut inner = scope.clone();
                    inner.set("event", self.made_up(&payload));
                    condition.as_ref().map_or(Ok(()), |only| self.look_at(only, &inner))?;
                }
            },
            StepKind::Begin(begin) => drop(self.bind(&begin.input, scope)?),
            StepKind::Emit(emit) => drop(self.bind(&emit.fields, scope)?),
            StepKind::Split(split) => {
                self.evaluate(&split.by, scope)?;
                for (_, decision) in &split.arms {
                    match decision {
                        Decision::Rules { rules, otherwise } => drop(self.rules(rules, otherwise, scope)?),
                        Decision::Classify { text, .. } => drop(self.evaluate(text, scope)?),
                        Decision::Draft(_) => {}
                    }
                }
            }
            _ => {}
        }
        Ok(self.made_up(&step.ty))
    }

    fn rules(&mut self, rules: &[Rule], otherwise: &Expr, scope: &Record) -> Result<Value, End> {
        for rule in rules {
            if self.holds(&rule.when, scope)? {
                return Ok(Value::record([("value", self.evaluate(&rule.value, scope)?), ("rule", Value::string(rule.name.as_str()))]));
            }
        }
        Ok(Value::record([("value", self.evaluate(otherwise, scope)?), ("rule", Value::string("otherwise"))]))
    }

    fn reflect(&mut self, requires: &[Require], go_on: bool, scope: &Record) -> Result<Value, End> {
        let mut codes = Vec::new();
        for require in requires {
            if !self.holds(&require.when, scope)? {
                codes.push(Value::string(require.code.as_str()));
            }
        }
        if !codes.is_empty() && !go_on {
            return Err(End::Declared);
        }
        Ok(Value::record([("passed", Value::Bool(codes.is_empty())), ("codes", Value::list(codes))]))
    }

    fn route(&mut self, route: &str, scope: &Record) -> Result<(), End> {
        let Some(route) = self.plan.routes.get(route) else { return Err(End::Wrong(format!("there is no route {route}"))) };
        let templates: Vec<&Template> =
            route.rungs.iter().filter_map(|rung| if let Rung::Template { template } = rung { Some(template) } else { None }).collect();
        templates.into_iter().try_for_each(|template| self.fill(template, scope))
    }

    fn stage(&mut self, stage: Option<&Stage>, scope: &Record) -> Result<(), End> {
        stage.and_then(|stage| stage.when.as_ref()).map_or(Ok(()), |when| self.look_at(when, scope))
    }

    /// What the operation and the policies that cover it say of an effect.
    fn judge(&mut self, operation: &str, request: &Value, evidence: &Value, scope: &Record) -> Result<(), End> {
        let plan = self.plan;
        let Some(operation) = plan.operations.get(operation) else { return Err(End::Wrong("no operation".to_owned())) };
        let mut asked = Record::default();
        // A parameter that is not given has its default, or nothing.
        let full = operation.request.iter().map(|field| {
            let value = request.get(&field.name).filter(|value| **value != Value::Null).cloned().or_else(|| field.default.clone());
            (field.name.clone(), value.unwrap_or(Value::Null))
        });
        let full = Value::Record(Arc::new(full.collect()));
        asked.set("request", full.clone());
        operation.target.iter().chain(&operation.unique).try_for_each(|expr| self.look_at(expr, &asked))?;
        let money = match &operation.money {
            Some(moves) => self.evaluate(&moves.value, &asked)?,
            None => Value::Null,
        };
        let action = [("operation", operation.name.as_str()), ("flow", "f"), ("step", "s")].map(|(name, text)| (name, Value::string(text)));
        let mut seen = Record::default();
        seen.set("effect", full);
        seen.set("action", Value::record(action.into_iter().chain([("money", money)])));
        seen.set("evidence", evidence.clone());
        for name in ["settings", "run"] {
            seen.set(name, scope.get(name).cloned().unwrap_or(Value::Null));
        }
        for policy in plan.policies.values().filter(|policy| policy.covers(&operation.name, &self.flow.name)) {
            for deny in &policy.denies {
                self.look_at(&deny.when, &seen)?;
                if let Some(Err(End::Wrong(why))) = deny.message.as_ref().map(|message| self.fill(message, &seen)) {
                    return Err(End::Wrong(why));
                }
            }
            policy.escalates.iter().try_for_each(|rule| self.look_at(&rule.when, &seen))?;
            for limit in &policy.limits {
                let sum = if let tradewind_lang::plan::Measure::Sum(sum) = &limit.measure { Some(sum) } else { None };
                let all = sum.into_iter().chain([&limit.max]).chain(&limit.by).chain(&limit.condition);
                all.into_iter().try_for_each(|expr| self.look_at(expr, &seen))?;
            }
        }
        Ok(())
    }
}

/// One of the given flow's input types.
pub(crate) fn input(random: &mut Random, plan: &Plan, flow: &Flow) -> Value {
    let _ = below(random, 2);
    given::value(random, &Ty::Record(flow.input.clone()), &plan.types)
}
