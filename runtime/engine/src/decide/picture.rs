//! An image that a step shows to a model: a file by its digest, an address that the provider fetches, or bytes. It opens nothing, and
//! takes nothing for an image that does not say that it is one.

use crate::question::Picture;
use std::sync::Arc;
use tradewind_lang::conform::to_json;
use tradewind_lang::value::Value;

/// The longest address.
const LONGEST_URL: usize = 2_048;
/// Bytes of one that stands in the log with its question.
const LARGEST: usize = 1024 * 1024;
/// Media types that models read, each with how such a file begins.
const KINDS: [(&str, &[u8]); 4] =
    [("image/png", b"\x89PNG\r\n\x1a\n"), ("image/jpeg", b"\xff\xd8\xff"), ("image/gif", b"GIF8"), ("image/webp", b"RIFF")];

/// The image that a value is; none where it is absent.
///
/// # Errors
/// Why it is none, in words that go on after what it is called.
pub(super) fn picture(value: &Value) -> Result<Option<Picture>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(url) => address(url).map(Some),
        Value::Bytes(bytes) => inline(bytes, value).map(Some),
        Value::Record(_) => asset(value).map(Some),
        _ => Err("is no image".to_owned()),
    }
}

fn address(url: &Arc<str>) -> Result<Picture, String> {
    let is_one = url.starts_with("https://")
        && url.len() <= LONGEST_URL
        && !url.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if is_one { Ok(Picture::Url(url.clone())) } else { Err("is no address of an image: it begins with `https://`".to_owned()) }
}

fn inline(bytes: &[u8], value: &Value) -> Result<Picture, String> {
    if bytes.len() > LARGEST {
        return Err(format!("has {} bytes, and {LARGEST} are shown at most; make it an asset", bytes.len()));
    }
    let media_type = KINDS.iter().find(|(_, begins)| bytes.starts_with(begins)).map(|(kind, _)| Arc::from(*kind));
    let base64 = to_json(value).as_str().map(Arc::from);
    media_type
        .zip(base64)
        .map(|(media_type, base64)| Picture::Inline { media_type, base64 })
        .ok_or_else(|| "begins like no image that models read: PNG, JPEG, GIF, WebP".to_owned())
}

fn asset(value: &Value) -> Result<Picture, String> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let (Some(digest), Some(media_type), Some(Value::Int(bytes))) = (text("digest"), text("media_type"), value.get("bytes")) else {
        return Err("is no asset".to_owned());
    };
    if digest.len() != 64 || !digest.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("has no digest of an asset".to_owned());
    }
    if !KINDS.iter().any(|(kind, _)| *kind == media_type) {
        return Err(format!("is of `{media_type}`, which models do not read"));
    }
    Ok(Picture::Asset { digest: digest.into(), media_type: media_type.into(), bytes: u64::try_from(*bytes).unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_told_so() {
        let asset = |digest: &str, kind: &str| {
            Value::record([("digest", Value::string(digest)), ("media_type", Value::string(kind)), ("bytes", Value::Int(3))])
        };
        let digest = "0".repeat(64);
        assert_eq!(picture(&Value::Null), Ok(None));
        assert!(matches!(picture(&asset(&digest, "image/png")), Ok(Some(Picture::Asset { bytes: 3, .. }))));
        assert!(matches!(picture(&Value::Bytes(b"\x89PNG\r\n\x1a\n..."[..].into())), Ok(Some(Picture::Inline { .. }))));
        assert!(matches!(picture(&Value::string("https://shop.example/a.png")), Ok(Some(Picture::Url(_)))));
        for (value, why) in [
            (asset(&digest, "image/tiff"), "is of `image/tiff`, which models do not read"),
            (asset("../../etc/passwd", "image/png"), "has no digest of an asset"),
            (Value::string("http://shop.example/a.png"), "is no address of an image: it begins with `https://`"),
            (Value::string("https://shop.example/a png"), "is no address of an image: it begins with `https://`"),
            (Value::Bytes(b"MZ..."[..].into()), "begins like no image that models read: PNG, JPEG, GIF, WebP"),
            (Value::Bytes(vec![0; LARGEST + 1].into()), "has 1048577 bytes, and 1048576 are shown at most; make it an asset"),
            (Value::Int(7), "is no image"),
        ] {
            assert_eq!(picture(&value), Err(why.to_owned()));
        }
    }
}
