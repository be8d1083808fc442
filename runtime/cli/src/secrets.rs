//! Secrets of the active plan, opened when they are asked for and kept nowhere: from a variable, a file or what a command prints.
//!
//! Each line is a value that counts, so that a secret can be replaced without a gap. What cannot be read is no secret; why is logged.

use std::process::{Command, Stdio};
use std::sync::Arc;
use tradewind_connectors::hook::routes::OpenSecrets;
use tradewind_engine::engine::Engine;
use tradewind_lang::plan::{Plan, SecretSource};

/// Opens secrets by name, as the plan of that moment says where they are.
pub(crate) fn opener(engine: Engine) -> OpenSecrets {
    Arc::new(move |name| of_plan(&engine.active().plan, name))
}

/// The values of a secret of a plan; none where it cannot be read.
pub(crate) fn of_plan(plan: &Plan, name: &str) -> Vec<String> {
    let Some(source) = plan.project.secrets.get(name) else { return Vec::new() };
    match open(source) {
        Ok(text) => text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
        Err(why) => {
            tracing::warn!("the secret `{name}` cannot be read: {why}");
            Vec::new()
        }
    }
}

/// What a secret holds.
pub(crate) fn open(source: &SecretSource) -> Result<String, String> {
    match source {
        SecretSource::Variable(name) => std::env::var(name).map_err(|error| format!("{name}: {error}")),
        SecretSource::File(path) => std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}")),
        SecretSource::Command(line) => {
            let printed = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).stderr(Stdio::null()).output();
            let printed = printed.map_err(|error| error.to_string())?;
            if !printed.status.success() {
                return Err(format!("its command ended with {}", printed.status));
            }
            String::from_utf8(printed.stdout).map_err(|_| "its command printed no text".to_owned())
        }
    }
}
