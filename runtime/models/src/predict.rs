//! Models that only predict: the body of a request for one text or several, and what its answer says of each. Plain JSON is mapped by
//! the expressions of the model; tensors are those of the Open Inference Protocol, version 2
//! (<https://kserve.github.io/website/latest/modelserving/data_plane/v2_protocol/>). It sends nothing, and guesses nothing that is missing.

use crate::exchange::{shortened, unreadable};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use tradewind_engine::question::{Answer, Prompt, Reply, Turn, Usage};
use tradewind_lang::conform::{to_json, untyped};
use tradewind_lang::plan::{Bindings, Predict, Remote};
use tradewind_lang::value::{Record, Value};

/// What is asked of a model that predicts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) text: Arc<str>,
    pub(crate) system: Arc<str>,
    pub(crate) labels: Vec<String>,
    /// What it is shown: addresses, or bytes as such.
    pub(crate) images: Vec<String>,
    /// The fields of the answer, in the order of the schema.
    pub(crate) fields: Vec<String>,
}

impl Asked {
    /// The last thing that is said, and what stands above it.
    pub(crate) fn of(prompt: &Prompt, images: Vec<String>) -> Self {
        let (mut text, mut system): (Arc<str>, Arc<str>) = ("".into(), "".into());
        for turn in &prompt.turns {
            match turn {
                Turn::User(said) => text = said.clone(),
                Turn::System(said) => system = said.clone(),
                Turn::Model(_) | Turn::Calls(_) | Turn::Tool { .. } | Turn::Image(_) => {}
            }
        }
        let labels = prompt.schema.pointer("/properties/label/enum").and_then(Json::as_array).into_iter().flatten();
        let labels = labels.filter_map(Json::as_str).map(str::to_owned).collect();
        let fields = prompt.schema.get("properties").and_then(Json::as_object).into_iter().flatten();
        Self { text, system, labels, images, fields: fields.map(|(name, _)| name.clone()).collect() }
    }
}

/// The path and the body of a request for several texts, which differ in nothing else.
///
/// # Errors
/// An expression without a value, in words for people.
pub(crate) fn request(predict: &Predict, name: &str, asked: &[&Asked]) -> Result<(String, Json), String> {
    match predict {
        Predict::Json { path, request, .. } => {
            let first = asked.first().ok_or("nothing is asked")?;
            let scope = scope(first, asked);
            let mut body = Map::new();
            for (name, expr) in request {
                let value = expr.evaluate(&scope).map_err(|error| format!("`{name}` of the request has no value: {}", error.0))?;
                body.insert(name.clone(), to_json(&value));
            }
            Ok((path.clone(), Json::Object(body)))
        }
        Predict::Tensors { input, .. } => {
            let data: Vec<&str> = asked.iter().map(|asked| &*asked.text).collect();
            let tensor = json!({ "name": input, "shape": [data.len(), 1], "datatype": "BYTES", "data": data });
            Ok((format!("/v2/models/{name}/infer"), json!({ "inputs": [tensor] })))
        }
    }
}

fn scope(first: &Asked, asked: &[&Asked]) -> Record {
    Record(vec![
        ("text".into(), Value::String(first.text.clone())),
        ("texts".into(), Value::list(asked.iter().map(|asked| Value::String(asked.text.clone())))),
        ("system".into(), Value::String(first.system.clone())),
        ("labels".into(), Value::list(first.labels.iter().map(|label| Value::string(label.as_str())))),
        ("images".into(), Value::list(first.images.iter().map(|image| Value::string(image.as_str())))),
    ])
}

/// What an answer says of each text, in their order.
pub(crate) fn read(predict: &Predict, remote: &Remote, asked: &[&Asked], body: &Json) -> Vec<Answer> {
    let found = match predict {
        Predict::Json { each, answer, .. } => items(each.as_ref(), answer, asked, body),
        Predict::Tensors { outputs, .. } => tensors(outputs, asked, body),
    };
    let usage = counted(remote);
    match found {
        Ok(found) => found.into_iter().map(|one| said(one, usage, body)).collect(),
        Err(why) => asked.iter().map(|_| unreadable(&why, usage)).collect(),
    }
}

/// Nobody counts tokens here: where they cost nothing, that is known; else what was reserved stays.
fn counted(remote: &Remote) -> Option<Usage> {
    (remote.prices.input.is_none() && remote.prices.output.is_none()).then(Usage::default)
}

fn said(one: Result<Map<String, Json>, String>, usage: Option<Usage>, body: &Json) -> Answer {
    let by = body.get("model_name").or_else(|| body.get("model")).and_then(Json::as_str).unwrap_or_default();
    match one {
        Ok(fields) => {
            let text = Json::Object(fields).to_string();
            Answer::Said(Reply { text: text.into(), calls: Vec::new(), usage, by: shortened(by).into(), hedged: false, took: 0 })
        }
        Err(why) => unreadable(&why, usage),
    }
}

type Items = Result<Vec<Result<Map<String, Json>, String>>, String>;

fn items(each: Option<&tradewind_lang::expr::Expr>, answer: &Bindings, asked: &[&Asked], body: &Json) -> Items {
    let body = untyped(body);
    let items = match each {
        None => vec![body.clone()],
        Some(each) => {
            let scope = Record(vec![("body".into(), body.clone())]);
            match each.evaluate(&scope).map_err(|error| format!("`each` has no value: {}", error.0))? {
                Value::List(items) => items.to_vec(),
                _ => return Err("what `each` names is no list".to_owned()),
            }
        }
    };
    if items.len() != asked.len() {
        return Err(format!("it holds {} answers to {} texts", items.len(), asked.len()));
    }
    let fields = |item: &Value, asked: &Asked| {
        let scope = Record(vec![("body".into(), body.clone()), ("it".into(), item.clone())]);
        let mut fields = Map::new();
        for (name, expr) in answer.iter().filter(|(name, _)| asked.fields.contains(name)) {
            let value = expr.evaluate(&scope).map_err(|error| format!("`{name}` has no value: {}", error.0))?;
            fields.insert(name.clone(), to_json(&value));
        }
        Ok(fields)
    };
    Ok(items.iter().zip(asked).map(|(item, asked)| fields(item, asked)).collect())
}

fn tensors(outputs: &[(String, String)], asked: &[&Asked], body: &Json) -> Items {
    let first = asked.first().ok_or("nothing is asked")?;
    let mut found: Vec<Map<String, Json>> = vec![Map::new(); asked.len()];
    for (field, tensor) in outputs.iter().filter(|(field, _)| first.fields.contains(field)) {
        let data = data(body, tensor)?;
        if data.is_empty() || data.len() % asked.len() != 0 {
            return Err(format!("the tensor `{tensor}` holds {} values for {} texts", data.len(), asked.len()));
        }
        let rows = data.chunks(data.len() / asked.len());
        for ((found, row), asked) in found.iter_mut().zip(rows).zip(asked) {
            found
                .insert(field.clone(), worth(field, row, &asked.labels).ok_or_else(|| format!("the tensor `{tensor}` says no `{field}`"))?);
        }
    }
    Ok(found.into_iter().map(Ok).collect())
}

/// The values of a tensor, row after row; they may be nested as its shape is.
fn data<'a>(body: &'a Json, name: &str) -> Result<Vec<&'a Json>, String> {
    let tensors = body.get("outputs").and_then(Json::as_array).ok_or("it holds no `outputs`")?;
    let tensor = tensors.iter().find(|tensor| tensor.get("name").and_then(Json::as_str) == Some(name));
    let data = tensor.and_then(|tensor| tensor.get("data")?.as_array()).ok_or_else(|| format!("it holds no data of a tensor `{name}`"))?;
    let mut flat = Vec::new();
    let mut open: Vec<&Json> = data.iter().rev().collect();
    while let Some(value) = open.pop() {
        match value {
            Json::Array(inner) => open.extend(inner.iter().rev()),
            value => flat.push(value),
        }
    }
    Ok(flat)
}

/// One value of a row: a label by its name or its place among the labels, a probability as it is or the greatest of all labels.
fn worth(field: &str, row: &[&Json], labels: &[String]) -> Option<Json> {
    match (field, row) {
        ("label", [only]) => match only.as_u64() {
            Some(place) => labels.get(usize::try_from(place).ok()?).map(|label| json!(label)),
            None => Some(Json::clone(only)),
        },
        (_, [only]) => Some(Json::clone(only)),
        ("confidence", several) => several.iter().filter_map(|value| value.as_f64()).reduce(f64::max).map(|value| json!(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
