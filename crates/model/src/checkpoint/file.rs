//! A safetensors file: a length in 8 bytes, so many bytes of JSON, then the data of the tensors.
//!
//! The JSON names each tensor's `dtype`, `shape` and `data_offsets`, counted from the end of the JSON. Nothing of it is
//! believed: sizes are compared with the file before they are used.

use std::ops::Range;

use serde_json::{Map, Value};

use super::Error;
use crate::gguf::limits::{MAX_TENSOR_BYTES, MAX_TENSOR_NAME_BYTES, MAX_TENSORS};

/// Bytes of the JSON at most: the limit of the format.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Dimensions at most.
const MAX_DIMENSIONS: usize = 4;

/// Storage of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F16,
    BF16,
    /// Four bits of exponent, three of fraction, without infinities.
    F8,
    U8,
    I32,
}

impl Kind {
    fn of(name: &str) -> Option<Kind> {
        Some(match name {
            "F32" => Kind::F32,
            "F16" => Kind::F16,
            "BF16" => Kind::BF16,
            "F8_E4M3" => Kind::F8,
            "U8" => Kind::U8,
            "I32" => Kind::I32,
            _ => return None,
        })
    }

    /// Bytes of one number.
    pub(super) fn bytes(self) -> usize {
        match self {
            Kind::F32 | Kind::I32 => 4,
            Kind::F16 | Kind::BF16 => 2,
            Kind::F8 | Kind::U8 => 1,
        }
    }
}

/// A tensor of a file.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The last dimension is contiguous.
    pub(super) shape: Vec<usize>,
    /// The file.
    pub(super) file: usize,
    /// Its bytes in that file.
    pub(super) place: Range<usize>,
}

/// The tensors of a file; `name` is what errors call it.
pub(super) fn read(bytes: &[u8], file: usize, name: &str) -> Result<Vec<Stored>, Error> {
    let bad = |problem: String| Error::File { name: name.to_owned(), problem };
    let length = bytes.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
    let length = length.ok_or_else(|| bad("is no safetensors file: it has no length".into()))?;
    if length > MAX_HEADER_BYTES {
        return Err(bad(format!("says that its table has {length} bytes, but at most {MAX_HEADER_BYTES} are read")));
    }
    let data = 8 + length as usize;
    let table = bytes.get(8..data).ok_or_else(|| bad("ends within its table: it was cut off".into()))?;
    let table: Map<String, Value> =
        serde_json::from_slice(table).map_err(|error| bad(format!("has a table that is no JSON object: {error}")))?;
    if table.len() as u64 > MAX_TENSORS {
        return Err(bad(format!("has {} tensors, but at most {MAX_TENSORS} are read", table.len())));
    }
    let mut tensors = Vec::new();
    for (tensor, entry) in table.iter().filter(|(tensor, _)| *tensor != "__metadata__") {
        if tensor.len() as u64 > MAX_TENSOR_NAME_BYTES || tensor.chars().any(char::is_control) {
            return Err(bad("has a tensor whose name is too long or holds control characters".into()));
        }
        let stored =
            entry_of(tensor, entry, file, data).map_err(|problem| bad(format!("tensor `{tensor}`: {problem}")))?;
        if let Some(stored) = stored {
            if stored.place.end > bytes.len() {
                return Err(bad(format!("ends before the tensor `{tensor}` does: it was cut off; fetch it again")));
            }
            tensors.push(stored);
        }
    }
    Ok(tensors)
}

/// An entry of the table; `None` for numbers of a kind that no weight has.
fn entry_of(name: &str, entry: &Value, file: usize, data: usize) -> Result<Option<Stored>, String> {
    let numbers = |key: &str| -> Option<Vec<usize>> {
        entry.get(key)?.as_array()?.iter().map(|size| usize::try_from(size.as_u64()?).ok()).collect()
    };
    let kind = entry.get("dtype").and_then(Value::as_str).ok_or("it has no dtype")?;
    let shape = numbers("shape").ok_or("its shape is no list of sizes")?;
    let offsets = numbers("data_offsets").ok_or("its data_offsets are no two places")?;
    let [begin, end] = offsets[..] else { return Err("its data_offsets are no two places".into()) };
    let Some(kind) = Kind::of(kind) else { return Ok(None) };
    if shape.len() > MAX_DIMENSIONS || shape.contains(&0) {
        return Err(format!("its shape has no or more than {MAX_DIMENSIONS} dimensions, or one of 0"));
    }
    let bytes = shape.iter().try_fold(kind.bytes(), |bytes, size| bytes.checked_mul(*size));
    match bytes {
        Some(bytes) if begin.checked_add(bytes) == Some(end) && bytes as u64 <= MAX_TENSOR_BYTES => {
            let place = data.checked_add(begin).zip(data.checked_add(end)).ok_or("it lies too far away")?;
            Ok(Some(Stored { name: name.to_owned(), kind, shape, file, place: place.0..place.1 }))
        }
        _ => Err("its size does not fit its shape".into()),
    }
}
