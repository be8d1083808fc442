//! A call of an operation, in the name of the account that its step names, or of the only one that the plan of its run has.

use super::Round;
use crate::planted::{Bug, planted};
use crate::ports::{Call, Whose};
use std::sync::Arc;
use tradewind_lang::plan::{Connector, Operation, StepId};
use tradewind_lang::value::Value;

/// A call; `key` is empty for reads, and `account` is without its connector's name.
///
/// # Errors
/// The environment has no such account.
pub(super) fn of(
    round: &Round<'_>,
    (operation, connector): (Arc<Operation>, Arc<Connector>),
    request: Value,
    key: String,
    account: Option<&str>,
) -> Result<Call, String> {
    let (types, account) = (round.state.pinned.types.clone(), whose(round, &connector, account)?);
    Ok(Call { connector, operation, request, key, types, account, several: None })
}

/// The account of a connector by its name; the only one where none is named. Of several none: which is meant nobody said, and no flow that
/// would need to know begins.
///
/// # Errors
/// The environment has no such account.
pub(super) fn whose(round: &Round<'_>, connector: &Connector, named: Option<&str>) -> Result<Option<Arc<Whose>>, String> {
    if connector.terms.account.is_empty() {
        return Ok(None);
    }
    let accounts = &round.state.pinned.plan.project.accounts;
    let found = match named {
        Some(name) => {
            let name = format!("{}.{name}", connector.name);
            let found = accounts.get_key_value(&name);
            Some(found.ok_or_else(|| format!("the environment has no account `{name}`"))?)
        }
        None => {
            let mut own = accounts.iter().filter(|(_, account)| account.connector == connector.name);
            own.next().filter(|_| own.next().is_none())
        }
    };
    Ok(found.map(|(name, account)| Arc::new(Whose { name: name.clone(), fields: account.fields.clone() })))
}

/// The account that a step names: of a reversal, the one in whose name was done what it takes back.
///
/// # Errors
/// It has no value.
pub(super) fn named(round: &Round<'_>, id: StepId) -> Result<Option<Arc<str>>, String> {
    let graph = &round.state.graph;
    if let Some(reverses) = graph.node(id).and_then(|node| node.reverses.as_ref()) {
        if planted(Bug::AccountOfAnother) && reverses.account.is_some() {
            let first = round.state.pinned.plan.project.accounts.keys().next();
            return Ok(first.and_then(|name| name.split_once('.')).map(|(_, name)| name.into()));
        }
        return Ok(reverses.account.clone());
    }
    let Some(account) = graph.step(id).and_then(|step| step.bounds.account.as_ref()) else { return Ok(None) };
    match round.evaluate(account)? {
        Value::String(name) => Ok(Some(name)),
        _ => Err(format!("`{}` has no value", account.source)),
    }
}
