//! Where a key or a value lies in the cache.
//!
//! Positions are kept in pages of [`PAGE`] so that sequences of different lengths can share memory; which pages belong
//! to a sequence, in order, is its page table. Within a page, for each key-value head, keys lie with 16 positions side
//! by side per element (a query's scores are computed for 16 keys at once), values lie row by row (outputs are computed
//! for all elements of a value at once). Both are binary16.

use crate::half::f32_to_f16;

/// Positions per page.
pub const PAGE: usize = 64;

/// Positions that lie side by side in the keys of a page.
pub const KEY_LANES: usize = 16;

/// The shape of one layer's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvShape {
    /// Key-value heads.
    pub heads: usize,
    /// Elements of a key.
    pub key_size: usize,
    /// Elements of a value.
    pub value_size: usize,
}

impl KvShape {
    /// Numbers (binary16) of all keys in one page.
    pub fn page_keys(&self) -> usize {
        self.heads * self.key_size * PAGE
    }

    /// Numbers (binary16) of all values in one page.
    pub fn page_values(&self) -> usize {
        self.heads * self.value_size * PAGE
    }

    /// Index of the keys of `head` in `page`: `[PAGE / 16][key_size][16]` from there.
    #[inline]
    pub fn keys_at(&self, page: usize, head: usize) -> usize {
        (page * self.heads + head) * self.key_size * PAGE
    }

    /// Index of the values of `head` in `page`: `[PAGE][value_size]` from there.
    #[inline]
    pub fn values_at(&self, page: usize, head: usize) -> usize {
        (page * self.heads + head) * self.value_size * PAGE
    }

    /// Index of element `i` of the key at `slot` of `page`.
    #[inline]
    pub fn key_index(&self, page: usize, head: usize, slot: usize, i: usize) -> usize {
        self.keys_at(page, head) + (slot / KEY_LANES * self.key_size + i) * KEY_LANES + slot % KEY_LANES
    }

    /// Index of element `i` of the value at `slot` of `page`.
    #[inline]
    pub fn value_index(&self, page: usize, head: usize, slot: usize, i: usize) -> usize {
        self.values_at(page, head) + slot * self.value_size + i
    }
}

/// One layer's keys and values for all pages.
#[derive(Debug, Clone)]
pub struct LayerCache {
    /// Its shape.
    pub shape: KvShape,
    /// `[pages][heads][PAGE / 16][key_size][16]` binary16.
    pub keys: Vec<u16>,
    /// `[pages][heads][PAGE][value_size]` binary16.
    pub values: Vec<u16>,
}

impl LayerCache {
    /// A cache of `pages` pages, all zero (the operating system hands out such memory only when it is written).
    pub fn new(shape: KvShape, pages: usize) -> Self {
        LayerCache { shape, keys: vec![0; pages * shape.page_keys()], values: vec![0; pages * shape.page_values()] }
    }

    /// Stores the key (`[heads][key_size]`) and value (`[heads][value_size]`) of one position, rounded to binary16.
    pub fn store(&mut self, page: usize, slot: usize, key: &[f32], value: &[f32]) {
        let shape = self.shape;
        for head in 0..shape.heads {
            for (i, &x) in key[head * shape.key_size..][..shape.key_size].iter().enumerate() {
                self.keys[shape.key_index(page, head, slot, i)] = f32_to_f16(x);
            }
            for (i, &x) in value[head * shape.value_size..][..shape.value_size].iter().enumerate() {
                self.values[shape.value_index(page, head, slot, i)] = f32_to_f16(x);
            }
        }
    }

    /// Copies all keys and values of page `from` to page `to`.
    ///
    /// # Panics
    /// If either page does not exist.
    pub fn copy_page(&mut self, from: usize, to: usize) {
        let (keys, values) = (self.shape.page_keys(), self.shape.page_values());
        self.keys.copy_within(from * keys..(from + 1) * keys, to * keys);
        self.values.copy_within(from * values..(from + 1) * values, to * values);
    }
}
