//! Values as a safetensors file: the length of a JSON header, the header, the numbers
//! (<https://github.com/huggingface/safetensors>, section "Format").

use super::Seen;
use super::report::place;
use crate::failure::Failure;
use hefu_numerics::program::Program;
use serde_json::{Map, json};
use std::path::Path;

/// Headers are filled up with blanks to a multiple of this, so that numbers are aligned.
const ALIGNMENT: usize = 8;

/// Writes every value as an F32 tensor `[positions][numbers]`; its name is `LAYER.NAME`, or `NAME` outside the layers. The metadata
/// say which positions the rows are of.
pub(super) fn write(path: &Path, program: &Program, values: &[Seen]) -> Result<(), Failure> {
    let (mut header, mut end) = (Map::new(), 0);
    let positions =
        values.first().map(|seen| seen.positions.iter().map(usize::to_string).collect::<Vec<_>>().join(","));
    header.insert("__metadata__".to_owned(), json!({ "positions": positions.unwrap_or_default() }));
    for seen in values {
        let (start, width) = (end, program.value(seen.value).numbers());
        end += seen.numbers.len() * size_of::<f32>();
        let tensor = json!({"dtype": "F32", "shape": [seen.positions.len(), width], "data_offsets": [start, end]});
        header.insert(place(program, seen.value), tensor);
    }
    let mut bytes = serde_json::to_vec(&header).map_err(|error| Failure::Other(error.to_string()))?;
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), b' ');
    let mut file = (bytes.len() as u64).to_le_bytes().to_vec();
    file.append(&mut bytes);
    file.extend(values.iter().flat_map(|seen| &seen.numbers).flat_map(|number| number.to_le_bytes()));
    std::fs::write(path, file).map_err(|error| Failure::file("write", path, error))
}
