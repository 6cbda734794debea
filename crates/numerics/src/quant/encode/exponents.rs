//! Formats whose scales are floating point numbers of 8 bits (clause X9).

use super::block::Block;
use super::levels::Table;
use super::line::Numbers;
use super::single::put_codes;
use crate::quant::{Parts, Quantised, ScaleEncoding, Values, scale_value};

/// Powers of two that are tried for a block of four-bit floating point numbers, whose largest magnitude is from 1 to 4.
const POWERS: [f32; 5] = [0.125, 0.0625, 0.25, 0.5, 0.03125];

/// Scales of a sub-block that are tried to each side of the one that takes its largest magnitude to the largest level.
const AROUND: i8 = 4;

/// The largest byte that is a scale.
const MOST_BYTE: i8 = 0x7e;

/// The levels of a table, in ascending order and each once.
fn ascending(quantised: &Quantised) -> Vec<f32> {
    let Values::Table(table) = quantised.values else { return vec![0.0] };
    let mut values: Vec<i8> = table.to_vec();
    values.sort_unstable();
    values.dedup();
    values.into_iter().map(f32::from).collect()
}

/// One power of two for a block.
pub(super) fn encode_power(quantised: &Quantised, block: &Block, parts: &mut Parts) {
    let values = ascending(quantised);
    let levels = Table { values: &values };
    let numbers = Numbers { x: block.x(), w: block.w() };
    let mut best = (0, 0.0, f32::INFINITY);
    for power in POWERS.into_iter().filter(|_| !block.is_zero()) {
        // The byte for half of 2^e is e + 128, one more than the exponent of binary32.
        let byte = ((power / block.here(1.0)).to_bits() >> 23) as u16 + 1;
        let scale = block.here(scale_value(ScaleEncoding::HalfE8M0, byte.min(254)));
        let error = numbers.error(levels, scale, 0.0);
        best = if error < best.2 { (byte.min(254), scale, error) } else { best };
    }
    parts.scale = best.0;
    put_codes(quantised, levels, numbers.x, [best.1, 0.0], &mut parts.codes);
}

/// A number of seven bits for each sub-block.
pub(super) fn encode_factors(quantised: &Quantised, block: &Block, parts: &mut Parts) {
    let values = ascending(quantised);
    let (levels, top) = (Table { values: &values }, values.last().copied().unwrap_or(1.0));
    let all = Numbers { x: block.x(), w: block.w() };
    let size = quantised.sub_block;
    let factor = |byte: i8| block.here(quantised.sub_scales.factor(byte));
    for (b, codes) in parts.codes.chunks_exact_mut(size).take(all.x.len() / size).enumerate() {
        let numbers = all.part(b, size);
        let wanted = numbers.peak().abs() / top;
        let below = (0..=MOST_BYTE).rev().find(|byte| factor(*byte) <= wanted).unwrap_or(0);
        let mut best = (0, f32::INFINITY);
        for byte in (below - AROUND).max(0)..=(below + AROUND).min(MOST_BYTE) {
            let error = numbers.error(levels, factor(byte), 0.0);
            best = if error < best.1 { (byte, error) } else { best };
        }
        parts.sub_scales[b] = best.0;
        put_codes(quantised, levels, numbers.x, [factor(best.0), 0.0], codes);
    }
}
