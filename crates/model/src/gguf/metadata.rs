//! The keys of a file and their values, with getters that say which type they need.

use indexmap::IndexMap;

use super::error::{Error, Shown};
use super::limits::{MAX_KEY_BYTES, MAX_KEYS};
use super::reader::Reader;
use super::value::{Array, Kind, Value};

/// Smallest bytes of a key in the file: length, one character, type, one byte.
const SMALLEST_KEY: usize = 8 + 1 + 4 + 1;

/// Keys and values in the order of the file.
///
/// The getters give `Ok(None)` for an absent key and [`Error::WrongType`] for a value of another type; their
/// `required_` forms turn absence into [`Error::MissingKey`].
#[derive(Debug, Clone, Default)]
pub struct Metadata<'a> {
    values: IndexMap<&'a str, Value<'a>>,
}

/// Pairs each getter with its `required_` form, so that both have the same type and the same words.
macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident, $required:ident -> $type:ty, $expected:literal, $convert:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self, key: &str) -> Result<Option<$type>, Error> {
            let convert: fn(&str, &Value<'a>) -> Result<Option<$type>, Error> = $convert;
            let Some(value) = self.get(key) else { return Ok(None) };
            match convert(key, value)? {
                Some(value) => Ok(Some(value)),
                None => Err(wrong_type(key, $expected, value)),
            }
        }

        #[doc = concat!("Like [`Metadata::", stringify!($name), "`], but the key must be there.")]
        pub fn $required(&self, key: &str) -> Result<$type, Error> {
            self.$name(key)?.ok_or_else(|| Error::MissingKey { key: Shown::new(key), expected: $expected })
        }
    )*};
}

impl<'a> Metadata<'a> {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.values.get(key)
    }

    /// All keys and values, in the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a str, &Value<'a>)> {
        self.values.iter().map(|(key, value)| (*key, value))
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True if there are no keys.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    getters! {
        /// A string in UTF-8; [`Error::NotText`] if it is in another encoding.
        string, required_string -> &'a str, "a string", |key, value| {
            value.bytes().map(|bytes| text(key, 0, bytes)).transpose()
        };
        /// An integer of any type that is not negative.
        unsigned, required_unsigned -> u64, "a non-negative integer", |_, value| Ok(value.unsigned());
        /// A floating point number; a binary64 is rounded to nearest even. NaN and infinities are passed on.
        float, required_float -> f32, "a floating point number", |_, value| Ok(value.float());
        /// A boolean.
        boolean, required_boolean -> bool, "a boolean", |_, value| Ok(value.boolean());
        /// An array of strings in UTF-8; [`Error::NotText`] names the first that is in another encoding.
        strings, required_strings -> Vec<&'a str>, "an array of strings", |key, value| {
            let Some(strings) = byte_strings(value) else { return Ok(None) };
            strings.iter().enumerate().map(|(index, bytes)| text(key, index, bytes)).collect::<Result<_, _>>().map(Some)
        };
        /// An array of strings in any encoding, as vocabularies may have it.
        byte_strings, required_byte_strings -> Vec<&'a [u8]>, "an array of strings", |_, value| {
            Ok(byte_strings(value))
        };
        /// An array of integers of any type, of which each fits `i64`.
        integers, required_integers -> Vec<i64>, "an array of integers", |_, value| {
            Ok(elements(value, |kind| !matches!(kind, Kind::Bool | Kind::String | Kind::Array | Kind::F32 | Kind::F64), |value| value.integer()))
        };
        /// An array of floating point numbers; each binary64 is rounded to nearest even.
        floats, required_floats -> Vec<f32>, "an array of floating point numbers", |_, value| {
            Ok(elements(value, |kind| matches!(kind, Kind::F32 | Kind::F64), |value| value.float()))
        };
        /// An array of booleans.
        booleans, required_booleans -> Vec<bool>, "an array of booleans", |_, value| {
            Ok(elements(value, |kind| kind == Kind::Bool, |value| value.boolean()))
        };
    }

    /// Reads the number of keys announced.
    pub(super) fn count(reader: &mut Reader<'a>) -> Result<u64, Error> {
        reader.count("keys", MAX_KEYS, SMALLEST_KEY)
    }

    /// Reads `count` keys and values.
    pub(super) fn read(reader: &mut Reader<'a>, count: u64) -> Result<Metadata<'a>, Error> {
        let mut values = IndexMap::new();
        for _ in 0..count {
            let key = reader.name("key", MAX_KEY_BYTES)?;
            if values.contains_key(key) {
                return Err(Error::DuplicateKey { key: Shown::new(key), place: reader.place(key.len()) });
            }
            reader.enter(key);
            let kind = Kind::read(reader)?;
            values.insert(key, Value::read(kind, reader, 0)?);
            reader.leave();
        }
        Ok(Metadata { values })
    }
}

fn wrong_type(key: &str, expected: &'static str, value: &Value<'_>) -> Error {
    Error::WrongType { key: Shown::new(key), expected, found: value.describe() }
}

fn text<'a>(key: &str, index: usize, bytes: &'a [u8]) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::NotText { key: Shown::new(key), index })
}

fn byte_strings<'a>(value: &Value<'a>) -> Option<Vec<&'a [u8]>> {
    elements(value, |kind| kind == Kind::String, |value| value.bytes())
}

/// All elements of an array of a suitable kind, converted; `None` if the kind or an element does not suit.
fn elements<'a, T>(
    value: &Value<'a>,
    suits: impl Fn(Kind) -> bool,
    convert: impl Fn(Value<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let array: Array<'a> = value.array().filter(|array| suits(array.kind()))?;
    let mut converted = Vec::with_capacity(array.len());
    for value in array.iter() {
        converted.push(convert(value)?);
    }
    Some(converted)
}
