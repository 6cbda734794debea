//! A cursor over the bytes of a part that never reads past the end.

use super::error::{Error, Missing, Part, Place, Shown};

/// Reads little-endian numbers and byte strings one after another.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    part: Part,
    inside: Option<&'a str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], part: Part) -> Reader<'a> {
        Reader { bytes, offset: 0, part, inside: None }
    }

    pub(super) fn part(&self) -> Part {
        self.part
    }

    /// Bytes read so far.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// Bytes not read yet.
    pub(super) fn remaining(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// Errors from here on name this key or tensor.
    pub(super) fn enter(&mut self, name: &'a str) {
        self.inside = Some(name);
    }

    /// Errors from here on name no key or tensor.
    pub(super) fn leave(&mut self) {
        self.inside = None;
    }

    /// The place `back` bytes before the cursor.
    pub(super) fn place(&self, back: usize) -> Place {
        Place { part: self.part, offset: self.offset.saturating_sub(back), inside: self.inside.map(Shown::new) }
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: u64, what: &'static str) -> Result<&'a [u8], Error> {
        let remaining = self.remaining();
        let taken = usize::try_from(length).ok().and_then(|length| remaining.get(..length));
        let Some(taken) = taken else {
            let missing = Missing::AtLeast(length.saturating_sub(remaining.len() as u64));
            return Err(Error::CutOff { what, place: self.place(0), missing });
        };
        self.offset += taken.len();
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        match self.remaining().first_chunk::<N>() {
            Some(chunk) => {
                self.offset += N;
                Ok(*chunk)
            }
            None => self.take(N as u64, what).map(|_| [0; N]),
        }
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// A count of things of which each takes at least `smallest` bytes of the file, at most `limit` of them.
    pub(super) fn count(&mut self, what: &'static str, limit: u64, smallest: usize) -> Result<u64, Error> {
        let count = self.u64(what)?;
        let place = || self.place(size_of::<u64>());
        if count > limit {
            return Err(Error::Limit { what, count, limit, place: place() });
        }
        let remaining = self.remaining().len();
        if count > (remaining / smallest.max(1)) as u64 {
            return Err(Error::Count { what, count, remaining: remaining as u64, place: place() });
        }
        Ok(count)
    }

    /// A string: its length in 8 bytes, then the bytes, in any encoding.
    pub(super) fn string(&mut self, what: &'static str, limit: u64) -> Result<&'a [u8], Error> {
        let length = self.u64(what)?;
        if length > limit {
            let place = self.place(size_of::<u64>());
            return Err(Error::Limit { what: "bytes of text", count: length, limit, place });
        }
        self.take(length, what)
    }

    /// A key or a name: a string of at least one character, in UTF-8, without control characters.
    pub(super) fn name(&mut self, what: &'static str, limit: u64) -> Result<&'a str, Error> {
        let bytes = self.string(what, limit)?;
        let problem = match std::str::from_utf8(bytes) {
            Err(_) => "is not valid UTF-8",
            Ok("") => "is empty",
            Ok(name) if name.chars().any(char::is_control) => "holds control characters",
            Ok(name) => return Ok(name),
        };
        Err(Error::Name { what, problem, place: self.place(bytes.len()) })
    }
}
