//! From the file's layout to ours ([`crate::layout`]), and single rows back to f32.

use hefu_numerics::matrix::Matrix;
use hefu_numerics::quant::{Encoding, Float, Format, Parts, Quantised, ScaleEncoding, Values, scale_value};

use crate::layout::{BLOCK, GROUP, LINE, QuantLayout, group_bytes};

/// See [`hefu_numerics::ops::Ops::pack`].
pub fn pack(format: &'static Format, rows: usize, columns: usize, file: &[u8], packed: &mut [u8]) {
    let row_bytes = format.row_bytes(columns).expect("the caller checked that a row is a whole number of blocks");
    let groups = packed.chunks_exact_mut(group_bytes(format, columns));
    for (packed, file) in groups.zip(file[..rows * row_bytes].chunks(GROUP * row_bytes)) {
        match &format.encoding {
            Encoding::Float(_) => pack_floats(format.block_bytes, row_bytes, file, packed),
            Encoding::Quantised(quantised) => pack_group(format, quantised, columns, file, packed),
        }
    }
}

fn pack_floats(width: usize, row_bytes: usize, file: &[u8], packed: &mut [u8]) {
    if file.len() < GROUP * row_bytes {
        packed.fill(0);
    }
    for (row, file) in file.chunks_exact(row_bytes).enumerate() {
        for (column, number) in file.chunks_exact(width).enumerate() {
            packed[(column * GROUP + row) * width..][..width].copy_from_slice(number);
        }
    }
}

fn pack_group(format: &Format, quantised: &Quantised, columns: usize, file: &[u8], packed: &mut [u8]) {
    let layout = QuantLayout::new(quantised, format.block_elements);
    let row_bytes = columns / format.block_elements * format.block_bytes;
    packed.fill(0);
    let (codes, scales) = packed.split_at_mut(layout.scales_at(columns));
    let codes_per_file_block = format.block_elements / BLOCK * layout.codes_per_block;
    let mut parts = Parts::default();
    for index in 0..columns / format.block_elements {
        let codes = &mut codes[index * codes_per_file_block..][..codes_per_file_block];
        let scales = &mut scales[index * layout.scales_per_file_block..][..layout.scales_per_file_block];
        for (row, file) in file.chunks_exact(row_bytes).enumerate() {
            (quantised.take_apart)(&file[index * format.block_bytes..][..format.block_bytes], &mut parts);
            for (block, codes) in codes.chunks_exact_mut(layout.codes_per_block).enumerate() {
                let of_block: &[u8; BLOCK] = parts.codes[block * BLOCK..][..BLOCK].try_into().expect("32 codes");
                pack_codes(quantised.code_bits, of_block, row, codes);
            }
            pack_scales(quantised, &layout, &parts, row, scales);
        }
    }
}

/// Writes the codes of one row to the planes of a block.
fn pack_codes(code_bits: u32, codes: &[u8; BLOCK], row: usize, planes: &mut [u8]) {
    // A column group is one word: all four codes move at once.
    let mut words = [0u32; 8];
    for (word, group) in words.iter_mut().zip(codes.chunks_exact(4)) {
        *word = u32::from_le_bytes([group[0], group[1], group[2], group[3]]);
    }
    let (mut shift_by, mut planes) = (0, planes);
    for &(bits, lines) in planes_of(code_bits) {
        let (plane, rest) = planes.split_at_mut(lines * LINE);
        planes = rest;
        let shifted = words.map(|word| word >> shift_by);
        match bits {
            8 => pack_plane::<8, 8>(&shifted, row, plane),
            4 => pack_plane::<4, 4>(&shifted, row, plane),
            2 => pack_plane::<2, 2>(&shifted, row, plane),
            _ => pack_plane::<1, 1>(&shifted, row, plane),
        }
        shift_by += bits;
    }
}

/// Writes the low `BITS` bits of one row's codes to its places in a plane of `LINES` lines.
fn pack_plane<const BITS: u32, const LINES: usize>(words: &[u32; 8], row: usize, plane: &mut [u8]) {
    let mask = ((1u32 << BITS) - 1) * 0x0101_0101;
    for line in 0..LINES {
        let taken = (0..8 / LINES).map(|k| (words[line + k * LINES] & mask) << (k as u32 * BITS));
        let word = taken.fold(0, |word, part| word | part);
        plane[line * LINE + row * 4..][..4].copy_from_slice(&word.to_le_bytes());
    }
}

/// The planes of codes of so many bits, from the low bits up: bits per code, lines.
fn planes_of(code_bits: u32) -> &'static [(u32, usize)] {
    match code_bits {
        8 => &[(8, 8)],
        6 => &[(4, 4), (2, 2)],
        5 => &[(4, 4), (1, 1)],
        4 => &[(4, 4)],
        3 => &[(2, 2), (1, 1)],
        2 => &[(2, 2)],
        _ => unreachable!("no format has codes of {code_bits} bits"),
    }
}

fn pack_scales(quantised: &Quantised, layout: &QuantLayout, parts: &Parts, row: usize, scales: &mut [u8]) {
    let scale = match quantised.scale_encoding {
        ScaleEncoding::F16 => parts.scale,
        encoding => (scale_value(encoding, parts.scale).to_bits() >> 16) as u16,
    };
    scales[row * 2..][..2].copy_from_slice(&scale.to_le_bytes());
    if quantised.has_minimum {
        scales[layout.minimums_at + row * 2..][..2].copy_from_slice(&parts.minimum.to_le_bytes());
    }
    if !quantised.has_sub_scales {
        return;
    }
    for sub in 0..layout.file_block / quantised.sub_block {
        scales[layout.sub_scales_at + sub * GROUP + row] = parts.sub_scales[sub] as u8;
        if quantised.has_minimum {
            scales[layout.sub_minimums_at + sub * GROUP + row] = parts.sub_minimums[sub];
        }
    }
}

/// See [`hefu_numerics::ops::Ops::row`].
pub fn row(matrix: &Matrix, row: usize, output: &mut [f32]) {
    let group = group_bytes(matrix.format, matrix.columns);
    let packed = &matrix.bytes()[row / GROUP * group..][..group];
    match &matrix.format.encoding {
        Encoding::Float(kind) => row_of_floats(*kind, packed, row % GROUP, output),
        Encoding::Quantised(quantised) => row_of_group(matrix, quantised, packed, row % GROUP, output),
    }
}

fn row_of_floats(kind: Float, packed: &[u8], row: usize, output: &mut [f32]) {
    for (column, output) in output.iter_mut().enumerate() {
        *output = float_at(kind, packed, column * GROUP + row);
    }
}

fn float_at(kind: Float, packed: &[u8], index: usize) -> f32 {
    use hefu_numerics::half::{bf16_to_f32, f16_to_f32};
    let half = || u16::from_le_bytes([packed[index * 2], packed[index * 2 + 1]]);
    match kind {
        Float::F32 => f32::from_le_bytes(packed[index * 4..][..4].try_into().expect("4 bytes")),
        Float::F16 => f16_to_f32(half()),
        Float::BF16 => bf16_to_f32(half()),
    }
}

fn row_of_group(matrix: &Matrix, quantised: &Quantised, packed: &[u8], row: usize, output: &mut [f32]) {
    use hefu_numerics::half::{bf16_to_f32, f16_to_f32};
    let layout = QuantLayout::new(quantised, matrix.format.block_elements);
    let (codes, scales) = packed.split_at(layout.scales_at(matrix.columns));
    let half = |at: usize| u16::from_le_bytes([scales[at], scales[at + 1]]);
    for (block, output) in output.chunks_exact_mut(BLOCK).enumerate() {
        let planes = &codes[block * layout.codes_per_block..][..layout.codes_per_block];
        let file_block = block * BLOCK / layout.file_block;
        let at = file_block * layout.scales_per_file_block;
        let scale = match quantised.scale_encoding {
            ScaleEncoding::F16 => f16_to_f32(half(at + row * 2)),
            ScaleEncoding::HalfE8M0 => bf16_to_f32(half(at + row * 2)),
        };
        let minimum = if quantised.has_minimum { f16_to_f32(half(at + layout.minimums_at + row * 2)) } else { 0.0 };
        for (i, output) in output.iter_mut().enumerate() {
            let sub = (block * BLOCK + i) % layout.file_block / quantised.sub_block;
            let (mut s, mut m) = (scale, minimum);
            if quantised.has_sub_scales {
                s *= f32::from(scales[at + layout.sub_scales_at + sub * GROUP + row] as i8);
                if quantised.has_minimum {
                    m *= f32::from(scales[at + layout.sub_minimums_at + sub * GROUP + row]);
                }
            }
            let weight = weight(quantised, code_at(quantised.code_bits, planes, row, i));
            *output = s.mul_add(weight as f32, -m);
        }
    }
}

fn weight(quantised: &Quantised, code: u8) -> i32 {
    match quantised.values {
        Values::Offset(offset) => i32::from(code) - i32::from(offset),
        Values::Table(table) => i32::from(table[usize::from(code & 15)]),
    }
}

/// The code of one row and column in the planes of a block.
fn code_at(code_bits: u32, planes: &[u8], row: usize, column: usize) -> u8 {
    let (mut code, mut shift, mut planes) = (0, 0, planes);
    for &(bits, lines) in planes_of(code_bits) {
        let group = column / 4;
        let byte = planes[group % lines * LINE + row * 4 + column % 4];
        let mask = if bits == 8 { 0xff } else { (1u8 << bits) - 1 };
        code |= ((byte >> ((group / lines) as u32 * bits)) & mask) << shift;
        shift += bits;
        planes = &planes[lines * LINE..];
    }
    code
}
