//! A map from texts that keeps all of them in one block.
//!
//! A vocabulary has a quarter of a million texts of a few bytes each. With an allocation and a pointer for each, a map
//! takes five times as much memory as this one: texts end to end, where each ends, and a table of 4-byte places.
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Values by their texts.
pub(super) struct Texts<T> {
    block: String,
    /// Where each text ends; it starts where the one before it does.
    ends: Vec<u32>,
    values: Vec<T>,
    /// Places in `ends` and `values`.
    places: HashTable<u32>,
    hasher: FixedState,
}

impl<T> Texts<T> {
    /// An empty map with room for `count` texts.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self {
            block: String::new(),
            ends: Vec::with_capacity(count),
            values: Vec::with_capacity(count),
            places: HashTable::with_capacity(count),
            hasher: FixedState::default(),
        }
    }

    /// Gives `text` a value, in place of the one that it has.
    ///
    /// All texts together are shorter than 4 GiB: the limits of a vocabulary see to that.
    pub(super) fn insert(&mut self, text: &str, value: T) {
        if let Some(place) = self.place(text) {
            self.values[place as usize] = value;
            return;
        }
        let place = self.values.len() as u32;
        self.block.push_str(text);
        self.ends.push(self.block.len() as u32);
        self.values.push(value);
        let Self { block, ends, places, hasher, .. } = self;
        let hash = |place: &u32| hasher.hash_one(text_at(block, ends, *place));
        places.insert_unique(hash(&place), place, hash);
    }

    /// The value of `text`.
    pub(super) fn get(&self, text: &str) -> Option<&T> {
        self.values.get(self.place(text)? as usize)
    }

    fn place(&self, text: &str) -> Option<u32> {
        let is_it = |place: &u32| text_at(&self.block, &self.ends, *place) == text;
        self.places.find(self.hasher.hash_one(text), is_it).copied()
    }
}

fn text_at<'a>(block: &'a str, ends: &[u32], place: u32) -> &'a str {
    let place = place as usize;
    let start = place.checked_sub(1).map_or(0, |before| ends[before]);
    &block[start as usize..ends[place] as usize]
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn each_text_has_the_value_it_was_given_last() {
        let mut texts = Texts::with_capacity(2);
        for i in 0..1000 {
            texts.insert(&format!("text {}", i % 700), i);
        }
        for i in 0..700 {
            let last = if i < 300 { i + 700 } else { i };
            assert_eq!(texts.get(&format!("text {i}")), Some(&last));
        }
        assert_eq!((texts.get("text"), texts.get(""), texts.get("text 700")), (None, None, None));
    }
}
