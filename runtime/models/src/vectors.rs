//! Vectors by the interface of `OpenAI`'s embeddings, which most servers speak: the body of a request, and what its answer says. It sends
//! nothing, and takes nothing for a vector that is none.

use crate::exchange::{count, unreadable};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tradewind_engine::ports::Made;
use tradewind_engine::question::{Answer, Silence, Usage};

/// The path below the base URL.
pub(crate) const PATH: &str = "/embeddings";
/// The longest answer that is read: 2,048 vectors of 1,536 numbers as JSON.
pub(crate) const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The body of a request.
pub(crate) fn request(name: &str, texts: &[Arc<str>]) -> Json {
    json!({ "model": name, "input": texts.iter().map(|text| &**text).collect::<Vec<_>>(), "encoding_format": "float" })
}

/// What an answer with status 200 says: a vector for each of so many texts, by the place that each names.
///
/// # Errors
/// It is no such answer. Whoever wrote it worked, and may want to be paid.
pub(crate) fn read(body: &Json, many: usize) -> Result<Made, Silence> {
    let usage = count(body, "/usage/prompt_tokens").or_else(|| count(body, "/usage/total_tokens"));
    let usage = usage.map(|input| Usage { input, ..Usage::default() });
    let failed = |why: String| match unreadable(&why, usage) {
        Answer::Silent(silence) => silence,
        Answer::Said(_) => Silence::doubtful("schema", why),
    };
    let data = body.get("data").and_then(Json::as_array).ok_or_else(|| failed("it holds no `data`".to_owned()))?;
    if data.len() != many {
        return Err(failed(format!("it holds {} vectors for {many} texts", data.len())));
    }
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; many];
    for (place, item) in data.iter().enumerate() {
        let at = match item.get("index") {
            None => Some(place),
            Some(index) => index.as_u64().and_then(|index| usize::try_from(index).ok()),
        };
        let Some(slot) = at.and_then(|at| vectors.get_mut(at)).filter(|slot| slot.is_none()) else {
            return Err(failed(format!("the `index` of vector {place} is none of its texts, or stands twice")));
        };
        *slot = Some(vector(item).ok_or_else(|| failed(format!("`embedding` of vector {place} is no list of numbers")))?);
    }
    Ok(Made { vectors: vectors.into_iter().flatten().collect(), usage, took: 0 })
}

fn vector(item: &Json) -> Option<Vec<f32>> {
    let numbers = item.get("embedding")?.as_array()?;
    #[expect(clippy::cast_possible_truncation, reason = "what providers send are floats of 32 bits, written out")]
    let vector: Option<Vec<f32>> = numbers.iter().map(|number| number.as_f64().map(|number| number as f32)).collect();
    vector.filter(|vector| vector.iter().all(|number| number.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_told_apart_by_the_place_that_they_name() {
        let body = json!({ "data": [{ "index": 1, "embedding": [0.5, 1] }, { "index": 0, "embedding": [0, -1e-3] }], "usage": { "prompt_tokens": 7 } });
        let made = read(&body, 2).unwrap();
        assert_eq!(made.vectors, [[0.0, -0.001], [0.5, 1.0]]);
        assert_eq!(made.usage.unwrap().input, 7);
        let unnumbered = json!({ "data": [{ "embedding": [1] }, { "embedding": [2] }] });
        assert_eq!(read(&unnumbered, 2).unwrap().vectors, [[1.0], [2.0]]);
    }

    #[test]
    fn what_is_no_vector_for_each_text_is_refused_and_may_have_cost() {
        for (body, many, why) in [
            (json!({}), 1, "it holds no `data`"),
            (json!({ "data": [] }), 1, "it holds 0 vectors for 1 texts"),
            (json!({ "data": [{ "index": 0, "embedding": [1] }, { "index": 0, "embedding": [1] }] }), 2, "stands twice"),
            (json!({ "data": [{ "index": 7, "embedding": [1] }] }), 1, "is none of its texts"),
            (json!({ "data": [{ "index": 0, "embedding": "AAAA" }] }), 1, "is no list of numbers"),
            (json!({ "data": [{ "index": 0, "embedding": [1, "NaN"] }] }), 1, "is no list of numbers"),
            (json!({ "data": [{ "index": 0, "embedding": [1e300] }] }), 1, "is no list of numbers"),
        ] {
            let silence = read(&body, many).unwrap_err();
            assert!(silence.message.contains(why) && silence.doubt && !silence.retry, "{silence:?}");
        }
    }
}
