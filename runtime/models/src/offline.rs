//! The twin of models behind a network, for environments with twins: it needs no key, reaches nothing, and says the same to the same.
//! What it writes has the wanted shape and no sense; it counts what it reads and writes, so that budgets are felt.

use crate::assets::Assets;
use crate::embedding::Embedder;
use crate::{drawing, sketch};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use tradewind_engine::ports::Made;
use tradewind_engine::question::{Answer, Prompt, Reply, Silence, Turn, Usage};

/// Bytes of a token, more or less.
const TOKEN: u64 = 4;
/// The longest text that it writes, in characters, where nothing says less.
const LONGEST: usize = 80;

/// Models that answer by the shape of what is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct OfflineModels;

impl OfflineModels {
    /// An image in the place of one that a model would make: kept as that would be, with eight times eight squares on it.
    #[must_use]
    pub fn draw(prompt: &Prompt, assets: &Assets) -> Answer {
        let said = all_said(prompt);
        let usage = Some(Usage { input: said.len() as u64 / TOKEN + 1, ..Usage::default() });
        drawing::kept(prompt, &sketch::png(&said), "twin".to_owned(), usage, Some(assets))
    }

    /// Vectors in the place of those of a model behind a network: of the program's own model, so that what is alike is found.
    ///
    /// # Errors
    /// That model cannot be loaded.
    pub fn vectors(texts: &[Arc<str>]) -> Result<Made, Silence> {
        let embedder = Embedder::shared().map_err(|why| Silence::free("unreachable", why, false))?;
        let read: u64 = texts.iter().map(|text| text.len() as u64).sum();
        let vectors = texts.iter().map(|text| embedder.vector(text)).collect();
        Ok(Made { vectors, usage: Some(Usage { input: read / TOKEN + 1, ..Usage::default() }), took: 0 })
    }

    /// An answer of the wanted shape.
    #[must_use]
    pub fn say(prompt: &Prompt) -> Answer {
        if prompt.draws {
            // Nothing keeps it: the name alone of what would have been made.
            let png = sketch::png(&all_said(prompt));
            let asset = json!({ "digest": blake3::hash(&png).to_hex().as_str(), "media_type": "image/png", "bytes": png.len() });
            let (text, usage) = (asset.to_string().into(), Some(Usage::default()));
            return Answer::Said(Reply { text, calls: Vec::new(), usage, by: "twin".into(), hedged: false, took: 0 });
        }
        let last = prompt.turns.iter().rev().find_map(|turn| match turn {
            Turn::User(text) => Some(text.clone()),
            _ => None,
        });
        let words = last.unwrap_or_else(|| Arc::from(""));
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = shaped(&prompt.schema, "", &words).to_string();
        let read: u64 = prompt.turns.iter().map(Turn::bytes).sum();
        let usage = Some(Usage { input: read / TOKEN + 1, cached: 0, output: text.len() as u64 / TOKEN + 1, reasoning: 0 });
        Answer::Said(Reply { text: text.into(), calls: Vec::new(), usage, by: "twin".into(), hedged: false, took: 0 })
    }
}

fn all_said(prompt: &Prompt) -> String {
    let said = prompt.turns.iter().filter_map(|turn| match turn {
        Turn::System(text) | Turn::User(text) => Some(&**text),
        _ => None,
    });
    said.collect::<Vec<_>>().join("\n")
}

/// A value of a schema, made of the words that were said.
fn shaped(schema: &Json, name: &str, words: &str) -> Json {
    if let Some(first) = schema.get("enum").and_then(Json::as_array).and_then(|values| values.first()) {
        return first.clone();
    }
    if schema.get("anyOf").is_some() {
        return Json::Null;
    }
    match schema.get("type").and_then(Json::as_str) {
        Some("object") => {
            let fields = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
            Json::Object(fields.map(|(name, schema)| (name.clone(), shaped(schema, name, words))).collect::<Map<_, _>>())
        }
        Some("array") => {
            let least = schema.get("minItems").and_then(Json::as_u64).unwrap_or(0).min(100);
            let item = schema.get("items").cloned().unwrap_or_default();
            (0..least).map(|_| shaped(&item, name, words)).collect()
        }
        Some("boolean") => json!(true),
        Some("integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1.0)),
        Some("string") => match schema.get("format").and_then(Json::as_str) {
            Some("money") => json!("1.00 USD"),
            Some("decimal") => json!("1"),
            Some("date-time") => json!("2026-01-01T00:00:00Z"),
            Some("span") => json!("1d"),
            Some("byte") => json!(""),
            _ => text(schema, name, words),
        },
        _ => Json::Null,
    }
}

fn text(schema: &Json, name: &str, words: &str) -> Json {
    let length = |at: &str| schema.get(at).and_then(Json::as_u64).and_then(|length| usize::try_from(length).ok());
    let (least, most) = (length("minLength").unwrap_or(0).min(10_000), length("maxLength").unwrap_or(LONGEST).min(LONGEST));
    let mut text: String = format!("{name} of: {words}").chars().take(most.max(least)).collect();
    while text.chars().count() < least {
        text.push('.');
    }
    json!(text)
}
