//! Paged cache of keys and values.
//!
//! Positions are kept in pages of [`PAGE`] so that sequences of different lengths can share memory; which pages belong
//! to a sequence, in order, is its page table. Where a number lies within a page is [`KvShape`]'s knowledge; what it
//! is, that of clause A1.

mod aligned;
mod profile;
mod shape;

pub use aligned::Aligned;
pub use profile::Profile;
pub use shape::{BLOCK, KEY_LANES, KvShape, PAGE};

use crate::half::{f16_to_f32, f32_to_f16};
use crate::program::{StateSpec, Values};
use crate::reference::{QuantizedBlock, quantize, quantize_block};

/// Offset of the code bytes of `q8` keys, and of `i8` keys and values, from the integers: instructions multiply unsigned bytes with signed ones.
pub const KEY_OFFSET: u8 = 128;

/// One layer's keys and values for all pages; what the bytes mean is [`KvShape`]'s to say.
#[derive(Debug)]
pub struct LayerCache {
    /// Its shape.
    pub shape: KvShape,
    /// [`KvShape::page_key_bytes`] for each page.
    pub keys: Aligned,
    /// [`KvShape::page_value_bytes`] for each page; empty where values are the first numbers of keys.
    pub values: Aligned,
    /// True if values are the first `value_size` numbers of keys.
    values_in_keys: bool,
}

impl LayerCache {
    /// A cache of `pages` pages, all zero (the operating system hands out such memory only when it is written).
    pub fn new(shape: KvShape, pages: usize) -> Self {
        LayerCache::with_room(shape, pages, |bytes| bytes)
    }

    /// The same, with `room(bytes)` bytes for each of its two parts where a device has use for more than they take.
    pub fn with_room(shape: KvShape, pages: usize, room: impl Fn(usize) -> usize) -> Self {
        let part = |bytes| Aligned::with_room(bytes, room(bytes));
        let (keys, values) = (part(pages * shape.page_key_bytes()), part(pages * shape.page_value_bytes()));
        LayerCache { shape, keys, values, values_in_keys: false }
    }

    /// The cache of a key-value state, as [`LayerCache::new`] makes it.
    ///
    /// # Panics
    /// For a recurrent state.
    pub fn of(state: &StateSpec, profile: Profile, pages: usize) -> Self {
        let shape = KvShape::of(state, profile).expect("the state holds keys and values");
        match state {
            // In i8 a value is rounded otherwise than its key.
            StateSpec::KeyValue { value: Values::FirstOfKey(_), .. } if profile != Profile::I8 => {
                let keys = Aligned::zeroed(pages * shape.page_key_bytes());
                LayerCache { shape, keys, values: Aligned::zeroed(0), values_in_keys: true }
            }
            _ => LayerCache::new(shape, pages),
        }
    }

    /// Bytes of a page of a key-value state; `None` for a recurrent one, and where they cannot be counted.
    pub fn page_bytes(state: &StateSpec, profile: Profile) -> Option<usize> {
        let StateSpec::KeyValue { heads, key, value, .. } = *state else { return None };
        let values = match value {
            Values::FirstOfKey(_) if profile != Profile::I8 => 0,
            Values::Own(size) | Values::FirstOfKey(size) => shape::value_bytes(profile, size),
        };
        shape::key_bytes(profile, key).checked_add(values)?.checked_mul(heads)?.checked_mul(PAGE)
    }

    /// True if values are the first numbers of keys, and are not stored themselves.
    pub fn values_in_keys(&self) -> bool {
        self.values_in_keys
    }

    /// Stores the key (`[heads][key_size]`) and value (`[heads][value_size]`; empty where values are the first numbers of
    /// keys) of one position (clause A1).
    pub fn store(&mut self, page: usize, slot: usize, key: &[f32], value: &[f32]) {
        let shape = self.shape;
        let own = if value.is_empty() { 0 } else { shape.value_size };
        for head in 0..shape.heads {
            let (key, mut value) = (&key[head * shape.key_size..][..shape.key_size], &value[head * own..][..own]);
            if value.is_empty() && !self.values_in_keys {
                value = &key[..shape.value_size];
            }
            match shape.profile {
                Profile::F16 => self.store_f16(page, head, slot, key, value),
                Profile::Q8 => {
                    self.store_key_blocks(page, head, slot, key);
                    self.store_value_blocks(page, head, slot, value);
                }
                Profile::I8 => {
                    self.store_key_blocks(page, head, slot, key);
                    self.store_value_i8(page, head, slot, value);
                }
            }
        }
    }

    fn store_f16(&mut self, page: usize, head: usize, slot: usize, key: &[f32], value: &[f32]) {
        for (i, &x) in key.iter().enumerate() {
            put(&mut self.keys, self.shape.key_at(page, head, slot, i), x);
        }
        for (i, &x) in value.iter().enumerate() {
            put(&mut self.values, self.shape.value_at(page, head, slot, i), x);
        }
    }

    fn store_key_blocks(&mut self, page: usize, head: usize, slot: usize, key: &[f32]) {
        let shape = self.shape;
        for (block, x) in key.chunks(BLOCK).enumerate() {
            let quantized = quantize_block(x);
            put(&mut self.keys, shape.key_scale_at(page, head, slot, block), quantized.scale);
            // Elements past the last are stored too, as zeros, so that kernels need not look where a key ends.
            for (group, q) in quantized.q.chunks_exact(4).enumerate() {
                let at = shape.key_at(page, head, slot, block * BLOCK + group * 4);
                let codes = [0, 1, 2, 3].map(|i| q[i] as u8 ^ KEY_OFFSET);
                self.keys[at..at + 4].copy_from_slice(&codes);
            }
        }
    }

    fn store_value_blocks(&mut self, page: usize, head: usize, slot: usize, value: &[f32]) {
        let shape = self.shape;
        for (block, x) in value.chunks(BLOCK).enumerate() {
            let quantized = quantize_block(x);
            put(&mut self.values, shape.value_scale_at(page, head, slot, block), quantized.scale);
            let at = shape.value_at(page, head, slot, block * BLOCK);
            self.values[at..at + BLOCK].copy_from_slice(&quantized.q.map(|q| q as u8));
        }
    }

    fn store_value_i8(&mut self, page: usize, head: usize, slot: usize, value: &[f32]) {
        let (q, scale) = quantize(value);
        put(&mut self.values, self.shape.value_scale_at(page, head, slot, 0), scale);
        for (i, q) in q.into_iter().enumerate() {
            self.values[self.shape.value_at(page, head, slot, i)] = q as u8 ^ KEY_OFFSET;
        }
    }

    /// Element `i` of a key of an f16 cache.
    pub fn key(&self, page: usize, head: usize, slot: usize, i: usize) -> f32 {
        get(&self.keys, self.shape.key_at(page, head, slot, i))
    }

    /// Element `i` of a value of an f16 cache.
    pub fn value(&self, page: usize, head: usize, slot: usize, i: usize) -> f32 {
        if self.values_in_keys {
            return self.key(page, head, slot, i);
        }
        get(&self.values, self.shape.value_at(page, head, slot, i))
    }

    /// A block of a key of a q8 or i8 cache.
    pub fn key_block(&self, page: usize, head: usize, slot: usize, block: usize) -> QuantizedBlock {
        let at = |i| self.shape.key_at(page, head, slot, block * BLOCK + i);
        let q = std::array::from_fn(|i| (self.keys[at(i)] ^ KEY_OFFSET) as i8);
        QuantizedBlock { q, scale: get(&self.keys, self.shape.key_scale_at(page, head, slot, block)) }
    }

    /// A block of a value of a q8 cache.
    pub fn value_block(&self, page: usize, head: usize, slot: usize, block: usize) -> QuantizedBlock {
        if self.values_in_keys {
            return self.key_block(page, head, slot, block);
        }
        let at = |i| self.shape.value_at(page, head, slot, block * BLOCK + i);
        let q = std::array::from_fn(|i| self.values[at(i)] as i8);
        QuantizedBlock { q, scale: get(&self.values, self.shape.value_scale_at(page, head, slot, block)) }
    }

    /// The integers and the scale of a value of an i8 cache.
    pub fn value_i8(&self, page: usize, head: usize, slot: usize) -> (Vec<i8>, f32) {
        let code = |i| (self.values[self.shape.value_at(page, head, slot, i)] ^ KEY_OFFSET) as i8;
        let scale = get(&self.values, self.shape.value_scale_at(page, head, slot, 0));
        ((0..self.shape.value_size).map(code).collect(), scale)
    }

    /// Copies all keys and values of page `from` to page `to`.
    ///
    /// # Panics
    /// If either page does not exist.
    pub fn copy_page(&mut self, from: usize, to: usize) {
        let keys = self.shape.page_key_bytes();
        let values = if self.values_in_keys { 0 } else { self.shape.page_value_bytes() };
        self.keys.copy_within(from * keys..(from + 1) * keys, to * keys);
        self.values.copy_within(from * values..(from + 1) * values, to * values);
    }
}

/// Writes a number as binary16.
fn put(bytes: &mut [u8], at: usize, x: f32) {
    bytes[at..at + 2].copy_from_slice(&f32_to_f16(x).to_ne_bytes());
}

/// Reads a binary16.
fn get(bytes: &[u8], at: usize) -> f32 {
    f16_to_f32(u16::from_ne_bytes([bytes[at], bytes[at + 1]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_found_and_nothing_else_is_touched() {
        for profile in Profile::ALL {
            let shape = KvShape { heads: 3, key_size: 70, value_size: 33, profile };
            let mut cache = LayerCache::new(shape, 3);
            let number = |i: usize| (i * 37 % 101) as f32 / 8.0 - 6.0;
            let key = |t: usize| (0..3 * 70).map(|i| number(i + 7 * t)).collect::<Vec<_>>();
            let value = |t: usize| (0..3 * 33).map(|i| number(3 * i + t)).collect::<Vec<_>>();
            for t in 0..2 * PAGE {
                cache.store([2, 0][t / PAGE], t % PAGE, &key(t), &value(t));
            }
            cache.copy_page(2, 1);
            for t in (0..2 * PAGE).step_by(5) {
                for page in if t < PAGE { vec![2, 1] } else { vec![0] } {
                    assert_found(&cache, page, t % PAGE, &key(t), &value(t));
                }
            }
        }
    }

    fn assert_found(cache: &LayerCache, page: usize, slot: usize, key: &[f32], value: &[f32]) {
        for head in 0..3 {
            let (key, value) = (&key[head * 70..][..70], &value[head * 33..][..33]);
            match cache.shape.profile {
                // These numbers are exact in binary16.
                Profile::F16 => {
                    assert!(key.iter().enumerate().all(|(i, &x)| cache.key(page, head, slot, i) == x));
                    assert!(value.iter().enumerate().all(|(i, &x)| cache.value(page, head, slot, i) == x));
                }
                Profile::Q8 => {
                    let rounded = |x: &[f32]| {
                        let block = quantize_block(x);
                        QuantizedBlock { scale: f16_to_f32(f32_to_f16(block.scale)), ..block }
                    };
                    let found = |block| cache.key_block(page, head, slot, block);
                    assert!(key.chunks(BLOCK).enumerate().all(|(block, x)| found(block) == rounded(x)));
                    let found = |block| cache.value_block(page, head, slot, block);
                    assert!(value.chunks(BLOCK).enumerate().all(|(block, x)| found(block) == rounded(x)));
                }
                Profile::I8 => {
                    let (q, scale) = quantize(value);
                    assert_eq!(cache.value_i8(page, head, slot), (q, f16_to_f32(f32_to_f16(scale))));
                }
            }
        }
    }
}
