//! Safetensors files: 8 bytes with the header's length, the header (JSON), the tensors' bytes.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, Metadata};

use super::stored_tensor::{ElementType, StoredTensor, contiguous_strides};
use crate::clip::error::ClipError;
use crate::clip::files::CheckpointFile;

/// The tensors of a file, by name. Only the header is read.
///
/// # Errors
/// A header that cannot be read, or a file of another length than its header says.
pub(in crate::clip) fn tensors(file: &CheckpointFile) -> Result<HashMap<String, StoredTensor>, ClipError> {
    const LENGTH_BYTES: usize = 8;
    let bad = |problem: String| ClipError::Header { file: file.label(), problem };
    let actual = file.len()?;
    if actual < LENGTH_BYTES as u64 {
        return Err(bad(format!("it has {actual} bytes")));
    }
    let prefix = file.read_range(0, LENGTH_BYTES)?;
    let header_length = <[u8; LENGTH_BYTES]>::try_from(&*prefix).map_or(u64::MAX, u64::from_le_bytes);
    let data_start = header_length.saturating_add(LENGTH_BYTES as u64);
    if data_start > actual {
        return Err(bad(format!("its header should have {header_length} bytes, the file has {actual}")));
    }
    let length = usize::try_from(header_length).map_err(|error| bad(error.to_string()))?;
    let bytes = file.read_range(LENGTH_BYTES as u64, length)?;
    let header: Metadata =
        serde_json::from_slice(&bytes).map_err(|error| bad(format!("its header is malformed: {error}")))?;
    let expected = data_start + header.data_len() as u64;
    if expected != actual {
        return Err(ClipError::Length { file: file.label(), expected, actual });
    }
    let stored = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
        let tensor = StoredTensor {
            element: match info.dtype {
                Dtype::F64 => ElementType::F64,
                Dtype::F32 => ElementType::F32,
                Dtype::F16 => ElementType::F16,
                Dtype::BF16 => ElementType::Bf16,
                other => ElementType::Other(format!("{other:?}")),
            },
            strides: contiguous_strides(&info.shape),
            shape: info.shape.clone(),
            start: data_start + info.data_offsets.0 as u64,
        };
        (name, tensor)
    };
    Ok(header.tensors().into_iter().map(stored).collect())
}
