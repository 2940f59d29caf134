//! Arrays in numpy's file format, and the number types that files of embeddings have.

use half::f16;

use crate::evaluation::Matrix;

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberType {
    /// Four bytes.
    F32,
    /// Two bytes, rounded to nearest even: about three decimal digits.
    F16,
}

impl NumberType {
    /// The matrix's values row by row, little-endian.
    pub(in crate::workbench) fn bytes(self, matrix: &Matrix) -> Vec<u8> {
        let values = matrix.as_slice().iter();
        match self {
            Self::F32 => values.flat_map(|value| value.to_le_bytes()).collect(),
            Self::F16 => values.flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
        }
    }

    fn descriptor(self) -> &'static str {
        match self {
            Self::F32 => "<f4",
            Self::F16 => "<f2",
        }
    }
}

/// Version 1.0 of numpy's format (numpy.lib.format): a header in Python's words, filled up to 64 bytes.
pub(in crate::workbench) fn npy(matrix: &Matrix, numbers: NumberType) -> Vec<u8> {
    let (shape, descriptor) = ((matrix.rows(), matrix.cols()), numbers.descriptor());
    let mut header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape:?}, }}");
    let before = b"\x93NUMPY\x01\x00".len() + 2;
    let fill = 63 - (before + header.len()) % 64;
    header.push_str(&" ".repeat(fill));
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &numbers.bytes(matrix)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_what_numpy_writes() {
        // `numpy.save` of `numpy.array([[1, 2, 3], [0.5, 0, -1]], "<f4")`, and of "<f2".
        let matrix = Matrix::from_rows(&[[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]]).unwrap();
        for (numbers, descriptor, size) in [(NumberType::F32, "<f4", 4), (NumberType::F16, "<f2", 2)] {
            let bytes = npy(&matrix, numbers);
            assert_eq!(bytes[..10], *b"\x93NUMPY\x01\x00v\x00");
            let header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': (2, 3), }}");
            assert_eq!(bytes[10..128], *format!("{header:117}\n").as_bytes());
            assert_eq!(bytes.len(), 128 + 6 * size);
        }
        assert_eq!(npy(&matrix, NumberType::F32)[148..], (-1.0_f32).to_le_bytes());
        assert_eq!(npy(&matrix, NumberType::F16)[128..130], [0x00, 0x3c]);
        for rows in [1, 10, 99_999, 1_000_000] {
            let empty = Matrix::new(rows, 0, Vec::new()).unwrap();
            assert_eq!(npy(&empty, NumberType::F32).len() % 64, 0, "{rows}");
        }
    }
}
