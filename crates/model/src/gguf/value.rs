//! The values of metadata: scalars, strings and arrays that stay in the file's bytes.

use super::error::{Error, Part};
use super::limits::{MAX_ARRAY_DEPTH, MAX_ARRAY_LENGTH, MAX_STRING_BYTES};
use super::reader::Reader;

/// The value of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say what the file stores")]
pub enum Value<'a> {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    /// Text, usually but not certainly UTF-8.
    String(&'a [u8]),
    Array(Array<'a>),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// The type of a value, in the order of GGUF's numbers for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of `Value`")]
pub enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

/// An array of values of one kind, still in the bytes of the file; checked when the file was parsed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Array<'a> {
    kind: Kind,
    length: usize,
    bytes: &'a [u8],
}

impl Kind {
    /// All kinds; the index of each is GGUF's number for it.
    pub const ALL: [Kind; 13] = [
        Kind::U8,
        Kind::I8,
        Kind::U16,
        Kind::I16,
        Kind::U32,
        Kind::I32,
        Kind::F32,
        Kind::Bool,
        Kind::String,
        Kind::Array,
        Kind::U64,
        Kind::I64,
        Kind::F64,
    ];

    /// Bytes that a value takes in the file; for strings and arrays, those of an empty one.
    pub(super) fn smallest(self) -> usize {
        match self {
            Kind::U8 | Kind::I8 | Kind::Bool => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::U64 | Kind::I64 | Kind::F64 | Kind::String => 8,
            Kind::Array => 12,
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Kind, Error> {
        let number = reader.u32("a value type")?;
        let kind = usize::try_from(number).ok().and_then(|number| Kind::ALL.get(number));
        kind.copied().ok_or_else(|| Error::ValueType { number, place: reader.place(size_of::<u32>()) })
    }
}

impl<'a> Value<'a> {
    /// The type of this value.
    pub fn kind(&self) -> Kind {
        match self {
            Value::U8(_) => Kind::U8,
            Value::I8(_) => Kind::I8,
            Value::U16(_) => Kind::U16,
            Value::I16(_) => Kind::I16,
            Value::U32(_) => Kind::U32,
            Value::I32(_) => Kind::I32,
            Value::F32(_) => Kind::F32,
            Value::Bool(_) => Kind::Bool,
            Value::String(_) => Kind::String,
            Value::Array(_) => Kind::Array,
            Value::U64(_) => Kind::U64,
            Value::I64(_) => Kind::I64,
            Value::F64(_) => Kind::F64,
        }
    }

    /// The value of any integer type, if it is not negative.
    pub fn unsigned(&self) -> Option<u64> {
        match *self {
            Value::U64(value) => Some(value),
            other => other.integer().and_then(|value| u64::try_from(value).ok()),
        }
    }

    /// The value of any integer type, if it fits.
    pub fn integer(&self) -> Option<i64> {
        match *self {
            Value::U8(value) => Some(value.into()),
            Value::I8(value) => Some(value.into()),
            Value::U16(value) => Some(value.into()),
            Value::I16(value) => Some(value.into()),
            Value::U32(value) => Some(value.into()),
            Value::I32(value) => Some(value.into()),
            Value::U64(value) => i64::try_from(value).ok(),
            Value::I64(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a floating point type; a binary64 is rounded to nearest even. Any value, NaN too, is passed on.
    pub fn float(&self) -> Option<f32> {
        match *self {
            Value::F32(value) => Some(value),
            Value::F64(value) => Some(value as f32),
            _ => None,
        }
    }

    /// The value of a boolean.
    pub fn boolean(&self) -> Option<bool> {
        match *self {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The bytes of a string.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match *self {
            Value::String(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The array.
    pub fn array(&self) -> Option<Array<'a>> {
        match *self {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }

    /// Description for an error: `I32 -5`, `an array of 3 F32`.
    pub fn describe(&self) -> String {
        match self {
            Value::Array(array) => format!("an array of {} {:?}", array.length, array.kind),
            Value::String(bytes) => format!("a string of {} bytes", bytes.len()),
            Value::F32(value) => format!("F32 {value}"),
            Value::F64(value) => format!("F64 {value}"),
            Value::Bool(value) => format!("Bool {value}"),
            Value::U64(value) => format!("U64 {value}"),
            other => format!("{:?} {}", other.kind(), other.integer().unwrap_or_default()),
        }
    }

    /// Reads a value of `kind` that lies inside `depth` arrays.
    pub(super) fn read(kind: Kind, reader: &mut Reader<'a>, depth: usize) -> Result<Value<'a>, Error> {
        const WHAT: &str = "a value";
        Ok(match kind {
            Kind::U8 => Value::U8(u8::from_le_bytes(reader.array(WHAT)?)),
            Kind::I8 => Value::I8(i8::from_le_bytes(reader.array(WHAT)?)),
            Kind::U16 => Value::U16(u16::from_le_bytes(reader.array(WHAT)?)),
            Kind::I16 => Value::I16(i16::from_le_bytes(reader.array(WHAT)?)),
            Kind::U32 => Value::U32(u32::from_le_bytes(reader.array(WHAT)?)),
            Kind::I32 => Value::I32(i32::from_le_bytes(reader.array(WHAT)?)),
            Kind::F32 => Value::F32(f32::from_le_bytes(reader.array(WHAT)?)),
            Kind::Bool => match reader.array(WHAT)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [value] => return Err(Error::Boolean { value, place: reader.place(1) }),
            },
            Kind::String => Value::String(reader.string("a string", MAX_STRING_BYTES)?),
            Kind::Array => Value::Array(Array::read(reader, depth)?),
            Kind::U64 => Value::U64(u64::from_le_bytes(reader.array(WHAT)?)),
            Kind::I64 => Value::I64(i64::from_le_bytes(reader.array(WHAT)?)),
            Kind::F64 => Value::F64(f64::from_le_bytes(reader.array(WHAT)?)),
        })
    }
}

impl<'a> Array<'a> {
    /// The type of every element.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.length
    }

    /// True if there are no elements.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The elements, in order, read one by one from the file's bytes.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let kind = self.kind;
        let mut reader = Reader::new(self.bytes, Part { index: 0, of: 1 });
        // The bytes were checked by `read`, so that no element is lost here.
        (0..self.length).map_while(move |_| Value::read(kind, &mut reader, 0).ok())
    }

    /// Reads and checks an array: type, length, elements. Keeps their bytes instead of a copy.
    fn read(reader: &mut Reader<'a>, depth: usize) -> Result<Array<'a>, Error> {
        if depth >= MAX_ARRAY_DEPTH {
            return Err(Error::Depth { limit: MAX_ARRAY_DEPTH, place: reader.place(0) });
        }
        let kind = Kind::read(reader)?;
        let length = reader.count("array elements", MAX_ARRAY_LENGTH, kind.smallest())?;
        let rest = reader.remaining();
        let start = reader.offset();
        match kind {
            Kind::String | Kind::Array | Kind::Bool => {
                for _ in 0..length {
                    Value::read(kind, reader, depth + 1)?;
                }
            }
            // Every bit pattern of the other kinds is a value, and `count` has bounded the product.
            _ => {
                reader.take(length.saturating_mul(kind.smallest() as u64), "an array")?;
            }
        }
        let bytes = rest.get(..reader.offset() - start).unwrap_or_default();
        Ok(Array { kind, length: length as usize, bytes })
    }
}
