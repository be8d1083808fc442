//! What a start needs to be asked of a plan before it is handed in: flow, input, key. It starts nothing.

use super::StartError;
use crate::arrival::within_bounds;
use crate::fit;
use crate::key::{digest_of, run_id, text_of};
use crate::pinned::{FlowGraph, Pinned};
use crate::ports::StoreError;
use crate::scope::Names;
use crate::seal::Keyring;
use crate::trigger;
use std::sync::Arc;
use tradewind_lang::plan::Digest;
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// A start that a plan takes.
pub(crate) struct Prepared {
    pub(crate) run: Arc<str>,
    pub(crate) trace: [u8; 16],
    pub(crate) flow: Arc<str>,
    pub(crate) key: Arc<str>,
    pub(crate) payload: Digest,
    pub(crate) concurrency_key: Option<Arc<str>>,
}

/// Asks a plan whether a flow can be started with an input, and as which run: by the flow's key, else by what the caller knows it by,
/// else by its input.
pub(crate) fn prepare(
    active: &Pinned,
    flow: &str,
    input: &Value,
    known_by: Option<&Arc<str>>,
    keys: Option<&dyn Keyring>,
) -> Result<Prepared, StartError> {
    let graph = active.flow(flow).ok_or_else(|| StartError::UnknownFlow(flow.to_owned()))?;
    fit::value(&Ty::Record(graph.flow.input.clone()), input, &active.plan.types).map_err(StartError::Input)?;
    within_bounds(input).map_err(StartError::Input)?;
    let payload = digest_of(input);
    let declared = trigger::key(graph, input).map_err(StartError::Key)?;
    let key = match declared.or_else(|| known_by.cloned()) {
        Some(key) => key,
        // Nobody may find out by trying whose input it was.
        None if graph.personal => match keys {
            Some(keys) => keys.digest(&payload.0).map_err(StartError::Store)?.to_string().into(),
            None => return Err(StartError::Store(StoreError::Keys("the log was opened without keys".to_owned()))),
        },
        None => payload.to_string().into(),
    };
    let concurrency_key = concurrency_key(graph, input).map_err(StartError::Key)?;
    let (run, trace) = run_id(&active.tenant, flow, &key);
    Ok(Prepared { run, trace, flow: graph.name.clone(), key, payload, concurrency_key })
}

/// What a run shares with those that may not work beside it, as the log names it; none where its flow declares nothing.
pub(crate) fn concurrency_key(graph: &FlowGraph, input: &Value) -> Result<Option<Arc<str>>, String> {
    let Some(terms) = &graph.flow.terms.concurrency else { return Ok(None) };
    let Some(key) = &terms.key else { return Ok(Some(graph.name.clone())) };
    match key.evaluate(&Names(&[("input", input.clone())])) {
        Ok(Value::Null) => Err(format!("`{}` of its concurrency is absent", key.source)),
        Ok(value) => Ok(Some(format!("{} {}", graph.name, text_of(&value)).into())),
        Err(error) => Err(error.0),
    }
}
