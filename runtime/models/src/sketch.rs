//! The image that the twin makes: eight times eight squares whose colours follow from what was asked, as a PNG. The same to the same.

/// Squares on a side, and bytes of one.
const SIDE: usize = 8;
const DEPTH: usize = 3;

/// A PNG (<https://www.w3.org/TR/png-3/>) whose data are stored and not packed.
pub(crate) fn png(of: &str) -> Vec<u8> {
    let mut colours = vec![0; SIDE * SIDE * DEPTH];
    blake3::Hasher::new().update(of.as_bytes()).finalize_xof().fill(&mut colours);
    let mut rows = Vec::with_capacity(SIDE * (SIDE * DEPTH + 1));
    for row in colours.chunks(SIDE * DEPTH) {
        // Each row is as it is: no filter.
        rows.push(0);
        rows.extend_from_slice(row);
    }
    let side = (SIDE as u32).to_be_bytes();
    let head = [&side[..], &side[..], &[8, 2, 0, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", head), (b"IDAT", stored(&rows)), (b"IEND", Vec::new())] {
        png.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
        let body = [&kind[..], &data].concat();
        png.extend_from_slice(&body);
        png.extend_from_slice(&crc(&body).to_be_bytes());
    }
    png
}

/// One stored block of zlib (RFC 1950, 1951).
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let head = [&[0x78, 0x01, 0x01][..], &length.to_le_bytes(), &(!length).to_le_bytes()].concat();
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    [&head[..], bytes, &(high << 16 | low).to_be_bytes()].concat()
}

/// The check of a chunk, as the PNG specification has it.
fn crc(bytes: &[u8]) -> u32 {
    let mut check = u32::MAX;
    for byte in bytes {
        check ^= u32::from(*byte);
        for _ in 0..8 {
            check = if check & 1 == 1 { check >> 1 ^ 0xedb8_8320 } else { check >> 1 };
        }
    }
    !check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_an_image_and_the_same_to_the_same() {
        assert_eq!(crc(b"IEND"), 0xae42_6082, "the check that every PNG ends with");
        let one = png("a chair");
        assert_eq!((one.len(), crate::assets::media_type(&one)), (8 + 25 + 12 + 11 + SIDE * 25 + 12, Some("image/png")));
        assert_eq!((png("a chair") == one, png("a table") == one), (true, false));
    }
}
