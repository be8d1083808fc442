//! An event in one line, for people who read the log.

use crate::counted::counted;
use tradewind_engine::event::{EventKind, Outcome, SkipReason};
use tradewind_engine::question::Answer;
use tradewind_engine::state::LEAVES;
use tradewind_engine::vectors::{VectorsAnswered, VectorsAsked};
use tradewind_lang::conform::to_json;
use tradewind_lang::literal::timestamp_text;

/// Longest value that is printed.
const LONGEST: usize = 160;

/// What an event says.
pub(crate) fn event(kind: &EventKind) -> String {
    match kind {
        EventKind::PlanAdopted { digest, instead_of: None, .. } => digest.short(),
        EventKind::PlanAdopted { digest, instead_of: Some(from), .. } => format!("{} instead of {}", digest.short(), from.short()),
        EventKind::EffectsFrozen { scope, reason } | EventKind::EffectsThawed { scope, reason } => format!("{scope} {reason}"),
        EventKind::SubjectForgotten { keys } => keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        EventKind::SubjectHeld { key, reason } | EventKind::SubjectReleased { key, reason } => format!("{key} {reason}"),
        EventKind::FactsDropped { memory, why, facts } => format!("{memory} {} by {why}", counted(facts.len(), "fact")),
        EventKind::VectorsAsked(asked) => vectors_asked(asked),
        EventKind::VectorsAnswered(answered) => vectors_answered(answered),
        EventKind::RunStarted { flow, key, input, .. } => format!("{flow} {key} {}", shortened(&to_json(input))),
        EventKind::ArmTaken { arm } => format!("arm {}", arm + 1),
        EventKind::StepCompleted { value } => shortened(&to_json(value)),
        EventKind::StepSkipped { why } => match why {
            SkipReason::Condition => "its condition is false".to_owned(),
            SkipReason::TimeOut => "nobody answered in time".to_owned(),
            SkipReason::Arm => "its arm was not taken".to_owned(),
        },
        EventKind::ItemsPicked { items } => counted(items.len(), "item"),
        EventKind::FlowBegun { input } => shortened(&to_json(input)),
        EventKind::FailureHandled { step, failure } => format!("{step} failed: {failure}"),
        EventKind::ChildEnded { child, outcome, .. } => match outcome {
            Outcome::Done(output) => format!("{child} done: {}", shortened(&to_json(output))),
            Outcome::Failed(failure) => format!("{child} failed: {failure}"),
        },
        EventKind::FactsRemembered { memory, subject, facts, .. } => format!("{memory} {subject} {}", counted(facts.len(), "fact")),
        EventKind::ItemsCompleted | EventKind::RunAdmitted | EventKind::RunPaused | EventKind::RunResumed => String::new(),
        EventKind::RunMigrated(moved) => format!("from plan {} to {}", moved.from.short(), moved.to.short()),
        EventKind::CancelRequested { reason } | EventKind::RunCancelled { reason } => reason.to_string(),
        EventKind::PreImageRead { outcome: Outcome::Done(value) } => format!("before: {}", shortened(&to_json(value))),
        EventKind::PreImageRead { outcome: Outcome::Failed(failure) } => format!("what was there cannot be read: {failure}"),
        EventKind::UndoPlanned { reversals } => {
            let possible = reversals.iter().filter(|reversal| reversal.is_possible()).count();
            format!("{possible} of {} taken back", counted(reversals.len(), "effect"))
        }
        EventKind::StepOverdue { failure } | EventKind::StepFailed { failure, .. } | EventKind::RunFailed { failure } => {
            failure.to_string()
        }
        EventKind::IntentRecorded(intent) => {
            let key: String = intent.key.chars().take(12).collect();
            let undoes = intent.undoes.as_ref().map(|of| format!(", takes back {}", of.chars().take(12).collect::<String>()));
            format!("{} {} key {key}{}", intent.operation, shortened(&to_json(&intent.request)), undoes.unwrap_or_default())
        }
        EventKind::EffectAttempted { attempt, doubt, code, message, .. } => attempted(*attempt, *doubt, (code, message)),
        EventKind::EffectSettled { outcome, by, attempt, .. } => match outcome {
            Outcome::Done(value) => format!("done, by {}, attempt {attempt}: {}", by.as_str(), shortened(&to_json(value))),
            Outcome::Failed(failure) => format!("failed, by {}, attempt {attempt}: {failure}", by.as_str()),
        },
        EventKind::EffectDenied { rule, message, .. } => format!("{rule}: {message}"),
        EventKind::ModelAsked(_) | EventKind::ModelAnswered(_) | EventKind::AnswerTaken(..) | EventKind::ToolsCalled(_) => talk(kind),
        EventKind::ApprovalRequested(_)
        | EventKind::ApprovalAnswered { .. }
        | EventKind::ApprovalExpired { .. }
        | EventKind::ApprovalRaised(_)
        | EventKind::ApprovalWithdrawn { .. } => question(kind),
        EventKind::StepInherited(_) | EventKind::EffectInherited(_) => taken_over(kind),
        EventKind::ItemSetAside { place } => format!("item {place} waits in a batch"),
        EventKind::FactRemembered { memory, subject, fields, .. } => format!("{memory} {subject} {}", shortened(&to_json(fields))),
        EventKind::RunCompleted { output } => shortened(&to_json(output)),
        EventKind::WaitBegun { .. }
        | EventKind::WaitEnded { .. }
        | EventKind::EventTaken { .. }
        | EventKind::EventReceived(_)
        | EventKind::EventEmitted(_)
        | EventKind::EventRefused(_)
        | EventKind::EventsGathered { .. }
        | EventKind::EventDispatched { .. }
        | EventKind::ScheduleFired { .. } => arrival(kind),
    }
}

fn vectors_asked(asked: &VectorsAsked) -> String {
    let most = asked.reserved.map_or_else(|| "nothing".to_owned(), |most| most.to_string());
    format!("{} {} for {}, reserved {most}", asked.model, counted(asked.texts, "text"), asked.memory)
}

fn vectors_answered(answered: &VectorsAnswered) -> String {
    match (&answered.failed, answered.spent) {
        (Some(why), _) => format!("{} {why}", answered.model),
        (None, Some(spent)) => format!("{} spent {spent}", answered.model),
        (None, None) => format!("{} spent what was reserved, as nobody counts it", answered.model),
    }
}

fn attempted(attempt: u32, doubt: bool, (code, message): (&str, &str)) -> String {
    match (code, doubt) {
        (LEAVES, _) => format!("attempt {attempt} {code}: {message}"),
        (_, true) => format!("attempt {attempt} in doubt: {code}: {message}"),
        (_, false) => format!("attempt {attempt} failed: {code}: {message}"),
    }
}

/// What a fork takes over.
fn taken_over(kind: &EventKind) -> String {
    match kind {
        EventKind::StepInherited(kept) => format!("as in run {}", kept.of.chars().take(12).collect::<String>()),
        EventKind::EffectInherited(done) => {
            let (run, key): (String, String) = (done.run.chars().take(12).collect(), done.key.chars().take(12).collect());
            format!("{} {} was done by run {run}, key {key}", done.operation, shortened(&to_json(&done.request)))
        }
        _ => String::new(),
    }
}

/// What an event of a question to people says.
fn question(kind: &EventKind) -> String {
    match kind {
        EventKind::ApprovalRequested(approval) => {
            format!("{} of {}: {}", approval.id, approval.to.join(", "), approval.rules.join(" and "))
        }
        EventKind::ApprovalAnswered { approval, verdict, .. } => format!("{approval}: {}", verdict_of(verdict)),
        EventKind::ApprovalExpired { approval, .. } => format!("{approval}: nobody answered in time"),
        EventKind::ApprovalRaised(raised) => {
            format!(
                "{}: nobody answered in time; {} is asked until {}",
                raised.approval,
                raised.to.join(", "),
                timestamp_text(raised.deadline)
            )
        }
        EventKind::ApprovalWithdrawn { approval } => format!("{approval}: no longer needed"),
        _ => String::new(),
    }
}

/// What a step and its models say to each other.
fn talk(kind: &EventKind) -> String {
    match kind {
        EventKind::ModelAsked(question) => {
            let again = match (question.repair, question.retry) {
                (0, 0) => String::new(),
                (0, retry) => format!(", again after {}", counted(retry, "failure")),
                (repair, _) => format!(", repair {repair}"),
            };
            let most = question.reserved.map(|most| format!(", at most {most}")).unwrap_or_default();
            let passed = question.passed.last().map(|why| format!("; before it {why}")).unwrap_or_default();
            format!("{} for {}{again}{most}{passed}", question.model, question.purpose)
        }
        EventKind::ModelAnswered(answered) => match &answered.answer {
            Answer::Said(reply) if !reply.calls.is_empty() => {
                format!("calls {}", reply.calls.iter().map(|call| &*call.name).collect::<Vec<_>>().join(", "))
            }
            Answer::Said(reply) => shortened(&serde_json::Value::from(&*reply.text)),
            Answer::Silent(silence) => {
                format!("nothing{}: {}: {}", if silence.doubt { ", perhaps to be paid" } else { "" }, silence.code, silence.message)
            }
        },
        EventKind::AnswerTaken(purpose, value) => format!("{purpose}: {}", shortened(&to_json(value))),
        EventKind::ToolsCalled(called) => {
            let each = called.iter().map(|called| match &called.call {
                Ok((operation, request)) => format!("{operation} {}", shortened(&to_json(request))),
                Err(why) => format!("not {}: {why}", called.name),
            });
            each.collect::<Vec<_>>().join("; ")
        }
        _ => String::new(),
    }
}

/// What an event of waits, events and clocks says.
fn arrival(kind: &EventKind) -> String {
    match kind {
        EventKind::WaitBegun { until, event: None } => format!("until {}", timestamp_text(*until)),
        EventKind::WaitBegun { until, event: Some(event) } => format!("{event}, until {}", timestamp_text(*until)),
        EventKind::WaitEnded { then: None } => "its time is over".to_owned(),
        EventKind::WaitEnded { then: Some(_) } => "the event did not come in time".to_owned(),
        EventKind::EventTaken { event, value, .. } => format!("event {event}: {}", shortened(&to_json(value))),
        EventKind::EventReceived(arrival) | EventKind::EventEmitted(arrival) => {
            format!("{} {} of {}: {}", arrival.name, arrival.id, arrival.source, shortened(&to_json(&arrival.payload)))
        }
        EventKind::EventRefused(refusal) => format!("{} {} of {}: {}", refusal.name, refusal.id, refusal.source, refusal.why),
        EventKind::EventsGathered { flow, events } => format!("one run of {flow} for {}", counted(events.len(), "event")),
        EventKind::EventDispatched { event, runs, failed } => {
            let failed: String = failed.iter().map(|(flow, why)| format!("; {flow}: {why}")).collect();
            format!("event {event} started {}{failed}", counted(runs.len(), "run"))
        }
        EventKind::ScheduleFired { flow, clock, at, passed, failed, .. } => {
            let passed = if *passed > 0 { format!("; {} before it passed over", counted(*passed, "time")) } else { String::new() };
            let failed = failed.as_ref().map(|why| format!("; not started: {why}")).unwrap_or_default();
            format!("{flow}: {clock}, {}{passed}{failed}", timestamp_text(*at))
        }
        _ => String::new(),
    }
}

fn verdict_of(verdict: &tradewind_engine::approval::Verdict) -> String {
    use tradewind_engine::approval::Verdict;
    match verdict {
        Verdict::Approve { edits } => match to_json(edits) {
            serde_json::Value::Null => "approved".to_owned(),
            edits => format!("approved with {}", shortened(&edits)),
        },
        Verdict::Deny { reason } if reason.is_empty() => "denied".to_owned(),
        Verdict::Deny { reason } => format!("denied: {reason}"),
        Verdict::Answer(value) => format!("answered {}", shortened(&to_json(value))),
    }
}

pub(crate) fn shortened(value: &serde_json::Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
