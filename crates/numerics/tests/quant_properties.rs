//! Properties that every weight format has for any bytes whatever; packing for a chip relies on them.

use hefu_numerics::half::f16_to_f32;
use hefu_numerics::quant::{Encoding, FORMATS, Format, Parts, Quantised, ScaleEncoding, Values};
use proptest::prelude::*;
use proptest::sample::Index;

/// A quantised format and the bytes of one to three blocks.
fn blocks() -> impl Strategy<Value = (&'static Format, &'static Quantised, Vec<u8>)> {
    let quantised: Vec<_> = FORMATS.iter().filter_map(|&format| Some((format, format.quantised()?))).collect();
    (prop::sample::select(quantised), 1usize..4).prop_flat_map(|((format, quantised), count)| {
        prop::collection::vec(any::<u8>(), count * format.block_bytes).prop_map(move |bytes| (format, quantised, bytes))
    })
}

/// The scale from its definition; exact.
fn scale(quantised: &Quantised, parts: &Parts) -> f64 {
    match quantised.scale_encoding {
        ScaleEncoding::F16 => f64::from(f16_to_f32(parts.scale)),
        ScaleEncoding::HalfE8M0 => 2.0f64.powi(i32::from(parts.scale) - 128),
    }
}

/// `scale * sub_scale * weight - minimum * sub_minimum`, rounded once, at the end: every bit of either product lies
/// between 2^-24 (the least binary16) and 2^28, so f64 holds their difference exactly.
fn naive(quantised: &Quantised, parts: &Parts, i: usize) -> f32 {
    let b = i / quantised.sub_block;
    let weight = match quantised.values {
        Values::Offset(offset) => f64::from(parts.codes[i]) - f64::from(offset),
        Values::Table(table) => f64::from(table[usize::from(parts.codes[i])]),
    };
    let product = scale(quantised, parts) * f64::from(parts.sub_scales[b]) * weight;
    if quantised.has_minimum {
        (product - f64::from(f16_to_f32(parts.minimum)) * f64::from(parts.sub_minimums[b])) as f32
    } else {
        product as f32
    }
}

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

fn differing<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a != b).count()
}

fn taken_apart(quantised: &Quantised, block: &[u8]) -> Parts {
    let mut parts = Parts::default();
    (quantised.take_apart)(block, &mut parts);
    parts
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_block_comes_apart_within_its_bounds((format, quantised, bytes) in blocks()) {
        let used = format.block_elements / quantised.sub_block;
        for block in bytes.chunks_exact(format.block_bytes) {
            let parts = taken_apart(quantised, block);
            let codes = &parts.codes[..format.block_elements];
            prop_assert!(codes.iter().all(|&code| u32::from(code) < 1 << quantised.code_bits));
            if !quantised.has_sub_scales {
                prop_assert!(parts.sub_scales[..used].iter().all(|&factor| factor == 1));
                prop_assert!(parts.sub_minimums[..used].iter().all(|&factor| factor == 1));
            }
            if !quantised.has_minimum {
                prop_assert_eq!(parts.minimum, 0);
            }

            // What an earlier block of another format left behind must not show.
            let mut reused = Parts {
                codes: [0xff; 256],
                scale: 0xffff,
                minimum: 0xffff,
                sub_scales: [77; 16],
                sub_minimums: [77; 16],
            };
            (quantised.take_apart)(block, &mut reused);
            prop_assert_eq!(codes, &reused.codes[..format.block_elements]);
            reused.codes = parts.codes;
            prop_assert_eq!(parts, reused);
        }
    }

    #[test]
    fn every_element_is_the_naive_formula((format, quantised, bytes) in blocks()) {
        let columns = bytes.len() / format.block_bytes * format.block_elements;
        let (mut output, mut again) = (vec![0.0f32; columns], vec![f32::NAN; columns]);
        format.decode_row(&bytes, &mut output);
        format.decode_row(&bytes, &mut again);
        prop_assert!(output.iter().zip(&again).all(|(&first, &second)| same(first, second)));
        for (block, output) in bytes.chunks_exact(format.block_bytes).zip(output.chunks_exact(format.block_elements)) {
            let parts = taken_apart(quantised, block);
            for (i, &found) in output.iter().enumerate() {
                let expected = naive(quantised, &parts, i);
                prop_assert!(same(found, expected), "{} element {i}: {found:e}, not {expected:e}", format.name);
            }
        }
    }

    #[test]
    fn every_bit_of_a_block_belongs_to_one_number(
        (format, quantised, mut bytes) in blocks(), at in any::<Index>(), bit in 0u8..8
    ) {
        bytes.truncate(format.block_bytes);
        let before = taken_apart(quantised, &bytes);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let after = taken_apart(quantised, &bytes);
        let changed = differing(&before.codes, &after.codes)
            + differing(&before.sub_scales, &after.sub_scales)
            + differing(&before.sub_minimums, &after.sub_minimums)
            + differing(&[before.scale, before.minimum], &[after.scale, after.minimum]);
        prop_assert_eq!(changed, 1, "{}: bit {} of byte {}", format.name, bit, at);
    }
}

#[test]
fn the_table_keeps_what_packing_relies_on() {
    for format in FORMATS {
        assert_eq!(Format::from_name(format.name), Some(*format));
        assert_eq!(Format::from_gguf_type(format.gguf_type), Some(*format));
        assert_eq!(format.row_bytes(2 * format.block_elements), Some(2 * format.block_bytes));
        let Encoding::Quantised(quantised) = &format.encoding else { continue };
        assert!(matches!(quantised.code_bits, 2 | 3 | 4 | 5 | 6 | 8), "{}", format.name);
        assert!(matches!(quantised.sub_block, 16 | 32), "{}", format.name);
        assert_eq!(format.block_elements, if quantised.has_sub_scales { 256 } else { 32 }, "{}", format.name);
        assert_eq!(format.row_bytes(format.block_elements + 1), None);
        if let Values::Table(_) = quantised.values {
            assert_eq!(quantised.code_bits, 4, "{}", format.name);
        }
    }
    assert!(FORMATS.windows(2).all(|pair| pair[0].gguf_type < pair[1].gguf_type), "in order of the type numbers");
}
