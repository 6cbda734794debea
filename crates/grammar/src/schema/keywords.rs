//! The keywords of JSON Schema and what becomes of each.

use super::Draft;
use serde_json::{Map, Value};

/// True if a keyword that is not supported has no effect as it is used (its value, and the keywords beside it).
type IsIdle = fn(&Value, &Map<String, Value>) -> bool;

/// Kind of a keyword's value.
#[derive(Clone, Copy)]
pub(super) enum Meaning {
    /// Nothing that binds.
    Description,
    /// A reference to another schema.
    Reference,
    /// A type or a list of types.
    Type,
    /// A value or a list of values.
    Values,
    /// A schema.
    Schema,
    /// A list of schemas.
    Schemas,
    /// Schemas by name.
    NamedSchemas,
    /// A list of names.
    Names,
    /// A count.
    Count,
    /// A number.
    Number,
    /// A number of which numbers are multiples.
    Multiple,
    /// A regular expression.
    Pattern,
    /// Schemas by the expression that names match.
    PatternSchemas,
    /// Schemas of which exactly one holds.
    OneOf,
    /// Schema of names.
    PropertyNames,
    /// A schema, or a list of them in older drafts.
    Items,
    /// A number, or whether the bound beside it is exclusive in draft 4.
    Bound,
    /// The name of a format.
    Format,
    /// Schema of unevaluated properties.
    Unevaluated,
    /// Unsupported, unless it has no effect.
    Unsupported(IsIdle),
}

/// Keywords by name, the first draft that knows them, and the last.
const KEYWORDS: &[(&str, Draft, Draft, Meaning)] = &[
    ("$ref", Draft::Four, Draft::Twenty, Meaning::Reference),
    ("type", Draft::Four, Draft::Twenty, Meaning::Type),
    ("enum", Draft::Four, Draft::Twenty, Meaning::Values),
    ("const", Draft::Seven, Draft::Twenty, Meaning::Values),
    ("allOf", Draft::Four, Draft::Twenty, Meaning::Schemas),
    ("anyOf", Draft::Four, Draft::Twenty, Meaning::Schemas),
    ("oneOf", Draft::Four, Draft::Twenty, Meaning::OneOf),
    ("properties", Draft::Four, Draft::Twenty, Meaning::NamedSchemas),
    ("patternProperties", Draft::Four, Draft::Twenty, Meaning::PatternSchemas),
    ("additionalProperties", Draft::Four, Draft::Twenty, Meaning::Schema),
    ("required", Draft::Four, Draft::Twenty, Meaning::Names),
    ("minProperties", Draft::Four, Draft::Twenty, Meaning::Count),
    ("maxProperties", Draft::Four, Draft::Twenty, Meaning::Count),
    ("items", Draft::Four, Draft::Twenty, Meaning::Items),
    ("prefixItems", Draft::Twenty, Draft::Twenty, Meaning::Schemas),
    ("minItems", Draft::Four, Draft::Twenty, Meaning::Count),
    ("maxItems", Draft::Four, Draft::Twenty, Meaning::Count),
    ("minLength", Draft::Four, Draft::Twenty, Meaning::Count),
    ("maxLength", Draft::Four, Draft::Twenty, Meaning::Count),
    ("pattern", Draft::Four, Draft::Twenty, Meaning::Pattern),
    ("format", Draft::Four, Draft::Twenty, Meaning::Format),
    ("minimum", Draft::Four, Draft::Twenty, Meaning::Number),
    ("maximum", Draft::Four, Draft::Twenty, Meaning::Number),
    ("exclusiveMinimum", Draft::Four, Draft::Twenty, Meaning::Bound),
    ("exclusiveMaximum", Draft::Four, Draft::Twenty, Meaning::Bound),
    ("multipleOf", Draft::Four, Draft::Twenty, Meaning::Multiple),
    ("unevaluatedProperties", Draft::Nineteen, Draft::Twenty, Meaning::Unevaluated),
    // Read together with a list of items, which comes with it; alone it says nothing.
    ("additionalItems", Draft::Four, Draft::Nineteen, Meaning::Description),
    ("not", Draft::Four, Draft::Twenty, Meaning::Unsupported(|value, _| *value == Value::Bool(false))),
    ("if", Draft::Seven, Draft::Twenty, Meaning::Unsupported(|_, beside| !has(beside, &["then", "else"]))),
    ("then", Draft::Seven, Draft::Twenty, Meaning::Unsupported(|_, beside| !has(beside, &["if"]))),
    ("else", Draft::Seven, Draft::Twenty, Meaning::Unsupported(|_, beside| !has(beside, &["if"]))),
    ("uniqueItems", Draft::Four, Draft::Twenty, Meaning::Unsupported(|value, _| *value == Value::Bool(false))),
    ("contains", Draft::Seven, Draft::Twenty, Meaning::Unsupported(|_, _| false)),
    ("minContains", Draft::Nineteen, Draft::Twenty, Meaning::Unsupported(|_, beside| !has(beside, &["contains"]))),
    ("maxContains", Draft::Nineteen, Draft::Twenty, Meaning::Unsupported(|_, beside| !has(beside, &["contains"]))),
    ("propertyNames", Draft::Seven, Draft::Twenty, Meaning::PropertyNames),
    ("dependencies", Draft::Four, Draft::Twenty, Meaning::Unsupported(is_empty)),
    ("dependentRequired", Draft::Nineteen, Draft::Twenty, Meaning::Unsupported(is_empty)),
    ("dependentSchemas", Draft::Nineteen, Draft::Twenty, Meaning::Unsupported(is_empty)),
    ("unevaluatedItems", Draft::Nineteen, Draft::Twenty, Meaning::Unsupported(allows_all)),
    ("$dynamicRef", Draft::Twenty, Draft::Twenty, Meaning::Unsupported(|_, _| false)),
    ("$recursiveRef", Draft::Nineteen, Draft::Nineteen, Meaning::Unsupported(|_, _| false)),
    (
        "$recursiveAnchor",
        Draft::Nineteen,
        Draft::Nineteen,
        Meaning::Unsupported(|value, _| *value == Value::Bool(false)),
    ),
    // OpenAPI 3.0's, which is no JSON Schema; taking no notice of it would leave null out.
    ("nullable", Draft::Four, Draft::Twenty, Meaning::Unsupported(|value, _| *value == Value::Bool(false))),
];

/// Keywords that only describe, in any draft.
const DESCRIPTIONS: &[&str] = &[
    "$schema",
    "$id",
    "id",
    "$anchor",
    "$dynamicAnchor",
    "$defs",
    "definitions",
    "$comment",
    "$vocabulary",
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "externalDocs",
    "discriminator",
    "xml",
];

/// Meaning of a keyword in a draft; `None` for one that the draft does not know.
pub(super) fn meaning(key: &str, draft: Draft) -> Option<Meaning> {
    let found = KEYWORDS.iter().find(|(name, first, last, _)| *name == key && (*first..=*last).contains(&draft));
    match found {
        Some((_, _, _, meaning)) => Some(*meaning),
        // The library's own settings would loosen the schema.
        None if key == "x-guidance" => None,
        None => (DESCRIPTIONS.contains(&key) || key.starts_with("x-")).then_some(Meaning::Description),
    }
}

fn has(fields: &Map<String, Value>, keys: &[&str]) -> bool {
    keys.iter().any(|key| fields.contains_key(*key))
}

fn is_empty(value: &Value, _: &Map<String, Value>) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

fn allows_all(value: &Value, beside: &Map<String, Value>) -> bool {
    *value == Value::Bool(true) || is_empty(value, beside)
}
