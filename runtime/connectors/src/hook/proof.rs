//! Proofs that somebody knows a secret: a signature over raw bytes, a Standard Webhooks signature, a bearer token. Every comparison
//! takes the same time whatever is compared.

use super::Delivery;
use ring::hmac;
use tradewind_lang::conform;

/// How old, or how far ahead, a signed call may be: five minutes, as Standard Webhooks has it.
const TOLERANCE: i64 = 300;

/// The bytes of a signature as it stands in a header; a leading `sha256=` or `sha1=` is left out.
pub(super) fn signature(text: &str, encoding: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let text = text.strip_prefix("sha256=").or_else(|| text.strip_prefix("sha1=")).unwrap_or(text);
    let bytes = match encoding {
        "hex" => hexadecimal(text)?,
        _ => conform::unbase64(text)?,
    };
    (!bytes.is_empty()).then_some(bytes)
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    Some(digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// Whether a signature over bytes is that of a secret.
pub(super) fn holds(algorithm: &str, secret: &[u8], bytes: &[u8], signature: &[u8]) -> bool {
    let algorithm = match algorithm {
        "sha256" => hmac::HMAC_SHA256,
        "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        _ => return false,
    };
    // A secret of no bytes proves nothing.
    !secret.is_empty() && hmac::verify(&hmac::Key::new(algorithm, secret), bytes, signature).is_ok()
}

/// Who calls an address: what a proof can be made of.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The call.
    pub delivery: Delivery<'a>,
    /// Now, in microseconds since 1970 UTC.
    pub now: i64,
}

/// Whether a caller proves to know one of the values of a secret: by `Authorization: Bearer`, or by the headers of Standard Webhooks.
#[must_use]
pub fn knows(caller: &Caller<'_>, secrets: &[String]) -> bool {
    secrets.iter().filter(|secret| !secret.is_empty()).any(|secret| bears(caller, secret) || signed(caller, secret))
}

/// Compared by their digests under the secret itself: equal time, whatever the length.
fn bears(caller: &Caller<'_>, secret: &str) -> bool {
    let Some(token) = caller.delivery.header("authorization").and_then(|text| text.strip_prefix("Bearer ")) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, token.trim().as_bytes(), hmac::sign(&key, secret.as_bytes()).as_ref()).is_ok()
}

fn signed(caller: &Caller<'_>, secret: &str) -> bool {
    let header = |name: &str| caller.delivery.header(name);
    let (Some(id), Some(sent), Some(signatures)) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature")) else {
        return false;
    };
    let Ok(at) = sent.parse::<i64>() else { return false };
    if (caller.now / 1_000_000).saturating_sub(at).abs() > TOLERANCE {
        return false;
    }
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => match conform::unbase64(encoded) {
            Some(key) => key,
            None => return false,
        },
        None => secret.as_bytes().to_vec(),
    };
    let bytes = [id.as_bytes(), b".", sent.as_bytes(), b".", caller.delivery.body].concat();
    let given = signatures.split_ascii_whitespace().filter_map(|one| conform::unbase64(one.strip_prefix("v1,")?));
    given.into_iter().any(|signature| holds("sha256", &key, &bytes, &signature))
}
