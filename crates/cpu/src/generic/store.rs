//! One position's key and value into a page of the cache (clause A1).

use hefu_numerics::half::f32_to_f16;
use hefu_numerics::kv::{BLOCK, KEY_LANES, KEY_OFFSET, KvShape, Profile};

use super::lanes::{F32x16, LANES};
use super::rows::{DotIsa, quantizer};
use crate::layout::LINE;

/// Where a position lies, and the bytes of the cache that it lies in.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The cache's shape.
    pub shape: KvShape,
    /// All keys.
    pub keys: *mut u8,
    /// All values.
    pub values: *mut u8,
    /// The page.
    pub page: usize,
    /// The position within it.
    pub slot: usize,
    /// True if the position before was stored elsewhere: then the lines of this one come from memory.
    pub is_from_memory: bool,
}

/// Stores `key` (`[heads][key_size]`) and `value` (`[heads][value_size]`) at `place`.
///
/// # Safety
/// The machine has the instructions of `L` and `R`; `keys` and `values` are those of a cache of this shape that has the
/// page, and nobody else touches this position meanwhile.
#[inline(always)]
pub unsafe fn store<L: F32x16, R: DotIsa>(place: &Place, key: &[f32], value: &[f32]) {
    let shape = place.shape;
    if place.is_from_memory {
        ask_for_lines::<R>(place);
    }
    let heads = key.chunks_exact(shape.key_size).zip(value.chunks_exact(shape.value_size)).take(shape.heads);
    for (head, (key, value)) in heads.enumerate() {
        // SAFETY: the machine has the instructions of `L` and `R`; `keys` and `values` are those of a cache of this
        // shape that has the page, and nobody else touches this position meanwhile.
        unsafe {
            match shape.profile {
                Profile::F16 => store_f16::<L>(place, head, key, value),
                Profile::Q8 => {
                    store_key_blocks::<R>(place, head, key);
                    store_value_blocks::<R>(place, head, value);
                }
                Profile::I8 => {
                    store_key_blocks::<R>(place, head, key);
                    store_value_i8(place, head, value);
                }
            }
        }
    }
}

/// Asks for all lines that a position is written to: a key touches one for every two elements, and stores wait for
/// their lines one after the other. In i8, four positions of a value share their lines, which are few.
#[inline(always)]
fn ask_for_lines<R: DotIsa>(place: &Place) {
    let Place { shape, page, slot, .. } = *place;
    let key_bytes = KEY_LANES * if shape.profile == Profile::F16 { 2 } else { 1 } * shape.key_size;
    for head in 0..shape.heads {
        let keys = place.keys.wrapping_add(shape.key_at(page, head, slot, 0));
        (0..key_bytes).step_by(LINE).for_each(|at| R::prefetch_for_writing(keys.wrapping_add(at)));
        if shape.profile == Profile::I8 {
            continue;
        }
        let values = place.values.wrapping_add(shape.value_at(page, head, slot, 0));
        (0..shape.value_row_bytes()).step_by(LINE).for_each(|at| R::prefetch_for_writing(values.wrapping_add(at)));
    }
}

#[inline(always)]
unsafe fn store_f16<L: F32x16>(place: &Place, head: usize, key: &[f32], value: &[f32]) {
    let Place { shape, page, slot, .. } = *place;
    // SAFETY: the machine has the instructions; where elements lie is the shape's to say.
    unsafe {
        let (sixteens, rest) = key.as_chunks::<LANES>();
        let at = place.keys.add(shape.key_at(page, head, slot, 0));
        for (i, sixteen) in sixteens.iter().enumerate() {
            let mut halves = [0_u16; LANES];
            L::load(sixteen.as_ptr()).store_f16(halves.as_mut_ptr());
            for (j, half) in halves.iter().enumerate() {
                put(at.add((i * LANES + j) * KEY_LANES * 2), *half);
            }
        }
        for (i, &x) in rest.iter().enumerate() {
            put(at.add((sixteens.len() * LANES + i) * KEY_LANES * 2), f32_to_f16(x));
        }
        let (sixteens, rest) = value.as_chunks::<LANES>();
        let at = place.values.add(shape.value_at(page, head, slot, 0)).cast::<u16>();
        for (i, sixteen) in sixteens.iter().enumerate() {
            L::load(sixteen.as_ptr()).store_f16(at.add(i * LANES));
        }
        for (i, &x) in rest.iter().enumerate() {
            put(at.add(sixteens.len() * LANES + i).cast(), f32_to_f16(x));
        }
    }
}

#[inline(always)]
unsafe fn store_key_blocks<R: DotIsa>(place: &Place, head: usize, key: &[f32]) {
    let Place { shape, page, slot, .. } = *place;
    // SAFETY: the machine has the instructions; where codes and scales lie is the shape's to say.
    unsafe {
        for (block, x) in key.chunks(BLOCK).enumerate() {
            let (scale, q) = quantize::<R>(x);
            put(place.keys.add(shape.key_scale_at(page, head, slot, block)), scale);
            for (group, four) in q.as_chunks::<4>().0.iter().enumerate() {
                let at = place.keys.add(shape.key_at(page, head, slot, block * BLOCK + group * 4));
                at.cast::<[u8; 4]>().write(four.map(|q| q as u8 ^ KEY_OFFSET));
            }
        }
    }
}

#[inline(always)]
unsafe fn store_value_blocks<R: DotIsa>(place: &Place, head: usize, value: &[f32]) {
    let Place { shape, page, slot, .. } = *place;
    // SAFETY: the machine has the instructions; where codes and scales lie is the shape's to say.
    unsafe {
        for (block, x) in value.chunks(BLOCK).enumerate() {
            let (scale, q) = quantize::<R>(x);
            put(place.values.add(shape.value_scale_at(page, head, slot, block)), scale);
            let at = place.values.add(shape.value_at(page, head, slot, block * BLOCK));
            at.cast::<[u8; BLOCK]>().write(q.map(|q| q as u8));
        }
    }
}

/// A value with one scale: clause Q1 over all of its elements.
#[inline(always)]
unsafe fn store_value_i8(place: &Place, head: usize, value: &[f32]) {
    let Place { shape, page, slot, .. } = *place;
    let largest = value.iter().map(|x| x.to_bits() & 0x7fff_ffff).max().unwrap_or(0);
    let (scale, factor) = quantizer(largest);
    // SAFETY: the machine has the instructions; where codes and scales lie is the shape's to say.
    unsafe {
        put(place.values.add(shape.value_scale_at(page, head, slot, 0)), f32_to_f16(scale));
        for (i, x) in value.iter().enumerate() {
            // No number becomes 0, as the scale says what it was.
            let q = (x * factor).round_ties_even() as i8;
            *place.values.add(shape.value_at(page, head, slot, i)) = q as u8 ^ KEY_OFFSET;
        }
    }
}

/// A block of up to 32 elements, filled up by zeros: its scale as binary16, and its integers.
#[inline(always)]
unsafe fn quantize<R: DotIsa>(x: &[f32]) -> (u16, [i8; BLOCK]) {
    let (mut whole, mut q) = ([0.0; BLOCK], [0; BLOCK]);
    whole[..x.len()].copy_from_slice(x);
    // SAFETY: the machine has the instructions; there are 32 numbers.
    let (scale, _) = unsafe { R::quantize(whole.as_ptr(), &mut q) };
    (f32_to_f16(scale), q)
}

/// Writes a binary16.
#[inline(always)]
unsafe fn put(to: *mut u8, half: u16) {
    // SAFETY: 2 bytes.
    unsafe { to.cast::<u16>().write_unaligned(half) }
}
