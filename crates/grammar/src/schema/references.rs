//! `$ref`: which schema it means.

use super::{KIND, Place};
use crate::Error;
use crate::limits::MAX_REFERENCES;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};

/// Where the references of a document point, each target once.
pub(super) struct References<'s> {
    root: &'s Value,
    /// Names of definitions by the target's pointer.
    names: BTreeMap<String, String>,
    /// Targets whose definition is not made yet.
    waiting: VecDeque<(String, &'s Value, Place)>,
}

impl<'s> References<'s> {
    pub(super) fn new(root: &'s Value) -> Self {
        Self { root, names: BTreeMap::new(), waiting: VecDeque::new() }
    }

    /// The reference under which the target of `reference` stands in the lowered schema.
    ///
    /// # Errors
    /// If it points outside the document or nowhere, or only ever to another reference.
    pub(super) fn name(&mut self, reference: &Value, place: &Place) -> Result<Value, Error> {
        let text = reference.as_str().ok_or_else(|| place.refuse("a reference must be a text"))?;
        let (pointer, target) = self.resolve(text, place)?;
        self.check_loop(target, place)?;
        let count = self.names.len();
        let waiting = &mut self.waiting;
        let name = self.names.entry(pointer).or_insert_with_key(|pointer| {
            let name = format!("r{count}");
            waiting.push_back((name.clone(), target, Place::at(pointer.clone())));
            name
        });
        Ok(format!("#/$defs/{name}").into())
    }

    /// The schema that a reference points to, if it points to one.
    pub(super) fn target(&self, reference: &Value) -> Option<&'s Value> {
        self.resolve(reference.as_str()?, &Place::root()).ok().map(|(_, target)| target)
    }

    /// The next definition to make: its name, the schema that it is made from, and where that stands.
    ///
    /// # Errors
    /// [`Error::Limit`] if there are too many.
    pub(super) fn next(&mut self) -> Result<Option<(String, &'s Value, Place)>, Error> {
        Error::check(KIND, "references", self.names.len(), MAX_REFERENCES)?;
        Ok(self.waiting.pop_front())
    }

    fn resolve(&self, reference: &str, place: &Place) -> Result<(String, &'s Value), Error> {
        let base = self.root.get("$id").or_else(|| self.root.get("id")).and_then(Value::as_str);
        let base = base.map(|id| id.trim_end_matches('#')).filter(|id| !id.is_empty());
        let fragment = match reference.split_once('#') {
            Some((document, fragment)) if document.is_empty() || Some(document) == base => fragment,
            None if Some(reference) == base => "",
            _ => return Err(place.refuse(format!("{reference:?} is not in this schema; bring it in under $defs"))),
        };
        let fragment = percent_decoded(fragment);
        let found = if fragment.is_empty() || fragment.starts_with('/') {
            self.root.pointer(&fragment).map(|target| (fragment.clone(), target))
        } else {
            anchor(self.root, &fragment, String::new(), 0)
        };
        found.ok_or_else(|| place.refuse(format!("{reference:?} points nowhere")))
    }

    /// A reference to a reference … to itself says nothing.
    fn check_loop(&self, target: &Value, place: &Place) -> Result<(), Error> {
        let mut target = target;
        for _ in 0..=MAX_REFERENCES {
            let Some(next) = target.get("$ref").and_then(Value::as_str) else { return Ok(()) };
            target = self.resolve(next, place)?.1;
        }
        Err(place.refuse("the reference leads only to other references and never to a schema"))
    }
}

/// True if there is a reference in this object or below it.
pub(super) fn any_below(fields: &Map<String, Value>) -> bool {
    fields.contains_key("$ref")
        || fields.values().any(|value| match value {
            Value::Object(fields) => any_below(fields),
            Value::Array(items) => items.iter().filter_map(Value::as_object).any(any_below),
            _ => false,
        })
}

/// The schema with this `$anchor` (in drafts 6 and 7: whose `$id` is `#` and the name).
fn anchor<'s>(value: &'s Value, name: &str, pointer: String, depth: usize) -> Option<(String, &'s Value)> {
    if depth > crate::limits::MAX_DEPTH {
        return None;
    }
    match value {
        Value::Object(fields) => {
            let named = |key: &str| fields.get(key).and_then(Value::as_str);
            let is_it = named("$anchor") == Some(name)
                || named("$id").or_else(|| named("id")).and_then(|id| id.strip_prefix('#')) == Some(name);
            if is_it {
                return Some((pointer, value));
            }
            let below =
                fields.iter().filter(|(key, _)| !matches!(key.as_str(), "enum" | "const" | "default" | "examples"));
            below.into_iter().find_map(|(key, field)| {
                let key = key.replace('~', "~0").replace('/', "~1");
                anchor(field, name, format!("{pointer}/{key}"), depth + 1)
            })
        }
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| anchor(item, name, format!("{pointer}/{index}"), depth + 1))
        }
        _ => None,
    }
}

/// A fragment without its percent signs; one that is not followed by two digits stays.
fn percent_decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or(&[]);
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
