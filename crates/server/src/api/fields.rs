//! A request's JSON object, taken apart field by field, so that every mistake is named and nothing is passed over.

use crate::error::ApiError;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The fields that have not been taken yet.
#[derive(Debug, Clone)]
pub struct Fields {
    map: Map<String, Value>,
    /// Prefix of a field's name in a sentence: `tools[0].` for example.
    place: String,
}

/// UTF-8's byte-order mark, which some programs put before a text; a parser of JSON may pass over it (RFC 8259, section 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A value that a field can have.
pub trait FromField: Sized {
    /// Expected value, to complete the sentence "… must be".
    const EXPECTED: &'static str;

    /// The value, if it is one.
    fn from_field(value: Value) -> Option<Self>;
}

impl Fields {
    /// The fields of a body.
    ///
    /// # Errors
    /// A body that is no JSON object.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)) {
            Ok(Value::Object(map)) => Ok(Self { map, place: String::new() }),
            Ok(_) => Err(ApiError::invalid("the body must be a JSON object")),
            Err(error) => Err(ApiError::invalid(format!("the body is not valid JSON: {error}"))),
        }
    }

    /// The fields of an object inside a request.
    ///
    /// # Errors
    /// A value that is no object.
    pub fn of(value: Value, place: &str) -> Result<Self, ApiError> {
        match value {
            Value::Object(map) => Ok(Self { map, place: format!("{place}.") }),
            _ => Err(ApiError::parameter(place, format!("{place} must be an object"))),
        }
    }

    /// Takes a field; one that is absent or null is `None`.
    ///
    /// # Errors
    /// A value of another type.
    pub fn take<T: FromField>(&mut self, name: &str) -> Result<Option<T>, ApiError> {
        match self.map.shift_remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match T::from_field(value) {
                Some(value) => Ok(Some(value)),
                None => Err(self.wrong(name, T::EXPECTED)),
            },
        }
    }

    /// Takes the first of several names for the same thing.
    ///
    /// # Errors
    /// A value of another type.
    pub fn take_any<T: FromField>(&mut self, names: &[&str]) -> Result<Option<T>, ApiError> {
        let mut found = None;
        for name in names {
            let value = self.take(name)?;
            found = found.or(value);
        }
        Ok(found)
    }

    /// True if a field is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Takes a field that must be there.
    ///
    /// # Errors
    /// A field that is absent, null or of another type.
    pub fn need<T: FromField>(&mut self, name: &str) -> Result<T, ApiError> {
        let missing = format!("{}{name} is missing; it must be {}", self.place, T::EXPECTED);
        self.take(name)?.ok_or_else(|| ApiError::parameter(format!("{}{name}", self.place), missing))
    }

    /// The sentence for a field with another value than it can have.
    pub fn wrong(&self, name: &str, expected: &str) -> ApiError {
        let name = format!("{}{name}", self.place);
        ApiError::parameter(name.clone(), format!("{name} must be {expected}"))
    }

    /// Passes over fields that change nothing about an answer.
    pub fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.map.shift_remove(*name);
        }
    }

    /// Takes a field that only this server's usual behaviour is accepted for.
    ///
    /// # Errors
    /// Any other value, by name.
    pub fn only(&mut self, name: &str, accepted: &[Value]) -> Result<(), ApiError> {
        self.accept(name, |value| accepted.contains(value))
    }

    /// Takes a field that only some values are accepted for.
    ///
    /// # Errors
    /// Any other value, by name.
    pub fn accept(&mut self, name: &str, is_accepted: impl Fn(&Value) -> bool) -> Result<(), ApiError> {
        match self.map.shift_remove(name) {
            None | Some(Value::Null) => Ok(()),
            Some(value) if is_accepted(&value) => Ok(()),
            Some(value) => {
                let value = shown(&value);
                let name = format!("{}{name}", self.place);
                Err(ApiError::parameter(name.clone(), format!("{name} = {value} is not supported; leave it out"))
                    .code("unsupported_parameter"))
            }
        }
    }

    /// Passes over what is left; the names of it.
    pub fn pass_over(self) -> Vec<String> {
        let left = self.map.into_iter().filter(|(_, value)| !value.is_null());
        left.map(|(name, _)| format!("{}{name}", self.place)).collect()
    }

    /// Refuses what is left: it might change the answer.
    ///
    /// # Errors
    /// The first field that was not taken.
    pub fn finish(self) -> Result<(), ApiError> {
        match self.map.into_iter().find(|(_, value)| !value.is_null()) {
            None => Ok(()),
            Some((name, _)) => {
                let name = format!("{}{name}", self.place);
                Err(ApiError::parameter(name.clone(), format!("{name} is not supported by this server; leave it out"))
                    .code("unsupported_parameter"))
            }
        }
    }
}

/// A value as a sentence can name it.
fn shown(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    let end = text.char_indices().nth(MOST).map_or(text.len(), |(at, _)| at);
    if end < text.len() { format!("{}…", text.get(..end).unwrap_or_default()) } else { text }
}

impl FromField for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_field(value: Value) -> Option<Self> {
        value.as_bool()
    }
}

impl FromField for f32 {
    const EXPECTED: &'static str = "a number";

    fn from_field(value: Value) -> Option<Self> {
        let number = value.as_f64()? as f32;
        number.is_finite().then_some(number)
    }
}

/// A whole number of a type, also if it is written with a point and zeros, as some clients do.
macro_rules! whole {
    ($($type:ty),*) => {$(
        impl FromField for $type {
            const EXPECTED: &'static str = "a whole number in range";

            fn from_field(value: Value) -> Option<Self> {
                let Value::Number(number) = value else { return None };
                if let Some(number) = number.as_i64() {
                    return number.try_into().ok();
                }
                if let Some(number) = number.as_u64() {
                    return number.try_into().ok();
                }
                let number = number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 1e15)?;
                (number as i64).try_into().ok()
            }
        }
    )*};
}

whole!(u32, i32, u64, i64, usize);

impl FromField for String {
    const EXPECTED: &'static str = "a text";

    fn from_field(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

impl FromField for Value {
    const EXPECTED: &'static str = "given";

    fn from_field(value: Value) -> Option<Self> {
        Some(value)
    }
}

impl FromField for Map<String, Value> {
    const EXPECTED: &'static str = "an object";

    fn from_field(value: Value) -> Option<Self> {
        match value {
            Value::Object(map) => Some(map),
            _ => None,
        }
    }
}

impl<T: FromField> FromField for Vec<T> {
    const EXPECTED: &'static str = "an array of values of the right type";

    fn from_field(value: Value) -> Option<Self> {
        match value {
            Value::Array(items) => items.into_iter().map(T::from_field).collect(),
            _ => None,
        }
    }
}

/// One text or several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl FromField for Texts {
    const EXPECTED: &'static str = "a text or an array of texts";

    fn from_field(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self(vec![text])),
            array => Vec::from_field(array).map(Self),
        }
    }
}

/// Token ids and what is added to their logits: an object, or pairs as llama.cpp takes them, with `false` for "never".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Biases {
    /// Numbers added, by token id.
    pub added: BTreeMap<u32, f32>,
    /// Forbidden tokens.
    pub forbidden: Vec<u32>,
}

impl FromField for Biases {
    const EXPECTED: &'static str = "an object of token ids and numbers";

    fn from_field(value: Value) -> Option<Self> {
        let mut biases = Self::default();
        let mut add = |id: u32, value: Value| match value {
            Value::Bool(false) => {
                biases.forbidden.push(id);
                Some(())
            }
            other => biases.added.insert(id, f32::from_field(other)?).map_or(Some(()), |_| Some(())),
        };
        match value {
            Value::Object(map) => map.into_iter().try_for_each(|(id, value)| add(id.parse().ok()?, value))?,
            Value::Array(pairs) => pairs.into_iter().try_for_each(|pair| {
                let Value::Array(pair) = pair else { return None };
                let [id, value] = <[Value; 2]>::try_from(pair).ok()?;
                add(u32::from_field(id)?, value)
            })?,
            _ => return None,
        }
        Some(biases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        Fields::parse(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_is_not_taken_is_refused_by_name_unless_it_is_null() {
        let mut some = fields(json!({"a": 1, "b": null, "c": "x"}));
        assert_eq!(some.take::<u32>("a").unwrap(), Some(1));
        let error = some.clone().finish().unwrap_err();
        assert_eq!(error.param.as_deref(), Some("c"));
        some.ignore(&["c"]);
        some.finish().unwrap();
    }

    #[test]
    fn a_byte_order_mark_before_the_body_is_passed_over() {
        let mut marked = Fields::parse("\u{feff}{\"a\": 1}".as_bytes()).unwrap();
        assert_eq!(marked.take::<u32>("a").unwrap(), Some(1));
        assert!(Fields::parse("\u{feff}\u{feff}{}".as_bytes()).is_err(), "one, not two");
    }

    #[test]
    fn a_wrong_type_is_named_with_its_place() {
        let mut inner = Fields::of(json!({"name": 3}), "tools[0]").unwrap();
        let error = inner.need::<String>("name").unwrap_err();
        assert_eq!(error.message, "tools[0].name must be a text");
        let error = inner.need::<String>("name").unwrap_err();
        assert_eq!(error.message, "tools[0].name is missing; it must be a text");
    }

    #[test]
    fn numbers_keep_their_range() {
        assert_eq!(u32::from_field(json!(5.0)), Some(5));
        for bad in [json!(-1), json!(5.5), json!(4294967296_u64), json!("5"), json!(1e300), json!(true)] {
            assert_eq!(u32::from_field(bad), None);
        }
        assert_eq!(u64::from_field(json!(u64::MAX)), Some(u64::MAX));
        assert_eq!(f32::from_field(json!(1e300)), None);
    }

    #[test]
    fn biases_come_in_both_forms() {
        let object = Biases::from_field(json!({"7": -1.5, "8": 2})).unwrap();
        assert_eq!(object.added, BTreeMap::from([(7, -1.5), (8, 2.0)]));
        let pairs = Biases::from_field(json!([[7, -1.5], [8, false]])).unwrap();
        assert_eq!((pairs.added, pairs.forbidden), (BTreeMap::from([(7, -1.5)]), vec![8]));
        for bad in [json!({"x": 1}), json!([[1]]), json!([[1, "a"]]), json!(3)] {
            assert_eq!(Biases::from_field(bad), None);
        }
    }
}
