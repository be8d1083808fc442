//! What a step and its models say to each other, as named values. It leaves nothing out.

use super::{EventKind, Fields};
use crate::guard::Claim;
use crate::question::{Answer, Answered, Called, Label, Picture, Question, Silence, Turn};
use std::sync::Arc;
use tradewind_lang::value::Value;

fn text(text: impl Into<Arc<str>>) -> Value {
    Value::String(text.into())
}

fn number(number: impl Into<i64>) -> Value {
    Value::Int(number.into())
}

pub(super) fn fields(kind: &EventKind) -> Fields {
    match kind {
        EventKind::ModelAsked(question) => asked(question),
        EventKind::ModelAnswered(answered) => answer(answered),
        EventKind::AnswerTaken(purpose, value) => vec![("purpose", text(purpose.to_string())), ("value", value.clone())],
        EventKind::ToolsCalled(called) => vec![("calls", Value::list(called.iter().map(tool)))],
        _ => Vec::new(),
    }
}

pub(super) fn label(label: &Label) -> Fields {
    vec![
        ("by", text(label.by.clone())),
        ("tier", text(label.tier.clone())),
        ("rung", number(label.rung)),
        ("age", Value::Duration(label.age)),
        ("kept", label.seq.map_or(Value::Null, |seq| Value::Int(i64::try_from(seq).unwrap_or(i64::MAX)))),
        ("passed", Value::list(label.passed.iter().map(|why| text(why.as_str())))),
        ("likeness", label.likeness.map_or(Value::Null, Value::Double)),
    ]
}

fn asked(question: &Question) -> Fields {
    let claim = |claim: &Claim| match claim {
        Claim::Limit { rule, .. } => text(rule.clone()),
        Claim::Unique { key, .. } => text(key.clone()),
    };
    vec![
        ("key", text(question.key.clone())),
        ("number", number(question.number)),
        ("purpose", text(question.purpose.to_string())),
        ("route", text(question.route.clone())),
        ("rung", number(question.rung)),
        ("model", text(question.model.clone())),
        ("repair", number(question.repair)),
        ("retry", number(question.retry)),
        ("anew", Value::Bool(question.anew)),
        ("says", Value::list(question.says.iter().map(turn))),
        ("not_before", Value::Timestamp(question.not_before)),
        ("until", Value::Timestamp(question.until)),
        ("reserved", question.reserved.map_or(Value::Null, Value::Money)),
        ("budgets", Value::list(question.claims.iter().map(claim))),
        ("calls", number(question.calls)),
        ("images", number(question.images)),
        ("barred", Value::list(question.barred.iter().map(|rung| text(rung.as_str())))),
        ("passed", Value::list(question.passed.iter().map(|why| text(why.as_str())))),
    ]
}

fn turn(turn: &Turn) -> Value {
    let one = |role: &'static str, said: &Arc<str>| Value::record([("role", text(role)), ("text", text(said.clone()))]);
    match turn {
        Turn::System(said) => one("system", said),
        Turn::User(said) => one("user", said),
        Turn::Model(said) => one("model", said),
        Turn::Image(picture) => Value::record([("role", text("image")), ("image", shown(picture))]),
        Turn::Calls(calls) => {
            let calls = calls.iter().map(|call| {
                Value::record([
                    ("id", text(call.id.clone())),
                    ("name", text(call.name.clone())),
                    ("arguments", text(call.arguments.clone())),
                ])
            });
            Value::record([("role", text("calls")), ("calls", Value::list(calls))])
        }
        Turn::Tool { id, name, text: said } => {
            Value::record([("role", text("tool")), ("id", text(id.clone())), ("name", text(name.clone())), ("text", text(said.clone()))])
        }
    }
}

fn shown(picture: &Picture) -> Value {
    match picture {
        Picture::Asset { digest, .. } => text(digest.clone()),
        Picture::Url(url) => text(url.clone()),
        Picture::Inline { media_type, base64 } => text(format!("{media_type}, {} characters of base64", base64.len())),
    }
}

fn answer(answered: &Answered) -> Fields {
    let mut fields = vec![("key", text(answered.key.clone())), ("number", number(answered.number))];
    let count = |count: u64| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    let usage = match &answered.answer {
        Answer::Said(reply) => {
            let calls = reply.calls.iter().map(|call| text(call.name.clone()));
            fields.extend([("said", text(reply.text.clone())), ("tools", Value::list(calls)), ("by", text(reply.by.clone()))]);
            fields.extend([("hedged", Value::Bool(reply.hedged)), ("took", Value::Duration(reply.took))]);
            reply.usage
        }
        Answer::Silent(Silence { code, message, doubt, usage, .. }) => {
            fields.extend([("code", text(code.as_str())), ("message", text(message.as_str())), ("doubt", Value::Bool(*doubt))]);
            *usage
        }
    };
    if let Some(usage) = usage {
        fields.extend([("input", count(usage.input)), ("cached", count(usage.cached)), ("output", count(usage.output))]);
        fields.push(("reasoning", count(usage.reasoning)));
    }
    fields.push(("spent", answered.spent.map_or(Value::Null, Value::Money)));
    fields
}

fn tool(called: &Called) -> Value {
    let (operation, request, refused) = match &called.call {
        Ok((operation, request)) => (text(operation.clone()), request.clone(), Value::Null),
        Err(why) => (Value::Null, Value::Null, text(why.as_str())),
    };
    Value::record([
        ("id", text(called.id.clone())),
        ("tool", text(called.name.clone())),
        ("operation", operation),
        ("request", request),
        ("refused", refused),
    ])
}
