//! Authenticated encryption: ChaCha20-Poly1305 (RFC 8439) under a key that is derived from all keys of a block together.
//!
//! The nonce is a keyed hash of what is sealed and of its place (a synthetic nonce, as in RFC 5297): no chance is needed, so that the
//! same log is written again by a replay or a simulation, and a nonce repeats only where the same bytes are sealed at the same place.

use super::Key;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

const SEALING: &str = "tradewind 2026-11-30 personal data: sealing";
const NONCES: &str = "tradewind 2026-11-30 personal data: nonces";

fn derived(context: &str, keys: &[Key]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    keys.iter().for_each(|key| {
        hasher.update(&key.0);
    });
    *hasher.finalize().as_bytes()
}

fn cipher(keys: &[Key]) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, &derived(SEALING, keys)).ok().map(LessSafeKey::new)
}

/// The nonce, then what is sealed with its tag; none where it is longer than the cipher takes.
pub(super) fn seal(keys: &[Key], place: &[u8], mut plain: Vec<u8>) -> Option<Vec<u8>> {
    let mut hasher = blake3::Hasher::new_keyed(&derived(NONCES, keys));
    hasher.update(&(place.len() as u64).to_be_bytes());
    hasher.update(place);
    hasher.update(&plain);
    let mut nonce = [0; NONCE_LEN];
    nonce.iter_mut().zip(hasher.finalize().as_bytes()).for_each(|(to, from)| *to = *from);
    cipher(keys)?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut plain).ok()?;
    let mut bytes = nonce.to_vec();
    bytes.append(&mut plain);
    Some(bytes)
}

/// What was sealed; none where the bytes, the place or the keys are not those.
pub(super) fn open(keys: &[Key], place: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
    let mut sealed = sealed.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let length = cipher(keys)?.open_in_place(nonce, Aad::from(place), &mut sealed).ok()?.len();
    sealed.truncate(length);
    Some(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_all_of_its_keys_at_its_place_and_not_otherwise() {
        let (one, two) = (Key([1; 32]), Key([2; 32]));
        let both = [one.clone(), two.clone()];
        let sealed = seal(&both, b"here", b"anna@example.com".to_vec()).unwrap();
        assert_eq!(open(&both, b"here", &sealed).unwrap(), b"anna@example.com");
        assert!(!sealed.windows(4).any(|part| part == b"anna"));
        assert_eq!(open(&both, b"there", &sealed), None);
        assert_eq!(open(std::slice::from_ref(&one), b"here", &sealed), None);
        assert_eq!(open(&[two, one], b"here", &sealed), None, "in another order");
        let mut changed = sealed.clone();
        changed[20] ^= 1;
        assert_eq!(open(&both, b"here", &changed), None);
        assert_eq!(open(&both, b"here", &sealed[..8]), None);
        assert_eq!(seal(&both, b"here", b"anna@example.com".to_vec()), Some(sealed.clone()), "the same bytes at the same place");
        assert_ne!(seal(&both, b"there", b"anna@example.com".to_vec()).unwrap()[..12], sealed[..12], "another nonce at another place");
    }
}
