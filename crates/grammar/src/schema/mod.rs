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

mod branches;
mod checks;
mod formats;
mod keywords;
mod names;
mod numbers;
mod patterns;
mod references;
mod weight;

use crate::Error;
use crate::limits::{MAX_DEPTH, MAX_SCHEMAS, MAX_SOURCE_BYTES};
use branches::Apart;
use keywords::Meaning;
pub(crate) use patterns::fault;
use references::References;
use serde_json::{Map, Value, json};
use weight::Weight;

/// Name of a schema in sentences.
pub(crate) const KIND: &str = "JSON schema";

/// Brings a schema into the form described above.
///
/// # Errors
/// [`Error::Schema`] for what cannot be honoured, [`Error::Limit`] for what is too large.
pub fn lower(schema: &Value) -> Result<Value, Error> {
    Error::check(KIND, "bytes", schema.to_string().len(), MAX_SOURCE_BYTES)?;
    let mut lowering = Lowering {
        draft: Draft::of(schema)?,
        references: References::new(schema),
        schemas: 0,
        weight: Weight::default(),
    };
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
    lowering.weight.check(&lowered)?;
    Ok(with_bounded_space(lowered))
}

/// White space between the parts of JSON: a few blanks, or a line break or two and the next line's indentation.
/// Without a bound, a model that has nothing to say goes on with blanks for ever.
const SPACE: &str = "\\n{1,2}[\\x20\\t]{0,28}|[\\x20\\t]{1,20}";

/// The schema with the library's setting for the space between its parts.
pub(crate) fn with_bounded_space(lowered: Value) -> Value {
    let mut fields = match lowered {
        Value::Object(fields) => fields,
        // Nothing but true and false is left.
        Value::Bool(true) => Map::new(),
        other => return other,
    };
    fields.insert("x-guidance".to_owned(), json!({"whitespace_pattern": SPACE}));
    Value::Object(fields)
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
    /// Estimated work of compiling it.
    weight: Weight,
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
        if let Some(names) = fields.get("propertyNames").filter(|_| alone.is_none() && self.draft >= Draft::Seven) {
            names::apply(names, &mut lowered, &place.below("propertyNames"))?;
        }
        numbers::tighten(&mut lowered, place)?;
        checks::check_free_keys(&lowered, place)?;
        self.weight.object(&lowered, place)?;
        Ok(Value::Object(lowered))
    }

    /// Branches become `anyOf` where no two can hold at once; objects are kept apart by a property that one requires and
    /// the other then lacks.
    fn one_of(&mut self, value: &Value, place: &Place, lowered: &mut Map<String, Value>) -> Result<(), Error> {
        let Value::Array(mut lowered_branches) = self.list(value, place)? else { return Ok(()) };
        let branches = value.as_array().map_or(&[][..], Vec::as_slice);
        self.weight.pairs(branches.len(), place)?;
        for (second, right) in branches.iter().enumerate() {
            for (first, left) in branches.iter().enumerate().take(second) {
                let lacking = match branches::apart(left, right, &self.references) {
                    Apart::Disjoint => continue,
                    Apart::Without(left, right) => [(first, left), (second, right)],
                    Apart::Unknown => {
                        return Err(place.refuse(format!(
                            "the branches {first} and {second} may both hold, and oneOf wants one alone; use anyOf, or give \
                             both a required property with different constants"
                        )));
                    }
                };
                for (index, name) in lacking {
                    if let Some(branch) = lowered_branches.get_mut(index) {
                        *branch = json!({"allOf": [branch.take(), {"properties": {name: false}}]});
                    }
                }
            }
        }
        let any_of = json!({"anyOf": lowered_branches});
        if lowered.contains_key("anyOf") {
            let all = lowered.entry("allOf").or_insert_with(|| json!([]));
            all.as_array_mut().ok_or_else(|| place.refuse("allOf must be a list"))?.push(any_of);
        } else if let Value::Object(fields) = any_of {
            lowered.extend(fields);
        }
        Ok(())
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
            Meaning::Type => checks::checked_type(value, &here)?,
            Meaning::Values => checks::checked_values(value, key, &here)?,
            Meaning::Schema => self.schema(value, &here)?,
            Meaning::Schemas => self.list(value, &here)?,
            Meaning::NamedSchemas => self.named(value, &here)?,
            Meaning::Names => checks::checked_names(value, &here)?,
            Meaning::Count => checks::checked_count(value, &here)?,
            Meaning::Number => checks::checked_number(value, &here)?,
            Meaning::Multiple => self.weight.multiple(value, &here)?,
            Meaning::Pattern => patterns::checked(value, &here)?,
            Meaning::PatternSchemas => {
                let named = self.named(value, &here)?;
                for (name, _) in named.as_object().into_iter().flatten() {
                    patterns::checked(&Value::from(name.as_str()), &here.below(name))?;
                }
                named
            }
            Meaning::OneOf => return self.one_of(value, &here, lowered),
            Meaning::PropertyNames => return Ok(()),
            Meaning::Items => return self.items(value, fields, &here, lowered),
            Meaning::Bound => return checks::bound(key, value, fields, &here, lowered),
            Meaning::Format => return formats::add(value, fields, &here, lowered),
            Meaning::Unevaluated => return self.unevaluated(value, fields, &here, lowered),
        };
        match (lowered.get_mut(key), kept) {
            // A format may have asked for something already.
            (Some(Value::Array(all)), Value::Array(more)) if key == "allOf" => all.extend(more),
            // Branches of a oneOf may stand there already.
            (Some(_), more) if key == "anyOf" => {
                let all = lowered.entry("allOf").or_insert_with(|| json!([]));
                all.as_array_mut().ok_or_else(|| here.refuse("allOf must be a list"))?.push(json!({"anyOf": more}));
            }
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
