//! `propertyNames`, as properties and patterns of their names.

use super::{Place, patterns};
use crate::Error;
use serde_json::{Map, Value, json};

/// Carries a schema of names out in the lowered schema of the object.
///
/// # Errors
/// [`Error::Schema`] where names cannot be held to it.
pub(super) fn apply(names: &Value, lowered: &mut Map<String, Value>, place: &Place) -> Result<(), Error> {
    let Some(fields) = names.as_object() else {
        return match names {
            Value::Bool(true) => Ok(()),
            Value::Bool(false) => listed(&[], lowered, place),
            _ => Err(place.refuse("a schema must be an object, true or false")),
        };
    };
    let text = |kind: &Value| kind == "string" || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("string")));
    // Names are texts whatever is said of other types.
    let binds = |(key, value): &(&String, &Value)| match key.as_str() {
        "type" => !text(value),
        "title" | "description" | "$comment" | "default" | "examples" => false,
        "minLength" => value.as_u64() != Some(0),
        _ => !key.starts_with("x-"),
    };
    let binding: Vec<(&str, &Value)> = fields.iter().filter(binds).map(|(key, value)| (key.as_str(), value)).collect();
    match binding.as_slice() {
        [] => Ok(()),
        [("type", _)] => listed(&[], lowered, place),
        [("enum", Value::Array(values))] => {
            let names: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            listed(&names, lowered, place)
        }
        [("const", value)] => listed(value.as_str().as_slice(), lowered, place),
        [("pattern", pattern)] => {
            patterns::checked(pattern, &place.below("pattern"))?;
            matched(pattern.as_str().unwrap_or_default(), lowered, place)
        }
        [("minLength" | "maxLength", _)]
        | [("minLength", _), ("maxLength", _)]
        | [("maxLength", _), ("minLength", _)] => {
            let count = |key: &str| {
                fields.get(key).map(|value| super::checks::checked_count(value, &place.below(key))).transpose()
            };
            let (least, most) = (count("minLength")?.unwrap_or(json!(0)), count("maxLength")?);
            let most = most.map(|most| most.to_string()).unwrap_or_default();
            matched(&format!("^(?s:.){{{least},{most}}}$"), lowered, place)
        }
        _ => {
            Err(place
                .refuse("names can be held to enum, const, one pattern or a length, and to one of these at a time"))
        }
    }
}

/// Only these names.
fn listed(names: &[&str], lowered: &mut Map<String, Value>, place: &Place) -> Result<(), Error> {
    if lowered.contains_key("patternProperties") {
        return Err(place.refuse("propertyNames beside patternProperties is not supported"));
    }
    let others = lowered.insert("additionalProperties".into(), Value::Bool(false)).unwrap_or(Value::Bool(true));
    let properties = lowered.entry("properties").or_insert_with(|| json!({}));
    let properties = properties.as_object_mut().ok_or_else(|| place.refuse("properties must be an object"))?;
    for (name, schema) in properties.iter_mut() {
        if !names.contains(&name.as_str()) {
            *schema = Value::Bool(false);
        }
    }
    for name in names {
        properties.entry(*name).or_insert_with(|| others.clone());
    }
    Ok(())
}

/// Only names that match, all alike.
fn matched(pattern: &str, lowered: &mut Map<String, Value>, place: &Place) -> Result<(), Error> {
    let is_listed = |key: &str| lowered.get(key).and_then(Value::as_object).is_some_and(|fields| !fields.is_empty());
    if is_listed("properties") || is_listed("patternProperties") {
        return Err(place.refuse("a pattern or length of names beside properties that are listed is not supported"));
    }
    let others = lowered.insert("additionalProperties".into(), Value::Bool(false)).unwrap_or(Value::Bool(true));
    lowered.insert("patternProperties".into(), json!({pattern: others}));
    Ok(())
}
