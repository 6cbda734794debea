//! Place of a number in a page.
//!
//! ```text
//! f16  keys     [heads][PAGE / 16][key_size][16 positions]                    binary16
//!      values   [heads][PAGE][value_size]                                     binary16
//! q8   keys     [heads] { [PAGE / 16][blocks][8 groups][16 positions][4]      codes, 128 added
//!                         [PAGE / 16][blocks][16 positions] }                 scales, binary16
//!      values   [heads] { [PAGE][blocks][32]                                  codes, signed
//!                         [blocks][PAGE] }                                    scales, binary16
//! i8   keys     as in q8
//!      values   [heads] { [PAGE / 32][sixteens][8 groups][16 elements][4 positions]   codes, 128 added
//!                         [PAGE] }                                            scales, binary16
//! ```
//!
//! A query's scores are computed for 16 keys at once, so that these lie side by side, for q8 in groups of four elements
//! as instructions multiply them. Outputs are computed for the elements of one value at once, so that these do, for i8 in
//! groups of four positions: a value's elements are to its weights what 16 keys are to a query's elements.

use super::Profile;
use crate::program::StateSpec;

/// Positions per page.
pub const PAGE: usize = 64;

/// Positions that lie side by side in the keys of a page.
pub const KEY_LANES: usize = 16;

/// Elements of a key or value that share a scale in q8, and positions whose weights share one in i8; a last block may be
/// shorter, and is stored filled up by zeros.
pub const BLOCK: usize = 32;

/// The shape of one layer's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvShape {
    /// Key-value heads.
    pub heads: usize,
    /// Elements of a key.
    pub key_size: usize,
    /// Elements of a value.
    pub value_size: usize,
    /// Format of a number.
    pub profile: Profile,
}

impl KvShape {
    /// The shape of a state, if it holds keys and values.
    pub fn of(state: &StateSpec, profile: Profile) -> Option<KvShape> {
        match *state {
            StateSpec::KeyValue { heads, key, value, .. } => {
                Some(KvShape { heads, key_size: key, value_size: value.size(), profile })
            }
            StateSpec::Recurrent { .. } => None,
        }
    }

    /// Blocks of a key.
    #[inline]
    pub fn key_blocks(&self) -> usize {
        self.key_size.div_ceil(BLOCK)
    }

    /// Blocks of a value.
    #[inline]
    pub fn value_blocks(&self) -> usize {
        self.value_size.div_ceil(BLOCK)
    }

    /// Sixteens of elements of a value, the last filled up.
    #[inline]
    pub fn value_sixteens(&self) -> usize {
        self.value_size.div_ceil(KEY_LANES)
    }

    /// Bytes of all keys in one page.
    pub fn page_key_bytes(&self) -> usize {
        self.heads * PAGE * key_bytes(self.profile, self.key_size)
    }

    /// Bytes of all values in one page.
    pub fn page_value_bytes(&self) -> usize {
        self.heads * PAGE * value_bytes(self.profile, self.value_size)
    }

    /// Index of the keys of `head` in `page`.
    #[inline]
    pub fn keys_at(&self, page: usize, head: usize) -> usize {
        (page * self.heads + head) * PAGE * key_bytes(self.profile, self.key_size)
    }

    /// Index of the values of `head` in `page`.
    #[inline]
    pub fn values_at(&self, page: usize, head: usize) -> usize {
        (page * self.heads + head) * PAGE * value_bytes(self.profile, self.value_size)
    }

    /// Index of element `i` of the key at `slot` of `page`.
    #[inline]
    pub fn key_at(&self, page: usize, head: usize, slot: usize, i: usize) -> usize {
        let (sixteen, lane) = (slot / KEY_LANES, slot % KEY_LANES);
        let at = match self.profile {
            Profile::F16 => ((sixteen * self.key_size + i) * KEY_LANES + lane) * 2,
            Profile::Q8 | Profile::I8 => {
                let group = sixteen * self.key_blocks() * (BLOCK / 4) + i / 4;
                (group * KEY_LANES + lane) * 4 + i % 4
            }
        };
        self.keys_at(page, head) + at
    }

    /// Index of the scale of a block of the key at `slot` of `page`; not in f16.
    #[inline]
    pub fn key_scale_at(&self, page: usize, head: usize, slot: usize, block: usize) -> usize {
        let blocks = self.key_blocks();
        let scale = (slot / KEY_LANES * blocks + block) * KEY_LANES + slot % KEY_LANES;
        self.keys_at(page, head) + PAGE * blocks * BLOCK + scale * 2
    }

    /// Index of element `i` of the value at `slot` of `page`.
    #[inline]
    pub fn value_at(&self, page: usize, head: usize, slot: usize, i: usize) -> usize {
        let at = match self.profile {
            Profile::F16 => (slot * self.value_size + i) * 2,
            Profile::Q8 => slot * self.value_blocks() * BLOCK + i,
            Profile::I8 => {
                let sixteen = slot / BLOCK * self.value_sixteens() + i / KEY_LANES;
                let group = sixteen * (BLOCK / 4) + slot % BLOCK / 4;
                (group * KEY_LANES + i % KEY_LANES) * 4 + slot % 4
            }
        };
        self.values_at(page, head) + at
    }

    /// Bytes from the numbers of one position's value to those of the next one's; not in i8, where they lie between others.
    #[inline]
    pub fn value_row_bytes(&self) -> usize {
        match self.profile {
            Profile::F16 => self.value_size * 2,
            Profile::Q8 | Profile::I8 => self.value_blocks() * BLOCK,
        }
    }

    /// Index of the scale of a block of the value at `slot` of `page`, in i8 of its only block; not in f16.
    #[inline]
    pub fn value_scale_at(&self, page: usize, head: usize, slot: usize, block: usize) -> usize {
        let codes = match self.profile {
            Profile::I8 => self.value_sixteens() * KEY_LANES,
            _ => self.value_blocks() * BLOCK,
        };
        self.values_at(page, head) + PAGE * codes + (block * PAGE + slot) * 2
    }
}

/// Bytes of a key of `size` elements.
pub(super) fn key_bytes(profile: Profile, size: usize) -> usize {
    match profile {
        Profile::F16 => size.saturating_mul(2),
        Profile::Q8 | Profile::I8 => size.div_ceil(BLOCK).saturating_mul(BLOCK + 2),
    }
}

/// Bytes of a value of `size` elements.
pub(super) fn value_bytes(profile: Profile, size: usize) -> usize {
    match profile {
        Profile::F16 | Profile::Q8 => key_bytes(profile, size),
        Profile::I8 => size.div_ceil(KEY_LANES).saturating_mul(KEY_LANES).saturating_add(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte of a page belongs to one number at most, and in whole blocks to exactly one.
    #[test]
    fn no_two_numbers_share_a_byte() {
        for profile in Profile::ALL {
            for (key_size, value_size) in [(64, 32), (33, 70), (1, 1)] {
                check(KvShape { heads: 2, key_size, value_size, profile });
            }
        }
    }

    fn check(shape: KvShape) {
        let (mut keys, mut values) = (vec![0; shape.page_key_bytes() * 2], vec![0; shape.page_value_bytes() * 2]);
        let number = if shape.profile == Profile::F16 { 2 } else { 1 };
        let mark = |bytes: &mut [u8], at: usize, count| bytes[at..at + count].iter_mut().for_each(|byte| *byte += 1);
        for (head, slot) in (0..2).flat_map(|head| (0..PAGE).map(move |slot| (head, slot))) {
            (0..shape.key_size).for_each(|i| mark(&mut keys, shape.key_at(1, head, slot, i), number));
            (0..shape.value_size).for_each(|i| mark(&mut values, shape.value_at(1, head, slot, i), number));
            if shape.profile != Profile::F16 {
                let blocks = 0..shape.key_blocks();
                blocks.for_each(|block| mark(&mut keys, shape.key_scale_at(1, head, slot, block), 2));
                let blocks = 0..if shape.profile == Profile::Q8 { shape.value_blocks() } else { 1 };
                blocks.for_each(|block| mark(&mut values, shape.value_scale_at(1, head, slot, block), 2));
            }
        }
        for (bytes, size) in [(&keys, shape.key_size), (&values, shape.value_size)] {
            let (first, second) = bytes.split_at(bytes.len() / 2);
            assert!(first.iter().all(|&count| count == 0));
            let is_full = shape.profile == Profile::F16 || size % BLOCK == 0;
            assert!(second.iter().all(|&count| count == 1 || (!is_full && count == 0)), "{shape:?}");
        }
    }
}
