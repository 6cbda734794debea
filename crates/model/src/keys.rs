//! Metadata of one family, read key by key.

use crate::arch::{Arch, FAMILIES, HARMLESS_KEYS};
pub(crate) use crate::build::shown;
use crate::error::Error;
use crate::gguf::{Gguf, Metadata};

/// The metadata of a file below its architecture's name.
pub(crate) struct Keys<'g, 'a> {
    metadata: &'g Metadata<'a>,
    /// The file's family.
    pub(crate) arch: &'static Arch,
}

impl<'g, 'a> Keys<'g, 'a> {
    /// Finds the family and makes sure that every key below its name is known: a key that nothing reads could be one
    /// that changes results.
    pub(crate) fn new(gguf: &'g Gguf<'a>) -> Result<Self, Error> {
        let metadata = gguf.metadata();
        let name = metadata.required_string("general.architecture")?;
        let Some(arch) = Arch::from_name(name) else {
            let known: Vec<&str> = FAMILIES.iter().map(|arch| arch.name).collect();
            return Err(Error::UnknownArchitecture { found: shown(name), known: known.join(", ") });
        };
        for (key, _) in metadata.iter() {
            let below = key.strip_prefix(arch.name).and_then(|key| key.strip_prefix('.'));
            if below.is_some_and(|below| !arch.reads(below) && !HARMLESS_KEYS.contains(&below)) {
                return Err(Error::UnknownKey { key: shown(key), architecture: arch.name });
            }
        }
        Ok(Keys { metadata, arch })
    }

    /// The whole name of a key.
    pub(crate) fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.arch.name)
    }

    /// A size from `least` to `most`, if the family reads the key and the file has it.
    pub(crate) fn size(&self, key: &str, least: usize, most: usize) -> Result<Option<usize>, Error> {
        if !self.arch.reads(key) {
            return Ok(None);
        }
        let Some(value) = self.metadata.unsigned(&self.name(key))? else { return Ok(None) };
        match usize::try_from(value) {
            Ok(size) if (least..=most).contains(&size) => Ok(Some(size)),
            _ => Err(self.bad(key, format!("is {value}, but only {least} to {most} is supported"))),
        }
    }

    /// Like [`Keys::size`] where the model is not defined without it.
    pub(crate) fn required_size(&self, key: &str, least: usize, most: usize) -> Result<usize, Error> {
        self.metadata.required_unsigned(&self.name(key))?;
        self.size(key, least, most)?.ok_or_else(|| self.bad(key, "is not read".into()))
    }

    /// A number from `least` to `most`, if the family reads the key and the file has it.
    pub(crate) fn number(&self, key: &str, least: f32, most: f32) -> Result<Option<f32>, Error> {
        if !self.arch.reads(key) {
            return Ok(None);
        }
        let Some(value) = self.metadata.float(&self.name(key))? else { return Ok(None) };
        if !(least..=most).contains(&value) {
            return Err(self.bad(key, format!("is {value}, but only {least:e} to {most:e} is supported")));
        }
        Ok(Some(value))
    }

    /// A boolean, if the family reads the key and the file has it.
    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, Error> {
        if !self.arch.reads(key) {
            return Ok(None);
        }
        Ok(self.metadata.boolean(&self.name(key))?)
    }

    /// A string, if the family reads the key and the file has it.
    pub(crate) fn string(&self, key: &str) -> Result<Option<&'g str>, Error> {
        if !self.arch.reads(key) {
            return Ok(None);
        }
        Ok(self.metadata.string(&self.name(key))?)
    }

    /// The value of a key, whatever its type, if the family reads it and the file has it.
    pub(crate) fn value(&self, key: &str) -> Option<&'g crate::gguf::Value<'a>> {
        if self.arch.reads(key) { self.metadata.get(&self.name(key)) } else { None }
    }

    /// An error about the value of a key.
    pub(crate) fn bad(&self, key: &str, problem: String) -> Error {
        Error::BadKey { key: self.name(key), problem }
    }
}
