//! Images of a conversation as a provider takes them: addresses that it fetches itself, and bytes in base64. A file is opened here; one that
//! is not what it was, and an address that is no public one, is not sent.

use crate::assets::Assets;
use crate::egress;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tradewind_engine::question::{Picture, Prompt, Silence, Turn};
use tradewind_lang::conform::to_json;
use tradewind_lang::value::Value;

/// Bytes of one image that is shown: providers take no larger ones.
const LARGEST: usize = 5 * 1024 * 1024;

/// An image, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    Url(Arc<str>),
    Base64 { media_type: Arc<str>, data: Arc<str> },
}

impl Shown {
    /// As `OpenAI` has it.
    pub(crate) fn openai(&self) -> Json {
        json!({ "type": "image_url", "image_url": { "url": self.url() } })
    }

    /// As Anthropic has it.
    pub(crate) fn anthropic(&self) -> Json {
        match self {
            Self::Url(url) => json!({ "type": "image", "source": { "type": "url", "url": &**url } }),
            Self::Base64 { media_type, data } => {
                json!({ "type": "image", "source": { "type": "base64", "media_type": &**media_type, "data": &**data } })
            }
        }
    }

    /// An address, or the bytes as one (RFC 2397).
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Url(url) => url.to_string(),
            Self::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
        }
    }
}

/// The images of a conversation, in their order.
///
/// # Errors
/// One that is not sent; nothing was.
pub(crate) fn open(prompt: &Prompt, assets: Option<&Assets>) -> Result<Vec<Shown>, Silence> {
    let shown = prompt.turns.iter().filter_map(|turn| if let Turn::Image(picture) = turn { Some(picture) } else { None });
    shown.map(|picture| one(picture, assets)).collect()
}

fn one(picture: &Picture, assets: Option<&Assets>) -> Result<Shown, Silence> {
    match picture {
        Picture::Inline { media_type, base64 } => Ok(Shown::Base64 { media_type: media_type.clone(), data: base64.clone() }),
        Picture::Url(url) => match egress::image(url) {
            Ok(()) => Ok(Shown::Url(url.clone())),
            Err(why) => Err(Silence::free("egress", why, false)),
        },
        Picture::Asset { digest, media_type, .. } => {
            let opened = assets.ok_or_else(|| "nothing here keeps files".to_owned()).and_then(|assets| assets.open(digest));
            let bytes = opened.map_err(|why| Silence::free("asset", why, false))?;
            if bytes.len() > LARGEST {
                let message = format!("an image of {} bytes is too large to be shown; {LARGEST} are", bytes.len());
                return Err(Silence::free("asset", message, false));
            }
            let data = to_json(&Value::Bytes(bytes.into()));
            Ok(Shown::Base64 { media_type: media_type.clone(), data: data.as_str().unwrap_or_default().into() })
        }
    }
}
