//! How Pillow turns the samples of a pixel into 8 bits of red, green and blue.

/// The values of a row of 1, 2, 4 or 8 bits each, the first in the highest bits.
pub(super) fn bits(row: &[u8], depth: u8) -> impl Iterator<Item = u8> + '_ {
    let per_byte = 8 / depth;
    let mask = u8::MAX >> (8 - depth);
    row.iter().flat_map(move |byte| (0..per_byte).map(move |i| (byte >> (8 - depth * (i + 1))) & mask))
}

/// What a value of `depth` bits is multiplied with to reach 255.
pub(super) fn step(depth: u8) -> u8 {
    255 / (u8::MAX >> (8 - depth))
}

/// Of 16 bits the upper 8: all but grey without alpha.
pub(super) fn upper(value: u16) -> u8 {
    (value >> 8) as u8
}

/// 16-bit grey is kept as it is and cut off on conversion.
pub(super) fn cut(value: u16) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

/// Likewise 32-bit grey.
pub(super) fn cut_signed(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

/// Likewise floating point, whose fraction is dropped.
pub(super) fn cut_float(value: f32) -> u8 {
    value as u8
}

/// The colours of indices, each of three bytes. An index beyond the end is black.
pub(super) fn colour(palette: &[u8], index: u8) -> [u8; 3] {
    let at = usize::from(index) * 3;
    palette.get(at..at + 3).and_then(|colour| colour.first_chunk().copied()).unwrap_or_default()
}

/// White less the ink, less what black takes.
pub(super) fn cmyk([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = 255 - black;
    [cyan, magenta, yellow].map(|ink| {
        let product = u32::from(ink) * u32::from(light) + 128;
        light.saturating_sub(((product + (product >> 8)) >> 8) as u8)
    })
}

/// Colours that were multiplied with their alpha.
pub(super) fn unmultiplied([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    [red, green, blue].map(|value| match alpha {
        0 => 0,
        _ => (u32::from(value) * 255 / u32::from(alpha)).min(255) as u8,
    })
}

/// Pillow's own conversion of YCbCr, which rounds down.
pub(super) fn ycbcr([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let (blue, red) = (f64::from(blue) - 128.0, f64::from(red) - 128.0);
    let part = |factor: f64, chroma: f64| (factor * chroma * 64.0 + 0.5) as i32;
    let luma = i32::from(luma);
    [
        luma + (part(1.402, red) >> 6),
        luma + ((part(-0.34414, blue) + part(-0.71414, red)) >> 6),
        luma + (part(1.772, blue) >> 6),
    ]
    .map(cut_signed)
}

/// libjpeg's (ITU T.871), which rounds to the nearest.
pub(super) fn jpeg_ycbcr([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let fixed = |factor: f64| (factor * 65536.0 + 0.5) as i32;
    let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
    let luma = i32::from(luma);
    [
        luma + ((fixed(1.402) * red + HALF) >> 16),
        luma + ((-fixed(0.34414) * blue - fixed(0.71414) * red + HALF) >> 16),
        luma + ((fixed(1.772) * blue + HALF) >> 16),
    ]
    .map(cut_signed)
}

/// CIE L*a*b* under D50, with a and b in two's complement, to sRGB: what littleCMS does for Pillow, without a table.
pub(super) fn lab([light, a, b]: [u8; 3]) -> [u8; 3] {
    const WHITE: [f64; 3] = [0.9642, 1.0, 0.8249];
    // From XYZ under D50 to linear sRGB (Bradford; www.brucelindbloom.com).
    const TO_RGB: [[f64; 3]; 3] = [
        [3.133_856_1, -1.616_866_7, -0.490_614_6],
        [-0.978_768_4, 1.916_141_5, 0.033_454_0],
        [0.071_945_3, -0.228_991_4, 1.405_242_7],
    ];
    let y = (f64::from(light) * 100.0 / 255.0 + 16.0) / 116.0;
    let along = [y + f64::from(a as i8) / 500.0, y, y - f64::from(b as i8) / 200.0];
    let mut xyz = [0.0; 3];
    for ((xyz, along), white) in xyz.iter_mut().zip(along).zip(WHITE) {
        const EDGE: f64 = 6.0 / 29.0;
        let linear = (along - 16.0 / 116.0) * 3.0 * EDGE * EDGE;
        *xyz = white * if along > EDGE { along * along * along } else { linear.max(0.0) };
    }
    TO_RGB.map(|row| {
        let linear: f64 = row.iter().zip(xyz).map(|(factor, value)| factor * value).sum();
        let linear = linear.clamp(0.0, 1.0);
        let level =
            if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        (level * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_highest_first() {
        assert_eq!(bits(&[0b1010_0000], 1).collect::<Vec<_>>(), [1, 0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(bits(&[0b1101_1000], 2).collect::<Vec<_>>(), [3, 1, 2, 0]);
        assert_eq!(bits(&[0x5a, 0xff], 4).collect::<Vec<_>>(), [5, 10, 15, 15]);
        assert_eq!([1, 2, 4, 8].map(step), [255, 85, 17, 1]);
    }

    #[test]
    fn what_is_too_large_is_cut_off() {
        assert_eq!([cut(0), cut(255), cut(256)], [0, 255, 255]);
        assert_eq!([cut_signed(-7), cut_signed(99), cut_signed(70_000)], [0, 99, 255]);
        assert_eq!([-0.5, 0.99, 254.9, 300.0, f32::NAN].map(cut_float), [0, 0, 254, 255, 0]);
        assert_eq!((upper(0x12ff), colour(&[1, 2, 3], 0), colour(&[1, 2, 3], 1)), (0x12, [1, 2, 3], [0; 3]));
    }

    #[test]
    fn alpha_is_taken_out_of_what_it_was_multiplied_into() {
        assert_eq!(unmultiplied([10, 20, 30, 255]), [10, 20, 30]);
        assert_eq!(unmultiplied([10, 20, 200, 100]), [25, 51, 255]);
        assert_eq!(unmultiplied([10, 20, 30, 0]), [0; 3]);
    }
}
