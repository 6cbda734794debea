//! Properties that every weight format has for any bytes whatever; packing for a chip relies on them.

use hefu_numerics::half::f16_to_f32;
use hefu_numerics::quant::{Digits, Encoding, FORMATS, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};
use proptest::prelude::*;
use proptest::sample::Index;

/// A quantised format and the bytes of one to three blocks.
fn blocks(is_like: fn(&Format) -> bool) -> impl Strategy<Value = (&'static Format, &'static Quantised, Vec<u8>)> {
    let formats = FORMATS.iter().filter(|format| is_like(format));
    let quantised: Vec<_> = formats.filter_map(|&format| Some((format, format.quantised()?))).collect();
    (prop::sample::select(quantised), 1usize..4).prop_flat_map(|((format, quantised), count)| {
        prop::collection::vec(any::<u8>(), count * format.block_bytes).prop_map(move |bytes| (format, quantised, bytes))
    })
}

/// The scale from its definition; exact.
fn scale(quantised: &Quantised, parts: &Parts) -> f64 {
    match quantised.scale_encoding {
        ScaleEncoding::F16 => f64::from(f16_to_f32(parts.scale)),
        ScaleEncoding::One => 1.0,
        ScaleEncoding::HalfE8M0 => 2.0f64.powi(i32::from(parts.scale) - 128),
    }
}

/// A sub-block's factor from its definition; exact.
fn factor(quantised: &Quantised, piece: i8) -> f64 {
    match quantised.sub_scales {
        SubScales::None => 1.0,
        SubScales::Integer => f64::from(piece),
        SubScales::Odd { eighths } => f64::from(2 * i32::from(piece) + 1) * f64::from(eighths) / 8.0,
        SubScales::HalfE4M3 => match (piece >> 3, f64::from(piece & 7) / 8.0) {
            (0, fraction) => fraction * 2.0f64.powi(-7),
            (exponent, fraction) => (1.0 + fraction) * 2.0f64.powi(i32::from(exponent) - 8),
        },
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
    let product = scale(quantised, parts) * factor(quantised, parts.sub_scales[b]) * weight;
    if quantised.has_minimum {
        (product - f64::from(f16_to_f32(parts.minimum)) * f64::from(parts.sub_minimums[b])) as f32
    } else {
        product as f32
    }
}

/// True if a bit of the file belongs to several codes, or to none, as some of NVFP4's scales do.
fn is_grid(format: &Format) -> bool {
    ["IQ1_", "IQ2_", "IQ3_", "TQ1_", "NVFP4"].iter().any(|start| format.name.starts_with(start))
}

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

fn differing<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a != b).count()
}

fn taken_apart(quantised: &Quantised, block: &[u8]) -> Parts {
    let mut parts = Parts::default();
    (quantised.unpack_block)(block, &mut parts);
    parts
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_block_comes_apart_within_its_bounds((format, quantised, bytes) in blocks(|_| true)) {
        let used = format.block_elements / quantised.sub_block;
        for block in bytes.chunks_exact(format.block_bytes) {
            let parts = taken_apart(quantised, block);
            let codes = &parts.codes[..format.block_elements];
            prop_assert!(codes.iter().all(|&code| u32::from(code) < 1 << quantised.code_bits));
            if quantised.sub_scales == SubScales::None {
                prop_assert!(parts.sub_scales[..used].iter().all(|&factor| factor == 1));
                prop_assert!(parts.sub_minimums[..used].iter().all(|&factor| factor == 1));
            }
            if !quantised.has_minimum {
                prop_assert_eq!(parts.minimum, 0);
            }
            if let SubScales::Odd { .. } = quantised.sub_scales {
                prop_assert!(parts.sub_scales[..used].iter().all(|&piece| (0..16).contains(&piece)));
            }
            if quantised.sub_scales == SubScales::HalfE4M3 {
                prop_assert!(parts.sub_scales[..used].iter().all(|&piece| (0..0x7f).contains(&piece) || block.contains(&0xff)));
            }
            if quantised.digits != Digits::Bits {
                prop_assert!(codes.iter().all(|&code| code & 3 != 3));
            }
            if quantised.digits == Digits::TritsAndRuns {
                prop_assert!(codes.as_chunks::<8>().0.iter().all(|run| run.iter().all(|code| code >> 2 == run[0] >> 2)));
            }

            // Remains of an earlier block of another format must not show.
            let mut reused = Parts {
                codes: [0xff; 256],
                scale: 0xffff,
                minimum: 0xffff,
                sub_scales: [77; 16],
                sub_minimums: [77; 16],
            };
            (quantised.unpack_block)(block, &mut reused);
            prop_assert_eq!(codes, &reused.codes[..format.block_elements]);
            reused.codes = parts.codes;
            prop_assert_eq!(parts, reused);
        }
    }

    #[test]
    fn every_element_is_the_naive_formula((format, quantised, bytes) in blocks(|_| true)) {
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
        (format, quantised, mut bytes) in blocks(|format| !is_grid(format)), at in any::<Index>(), bit in 0u8..8
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
        assert!(matches!(quantised.code_bits, 1 | 2 | 3 | 4 | 5 | 6 | 8), "{}", format.name);
        assert!(matches!(quantised.sub_block, 16 | 32), "{}", format.name);
        assert!(matches!(format.block_elements, 32 | 64 | 128 | 256), "{}", format.name);
        let is_odd = matches!(quantised.sub_scales, SubScales::Odd { .. });
        let in_bytes = matches!(quantised.sub_scales, SubScales::None | SubScales::Integer);
        assert!(!is_odd || (format.block_elements / quantised.sub_block).is_multiple_of(2), "{}: nibbles", format.name);
        assert!(in_bytes || !quantised.has_minimum, "{}: minimums have factors of the same kind", format.name);
        match quantised.digits {
            Digits::Bits => (),
            Digits::Trits => assert_eq!((format.block_elements, quantised.code_bits), (256, 2), "{}", format.name),
            _ => assert_eq!((format.block_elements, quantised.code_bits), (256, 3), "{}", format.name),
        }
        assert_eq!(format.row_bytes(format.block_elements + 1), None);
        if let Values::Table(_) = quantised.values {
            assert!(quantised.code_bits <= 4, "{}", format.name);
        }
    }
    assert!(FORMATS.windows(2).all(|pair| pair[0].gguf_type < pair[1].gguf_type), "in order of the type numbers");
}
