//! The account in whose name a call is made: its fields, and its secrets, which are opened for one attempt and kept nowhere.
//!
//! A call without the account that its connector needs, or whose secret cannot be read, is refused before a byte is sent.

use std::sync::Arc;
use tradewind_engine::ports::Call;
use tradewind_lang::plan::AccountValue;
use tradewind_lang::value::{Record, Value};

/// Opens a secret by name: the value that counts first; none where it cannot be read.
pub type OpenSecret = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a twin gets for a secret: nobody's secret is opened for it.
const OF_A_TWIN: &str = "secret";

/// An account with its secrets opened.
#[derive(Clone, PartialEq)]
pub(crate) struct Opened {
    /// What expressions see as `account`.
    pub(crate) value: Value,
    /// What no message may hold.
    pub(crate) secrets: Vec<String>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Opened").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

/// The account of a call; none where its connector has no accounts. Without `open` a twin is called. The error is for people.
pub(crate) fn opened(call: &Call, open: Option<&OpenSecret>) -> Result<Option<Opened>, String> {
    let (connector, declared) = (&call.connector.name, &call.connector.terms.account);
    if declared.is_empty() {
        return Ok(None);
    }
    let account = call.account.as_ref().ok_or_else(|| format!("the environment does not say which account of {connector} it is"))?;
    let (mut fields, mut secrets) = (Record::default(), Vec::new());
    for field in declared {
        let given = account.fields.iter().find(|(name, _)| *name == field.name).map(|(_, value)| value);
        let value = match given {
            Some(AccountValue::Plain(value)) => value.clone(),
            Some(AccountValue::Secret(name)) => {
                let text = match open {
                    Some(open) => {
                        open(name).ok_or_else(|| format!("the secret `{name}` of the account {} cannot be read", account.name))?
                    }
                    None => OF_A_TWIN.to_owned(),
                };
                secrets.push(text.clone());
                Value::string(text)
            }
            None => field.default.clone().unwrap_or(Value::Null),
        };
        fields.set(&field.name, value);
    }
    Ok(Some(Opened { value: Value::Record(Arc::new(fields)), secrets }))
}
