//! Whether a JPEG ends too early, whose decoder fills what is missing with grey while Pillow refuses such a file; and what its
//! colours are, of which two decoders have different opinions where a file contradicts itself.

use std::borrow::Cow;

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;

/// Whether the end-of-image marker comes after the segments and the entropy-coded data (ITU T.81, annex B).
pub(super) fn has_end(bytes: &[u8]) -> bool {
    walk(bytes, |_, _, _| {})
}

/// Calls `visit` with marker, place and content of each segment; whether there is an end behind them.
fn walk<'a>(bytes: &'a [u8], mut visit: impl FnMut(u8, usize, &'a [u8])) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == 0xff) {
        rest = &rest[at + 1..];
        match rest {
            [END_OF_IMAGE, ..] => return true,
            // A fill byte before a marker, a stuffed zero, and the markers without a length.
            [0xff | 0x00 | 0x01 | 0xd0..=0xd8, ..] => {}
            [marker, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                let place = bytes.len() - rest.len() + 3;
                visit(*marker, place, rest.get(3..1 + length).unwrap_or_default());
                rest = rest.get(1 + length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
    false
}

/// A copy whose colours the decoder understands as libjpeg does (`default_decompress_parms` in its `jdapimin.c`): JFIF counts
/// more than what Adobe's segment says, and that more than the names of the components. Most files say the same by all.
pub(super) fn as_libjpeg_sees_it(bytes: &[u8]) -> Cow<'_, [u8]> {
    const RGB: &[u8] = b"RGB";
    let (mut is_jfif, mut adobe, mut scans_begun) = (false, None, false);
    // Where the names of the components stand in the frame's header and in those of the scans.
    let (mut frame, mut scans): (Vec<usize>, Vec<usize>) = Default::default();
    walk(bytes, |marker, place, content| match (marker, content) {
        (0xe0, content) if !scans_begun && content.len() >= 14 && content.starts_with(b"JFIF\0") => {
            is_jfif = true
        }
        (0xee, content) if !scans_begun && content.len() >= 12 && content.starts_with(b"Adobe") => {
            adobe = Some((place + 11, content[11]));
        }
        (0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf, content) if frame.is_empty() => {
            let count = content.get(5).copied().unwrap_or_default();
            frame = (0..usize::from(count).min(content.len().saturating_sub(6) / 3))
                .map(|i| place + 6 + 3 * i)
                .collect();
        }
        (START_OF_SCAN, [count, content @ ..]) => {
            scans_begun = true;
            scans.extend((0..usize::from(*count).min(content.len() / 2)).map(|i| place + 1 + 2 * i));
        }
        _ => {}
    });
    let transform = adobe.map(|(_, transform)| transform);
    let names: Vec<u8> = frame.iter().map(|place| bytes[*place]).collect();
    let wanted = match (names.len(), is_jfif, transform) {
        (3, true, _) => 1,
        (3, false, Some(transform)) => transform.min(1),
        (3, false, None) => u8::from(names != RGB),
        (4, _, Some(transform)) if transform != 0 => 2,
        (4, ..) => 0,
        _ => return Cow::Borrowed(bytes),
    };
    let is_named_otherwise = wanted == 1 && names == RGB;
    if !is_named_otherwise && transform.is_none_or(|transform| transform == wanted) {
        return Cow::Borrowed(bytes);
    }
    let mut bytes = bytes.to_vec();
    if let Some((place, _)) = adobe {
        bytes[place] = wanted;
    }
    if is_named_otherwise {
        for place in frame.into_iter().chain(scans) {
            let number =
                RGB.iter().zip(1..).find(|(name, _)| **name == bytes[place]).map(|(_, number)| number);
            bytes[place] = number.unwrap_or(bytes[place]);
        }
    }
    Cow::Owned(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_inside_a_segment_does_not_count() {
        let thumbnail =
            [0xff, 0xd8, 0xff, 0xe1, 0, 4, 0xff, 0xd9, 0xff, 0xda, 0, 2, 1, 0xff, 0, 2, 0xff, 0xd0, 3];
        assert!(!has_end(&thumbnail));
        assert!(has_end(&[&thumbnail[..], &[0xff, 0xff, 0xd9]].concat()));
    }

    #[test]
    fn a_segment_that_is_cut_has_no_end() {
        for bytes in
            [&[][..], &[0xff], &[0xff, 0xd8, 0xff, 0xe0], &[0xff, 0xd8, 0xff, 0xe0, 0xff, 0xff, 0xff, 0xd9]]
        {
            assert!(!has_end(bytes), "{bytes:?}");
        }
    }
}
