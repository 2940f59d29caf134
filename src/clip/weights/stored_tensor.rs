//! A tensor as it lies in a weight file, whatever the file's format: where its elements are and what they are.

use super::naming::TensorPlace;
use crate::clip::error::ClipError;
use crate::clip::files::CheckpointFile;

/// A tensor's elements in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::clip) struct StoredTensor {
    pub element: ElementType,
    pub shape: Vec<usize>,
    /// Elements from one index of a dimension to the next: not those of rows lying one after the other where the tensor
    /// was a view of another one.
    pub strides: Vec<usize>,
    /// Where the first element starts in the file, in bytes.
    pub start: u64,
}

/// What a number is stored as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::clip) enum ElementType {
    /// Rounded to `f32` when it is read.
    F64,
    F32,
    F16,
    Bf16,
    /// One that is no weight's, by its format's name.
    Other(String),
}

impl ElementType {
    /// Bytes of one, if weights have it.
    pub(in crate::clip) fn bytes(&self) -> Option<usize> {
        match self {
            Self::F64 => Some(8),
            Self::F32 => Some(4),
            Self::F16 | Self::Bf16 => Some(2),
            Self::Other(_) => None,
        }
    }
}

impl std::fmt::Display for ElementType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Other(name) => name,
        })
    }
}

/// The strides of a tensor whose rows lie one after the other.
pub(in crate::clip) fn contiguous_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1_usize; shape.len()];
    for at in (1..shape.len()).rev() {
        strides[at - 1] = strides[at].saturating_mul(shape[at]);
    }
    strides
}

impl StoredTensor {
    /// Elements from the first to the last one in the file, with what lies between them; `None` beyond what can be
    /// counted.
    pub(in crate::clip) fn extent(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        let reach = |sum: usize, (length, stride): (&usize, &usize)| {
            sum.checked_add((length - 1).checked_mul(*stride)?)
        };
        self.shape.iter().zip(&self.strides).try_fold(1, reach)
    }

    /// What lies at a place in it: a tensor of the same file. Rows that cannot be cut into so many equal parts stay whole,
    /// and have a shape that nobody asks for.
    pub(in crate::clip) fn at(&self, place: &TensorPlace) -> Self {
        let mut view = self.clone();
        if let Some((part, of)) = place.part
            && let (Some(rows), Some(stride)) = (view.shape.first_mut(), self.strides.first())
            && rows.is_multiple_of(of)
        {
            *rows /= of;
            let skipped = (part * *rows).saturating_mul(*stride);
            let bytes = skipped.saturating_mul(self.element.bytes().unwrap_or(0));
            view.start = view.start.saturating_add(bytes as u64);
        }
        if place.transposed {
            view.shape.reverse();
            view.strides.reverse();
        }
        for _ in 0..place.single {
            if view.shape.first() == Some(&1) {
                view.shape.remove(0);
                view.strides.remove(0);
            }
        }
        view
    }

    /// Its values as `f32`, row by row.
    ///
    /// # Errors
    /// [`ClipError::ElementType`], or the file cannot be read.
    pub(in crate::clip) fn values(&self, name: &str, file: &CheckpointFile) -> Result<Vec<f32>, ClipError> {
        let unfit = || ClipError::ElementType {
            file: file.label(),
            tensor: name.to_owned(),
            dtype: self.element.to_string(),
        };
        let bytes = self.element.bytes().ok_or_else(unfit)?;
        let length = self.extent().and_then(|extent| extent.checked_mul(bytes)).ok_or_else(unfit)?;
        let bytes = file.read_range(self.start, length)?;
        let stored = match self.element {
            ElementType::F64 => convert(&bytes, |eight| f64::from_le_bytes(eight) as f32),
            ElementType::F32 => convert(&bytes, f32::from_le_bytes),
            ElementType::F16 => convert(&bytes, |pair| half::f16::from_le_bytes(pair).to_f32()),
            ElementType::Bf16 => convert(&bytes, |pair| half::bf16::from_le_bytes(pair).to_f32()),
            ElementType::Other(_) => return Err(unfit()),
        };
        if self.strides == contiguous_strides(&self.shape) {
            return Ok(stored);
        }
        Ok(self.places().into_iter().map(|at| stored[at]).collect())
    }

    /// Where in the extent each element is, row by row.
    fn places(&self) -> Vec<usize> {
        let mut places = vec![0];
        for (length, stride) in self.shape.iter().zip(&self.strides) {
            let of_one = |place: usize| (0..*length).map(move |index| place + index * stride);
            places = places.into_iter().flat_map(of_one).collect();
        }
        places
    }
}

fn convert<const N: usize>(bytes: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| value(*chunk)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::files::FileContent;

    fn read(tensor: &StoredTensor) -> Result<Vec<f32>, ClipError> {
        static BYTES: [u8; 32] = {
            let mut bytes = [0; 32];
            let mut at = 0;
            while at < 8 {
                // The f32 0, 2, 4 … up to 14 differ in their third and fourth byte only.
                let little_endian = ((at * 2) as f32).to_bits().to_le_bytes();
                bytes[4 * at] = little_endian[0];
                bytes[4 * at + 1] = little_endian[1];
                bytes[4 * at + 2] = little_endian[2];
                bytes[4 * at + 3] = little_endian[3];
                at += 1;
            }
            bytes
        };
        tensor
            .values("w", &CheckpointFile { name: "weights".to_owned(), content: FileContent::Bytes(&BYTES) })
    }

    fn tensor(shape: &[usize], strides: &[usize], start: u64) -> StoredTensor {
        StoredTensor { element: ElementType::F32, shape: shape.to_vec(), strides: strides.to_vec(), start }
    }

    #[test]
    fn rows_lie_one_after_the_other_or_elsewhere() {
        assert_eq!(contiguous_strides(&[2, 3, 4]), [12, 4, 1]);
        assert_eq!(read(&tensor(&[2, 3], &[3, 1], 8)).unwrap(), [4.0, 6.0, 8.0, 10.0, 12.0, 14.0]);
        assert_eq!(read(&tensor(&[3, 2], &[1, 3], 8)).unwrap(), [4.0, 10.0, 6.0, 12.0, 8.0, 14.0]);
        assert_eq!(read(&tensor(&[], &[], 4)).unwrap(), [2.0]);
        assert_eq!(read(&tensor(&[0, 5], &[5, 1], 0)).unwrap(), [0.0; 0]);
        assert_eq!(read(&tensor(&[2, 2], &[0, 2], 0)).unwrap(), [0.0, 4.0, 0.0, 4.0]);
    }

    #[test]
    fn parts_and_transposed_ones_are_views() {
        let whole = tensor(&[3, 2], &[2, 1], 0);
        let place = TensorPlace { tensor: String::new(), part: None, transposed: false, single: 0 };
        let part = whole.at(&TensorPlace { part: Some((2, 3)), ..place.clone() });
        assert_eq!((read(&part).unwrap(), part.shape), (vec![8.0, 10.0], vec![1, 2]));
        let transposed = whole.at(&TensorPlace { transposed: true, ..place.clone() });
        assert_eq!(read(&transposed).unwrap(), [0.0, 4.0, 8.0, 2.0, 6.0, 10.0]);
        assert_eq!(transposed.shape, [2, 3]);
        assert_eq!(whole.at(&TensorPlace { part: Some((0, 2)), ..place.clone() }).shape, [3, 2]);
        let single = TensorPlace { single: 1, ..place };
        assert_eq!(whole.at(&single).shape, [3, 2]);
        assert_eq!(tensor(&[1], &[1], 4).at(&single).shape, [0; 0]);
    }

    #[test]
    fn nothing_is_read_beyond_the_file() {
        assert!(matches!(read(&tensor(&[2, 4], &[4, 1], 4)), Err(ClipError::Read { .. })));
        let beyond = tensor(&[usize::MAX, 3], &[usize::MAX, 1], 0);
        assert_eq!(beyond.extent(), None);
        assert!(read(&beyond).is_err());
    }
}
