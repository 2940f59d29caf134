//! Whether a JPEG ends too early. Its decoder fills what is missing with grey; Pillow refuses such a file.

const END_OF_IMAGE: u8 = 0xd9;

/// Whether the end-of-image marker comes after the segments and the entropy-coded data (ITU T.81, annex B).
pub(super) fn has_end(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == 0xff) {
        rest = &rest[at + 1..];
        match rest {
            [END_OF_IMAGE, ..] => return true,
            // A fill byte before a marker, a stuffed zero, and the markers without a length.
            [0xff | 0x00 | 0x01 | 0xd0..=0xd8, ..] => {}
            [_, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(1 + length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
    false
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
