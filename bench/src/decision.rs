//! One decision, told to several engines: is this order to be looked at by a person? Everything that can be prepared is.

use cel_interpreter::{Context, Program};
use std::collections::HashMap;
use std::sync::Arc;
use tradewind_engine::pinned::Pinned;
use tradewind_engine::policy::{Action, Judgement, judge};
use tradewind_lang::ast::{Literal, Scalar};
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::expr::{Scope, check};
use tradewind_lang::source::{SourceId, Span};
use tradewind_lang::ty::{Marks, Ty, TypeTable};
use tradewind_lang::value::{Record, Value};

/// The condition, in CEL: three comparisons, arithmetic, a list membership.
pub const CONDITION: &str =
    "order.total > 10000 && order.total * 9 < 500000 && order.items >= 2 && customer.tier in ['gold', 'silver', 'trade']";

/// What is decided about.
#[derive(Debug, Clone)]
pub struct Facts {
    total: i64,
    items: i64,
    tier: &'static str,
}

type Decide = Box<dyn FnMut(usize) -> bool>;

/// Some that hold and some that fail at each of the four parts.
#[must_use]
pub fn facts() -> Vec<Facts> {
    let of = |total, items, tier| Facts { total, items, tier };
    vec![
        of(20_000, 3, "trade"),
        of(20_000, 3, "silver"),
        of(15_000, 2, "gold"),
        of(20_000, 3, "guest"),
        of(20_000, 1, "gold"),
        of(9_000, 3, "gold"),
    ]
}

/// The decision in Rust.
#[must_use]
pub fn holds(facts: &Facts) -> bool {
    facts.total > 10_000 && facts.total * 9 < 500_000 && facts.items >= 2 && ["gold", "silver", "trade"].contains(&facts.tier)
}

/// The decision in Rust, as an engine: the limit of what is possible.
#[must_use]
pub fn native(facts: &[Facts]) -> Decide {
    let facts = facts.to_vec();
    Box::new(move |at| facts.get(at).is_some_and(holds))
}

fn record(facts: &Facts) -> Record {
    let order = Value::record([("id", Value::string("o-1")), ("total", Value::Int(facts.total)), ("items", Value::Int(facts.items))]);
    let customer = Value::record([("id", Value::string("c-1")), ("tier", Value::string(facts.tier))]);
    [("order".to_owned(), order), ("customer".to_owned(), customer)].into_iter().collect()
}

/// Ours, checked against the types of the two records.
///
/// # Errors
/// What the checker says of the condition.
pub fn ours(facts: &[Facts]) -> Result<Decide, String> {
    let text = |name: &str, ty| (name.to_owned(), ty);
    let order = Ty::Object(vec![text("id", Ty::String), text("total", Ty::Int), text("items", Ty::Int)]);
    let customer = Ty::Object(vec![text("id", Ty::String), text("tier", Ty::String)]);
    let scope = Scope::default().with("order", order, Marks::default()).with("customer", customer, Marks::default());
    let literal = Literal {
        scalar: Scalar::String(CONDITION.to_owned()),
        annotation: None,
        span: Span::new(SourceId(0), 0, CONDITION.len()),
        offsets: vec![(0, 0)],
    };
    let (checked, found) = check(CONDITION, &literal, 0, &scope, &TypeTable::default(), Some(&Ty::Bool));
    let expr = checked.ok_or_else(|| found.iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("; "))?.expr;
    let scopes: Vec<Record> = facts.iter().map(record).collect();
    Ok(Box::new(move |at| scopes.get(at).is_some_and(|scope| matches!(expr.evaluate(scope), Ok(Value::Bool(true))))))
}

/// The `cel` crate alone, with a context for each of the facts.
///
/// # Errors
/// A condition or a value that the crate does not take.
pub fn plain_cel(facts: &[Facts]) -> Result<Decide, String> {
    let program = Program::compile(CONDITION).map_err(|error| error.to_string())?;
    let mut contexts = Vec::new();
    for facts in facts {
        let mut context = Context::default();
        let order: HashMap<String, cel_interpreter::Value> =
            [("id".to_owned(), "o-1".into()), ("total".to_owned(), facts.total.into()), ("items".to_owned(), facts.items.into())].into();
        let customer: HashMap<String, cel_interpreter::Value> =
            [("id".to_owned(), "c-1".into()), ("tier".to_owned(), facts.tier.into())].into();
        context.add_variable_from_value("order", order);
        context.add_variable_from_value("customer", customer);
        contexts.push(context);
    }
    Ok(Box::new(move |at| {
        contexts.get(at).is_some_and(|context| matches!(program.execute(context), Ok(cel_interpreter::Value::Bool(true))))
    }))
}

/// None: built without the feature `peers`.
///
/// # Errors
/// Never.
#[cfg(not(feature = "peers"))]
pub fn peers(_: &[Facts]) -> Result<Vec<(&'static str, Decide)>, String> {
    Ok(Vec::new())
}

/// Cedar and Regorus.
///
/// # Errors
/// What they say of the policy.
#[cfg(feature = "peers")]
pub fn peers(facts: &[Facts]) -> Result<Vec<(&'static str, Decide)>, String> {
    Ok(vec![("cedar-policy", cedar(facts)?), ("regorus", regorus(facts)?)])
}

#[cfg(feature = "peers")]
fn json(facts: &Facts) -> serde_json::Value {
    serde_json::json!({
        "order": { "id": "o-1", "total": facts.total, "items": facts.items },
        "customer": { "id": "c-1", "tier": facts.tier },
    })
}

#[cfg(feature = "peers")]
fn cedar(facts: &[Facts]) -> Result<Decide, String> {
    use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
    let policy = r#"permit(principal, action, resource) when {
        context.order.total > 10000 && context.order.total * 9 < 500000 && context.order.items >= 2
        && ["gold", "silver", "trade"].contains(context.customer.tier) };"#;
    let policies: PolicySet = policy.parse().map_err(|error| format!("{error}"))?;
    let uid = |text: &str| text.parse::<EntityUid>().map_err(|error| error.to_string());
    let mut requests = Vec::new();
    for facts in facts {
        let context = Context::from_json_value(json(facts), None).map_err(|error| error.to_string())?;
        let request = Request::new(uid(r#"User::"u""#)?, uid(r#"Action::"look""#)?, uid(r#"Order::"o-1""#)?, context, None);
        requests.push(request.map_err(|error| error.to_string())?);
    }
    let (authorizer, entities) = (Authorizer::new(), Entities::empty());
    Ok(Box::new(move |at| {
        requests.get(at).is_some_and(|request| authorizer.is_authorized(request, &policies, &entities).decision() == Decision::Allow)
    }))
}

#[cfg(feature = "peers")]
fn regorus(facts: &[Facts]) -> Result<Decide, String> {
    let policy = r#"package bench
import rego.v1
default allow := false
allow if {
    input.order.total > 10000
    input.order.total * 9 < 500000
    input.order.items >= 2
    input.customer.tier in {"gold", "silver", "trade"}
}"#;
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let mut engine = regorus::Engine::new();
    engine.add_policy("bench.rego".to_owned(), policy.to_owned()).map_err(|error| text(&error))?;
    let inputs: Result<Vec<regorus::Value>, String> =
        facts.iter().map(|facts| regorus::Value::from_json_str(&json(facts).to_string()).map_err(|error| text(&error))).collect();
    let inputs = inputs?;
    Ok(Box::new(move |at| {
        let Some(input) = inputs.get(at) else { return false };
        engine.set_input(input.clone());
        matches!(engine.eval_rule("data.bench.allow".to_owned()), Ok(regorus::Value::Bool(true)))
    }))
}

/// Four policies on one refund, each with 10 denials, 14 escalations and a limit; none of them holds.
fn hundred() -> String {
    let mut text = String::from(FRAME);
    for policy in 0..4 {
        text.push_str(&format!("policy \"p{policy}\" {{\n    on \"pay.refund\"\n    needs \"confidence\" double\n"));
        for rule in 0..10 {
            let most = 1_000 + rule;
            text.push_str(&format!("    deny \"d{rule}\" when=\"effect.amount > '{most} USD' && evidence.confidence < 0.{rule}5\"\n"));
        }
        for rule in 0..14 {
            let most = 500 + rule;
            text.push_str(&format!(
                "    escalate \"e{rule}\" when=\"effect.amount > '{most} USD' || effect.reason == 'r{rule}'\" to=\"leads\" within=\"4h\" on-timeout=deny\n"
            ));
        }
        text.push_str("    limit \"daily\" sum=\"=effect.amount\" max=\"1000 USD\" per=\"24h\"\n}\n");
    }
    text
}

const FRAME: &str = r#"
project "bench" { currency "USD" }
team "leads" { member "ann@example.com" }
type "refund" { field "id" string }
connector "pay" version="1" {
    base-url "http://127.0.0.1:1"
    operation "refund" effect=irreversible {
        request { field "order_id" string; field "amount" money; field "reason" string }
        http POST "/refunds" { header "Idempotency-Key" "=effect.key"; body { order_id "=request.order_id"; amount "=request.amount" } }
        response "refund" at="=body.refund"
        target "=request.order_id"
        money "=request.amount" as=out
        unique "=request.order_id"
        idempotent key="=effect.key" for="24h"
    }
}
"#;

/// A verdict over 100 rules, by number of the request.
///
/// # Errors
/// The configuration's mistakes: it has none unless the language changed.
pub fn hundred_rules() -> Result<Box<dyn Fn(usize) -> bool>, String> {
    let files = [("tradewind.kdl".to_owned(), hundred())];
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &|_| None, environment: None });
    let mistakes: Vec<String> = compiled.diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
    let plan = Arc::new(compiled.plan.ok_or_else(|| mistakes.join("; "))?);
    let operation = plan.operations.get("pay.refund").cloned().ok_or("no operation")?;
    let pinned = Pinned::new(plan);
    let money = |cents: usize| tradewind_lang::money::Money::parse(&format!("{}.{:02} USD", cents / 100, cents % 100)).map(Value::Money);
    let requests: Option<Vec<Value>> = (0..64)
        .map(|number| {
            let order = Value::string(format!("o-{number}"));
            Some(Value::record([("order_id", order), ("amount", money(1_000 + number * 7)?), ("reason", Value::string("late"))]))
        })
        .collect();
    let requests = requests.ok_or("no money")?;
    let evidence = Value::record([("confidence", Value::Double(0.99))]);
    let run = Value::record([("id", Value::string("r")), ("now", Value::Timestamp(0)), ("flow", Value::string("f"))]);
    Ok(Box::new(move |number| {
        let Some(request) = requests.get(number % requests.len()) else { return false };
        let action = Action {
            operation: &operation,
            flow: "f",
            step: "s",
            run: run.clone(),
            request,
            evidence: &evidence,
            before: None,
            account: None,
            now: 1_767_225_600_000_000,
        };
        matches!(judge(&pinned, &action), Judgement::Allowed { claims, escalations, .. } if claims.len() == 5 && escalations.is_empty())
    }))
}
