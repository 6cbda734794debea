//! From the file's layout to ours ([`crate::layout`]), and single rows back to f32.

mod trits;

use std::ops::Range;

use hefu_numerics::functions::fma;
use hefu_numerics::matrix::Matrix;
use hefu_numerics::quant::{
    Digits, Encoding, Float, Format, MAX_BLOCK_ELEMENTS, Parts, Quantised, ScaleEncoding, SubScales, Values,
    scale_value,
};

use crate::layout::{BLOCK, GROUP, LINE, QuantLayout, group_bytes};

/// See [`crate::ops::Ops::pack`].
pub fn pack(format: &'static Format, rows: usize, columns: usize, file: &[u8], packed: &mut [u8]) {
    let row_bytes = format.row_bytes(columns).expect("the caller checked that a row is a whole number of blocks");
    let groups = packed.chunks_exact_mut(group_bytes(format, columns));
    for (packed, file) in groups.zip(file[..rows * row_bytes].chunks(GROUP * row_bytes)) {
        match &format.encoding {
            Encoding::Float(Float::F32) => pack_floats::<4>(row_bytes, file, packed),
            Encoding::Float(Float::F16 | Float::BF16) => pack_floats::<2>(row_bytes, file, packed),
            Encoding::Quantised(quantised) => pack_group(format, quantised, columns, file, packed),
        }
    }
}

/// Column by column, each with `WIDTH` bytes of every row.
fn pack_floats<const WIDTH: usize>(row_bytes: usize, file: &[u8], packed: &mut [u8]) {
    let mut rows = [&[][..]; GROUP];
    for (row, file) in rows.iter_mut().zip(file.chunks_exact(row_bytes)) {
        *row = file.as_chunks::<WIDTH>().0;
    }
    for (column, numbers) in packed.chunks_exact_mut(GROUP * WIDTH).enumerate() {
        for (number, row) in numbers.as_chunks_mut::<WIDTH>().0.iter_mut().zip(&rows) {
            // Rows that are not there are zero.
            *number = row.get(column).copied().unwrap_or([0; WIDTH]);
            if cfg!(target_endian = "big") {
                number.reverse();
            }
        }
    }
}

/// Codes of 32 columns of all rows of a group: for each row its 8 column groups, of which each is one word.
type RowWords = [[u32; BLOCK / 4]; GROUP];
/// The same the other way round: for each column group the words of all rows.
type ColumnWords = [[u32; GROUP]; BLOCK / 4];

fn pack_group(format: &Format, quantised: &Quantised, columns: usize, file: &[u8], packed: &mut [u8]) {
    let layout = QuantLayout::new(quantised, format.block_elements);
    let row_bytes = columns / format.block_elements * format.block_bytes;
    let (stretches, gap) = packed.split_at_mut(columns / format.block_elements * layout.file_block_bytes());
    gap.fill(0);
    let is_full = file.len() >= GROUP * row_bytes;
    let mut parts = Parts::default();
    let mut blocks = [RowWords::default(); MAX_BLOCK_ELEMENTS / BLOCK];
    let blocks = &mut blocks[..layout.blocks()];
    for (index, stretch) in stretches.chunks_exact_mut(layout.file_block_bytes()).enumerate() {
        let (codes, scales) = stretch.split_at_mut(layout.scales_at());
        if !is_full {
            // Of rows that are not there.
            scales.fill(0);
        }
        for (row, file) in file.chunks_exact(row_bytes).enumerate() {
            (quantised.unpack_block)(&file[index * format.block_bytes..][..format.block_bytes], &mut parts);
            for (block, codes) in blocks.iter_mut().zip(parts.codes.as_chunks::<BLOCK>().0) {
                block[row] = words(codes);
            }
            pack_scales(quantised, &layout, &parts, row, scales);
        }
        let (own, shared) = codes.split_at_mut(layout.blocks() * layout.codes_per_block);
        shared.fill(0);
        for (index, (block, planes)) in blocks.iter().zip(own.chunks_exact_mut(layout.codes_per_block)).enumerate() {
            let words = by_column(block);
            match quantised.digits {
                Digits::Bits => pack_codes(quantised.code_bits, &words, planes),
                digits => trits::pack(digits, &words, index, planes, shared),
            }
        }
    }
}

/// A column group is one word: all four codes move at once.
fn words(codes: &[u8; BLOCK]) -> [u32; BLOCK / 4] {
    let mut words = [0; BLOCK / 4];
    for (word, codes) in words.iter_mut().zip(codes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*codes);
    }
    words
}

fn by_column(block: &RowWords) -> ColumnWords {
    let mut words = ColumnWords::default();
    for (row, of_row) in block.iter().enumerate() {
        for (words, word) in words.iter_mut().zip(of_row) {
            words[row] = *word;
        }
    }
    words
}

/// Writes the codes of a block to its planes.
fn pack_codes(code_bits: u32, words: &ColumnWords, planes: &mut [u8]) {
    let (mut shift, mut planes) = (0, planes);
    for &(bits, lines) in planes_of(code_bits) {
        let (plane, rest) = planes.split_at_mut(lines * LINE);
        planes = rest;
        match bits {
            8 => pack_plane::<8, 8>(words, shift, plane),
            4 => pack_plane::<4, 4>(words, shift, plane),
            2 => pack_plane::<2, 2>(words, shift, plane),
            _ => pack_plane::<1, 1>(words, shift, plane),
        }
        shift += bits;
    }
}

/// Writes `BITS` bits of all codes, from bit `shift` up, to a plane of `LINES` lines: line by line, because whole lines
/// of all rows keep vector registers full.
fn pack_plane<const BITS: u32, const LINES: usize>(words: &ColumnWords, shift: u32, plane: &mut [u8]) {
    let mask = ((1u32 << BITS) - 1) * 0x0101_0101;
    for (line, bytes) in plane.as_chunks_mut::<LINE>().0.iter_mut().enumerate() {
        let mut line_words = [0; GROUP];
        for k in 0..8 / LINES {
            for (word, codes) in line_words.iter_mut().zip(&words[line + k * LINES]) {
                *word |= (codes >> shift & mask) << (k as u32 * BITS);
            }
        }
        for (bytes, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(line_words) {
            *bytes = word.to_le_bytes();
        }
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
        1 => &[(1, 1)],
        _ => unreachable!("no format has codes of {code_bits} bits"),
    }
}

fn pack_scales(quantised: &Quantised, layout: &QuantLayout, parts: &Parts, row: usize, scales: &mut [u8]) {
    let half = |bits: u16, at: usize, scales: &mut [u8]| scales[at..at + 2].copy_from_slice(&bits.to_ne_bytes());
    match quantised.scale_encoding {
        ScaleEncoding::F16 => half(parts.scale, row * 2, scales),
        ScaleEncoding::One => (),
        encoding => half((scale_value(encoding, parts.scale).to_bits() >> 16) as u16, row * 2, scales),
    }
    if quantised.has_minimum {
        half(parts.minimum, layout.minimums_at + row * 2, scales);
    }
    for sub in 0..layout.file_block / quantised.sub_block {
        let at = |from: usize| from + sub * GROUP + row;
        match quantised.sub_scales {
            SubScales::None => return,
            SubScales::Integer | SubScales::HalfE4M3 => scales[at(layout.sub_scales_at)] = parts.sub_scales[sub] as u8,
            SubScales::Odd { .. } => {
                let pair = &mut scales[layout.sub_scales_at + sub / 2 * GROUP + row];
                // The first of a pair takes the place of what was there.
                *pair = if sub % 2 == 0 { 0 } else { *pair } | (parts.sub_scales[sub] as u8 & 15) << (sub % 2 * 4);
            }
        }
        if quantised.has_minimum {
            scales[at(layout.sub_minimums_at)] = parts.sub_minimums[sub];
        }
    }
}

/// The group in which a row lies.
pub fn group_of(matrix: &Matrix, row: usize) -> &[u8] {
    let group = group_bytes(matrix.format, matrix.columns);
    &matrix.bytes()[row / GROUP * group..][..group]
}

/// Decodes one row, as [`Format::decode_row`] does. `reading` is told which bytes of the row's group are read next, block by
/// block; of a float format it is told nothing.
pub fn row(matrix: &Matrix, row: usize, output: &mut [f32], reading: &dyn Fn(Range<usize>)) {
    let packed = group_of(matrix, row);
    match &matrix.format.encoding {
        Encoding::Float(kind) => row_of_floats(*kind, packed, row % GROUP, output),
        Encoding::Quantised(quantised) => row_of_group(matrix, quantised, packed, row % GROUP, output, reading),
    }
}

fn row_of_floats(kind: Float, packed: &[u8], row: usize, output: &mut [f32]) {
    for (column, output) in output.iter_mut().enumerate() {
        *output = float_at(kind, packed, column * GROUP + row);
    }
}

fn float_at(kind: Float, packed: &[u8], index: usize) -> f32 {
    use hefu_numerics::half::{bf16_to_f32, f16_to_f32};
    let half = || u16::from_ne_bytes([packed[index * 2], packed[index * 2 + 1]]);
    match kind {
        Float::F32 => f32::from_ne_bytes(packed[index * 4..][..4].try_into().expect("4 bytes")),
        Float::F16 => f16_to_f32(half()),
        Float::BF16 => bf16_to_f32(half()),
    }
}

fn row_of_group(
    matrix: &Matrix,
    quantised: &Quantised,
    packed: &[u8],
    row: usize,
    output: &mut [f32],
    reading: &dyn Fn(Range<usize>),
) {
    let layout = QuantLayout::new(quantised, matrix.format.block_elements);
    for (block, output) in output.chunks_exact_mut(BLOCK).enumerate() {
        reading(layout.codes_at(block)..layout.codes_at(block) + layout.block_bytes());
        let index = block % layout.blocks();
        let file_block = &packed[block / layout.blocks() * layout.file_block_bytes()..][..layout.file_block_bytes()];
        let (codes, scales) = file_block.split_at(layout.scales_at());
        let (own, shared) = codes.split_at(layout.blocks() * layout.codes_per_block);
        let planes = &own[index * layout.codes_per_block..][..layout.codes_per_block];
        let codes = match quantised.digits {
            Digits::Bits => codes_of(quantised.code_bits, planes, row),
            digits => trits::codes_of(digits, planes, shared, index, row),
        };
        let first = index * BLOCK / quantised.sub_block;
        let subs = output.chunks_exact_mut(quantised.sub_block).zip(codes.chunks_exact(quantised.sub_block));
        for (sub, (output, codes)) in (first..).zip(subs) {
            let (s, m) = scales_of(quantised, &layout, scales, row, sub);
            weigh(quantised, codes, s, m, output);
        }
    }
}

/// Scale and minimum of a row's sub-block, from the scales of a block of the file.
fn scales_of(quantised: &Quantised, layout: &QuantLayout, scales: &[u8], row: usize, sub: usize) -> (f32, f32) {
    use hefu_numerics::half::{bf16_to_f32, f16_to_f32};
    let half = |at: usize| u16::from_ne_bytes([scales[at], scales[at + 1]]);
    let byte = |at: usize| scales[at + sub * GROUP + row];
    let scale = match quantised.scale_encoding {
        ScaleEncoding::F16 => f16_to_f32(half(row * 2)),
        ScaleEncoding::One => 1.0,
        ScaleEncoding::HalfE8M0 => bf16_to_f32(half(row * 2)),
    };
    let mut minimum = if quantised.has_minimum { f16_to_f32(half(layout.minimums_at + row * 2)) } else { 0.0 };
    let piece = match quantised.sub_scales {
        SubScales::None => return (scale, minimum),
        SubScales::Integer | SubScales::HalfE4M3 => byte(layout.sub_scales_at),
        SubScales::Odd { .. } => scales[layout.sub_scales_at + sub / 2 * GROUP + row] >> (sub % 2 * 4) & 15,
    };
    if quantised.has_minimum {
        minimum *= f32::from(byte(layout.sub_minimums_at));
    }
    (scale * quantised.sub_scales.factor(piece as i8), minimum)
}

/// `output = s * weight - m` for the weights of some codes.
fn weigh(quantised: &Quantised, codes: &[u8], s: f32, m: f32, output: &mut [f32]) {
    let weight = |code: u8| match quantised.values {
        Values::Offset(offset) => i32::from(code) - i32::from(offset),
        Values::Table(table) => i32::from(table[usize::from(code & 15)]),
    };
    let each = output.iter_mut().zip(codes);
    if quantised.has_minimum {
        each.for_each(|(output, &code)| *output = fma(s, weight(code) as f32, -m));
    } else {
        // The product of two numbers, rounded once, is what a fused one less 0 is; and it takes no call where the
        // processor is not asked for fused instructions.
        each.for_each(|(output, &code)| *output = s * weight(code) as f32);
    }
}

/// The codes of one row in the planes of a block.
fn codes_of(code_bits: u32, planes: &[u8], row: usize) -> [u8; BLOCK] {
    let mut words = [0; BLOCK / 4];
    let (mut shift, mut planes) = (0, planes);
    for &(bits, lines) in planes_of(code_bits) {
        let (plane, rest) = planes.split_at(lines * LINE);
        let mask = if bits == 8 { u32::MAX } else { ((1 << bits) - 1) * 0x0101_0101 };
        for (line, bytes) in plane.chunks_exact(LINE).enumerate() {
            let four = u32::from_le_bytes(bytes[row * 4..][..4].try_into().expect("4 bytes"));
            for k in 0..8 / lines {
                words[line + k * lines] |= (four >> (k as u32 * bits) & mask) << shift;
            }
        }
        shift += bits;
        planes = rest;
    }
    let mut codes = [0; BLOCK];
    codes.as_chunks_mut::<4>().0.iter_mut().zip(words).for_each(|(four, word)| *four = word.to_le_bytes());
    codes
}
