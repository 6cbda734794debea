//! Metadata below an architecture's name, read key by key.

use std::collections::HashSet;

use crate::error::Error;
use crate::gguf::{Kind, Metadata, Value};

/// Metadata keys (below `<architecture>.`) that every family may have and that cannot change a result: the vocabulary's
/// size is that of the embedding, how rows become one is asked for elsewhere, and the others are notes on how the file came about.
const HARMLESS_KEYS: &[&str] = &["pooling_type", "rope.scaling.finetuned", "tensor_data_layout", "vocab_size"];

/// Metadata keys and which of them were read: one that nothing reads could be one that changes results.
pub(crate) struct Keys<'g, 'a> {
    metadata: &'g Metadata<'a>,
    architecture: &'static str,
    known: HashSet<String>,
}

impl<'g, 'a> Keys<'g, 'a> {
    pub(super) fn new(metadata: &'g Metadata<'a>, architecture: &'static str) -> Self {
        let known = HARMLESS_KEYS.iter().map(|key| (*key).to_owned()).collect();
        Keys { metadata, architecture, known }
    }

    /// A size from `least` to `most`, if the file has it.
    pub(crate) fn size(&mut self, key: &str, least: usize, most: usize) -> Result<Option<usize>, Error> {
        let name = self.read(key);
        let Some(value) = self.alike(key)?.map_or_else(|| self.metadata.unsigned(&name), |value| Ok(Some(value)))?
        else {
            return Ok(None);
        };
        match usize::try_from(value) {
            Ok(size) if (least..=most).contains(&size) => Ok(Some(size)),
            _ => Err(self.bad(key, format!("is {value}, but only {least} to {most} is supported"))),
        }
    }

    /// Like [`Keys::size`] where the model is not defined without it.
    pub(crate) fn required_size(&mut self, key: &str, least: usize, most: usize) -> Result<usize, Error> {
        if self.alike(key)?.is_none() {
            self.metadata.required_unsigned(&self.name(key))?;
        }
        self.size(key, least, most)?.ok_or_else(|| self.bad(key, "is missing".into()))
    }

    /// A size for each of so many layers, if the file has it: one for all, or a list.
    pub(crate) fn sizes(&mut self, key: &str, count: usize, most: usize) -> Result<Option<Vec<usize>>, Error> {
        let Some(Value::Array(array)) = self.value(key) else {
            return Ok(self.size(key, 0, most)?.map(|size| vec![size; count]));
        };
        let size = |value: Value<'_>| usize::try_from(value.unsigned()?).ok().filter(|size| *size <= most);
        let sizes: Option<Vec<usize>> = array.iter().map(size).collect();
        match sizes.filter(|sizes| sizes.len() == count) {
            Some(sizes) => Ok(Some(sizes)),
            None => Err(self.bad(key, format!("is no list of {count} sizes from 0 to {most}"))),
        }
    }

    /// The number that a list repeats: some files say for each layer what is the same for all.
    fn alike(&self, key: &str) -> Result<Option<u64>, Error> {
        let Some(Value::Array(array)) = self.metadata.get(&self.name(key)) else { return Ok(None) };
        let mut sizes = array.iter().map(|value| value.unsigned());
        match sizes.next().flatten() {
            Some(first) if sizes.all(|size| size == Some(first)) => Ok(Some(first)),
            _ => Err(self.bad(key, "differs from layer to layer, which is not supported for this family".into())),
        }
    }

    /// A number from `least` to `most`, if the file has it.
    pub(crate) fn number(&mut self, key: &str, least: f32, most: f32) -> Result<Option<f32>, Error> {
        let Some(value) = self.metadata.float(&self.read(key))? else { return Ok(None) };
        if !(least..=most).contains(&value) {
            return Err(self.bad(key, format!("is {value}, but only {least:e} to {most:e} is supported")));
        }
        Ok(Some(value))
    }

    /// So many numbers, if the file has them.
    pub(crate) fn numbers(&mut self, key: &str, count: usize) -> Result<Option<Vec<f32>>, Error> {
        let name = self.read(key);
        self.metadata.get(&name).map(|_| self.file_numbers(&name, count)).transpose()
    }

    /// A number for each of so many layers, by the whole name of a key: one for all, or a list.
    pub(crate) fn file_numbers(&self, name: &str, count: usize) -> Result<Vec<f32>, Error> {
        let numbers = match self.metadata.get(name) {
            Some(Value::Array(_)) => self.metadata.required_floats(name)?,
            _ => vec![self.metadata.required_float(name)?; count],
        };
        if numbers.len() != count || !numbers.iter().all(|number| number.is_finite()) {
            return Err(Error::BadKey { key: name.into(), problem: format!("is no list of {count} numbers") });
        }
        Ok(numbers)
    }

    /// A boolean, if the file has it.
    pub(crate) fn boolean(&mut self, key: &str) -> Result<Option<bool>, Error> {
        Ok(self.metadata.boolean(&self.read(key))?)
    }

    /// So many booleans, if the file has them.
    pub(crate) fn booleans(&mut self, key: &str, count: usize) -> Result<Option<Vec<bool>>, Error> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.array() {
            Some(array) if array.kind() == Kind::Bool && array.len() == count => {
                Ok(Some(array.iter().map(|value| value.boolean() == Some(true)).collect()))
            }
            _ => Err(self.bad(key, format!("is {}, but {count} Bool are needed", value.describe()))),
        }
    }

    /// A string, if the file has it.
    pub(crate) fn string(&mut self, key: &str) -> Result<Option<&'g str>, Error> {
        Ok(self.metadata.string(&self.read(key))?)
    }

    /// The value of a key, whatever its type, if the file has it.
    pub(crate) fn value(&mut self, key: &str) -> Option<&'g Value<'a>> {
        self.metadata.get(&self.read(key))
    }

    /// Keys that change nothing in this file: what they say, others said already, or nothing asks for it.
    pub(crate) fn know(&mut self, keys: &[&str]) {
        self.known.extend(keys.iter().map(|key| (*key).to_owned()));
    }

    /// An error about the value of a key.
    pub(crate) fn bad(&self, key: &str, problem: String) -> Error {
        Error::BadKey { key: self.name(key), problem }
    }

    /// An error if the file has a key that was not read.
    pub(super) fn finish(&self) -> Result<(), Error> {
        for (key, _) in self.metadata.iter() {
            let below = key.strip_prefix(self.architecture).and_then(|key| key.strip_prefix('.'));
            if below.is_some_and(|below| !self.known.contains(below)) {
                return Err(Error::UnknownKey { key: shown(key), architecture: self.architecture });
            }
        }
        Ok(())
    }

    /// The whole name of a key that is now read.
    fn read(&mut self, key: &str) -> String {
        if !self.known.contains(key) {
            self.known.insert(key.to_owned());
        }
        self.name(key)
    }

    fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }
}

/// Most characters of a stranger's text in an error.
const SHOWN_CHARACTERS: usize = 80;

/// A stranger's text, cut short and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String =
        text.chars().take(SHOWN_CHARACTERS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(SHOWN_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}
