//! Formats with one scale, or one scale and one minimum, for a block (clause X6).

use super::block::Block;
use super::levels::{Levels, Table, Whole};
use super::line::{Numbers, inverse, scale, scale_and_minimum};
use crate::quant::{Format, Parts, Quantised, Values};

/// Steps by which targets lie around the level that the largest magnitude is brought to: from -1 to 1 by eighths.
pub(super) fn steps() -> impl Iterator<Item = f32> {
    (-8_i8..=8).map(|step| f32::from(step) * 0.125)
}

/// The code of a level; 0 for none.
pub(super) fn code(quantised: &Quantised, level: f32) -> u8 {
    match quantised.values {
        Values::Offset(offset) => (level as i32 + i32::from(offset)) as u8,
        Values::Table(table) => table.iter().position(|value| f32::from(*value) == level).unwrap_or(0) as u8,
    }
}

/// Writes the codes of the levels nearest to the numbers, for one scale and minimum.
pub(super) fn put_codes<L: Levels>(
    quantised: &Quantised,
    levels: L,
    x: &[f32],
    [scale, minimum]: [f32; 2],
    codes: &mut [u8],
) {
    let inverse = inverse(scale);
    for (code_of, x) in codes.iter_mut().zip(x) {
        *code_of = code(quantised, levels.nearest((x + minimum) * inverse));
    }
}

pub(super) fn encode(format: &Format, quantised: &Quantised, block: &Block, parts: &mut Parts) {
    let top = ((1_u32 << quantised.code_bits) - 1) as f32;
    match quantised.values {
        Values::Offset(_) if quantised.has_minimum => with_minimum(quantised, top, block, parts),
        Values::Offset(offset) => {
            let least = -f32::from(offset);
            // The ternary formats have no level above 1, whatever their codes could say.
            let most = if format.name.starts_with("TQ") { 1.0 } else { top + least };
            let levels = Whole { least, most };
            match (format.name, offset) {
                (_, 128) => whole(quantised, levels, &[127.0], true, block, parts),
                ("Q2_0", _) => {
                    let targets = [2.0, 1.5, 1.75, 2.25, 2.5, 3.0, -1.0, -1.25, -1.5, -2.0];
                    whole(quantised, levels, &targets, false, block, parts);
                }
                (_, 1) => {
                    let targets = [1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0];
                    whole(quantised, levels, &targets, true, block, parts);
                }
                _ => {
                    let targets: Vec<f32> = steps().map(|step| least + step).collect();
                    whole(quantised, levels, &targets, false, block, parts);
                }
            }
        }
        Values::Table(table) => {
            let values = table.map(f32::from);
            let levels = Table { values: &values[..1 << quantised.code_bits] };
            let targets = steps().map(|step| values[0] * (1.0 + step * 0.0625));
            let targets: Vec<f32> = if quantised.code_bits == 1 { vec![1.0] } else { targets.collect() };
            whole(quantised, levels, &targets, quantised.code_bits == 1, block, parts);
        }
    }
}

/// `is_even`: targets have the sign of the number that is brought to them, so that the scale is not negative.
fn whole<L: Levels>(
    quantised: &Quantised,
    levels: L,
    targets: &[f32],
    is_even: bool,
    block: &Block,
    parts: &mut Parts,
) {
    let numbers = Numbers { x: block.x(), w: block.w() };
    let sign = if is_even && numbers.peak() < 0.0 { -1.0 } else { 1.0 };
    let line = scale(numbers, levels, targets.iter().map(|target| sign * target));
    let (bits, scale) = if block.is_zero() { (0, 0.0) } else { block.narrow(line.scale) };
    parts.scale = bits;
    put_codes(quantised, levels, numbers.x, [scale, 0.0], &mut parts.codes);
}

fn with_minimum(quantised: &Quantised, top: f32, block: &Block, parts: &mut Parts) {
    let levels = Whole { least: 0.0, most: top };
    let numbers = Numbers { x: block.x(), w: block.w() };
    let (mut scale, mut minimum) = (0.0, 0.0);
    if !block.is_zero() {
        let line = scale_and_minimum(numbers, top, true, steps());
        (parts.scale, scale) = block.narrow(line.scale);
        (parts.minimum, minimum) = block.narrow(line.minimum);
    }
    put_codes(quantised, levels, numbers.x, [scale, minimum], &mut parts.codes);
}
