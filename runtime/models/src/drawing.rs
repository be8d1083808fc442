//! Images that a model makes, by the images interface of `OpenAI`. The bytes are kept by their digest; the answer is the file, as a flow
//! knows it. It takes no address for an image: what is there tomorrow may be another one.

use crate::assets::{Assets, LARGEST_ASSET};
use crate::exchange::{count, shortened, unreadable};
use serde_json::{Value as Json, json};
use tradewind_engine::question::{Answer, Prompt, Reply, Turn, Usage};
use tradewind_lang::conform::unbase64;
use tradewind_lang::plan::Remote;

/// The largest answer: an image in base64, and what stands around it.
pub(crate) const LARGEST_ANSWER: usize = LARGEST_ASSET / 3 * 4 + 64 * 1024;

/// The body of a request. `own`: the service of `OpenAI` itself, which gives bytes and takes no word for it.
pub(crate) fn request(prompt: &Prompt, remote: &Remote, own: bool) -> Json {
    let said = prompt.turns.iter().filter_map(|turn| match turn {
        Turn::System(text) | Turn::User(text) => Some(&**text),
        Turn::Model(_) | Turn::Calls(_) | Turn::Tool { .. } | Turn::Image(_) => None,
    });
    let mut body = json!({ "model": remote.model, "prompt": said.collect::<Vec<_>>().join("\n\n"), "n": 1 });
    if let Some(members) = body.as_object_mut().filter(|_| !own) {
        members.insert("response_format".to_owned(), json!("b64_json"));
    }
    body
}

/// What an answer with status 200 says; its image is kept.
pub(crate) fn read(prompt: &Prompt, remote: &Remote, body: &Json, assets: Option<&Assets>) -> Answer {
    let usage = usage(body, remote);
    let Some(first) = body.pointer("/data/0") else { return unreadable("it holds no image", usage) };
    let Some(data) = first.get("b64_json").and_then(Json::as_str) else {
        return unreadable("it holds an address where bytes were asked for", usage);
    };
    let Some(bytes) = unbase64(data) else { return unreadable("its image is no base64", usage) };
    let by = body.get("model").and_then(Json::as_str).unwrap_or(&remote.model);
    kept(prompt, &bytes, shortened(by), usage, assets)
}

/// Keeps an image that was made for a question, and says so.
pub(crate) fn kept(prompt: &Prompt, bytes: &[u8], by: String, usage: Option<Usage>, assets: Option<&Assets>) -> Answer {
    let origin = format!("made by `{}` ({by}) for the question {} of step `{}`", prompt.model.name, prompt.question.key, prompt.step);
    let kept = assets.ok_or_else(|| "nothing here keeps files".to_owned()).and_then(|assets| assets.keep(bytes, &origin));
    match kept {
        Ok(asset) => {
            let text = json!({ "digest": asset.digest, "media_type": asset.media_type, "bytes": asset.bytes }).to_string();
            Answer::Said(Reply { text: text.into(), calls: Vec::new(), usage, by: by.into(), hedged: false, took: 0 })
        }
        Err(why) => unreadable(&why, usage),
    }
}

fn usage(body: &Json, remote: &Remote) -> Option<Usage> {
    let counted = body.get("usage").and_then(|usage| {
        let (input, output) = (count(usage, "/input_tokens")?, count(usage, "/output_tokens")?);
        Some(Usage { input, output, ..Usage::default() })
    });
    // Where tokens cost nothing, it does not matter that nobody counts them.
    counted.or((remote.prices.input.is_none() && remote.prices.output.is_none()).then(Usage::default))
}
