//! A call of an operation, in the name of the account that the plan of its run names.

use super::Round;
use crate::ports::{Call, Whose};
use std::sync::Arc;
use tradewind_lang::plan::{Connector, Operation};
use tradewind_lang::value::Value;

/// A call; `key` is empty for reads.
pub(super) fn of(round: &Round<'_>, (operation, connector): (Arc<Operation>, Arc<Connector>), request: Value, key: String) -> Call {
    let (types, account) = (round.state.pinned.types.clone(), account(round, &connector));
    Call { connector, operation, request, key, types, account, several: None }
}

/// The account of a connector. Of several none: which is meant nobody said, and no flow that would need to know begins.
pub(super) fn account(round: &Round<'_>, connector: &Connector) -> Option<Arc<Whose>> {
    if connector.terms.account.is_empty() {
        return None;
    }
    let accounts = &round.state.pinned.plan.project.accounts;
    let mut own = accounts.iter().filter(|(_, account)| account.connector == connector.name);
    let (name, account) = own.next().filter(|_| own.next().is_none())?;
    Some(Arc::new(Whose { name: name.clone(), fields: account.fields.clone() }))
}
