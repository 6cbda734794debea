//! JSON schemas: what is honoured, and the form in which `llguidance` honours it.
//!
//! A schema comes in any draft from 4 to 2020-12, with keywords that bind and keywords that only describe. It leaves as
//! a schema of 2020-12 that holds nothing but keywords which the library carries out, each in the one meaning that it
//! has there, with every `$ref` resolved to a definition of the document. What cannot be brought there is an error that
//! names place and keyword. Nothing is passed over in silence but descriptions and keywords that begin with `x-`.
//!
//! The masks may allow less than the schema, never more:
//!
//! * properties come in the order in which the schema lists them, then others;
//! * a number is written without an exponent where the schema bounds it, and whole numbers without a fraction;
//! * `format` binds, for the formats of `formats`;
//! * a constant or an enumerated value is written as the schema writes it.

mod formats;
mod keywords;
mod references;

use crate::Error;
use crate::limits::{MAX_DEPTH, MAX_REPETITIONS, MAX_SCHEMAS, MAX_SOURCE_BYTES};
use keywords::Meaning;
use references::References;
use serde_json::{Map, Value};

/// What a schema is called in sentences.
pub(crate) const KIND: &str = "JSON schema";

/// Brings a schema into the form described above.
///
/// # Errors
/// [`Error::Schema`] for what cannot be honoured, [`Error::Limit`] for what is too large.
pub fn lower(schema: &Value) -> Result<Value, Error> {
    Error::check(KIND, "bytes", schema.to_string().len(), MAX_SOURCE_BYTES)?;
    let mut lowering = Lowering { draft: Draft::of(schema)?, references: References::new(schema), schemas: 0 };
    let mut lowered = lowering.schema(schema, &Place::root())?;
    let mut definitions = Map::new();
    while let Some((name, target, place)) = lowering.references.next()? {
        let definition = lowering.schema(target, &place)?;
        definitions.insert(name, definition);
    }
    if let Value::Object(fields) = &mut lowered
        && !definitions.is_empty()
    {
        fields.insert("$defs".into(), Value::Object(definitions));
    }
    Ok(lowered)
}

/// The drafts whose differences matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Draft {
    /// Draft 4, with `exclusiveMinimum: true` and `id`.
    Four,
    /// Drafts 6 and 7: a `$ref` stands alone.
    Seven,
    /// 2019-09.
    Nineteen,
    /// 2020-12.
    Twenty,
}

impl Draft {
    fn of(schema: &Value) -> Result<Self, Error> {
        let Some(named) = schema.get("$schema") else { return Ok(Self::Twenty) };
        let name = named.as_str().unwrap_or_default().trim_end_matches('#').trim_start_matches("https://");
        match name.trim_start_matches("http://") {
            "json-schema.org/draft-04/schema" => Ok(Self::Four),
            "json-schema.org/draft-06/schema" | "json-schema.org/draft-07/schema" => Ok(Self::Seven),
            "json-schema.org/draft/2019-09/schema" => Ok(Self::Nineteen),
            "json-schema.org/draft/2020-12/schema" => Ok(Self::Twenty),
            _ => Err(Place::root().refuse(format!("$schema {named} is no draft from 4 to 2020-12"))),
        }
    }
}

/// Where in the schema something is, for sentences.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pointer: String,
    depth: usize,
}

impl Place {
    pub(crate) fn root() -> Self {
        Self::at(String::new())
    }

    /// A place that is named by a pointer and counts as the beginning of a nesting.
    pub(crate) fn at(pointer: String) -> Self {
        Self { pointer, depth: 0 }
    }

    fn below(&self, step: &str) -> Self {
        let step = step.replace('~', "~0").replace('/', "~1");
        Self { pointer: format!("{}/{step}", self.pointer), depth: self.depth + 1 }
    }

    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Error {
        Error::Schema { place: format!("#{}", self.pointer), reason: reason.into() }
    }
}

struct Lowering<'s> {
    draft: Draft,
    references: References<'s>,
    /// Schemas seen so far.
    schemas: usize,
}

impl Lowering<'_> {
    fn schema(&mut self, schema: &Value, place: &Place) -> Result<Value, Error> {
        self.schemas += 1;
        Error::check(KIND, "schemas", self.schemas, MAX_SCHEMAS)?;
        Error::check(KIND, "levels", place.depth, MAX_DEPTH)?;
        match schema {
            Value::Bool(_) => Ok(schema.clone()),
            Value::Object(fields) => self.fields(fields, place),
            _ => Err(place.refuse("a schema must be an object, true or false")),
        }
    }

    fn fields(&mut self, fields: &Map<String, Value>, place: &Place) -> Result<Value, Error> {
        if place.depth > 0 && fields.keys().any(|key| key == "$id") && references::any_below(fields) {
            return Err(place.refuse("references below a nested $id are not supported; write them from the root"));
        }
        let mut lowered = Map::new();
        // Up to draft 7, nothing beside a reference counts.
        let alone = fields.get_key_value("$ref").filter(|_| self.draft <= Draft::Seven);
        for (key, value) in alone.into_iter().chain(fields.iter().filter(|_| alone.is_none())) {
            let meaning = keywords::meaning(key, self.draft).ok_or_else(|| {
                place.refuse(format!("the keyword {key:?} is unknown; keywords that only describe may begin with x-"))
            })?;
            self.keyword(meaning, key, value, fields, place, &mut lowered)?;
        }
        check_free_keys(&lowered, place)?;
        Ok(Value::Object(lowered))
    }

    fn keyword(
        &mut self,
        meaning: Meaning,
        key: &str,
        value: &Value,
        fields: &Map<String, Value>,
        place: &Place,
        lowered: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        let here = place.below(key);
        let kept = match meaning {
            Meaning::Description => return Ok(()),
            Meaning::Unsupported(is_idle) if is_idle(value, fields) => return Ok(()),
            Meaning::Unsupported(_) => return Err(place.refuse(format!("the keyword {key:?} is not supported"))),
            Meaning::Reference => self.references.name(value, &here)?,
            Meaning::Type => checked_type(value, &here)?,
            Meaning::Values => checked_values(value, key, &here)?,
            Meaning::Schema => self.schema(value, &here)?,
            Meaning::Schemas => self.list(value, &here)?,
            Meaning::NamedSchemas => self.named(value, &here)?,
            Meaning::Names => checked_names(value, &here)?,
            Meaning::Count => checked_count(value, &here)?,
            Meaning::Number => checked_number(value, &here)?,
            Meaning::Text if value.is_string() => value.clone(),
            Meaning::Text => return Err(here.refuse("a text is needed")),
            Meaning::Items => return self.items(value, fields, &here, lowered),
            Meaning::Bound => return bound(key, value, fields, &here, lowered),
            Meaning::Format => return formats::add(value, fields, &here, lowered),
            Meaning::Unevaluated => return self.unevaluated(value, fields, &here, lowered),
        };
        match (lowered.get_mut(key), kept) {
            // A format may have asked for something already.
            (Some(Value::Array(all)), Value::Array(more)) if key == "allOf" => all.extend(more),
            (_, kept) => {
                lowered.insert(key.to_owned(), kept);
            }
        }
        Ok(())
    }

    fn list(&mut self, value: &Value, place: &Place) -> Result<Value, Error> {
        let items = value.as_array().filter(|items| !items.is_empty());
        let items = items.ok_or_else(|| place.refuse("a list of at least one schema is needed"))?;
        let lower = |(index, item): (usize, &Value)| self.schema(item, &place.below(&index.to_string()));
        items.iter().enumerate().map(lower).collect::<Result<Vec<_>, _>>().map(Value::Array)
    }

    fn named(&mut self, value: &Value, place: &Place) -> Result<Value, Error> {
        let fields = value.as_object().ok_or_else(|| place.refuse("an object of schemas is needed"))?;
        let lower = |(name, field): (&String, &Value)| Ok((name.clone(), self.schema(field, &place.below(name))?));
        fields.iter().map(lower).collect::<Result<Map<_, _>, _>>().map(Value::Object)
    }

    /// Up to 2019-09 a list of items is what `prefixItems` is now, and `additionalItems` what `items` is.
    fn items(
        &mut self,
        value: &Value,
        fields: &Map<String, Value>,
        place: &Place,
        lowered: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        let Value::Array(prefix) = value else {
            let items = self.schema(value, place)?;
            lowered.insert("items".into(), items);
            return Ok(());
        };
        if fields.contains_key("prefixItems") {
            return Err(place.refuse("a list of items cannot stand beside prefixItems"));
        }
        if !prefix.is_empty() {
            let prefix = self.list(value, place)?;
            lowered.insert("prefixItems".into(), prefix);
        }
        if let Some(additional) = fields.get("additionalItems") {
            let items = self.schema(additional, place)?;
            lowered.insert("items".into(), items);
        }
        Ok(())
    }

    /// Beside nothing that applies other schemas to the same object, `unevaluatedProperties` is `additionalProperties`.
    fn unevaluated(
        &mut self,
        value: &Value,
        fields: &Map<String, Value>,
        place: &Place,
        lowered: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        let applies = ["$ref", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "not"];
        if fields.contains_key("additionalProperties") || *value == Value::Bool(true) {
            return Ok(());
        }
        if applies.iter().any(|keyword| fields.contains_key(*keyword)) {
            return Err(place.refuse("unevaluatedProperties beside other schemas is not supported"));
        }
        let others = self.schema(value, place)?;
        lowered.insert("additionalProperties".into(), others);
        Ok(())
    }
}

fn checked_type(value: &Value, place: &Place) -> Result<Value, Error> {
    const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let is_type = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
    let known = match value {
        Value::Array(names) => !names.is_empty() && names.iter().all(is_type),
        name => is_type(name),
    };
    if known {
        Ok(value.clone())
    } else {
        Err(place.refuse(format!("{value} is no type; types are {}", TYPES.join(", "))))
    }
}

/// Values of `enum`, or that of `const`.
fn checked_values(value: &Value, key: &str, place: &Place) -> Result<Value, Error> {
    if key == "enum" && value.as_array().is_none_or(Vec::is_empty) {
        return Err(place.refuse("a list of at least one value is needed"));
    }
    check_value_depth(value, place.depth)
        .then(|| value.clone())
        .ok_or_else(|| place.refuse("a value is nested too deeply"))
}

fn check_value_depth(value: &Value, depth: usize) -> bool {
    depth <= MAX_DEPTH
        && match value {
            Value::Array(items) => items.iter().all(|item| check_value_depth(item, depth + 1)),
            Value::Object(fields) => fields.values().all(|field| check_value_depth(field, depth + 1)),
            _ => true,
        }
}

fn checked_names(value: &Value, place: &Place) -> Result<Value, Error> {
    let is_names = value.as_array().is_some_and(|names| names.iter().all(Value::is_string));
    if is_names { Ok(value.clone()) } else { Err(place.refuse("a list of names is needed")) }
}

/// A count may be written with a fraction of zero.
fn checked_count(value: &Value, place: &Place) -> Result<Value, Error> {
    let count = value.as_u64().or_else(|| match value.as_f64() {
        // Exact: below 2^53 and without a fraction.
        Some(float) if float.fract() == 0.0 && (0.0..9e15).contains(&float) => Some(float as u64),
        _ => None,
    });
    let count = count.ok_or_else(|| place.refuse(format!("{value} is no count")))?;
    if count > MAX_REPETITIONS {
        return Err(place.refuse(format!("{count} is more than can be counted, {MAX_REPETITIONS}")));
    }
    Ok(count.into())
}

fn checked_number(value: &Value, place: &Place) -> Result<Value, Error> {
    if value.is_number() { Ok(value.clone()) } else { Err(place.refuse(format!("{value} is no number"))) }
}

/// In draft 4 an exclusive bound says whether the other one is exclusive.
fn bound(
    key: &str,
    value: &Value,
    fields: &Map<String, Value>,
    place: &Place,
    lowered: &mut Map<String, Value>,
) -> Result<(), Error> {
    let inclusive = if key == "exclusiveMinimum" { "minimum" } else { "maximum" };
    match value {
        Value::Bool(false) => return Ok(()),
        Value::Bool(true) => {
            let number = fields.get(inclusive).cloned().unwrap_or(Value::Null);
            lowered.insert(key.to_owned(), checked_number(&number, place)?);
        }
        number => {
            lowered.insert(key.to_owned(), checked_number(number, place)?);
        }
    }
    Ok(())
}

/// A key that the schema leaves open may come twice, which counts once. With one such key needed that is no matter.
fn check_free_keys(lowered: &Map<String, Value>, place: &Place) -> Result<(), Error> {
    let least = lowered.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
    let required = lowered.get("required").and_then(Value::as_array);
    let required: std::collections::BTreeSet<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    if least > required.len() as u64 + 1 {
        return Err(place.below("minProperties").refuse(
            "more than one property is needed that the schema does not require by name; name them in required",
        ));
    }
    Ok(())
}
