//! A writer of GGUF version 3. It holds what it is given in memory: a whole file, or its beginning, where the data of tensors are
//! written by somebody else.

use hefu_numerics::quant::Format;

use super::limits::DEFAULT_ALIGNMENT;
use super::value::{Kind, Value};

/// Collects keys and tensors, then lays them out. What it is given, it writes: it does not check.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    keys: u64,
    metadata: Vec<u8>,
    tensors: u64,
    table: Vec<u8>,
    data: Vec<u8>,
    /// Where the data of the next tensor begins, from the start of all data.
    next: u64,
}

impl Writer {
    /// A file without keys and tensors.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Adds a key with a value.
    pub fn value(&mut self, key: &str, value: Value<'_>) -> &mut Writer {
        self.key(key, value.kind());
        push_value(&mut self.metadata, value);
        self
    }

    /// Adds a key with an array of values, each of `kind`.
    pub fn array<'v>(&mut self, key: &str, kind: Kind, values: impl IntoIterator<Item = Value<'v>>) -> &mut Writer {
        self.key(key, Kind::Array);
        push_array(&mut self.metadata, kind, values);
        self
    }

    /// Adds a key with an array of strings.
    pub fn strings<S: AsRef<[u8]>>(&mut self, key: &str, strings: &[S]) -> &mut Writer {
        self.array(key, Kind::String, strings.iter().map(|string| Value::String(string.as_ref())))
    }

    /// Adds a tensor, its dimensions in the file's order (first = contiguous), its data in the format's layout.
    pub fn tensor(&mut self, name: &str, shape: &[u64], format: &Format, data: &[u8]) -> &mut Writer {
        self.declare(name, shape, format, data.len() as u64);
        pad(&mut self.data);
        self.data.extend(data);
        self
    }

    /// Adds a tensor of so many bytes, which the caller writes after the file's beginning: each one's at the next multiple of
    /// [`DEFAULT_ALIGNMENT`], in the order in which they were declared.
    pub fn declare(&mut self, name: &str, shape: &[u64], format: &Format, bytes: u64) -> &mut Writer {
        self.next = self.next.next_multiple_of(DEFAULT_ALIGNMENT);
        self.tensors += 1;
        push_string(&mut self.table, name.as_bytes());
        self.table.extend((shape.len() as u32).to_le_bytes());
        self.table.extend(shape.iter().flat_map(|size| size.to_le_bytes()));
        self.table.extend(format.gguf_type.to_le_bytes());
        self.table.extend(self.next.to_le_bytes());
        self.next += bytes;
        self
    }

    /// The bytes of the file; without the data of tensors that were only declared.
    pub fn finish(&self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3u32.to_le_bytes());
        file.extend(self.tensors.to_le_bytes());
        file.extend(self.keys.to_le_bytes());
        file.extend(&self.metadata);
        file.extend(&self.table);
        pad(&mut file);
        file.extend(&self.data);
        file
    }

    fn key(&mut self, key: &str, kind: Kind) {
        self.keys += 1;
        push_string(&mut self.metadata, key.as_bytes());
        self.metadata.extend(number(kind).to_le_bytes());
    }
}

/// GGUF's number of a kind.
fn number(kind: Kind) -> u32 {
    kind as u32
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(DEFAULT_ALIGNMENT as usize), 0);
}

fn push_string(bytes: &mut Vec<u8>, string: &[u8]) {
    bytes.extend((string.len() as u64).to_le_bytes());
    bytes.extend(string);
}

fn push_array<'v>(bytes: &mut Vec<u8>, kind: Kind, values: impl IntoIterator<Item = Value<'v>>) {
    bytes.extend(number(kind).to_le_bytes());
    let length_at = bytes.len();
    bytes.extend(0u64.to_le_bytes());
    let mut length = 0u64;
    for value in values {
        push_value(bytes, value);
        length += 1;
    }
    if let Some(place) = bytes.get_mut(length_at..length_at + size_of::<u64>()) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn push_value(bytes: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::U8(value) => bytes.extend(value.to_le_bytes()),
        Value::I8(value) => bytes.extend(value.to_le_bytes()),
        Value::U16(value) => bytes.extend(value.to_le_bytes()),
        Value::I16(value) => bytes.extend(value.to_le_bytes()),
        Value::U32(value) => bytes.extend(value.to_le_bytes()),
        Value::I32(value) => bytes.extend(value.to_le_bytes()),
        Value::F32(value) => bytes.extend(value.to_le_bytes()),
        Value::Bool(value) => bytes.push(value.into()),
        Value::String(value) => push_string(bytes, value),
        Value::Array(array) => push_array(bytes, array.kind(), array.iter()),
        Value::U64(value) => bytes.extend(value.to_le_bytes()),
        Value::I64(value) => bytes.extend(value.to_le_bytes()),
        Value::F64(value) => bytes.extend(value.to_le_bytes()),
    }
}
