//! Texts end to end in one block, and finding them again.
//!
//! A vocabulary has a quarter of a million texts of a few bytes each. With an allocation and a pointer for each they
//! take five times as much memory, and reading them all waits for memory at each one.
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Texts by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    block: String,
    /// Where each text ends; it starts where the one before it does.
    ends: Vec<u32>,
}

impl Texts {
    /// Appends a text. One that would make all of them together 4 GiB or longer counts as empty; the limits of a
    /// vocabulary are far below.
    pub fn push(&mut self, text: &str) {
        if u32::try_from(self.block.len() + text.len()).is_ok() {
            self.block.push_str(text);
        }
        self.ends.push(self.block.len() as u32);
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text with a number, counted from 0.
    pub fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.block.get(start as usize..end as usize)
    }

    /// All texts, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let text = self.block.get(start..*end as usize).unwrap_or_default();
            start = *end as usize;
            text
        })
    }

    /// Bytes of all texts together.
    pub(super) fn bytes(&self) -> usize {
        self.block.len()
    }
}

impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let texts = texts.into_iter();
        let mut collected = Self { block: String::new(), ends: Vec::with_capacity(texts.size_hint().0) };
        texts.for_each(|text| collected.push(text.as_ref()));
        collected.block.shrink_to_fit();
        collected
    }
}

/// Finds the numbers of byte strings that are kept elsewhere: each method is told how to read them.
pub(super) struct Index {
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl Index {
    /// An empty index with room for `count` numbers.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self { numbers: HashTable::with_capacity(count), hasher: RandomState::default() }
    }

    /// Adds a number. If the string is there already, its number stays and is the answer.
    pub(super) fn insert<'a>(&mut self, number: u32, read: impl Fn(u32) -> &'a [u8]) -> Result<(), u32> {
        let Self { numbers, hasher } = self;
        let string = read(number);
        let entry = numbers.entry(hasher.hash_one(string), |is| read(*is) == string, |is| hasher.hash_one(read(*is)));
        match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => Err(*entry.get()),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                entry.insert(number);
                Ok(())
            }
        }
    }

    /// The number of a string.
    pub(super) fn find<'a>(&self, string: &[u8], read: impl Fn(u32) -> &'a [u8]) -> Option<u32> {
        self.numbers.find(self.hasher.hash_one(string), |number| read(*number) == string).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were() {
        let given = ["", "a", "字", "", "bc"];
        let texts: Texts = given.iter().collect();
        assert_eq!(texts.iter().collect::<Vec<_>>(), given);
        assert_eq!((texts.len(), texts.bytes(), texts.iter().len()), (5, 6, 5));
        assert_eq!((texts.get(2), texts.get(3), texts.get(4), texts.get(5)), (Some("字"), Some(""), Some("bc"), None));
        assert!(!texts.is_empty() && Texts::default().is_empty());
    }

    #[test]
    fn each_text_is_found_under_its_first_number() {
        let texts: Texts = (0..1000).map(|number| format!("text {}", number % 700)).collect();
        let read = |number: u32| texts.get(number as usize).unwrap().as_bytes();
        let mut index = Index::with_capacity(2);
        for number in 0..1000 {
            let expected = if number < 700 { Ok(()) } else { Err(number - 700) };
            assert_eq!(index.insert(number, read), expected);
        }
        for number in 0..700 {
            assert_eq!(index.find(format!("text {number}").as_bytes(), read), Some(number));
        }
        assert_eq!(
            (index.find(b"text", read), index.find(b"", read), index.find(b"text 700", read)),
            (None, None, None)
        );
    }
}
