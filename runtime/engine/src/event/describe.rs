//! An event as named values, for those who print it. It leaves nothing out but the bytes of plans.

use super::{Event, EventKind, Intent, Next, Outcome, SkipReason, Used, remembered, talk};
use crate::approval::{Approval, ApprovalKind, Later, Raised, Verdict};
use crate::child::{Part, Picked};
use crate::failure::Failure;
use crate::fork::{CameTo, Inherited, Kept};
use crate::guard::Claim;
use crate::undo::{Back, Reversal};
use std::sync::Arc;
use tradewind_lang::plan::OnTimeout;
use tradewind_lang::value::{Record, Value};

pub(crate) type Fields = Vec<(&'static str, Value)>;

fn text(text: impl Into<Arc<str>>) -> Value {
    Value::String(text.into())
}

fn texts<T: AsRef<str>>(items: &[T]) -> Value {
    Value::list(items.iter().map(|item| text(item.as_ref())))
}

fn number(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn optional<T>(value: Option<T>, into: impl Fn(T) -> Value) -> Value {
    value.map_or(Value::Null, into)
}

fn on_timeout(then: OnTimeout) -> Value {
    text(match then {
        OnTimeout::Approve => "approve",
        OnTimeout::Skip => "skip",
        OnTimeout::Deny => "deny",
        OnTimeout::Stop => "stop",
    })
}

fn failure(failure: &Failure) -> Fields {
    vec![("failure", text(failure.kind.to_string())), ("code", text(failure.code.as_str())), ("message", text(failure.message.as_str()))]
}

impl Event {
    /// The header as a record: `seq`, `at`, `run`, `step`, `actor` and the rest.
    #[must_use]
    pub fn header_values(&self) -> Value {
        let header = &self.header;
        let trace: String = header.trace.iter().map(|byte| format!("{byte:02x}")).collect();
        Value::record([
            ("seq", number(header.seq)),
            ("at", Value::Timestamp(header.at)),
            ("kind", text(self.kind.name())),
            ("tenant", text(header.tenant.clone())),
            ("shard", number(u64::from(header.shard))),
            ("run", optional(header.run.clone(), Value::String)),
            ("step", optional(header.step.as_ref(), |step| text(step.name.clone()))),
            ("actor", text(header.actor.clone())),
            ("causation", number(header.causation)),
            ("trace", text(trace)),
            ("plan", text(header.plan.to_string())),
            ("plan_format", number(u64::from(header.plan_format))),
            ("policy", text(header.policy.to_string())),
            ("semantics", number(u64::from(header.semantics))),
            ("format", number(u64::from(header.format))),
            ("subjects", Value::list(header.subjects.iter().map(|name| text(name.to_string())))),
            ("erased", Value::Bool(header.erased)),
        ])
    }

    /// What happened, as a record of named values; what the decision used and what it cost beside it.
    #[must_use]
    pub fn details(&self) -> Value {
        let mut fields = self.kind.fields();
        fields.extend(self.used.fields());
        if let Some(cost) = self.cost {
            fields.push(("cost", Value::Money(cost)));
        }
        Value::Record(Arc::new(Record(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())))
    }
}

impl EventKind {
    fn fields(&self) -> Fields {
        match self {
            Self::PlanAdopted { digest, bytes, instead_of } => vec![
                ("digest", text(digest.to_string())),
                ("bytes", number(bytes.as_ref().map_or(0, |bytes| bytes.0.len() as u64))),
                ("instead_of", optional(*instead_of, |digest| text(digest.to_string()))),
            ],
            Self::EffectsFrozen { scope, reason } | Self::EffectsThawed { scope, reason } => {
                vec![("scope", text(scope.to_string())), ("reason", text(reason.clone()))]
            }
            Self::SubjectForgotten { keys } => vec![("keys", Value::list(keys.iter().map(|name| text(name.to_string()))))],
            Self::RunStarted { flow, key, input, payload, concurrency_key, held, parent, fork } => vec![
                ("flow", text(flow.clone())),
                ("key", text(key.clone())),
                ("input", input.clone()),
                ("payload", text(payload.to_string())),
                ("concurrency_key", optional(concurrency_key.clone(), Value::String)),
                ("held", Value::Bool(*held)),
                ("parent", optional(parent.as_ref(), |parent| text(parent.run.clone()))),
                ("part", optional(parent.as_ref(), |parent| text(part(parent.part)))),
                ("forked_from", optional(fork.as_ref(), |fork| text(fork.of.clone()))),
            ],
            Self::StepInherited(kept) => kept.fields(),
            Self::EffectInherited(done) => done.fields(),
            Self::RunAdmitted | Self::RunPaused | Self::RunResumed => Vec::new(),
            Self::RunMigrated(moved) => moved.fields(),
            Self::CancelRequested { reason } | Self::RunCancelled { reason } => vec![("reason", text(reason.clone()))],
            Self::ArmTaken { arm } => vec![("arm", number(u64::from(*arm)))],
            Self::StepCompleted { value } => vec![("value", value.clone())],
            Self::StepSkipped { why } => vec![("why", text(skip(why)))],
            Self::StepFailed { failure: why, goes_on } => with_goes_on(failure(why), *goes_on),
            Self::PreImageRead { outcome: Outcome::Done(value) } => vec![("before", value.clone())],
            Self::PreImageRead { outcome: Outcome::Failed(why) } => failure(why),
            Self::UndoPlanned { reversals } => vec![("effects", Value::list(reversals.iter().map(|reversal| taken_back(reversal))))],
            Self::IntentRecorded(intent) => intent.fields(),
            Self::EffectAttempted { .. } | Self::EffectSettled { .. } | Self::EffectDenied { .. } => self.fields_of_effects(),
            Self::ModelAsked(_) | Self::ModelAnswered(_) | Self::AnswerTaken(..) | Self::ToolsCalled(_) => talk::fields(self),
            Self::ApprovalRequested(approval) => approval.fields(),
            Self::ApprovalAnswered { approval, verdict, closes, edited } => answer(approval, verdict, (*closes, edited.as_ref())),
            Self::ApprovalExpired { approval, then } => vec![("approval", text(approval.clone())), ("then", on_timeout(*then))],
            Self::ApprovalRaised(raised) => raised.fields(),
            Self::ApprovalWithdrawn { approval } => vec![("approval", text(approval.clone()))],
            Self::RunCompleted { output } => vec![("output", output.clone())],
            Self::RunFailed { failure: why } => failure(why),
            Self::ItemsPicked { .. }
            | Self::ItemSetAside { .. }
            | Self::FlowBegun { .. }
            | Self::FailureHandled { .. }
            | Self::ChildEnded { .. }
            | Self::StepOverdue { .. }
            | Self::ItemsCompleted
            | Self::FactRemembered { .. }
            | Self::FactsRemembered { .. }
            | Self::FactsDropped { .. }
            | Self::SubjectHeld { .. }
            | Self::VectorsAsked(_)
            | Self::VectorsAnswered(_)
            | Self::SubjectReleased { .. } => self.fields_of_parts(),
            Self::WaitBegun { .. }
            | Self::WaitEnded { .. }
            | Self::EventTaken { .. }
            | Self::EventEmitted(_)
            | Self::EventReceived(_)
            | Self::EventRefused(_)
            | Self::EventsGathered { .. }
            | Self::EventDispatched { .. }
            | Self::ScheduleFired { .. } => self.fields_of_arrivals(),
        }
    }

    /// Those of effects under way.
    fn fields_of_effects(&self) -> Fields {
        match self {
            Self::EffectAttempted { attempt, doubt, code, message, next } => vec![
                ("attempt", number(u64::from(*attempt))),
                ("doubt", Value::Bool(*doubt)),
                ("code", text(code.as_str())),
                ("message", text(message.as_str())),
                ("next", text(next_word(next))),
                ("next_at", next_at(next)),
            ],
            Self::EffectSettled { outcome, by, attempt, goes_on } => {
                let mut fields = match outcome {
                    Outcome::Done(answer) => vec![("done", Value::Bool(true)), ("answer", answer.clone())],
                    Outcome::Failed(why) => with_goes_on([vec![("done", Value::Bool(false))], failure(why)].concat(), *goes_on),
                };
                fields.extend([("settled_by", text(by.as_str())), ("attempt", number(u64::from(*attempt)))]);
                fields
            }
            Self::EffectDenied { rule, message, goes_on } => {
                with_goes_on(vec![("rule", text(rule.as_str())), ("message", text(message.as_str()))], *goes_on)
            }
            _ => Vec::new(),
        }
    }

    /// Those of runs within a run, and of what is done several times.
    fn fields_of_parts(&self) -> Fields {
        match self {
            Self::ItemsPicked { items } => {
                let record = |item: &Picked| Value::record([("key", text(item.key.clone())), ("item", item.value.clone())]);
                vec![("items", Value::list(items.iter().map(record)))]
            }
            Self::ItemSetAside { place } => vec![("place", number(u64::from(*place)))],
            Self::FlowBegun { input } => vec![("input", input.clone())],
            Self::FailureHandled { step, failure: why } => [vec![("failed_step", text(step.clone()))], failure(why)].concat(),
            Self::ChildEnded { child, part: was, outcome, waited } => {
                let mut fields = vec![("child", text(child.clone())), ("part", text(part(*was)))];
                match outcome {
                    Outcome::Done(output) => fields.extend([("done", Value::Bool(true)), ("output", output.clone())]),
                    Outcome::Failed(why) => fields.extend([vec![("done", Value::Bool(false))], failure(why)].concat()),
                }
                fields.push(("waited", Value::Duration(*waited)));
                fields
            }
            Self::StepOverdue { failure: why } => failure(why),
            Self::FactRemembered { memory, subject, fields, origin } => {
                let mut told = vec![("memory", text(memory.clone())), ("subject", text(subject.clone())), ("fields", fields.clone())];
                told.extend(remembered::origin(origin));
                told
            }
            Self::FactsRemembered { memory, subject, facts, origins } => {
                let facts = Value::list(facts.iter().cloned());
                let origins = Value::list(origins.iter().map(|of| Value::record(remembered::origin(of))));
                vec![("memory", text(memory.clone())), ("subject", text(subject.clone())), ("facts", facts), ("origins", origins)]
            }
            Self::FactsDropped { memory, why, facts } => {
                vec![("memory", text(memory.clone())), ("why", text(why.as_str())), ("facts", remembered::facts(facts))]
            }
            Self::SubjectHeld { key, reason } | Self::SubjectReleased { key, reason } => {
                vec![("key", text(key.to_string())), ("reason", text(reason.clone()))]
            }
            Self::VectorsAsked(asked) => remembered::vectors_asked(asked),
            Self::VectorsAnswered(answered) => remembered::vectors_answered(answered),
            _ => Vec::new(),
        }
    }

    /// Those of waits, events and clocks.
    fn fields_of_arrivals(&self) -> Fields {
        match self {
            Self::WaitBegun { until, event } => {
                vec![("until", Value::Timestamp(*until)), ("event", optional(event.clone(), Value::String))]
            }
            Self::WaitEnded { then } => vec![("then", optional(*then, on_timeout))],
            Self::EventTaken { event, received_at, value } => {
                vec![("event", number(*event)), ("received_at", Value::Timestamp(*received_at)), ("value", value.clone())]
            }
            Self::EventEmitted(arrival) | Self::EventReceived(arrival) => arrival.fields(),
            Self::EventRefused(refusal) => refusal.fields(),
            Self::EventsGathered { flow, events } => {
                vec![("flow", text(flow.clone())), ("events", Value::list(events.iter().map(|seq| number(*seq))))]
            }
            Self::EventDispatched { event, runs, failed } => {
                let failed = failed.iter().map(|(flow, why)| Value::record([("flow", text(flow.clone())), ("why", text(why.as_str()))]));
                vec![("event", number(*event)), ("runs", texts(runs)), ("failed", Value::list(failed))]
            }
            Self::ScheduleFired { flow, clock, at, run, passed, failed } => vec![
                ("flow", text(flow.clone())),
                ("clock", text(clock.clone())),
                ("at", Value::Timestamp(*at)),
                ("run", optional(run.clone(), Value::String)),
                ("passed", number(*passed)),
                ("failed", optional(failed.as_deref(), text)),
            ],
            _ => Vec::new(),
        }
    }
}

fn part(part: Part) -> String {
    match part {
        Part::Item(place) => format!("item {place}"),
        Part::Flow => "flow".to_owned(),
        Part::OnFailure => "on-failure".to_owned(),
    }
}

fn with_goes_on(mut fields: Fields, goes_on: bool) -> Fields {
    fields.push(("goes_on", Value::Bool(goes_on)));
    fields
}

fn skip(why: &SkipReason) -> &'static str {
    match why {
        SkipReason::Condition => "condition",
        SkipReason::TimeOut => "time-out",
        SkipReason::Arm => "arm",
    }
}

fn next_word(next: &Next) -> &'static str {
    match next {
        Next::Send(_) => "send",
        Next::Lookup(_) => "lookup",
        Next::Person => "person",
    }
}

fn next_at(next: &Next) -> Value {
    match next {
        Next::Send(at) | Next::Lookup(at) => Value::Timestamp(*at),
        Next::Person => Value::Null,
    }
}

fn answer(approval: &Arc<str>, verdict: &Verdict, (closes, edited): (bool, Option<&Value>)) -> Fields {
    let end = [("closes", Value::Bool(closes)), ("edited", edited.cloned().unwrap_or(Value::Null))];
    [vec![("approval", text(approval.clone()))], said(verdict), end.to_vec()].concat()
}

fn said(verdict: &Verdict) -> Fields {
    match verdict {
        Verdict::Approve { edits } => vec![("verdict", text("approve")), ("edits", edits.clone())],
        Verdict::Deny { reason } => vec![("verdict", text("deny")), ("reason", text(reason.as_str()))],
        Verdict::Answer(answer) => vec![("verdict", text("answer")), ("answer", answer.clone())],
    }
}

impl Intent {
    fn fields(&self) -> Fields {
        vec![
            ("operation", text(self.operation.clone())),
            ("key", text(self.key.clone())),
            ("target", optional(self.target.clone(), Value::String)),
            ("money", optional(self.money, Value::Money)),
            ("request", self.request.clone()),
            ("evidence", self.evidence.clone()),
            ("before", self.before.clone().unwrap_or(Value::Null)),
            ("claims", Value::list(self.claims.iter().map(claim))),
            ("forced", texts(&self.forced)),
            ("approval", optional(self.approval.clone(), Value::String)),
            ("action", text(self.digest.to_string())),
            ("undoes", optional(self.undoes.clone(), Value::String)),
            ("instead_of", optional(self.instead_of.clone(), Value::String)),
            ("account", optional(self.account.clone(), Value::String)),
        ]
    }
}

impl Kept {
    fn fields(&self) -> Fields {
        let mut fields = vec![("of", text(self.of.clone()))];
        match &self.came_to {
            CameTo::Value(value, _) => fields.push(("value", value.clone())),
            CameTo::Skipped(why) => fields.push(("why", text(skip(why)))),
            CameTo::Denied(rule, message) => fields.extend([("rule", text(rule.clone())), ("message", text(message.clone()))]),
            CameTo::Failed(why) => fields.extend(failure(why)),
            CameTo::Arm(arm) => fields.push(("arm", number(u64::from(*arm)))),
        }
        fields
    }
}

impl Inherited {
    fn fields(&self) -> Fields {
        vec![
            ("of", text(self.run.clone())),
            ("key", text(self.key.clone())),
            ("operation", text(self.operation.clone())),
            ("request", self.request.clone()),
            ("answer", self.answer.clone().unwrap_or(Value::Null)),
            ("settled_by", text(self.by.as_str())),
        ]
    }
}

fn taken_back(reversal: &Reversal) -> Value {
    let (by, request, why) = match &reversal.back {
        Back::By { operation, request } => (text(operation.clone()), request.clone(), Value::Null),
        Back::Not(why) => (Value::Null, Value::Null, text(why.to_string())),
    };
    Value::record([
        ("undoes", text(reversal.of.clone())),
        ("run", text(reversal.run.clone())),
        ("step", text(reversal.step.clone())),
        ("operation", text(reversal.undone.clone())),
        ("effect", reversal.effect.clone()),
        ("by", by),
        ("request", request),
        ("not", why),
    ])
}

impl Approval {
    fn fields(&self) -> Fields {
        let kind = match self.kind {
            ApprovalKind::Act => "act",
            ApprovalKind::Ask => "ask",
            ApprovalKind::Settle => "settle",
            ApprovalKind::Version => "version",
        };
        let shown = self.shown.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        vec![
            ("approval", text(self.id.clone())),
            ("for", text(kind)),
            ("to", texts(&self.to)),
            ("deadline", optional(self.deadline, Value::Timestamp)),
            ("on_timeout", on_timeout(self.on_timeout)),
            ("quorum", number(u64::from(self.quorum))),
            ("rules", texts(&self.rules)),
            ("over", texts(&self.over)),
            ("question", text(self.question.as_str())),
            ("shown", Value::Record(Arc::new(shown))),
            ("operation", optional(self.operation.clone(), Value::String)),
            ("request", self.request.clone()),
            ("evidence", self.evidence.clone()),
            ("before", self.before.clone().unwrap_or(Value::Null)),
            ("claims", Value::list(self.claims.iter().map(claim))),
            ("editable", texts(&self.editable)),
            ("answer", optional(self.answer.as_deref(), text)),
            ("action", text(self.digest.to_string())),
            ("then", Value::list(self.then.iter().map(later))),
            ("batch", optional(self.batch.clone(), Value::String)),
        ]
    }
}

impl Raised {
    fn fields(&self) -> Fields {
        vec![
            ("approval", text(self.approval.clone())),
            ("to", texts(&self.to)),
            ("deadline", Value::Timestamp(self.deadline)),
            ("quorum", number(u64::from(self.quorum))),
            ("then", Value::list(self.then.iter().map(later))),
        ]
    }
}

fn later(later: &Later) -> Value {
    let asks = later.asks.iter().map(|(team, within)| Value::record([("to", text(team.as_str())), ("within", Value::Duration(*within))]));
    Value::record([("asks", Value::list(asks)), ("quorum", number(u64::from(later.quorum)))])
}

fn claim(claim: &Claim) -> Value {
    match claim {
        Claim::Unique { operation, key } => {
            Value::record([("rule", text("unique")), ("operation", text(operation.clone())), ("by", text(key.clone()))])
        }
        Claim::Limit { rule, by, amount, max, .. } => Value::record([
            ("rule", text(rule.clone())),
            ("by", text(by.clone())),
            ("amount", text(amount.to_string())),
            ("max", text(max.to_string())),
        ]),
    }
}

impl Used {
    fn fields(&self) -> Fields {
        match self {
            Self::State => Vec::new(),
            Self::Answer { failures, .. } if failures.is_empty() => Vec::new(),
            Self::Answer { failures, .. } => vec![("earlier_failures", texts(failures))],
            Self::Model { by, artifact, refused, .. } => {
                vec![("by", text(by.clone())), ("artifact", text(artifact.clone())), ("refused", texts(refused))]
            }
            Self::NothingKept(looked) => vec![("passed", texts(&looked.passed))],
            Self::Said(label) => talk::label(label),
            Self::Facts { seqs } => vec![("facts", Value::list(seqs.iter().map(|seq| number(*seq))))],
            Self::Found(finding) => remembered::finding(finding),
            Self::Measured { points } => vec![("points", number(*points))],
            Self::Lookup { found } => vec![("found", found.clone())],
            Self::Clock => vec![("because", text("clock"))],
            Self::Guard { over, refused } => {
                let refused = refused.as_ref().map(|(rule, _)| rule.as_str());
                vec![("over", texts(over)), ("refused_by", optional(refused, text))]
            }
            Self::Restart => vec![("because", text("restart"))],
            Self::TooLarge => vec![("because", text("too-large"))],
        }
    }
}
