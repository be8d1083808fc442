//! CloudEvents 1.0 over HTTP, structured and binary: what a call carries, and what tells it apart. It verifies nothing.

use super::Delivery;
use serde_json::Value as Json;

/// What a call carries.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried {
    /// The body; of a CloudEvent, its `data`.
    pub body: Json,
    /// What tells it apart from others: a CloudEvent's source and id, or the id of Standard Webhooks.
    pub id: Option<String>,
}

/// Reads a call.
///
/// # Errors
/// It is no JSON, or a CloudEvent without what every one has; for people.
pub fn read(delivery: &Delivery<'_>) -> Result<Carried, String> {
    let kind = delivery.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let body: Json = match delivery.body.iter().all(u8::is_ascii_whitespace) {
        true => Json::Null,
        false => serde_json::from_slice(delivery.body)
            .map_err(|error| format!("the body is not JSON (line {}, column {})", error.line(), error.column()))?,
    };
    if kind == "application/cloudevents+json" {
        let part = |name: &str| body.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let id = identity(part("specversion"), part("id"), part("source"), part("type"))?;
        return Ok(Carried { id: Some(id), body: body.get("data").cloned().unwrap_or(Json::Null) });
    }
    if kind == "application/cloudevents-batch+json" {
        return Err("a batch of CloudEvents is not taken; send one at a time".to_owned());
    }
    if delivery.header("ce-specversion").is_some() {
        let part = |name: &str| delivery.header(name).filter(|text| !text.is_empty());
        let id = identity(part("ce-specversion"), part("ce-id"), part("ce-source"), part("ce-type"))?;
        return Ok(Carried { id: Some(id), body });
    }
    Ok(Carried { body, id: delivery.header("webhook-id").filter(|id| !id.is_empty()).map(str::to_owned) })
}

fn identity(version: Option<&str>, id: Option<&str>, source: Option<&str>, kind: Option<&str>) -> Result<String, String> {
    match version {
        Some(version) if version.starts_with("1.") => {}
        Some(version) => return Err(format!("CloudEvents of version {version} are not read, only 1.0")),
        None => return Err("a CloudEvent has a `specversion`".to_owned()),
    }
    let part = |part: Option<&str>, name: &str| part.map(str::to_owned).ok_or_else(|| format!("a CloudEvent has a `{name}`"));
    part(kind, "type")?;
    // Source and id together tell one from another; the length keeps two pairs from meeting.
    let (id, source) = (part(id, "id")?, part(source, "source")?);
    Ok(format!("{}:{source}:{id}", source.len()))
}
