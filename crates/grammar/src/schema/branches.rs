//! `oneOf`: branches that cannot hold at the same time, by proof or by what is left out of them.

use super::references::References;
use serde_json::{Map, Value};

/// Kinds of values, as bits.
const KINDS: [(&str, u8); 7] = [
    ("null", 1),
    ("boolean", 2),
    ("integer", 4),
    // Integers are numbers too.
    ("number", 4 | 8),
    ("string", 16),
    ("array", 32),
    ("object", 64),
];
const NUMBERS: u8 = 4 | 8;
const STRING: u8 = 16;
const OBJECT: u8 = 64;
const ALL: u8 = 127;
/// Formats of which no text has two.
const DISTINCT_FORMATS: [&str; 7] = ["date", "time", "date-time", "uuid", "ipv4", "ipv6", "email"];
/// Schemas that a proof may go through on the way down.
const MAX_STEPS: usize = 8;

/// Facts about every value that a schema allows.
struct Facts<'s> {
    kinds: u8,
    values: Option<Vec<&'s Value>>,
    range: (f64, f64),
    length: (u64, u64),
    format: Option<&'s str>,
    required: Vec<&'s str>,
    properties: Vec<(&'s str, &'s Value)>,
    /// Names that an object may have, where it may have no others.
    closed: Option<Vec<&'s str>>,
    /// Of which one at least holds.
    alternatives: Vec<&'s [Value]>,
}

/// Reason why two branches exclude each other.
#[derive(Debug, PartialEq)]
pub(super) enum Apart {
    /// No value is valid by both.
    Disjoint,
    /// Objects of the first branch must not have the first property, which the second requires, and those of the second not
    /// the second one, which the first requires.
    Without(String, String),
    /// Not known.
    Unknown,
}

/// Reason why no value can be valid by both branches.
pub(super) fn apart(left: &Value, right: &Value, references: &References<'_>) -> Apart {
    if disjoint(left, right, references, 0) {
        return Apart::Disjoint;
    }
    let (a, b) = (facts(left, references), facts(right, references));
    if a.kinds != OBJECT || b.kinds != OBJECT {
        return Apart::Unknown;
    }
    let lacks = |has: &Facts<'_>, other: &Facts<'_>| {
        has.required.iter().find(|name| !other.required.contains(name)).map(|name| (*name).to_owned())
    };
    match (lacks(&b, &a), lacks(&a, &b)) {
        (Some(left), Some(right)) => Apart::Without(left, right),
        _ => Apart::Unknown,
    }
}

fn disjoint(left: &Value, right: &Value, references: &References<'_>, steps: usize) -> bool {
    if *left == Value::Bool(false) || *right == Value::Bool(false) {
        return true;
    }
    if steps > MAX_STEPS {
        return false;
    }
    let (a, b) = (facts(left, references), facts(right, references));
    let below = |left: &Value, right: &Value| disjoint(left, right, references, steps + 1);
    a.kinds & b.kinds == 0
        || a.alternatives.iter().any(|all| all.iter().all(|one| below(one, right)))
        || b.alternatives.iter().any(|all| all.iter().all(|one| below(left, one)))
        || a.values.as_ref().is_some_and(|values| values.iter().all(|value| !b.may_be(value)))
        || b.values.as_ref().is_some_and(|values| values.iter().all(|value| !a.may_be(value)))
        || a.apart_by_size(&b)
        || (a.kinds == OBJECT && b.kinds == OBJECT && a.apart_by_properties(&b, &below))
}

impl Facts<'_> {
    fn may_be(&self, value: &Value) -> bool {
        let kind = match value {
            Value::Null => 1,
            Value::Bool(_) => 2,
            Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => 4,
            Value::Number(_) => 8,
            Value::String(_) => STRING,
            Value::Array(_) => 32,
            Value::Object(_) => OBJECT,
        };
        let in_range = value.as_f64().is_none_or(|number| (self.range.0..=self.range.1).contains(&number));
        let length = value.as_str().map(|text| text.chars().count() as u64);
        self.kinds & kind != 0
            && in_range
            && length.is_none_or(|length| (self.length.0..=self.length.1).contains(&length))
            && self.values.as_ref().is_none_or(|values| values.iter().any(|other| same(other, value)))
    }

    fn apart_by_size(&self, other: &Facts<'_>) -> bool {
        let both = self.kinds & other.kinds;
        let beside = |a: (f64, f64), b: (f64, f64)| a.1 < b.0 || b.1 < a.0;
        let formats = (self.format, other.format);
        both & !NUMBERS == 0 && beside(self.range, other.range)
            || both == STRING && (self.length.1 < other.length.0 || other.length.1 < self.length.0)
            || both == STRING
                && matches!(formats, (Some(a), Some(b)) if a != b && [a, b].iter().all(|one| DISTINCT_FORMATS.contains(one)))
    }

    fn apart_by_properties(&self, other: &Facts<'_>, disjoint: &impl Fn(&Value, &Value) -> bool) -> bool {
        let needs_what_lacks = |a: &Facts<'_>, b: &Facts<'_>| {
            b.closed.as_ref().is_some_and(|names| a.required.iter().any(|name| !names.contains(name)))
        };
        let named = |all: &Facts<'_>, name: &str| all.required.contains(&name);
        needs_what_lacks(self, other)
            || needs_what_lacks(other, self)
            || self.properties.iter().any(|(name, left)| {
                named(self, name)
                    && named(other, name)
                    && other.properties.iter().any(|(other_name, right)| name == other_name && disjoint(left, right))
            })
    }
}

/// Numbers are equal by their value.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

fn facts<'s>(schema: &'s Value, references: &References<'s>) -> Facts<'s> {
    let mut facts = Facts {
        kinds: ALL,
        values: None,
        range: (f64::NEG_INFINITY, f64::INFINITY),
        length: (0, u64::MAX),
        format: None,
        required: Vec::new(),
        properties: Vec::new(),
        closed: None,
        alternatives: Vec::new(),
    };
    facts.collect(schema, references, 0);
    facts
}

impl<'s> Facts<'s> {
    /// Adds what a schema says; all schemas that hold at once may be added.
    fn collect(&mut self, schema: &'s Value, references: &References<'s>, steps: usize) {
        let Value::Object(fields) = schema else { return };
        if steps > MAX_STEPS {
            return;
        }
        if let Some(target) = fields.get("$ref").and_then(|reference| references.target(reference)) {
            self.collect(target, references, steps + 1);
        }
        for all in fields.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.collect(all, references, steps + 1);
        }
        let alternatives = ["anyOf", "oneOf"].iter().filter_map(|key| fields.get(*key)?.as_array());
        self.alternatives.extend(alternatives.map(Vec::as_slice));
        if let Some(types) = fields.get("type") {
            let names = types.as_array().map_or_else(|| vec![types], |names| names.iter().collect());
            let bits = |name: &&Value| KINDS.iter().find(|(kind, _)| **name == *kind).map_or(0, |(_, bits)| *bits);
            self.kinds &= names.iter().map(bits).fold(0, |all, bits| all | bits);
        }
        let listed = fields.get("enum").and_then(Value::as_array).map(|values| values.iter().collect::<Vec<_>>());
        for values in listed.into_iter().chain(fields.get("const").map(|value| vec![value])) {
            self.values = Some(values);
        }
        self.sizes(fields);
        self.required
            .extend(fields.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str));
        let properties = fields.get("properties").and_then(Value::as_object);
        self.properties.extend(properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)));
        if fields.get("additionalProperties") == Some(&Value::Bool(false)) && !fields.contains_key("patternProperties")
        {
            self.closed = Some(properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect());
        }
    }

    fn sizes(&mut self, fields: &'s Map<String, Value>) {
        let number = |key: &str| fields.get(key).and_then(Value::as_f64);
        for least in [number("minimum"), number("exclusiveMinimum")].into_iter().flatten() {
            self.range.0 = self.range.0.max(least);
        }
        for most in [number("maximum"), number("exclusiveMaximum")].into_iter().flatten() {
            self.range.1 = self.range.1.min(most);
        }
        let count = |key: &str| fields.get(key).and_then(Value::as_u64);
        self.length.0 = self.length.0.max(count("minLength").unwrap_or(0));
        self.length.1 = self.length.1.min(count("maxLength").unwrap_or(u64::MAX));
        self.format = fields.get("format").and_then(Value::as_str).or(self.format);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn branches_are_kept_apart_where_that_is_known() {
        let root = json!({"$defs": {
            "cat": {"type": "object", "properties": {"kind": {"const": "cat"}}, "required": ["kind"]},
            "dog": {"type": "object", "properties": {"kind": {"enum": ["dog", "wolf"]}}, "required": ["kind"]},
        }});
        let references = References::new(&root);
        let object = |name: &str| json!({"type": "object", "properties": {name: {"const": 1}}, "required": [name]});
        let disjoint = [
            (json!({"type": "string"}), json!({"type": ["null", "integer"]})),
            (json!({"$ref": "#/$defs/cat"}), json!({"$ref": "#/$defs/dog"})),
            (json!({"const": 1}), json!({"enum": [2, "1"]})),
            (json!({"type": "string", "format": "ipv4"}), json!({"type": "string", "format": "ipv6"})),
            (json!({"type": "string", "maxLength": 3}), json!({"type": "string", "minLength": 4})),
            (json!({"type": "integer", "maximum": 3}), json!({"type": "number", "minimum": 3.5})),
            (json!({"anyOf": [{"type": "null"}, {"type": "string"}]}), json!({"type": "array"})),
            (json!({"type": "string", "maxLength": 2}), json!({"const": "abc"})),
            (json!({"type": "object", "additionalProperties": false}), object("a")),
        ];
        for (left, right) in &disjoint {
            assert_eq!(apart(left, right, &references), Apart::Disjoint, "{left} {right}");
            assert_eq!(apart(right, left, &references), Apart::Disjoint, "{right} {left}");
        }
        assert_eq!(apart(&object("a"), &object("b"), &references), Apart::Without("b".into(), "a".into()));
        let unknown = [
            (json!({"type": "integer"}), json!({"type": "number"})),
            (json!({"type": "string"}), json!({"type": "string", "pattern": "a"})),
            (json!({"type": "integer", "maximum": 3}), json!({"type": "integer", "minimum": 3})),
            (json!({"const": 1}), json!({"const": 1.0})),
            (json!({"properties": {"a": {"const": 1}}}), json!({"properties": {"a": {"const": 2}}})),
            (object("a"), object("a")),
            (json!(true), json!({"type": "string"})),
        ];
        for (left, right) in &unknown {
            assert_eq!(apart(left, right, &references), Apart::Unknown, "{left} {right}");
        }
    }
}
