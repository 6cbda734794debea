//! Encoding: blocks that come apart as they were put together, errors as small as a format allows, and bytes
//! that depend on nothing but the numbers.

use hefu_numerics::quant::encode::encode_row;
use hefu_numerics::quant::{FORMATS, Format};
use sha2::{Digest, Sha256};

/// Numbers as weights have them: mostly small, some large (a sum of uniform numbers, now and then stretched).
fn weights(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    let mut one = move || {
        let sum = next() + next() + next() + next();
        if next() > 0.47 { sum * 0.2 } else { sum * 0.05 }
    };
    (0..count).map(|_| one()).collect()
}

fn encoded(format: &Format, row: &[f32], importance: Option<&[f32]>) -> Vec<u8> {
    let mut bytes = vec![0xaa; format.row_bytes(row.len()).unwrap()];
    encode_row(format, row, importance, &mut bytes);
    bytes
}

fn decoded(format: &Format, bytes: &[u8], columns: usize) -> Vec<f32> {
    let mut row = vec![0.0; columns];
    format.decode_row(bytes, &mut row);
    row
}

/// Root of the mean squared error as part of that of the numbers.
fn relative_error(a: &[f32], b: &[f32]) -> f64 {
    let squares = |pair: (&f32, &f32)| (f64::from(*pair.0) - f64::from(*pair.1)).powi(2);
    let error: f64 = a.iter().zip(b).map(squares).sum();
    (error / a.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>()).sqrt()
}

/// The most that is left of the numbers' size, measured on what `weights` makes; a format that got worse exceeds it.
const ERRORS: &[(&str, f64)] = &[
    ("F32", 0.0000),
    ("F16", 0.0003),
    ("Q4_0", 0.1107),
    ("Q4_1", 0.0810),
    ("Q5_0", 0.0557),
    ("Q5_1", 0.0395),
    ("Q8_0", 0.0071),
    ("Q2_K", 0.2880),
    ("Q3_K", 0.1753),
    ("Q4_K", 0.0818),
    ("Q5_K", 0.0405),
    ("Q6_K", 0.0215),
    ("IQ2_XXS", 0.3906),
    ("IQ2_XS", 0.3215),
    ("IQ3_XXS", 0.1984),
    ("IQ1_S", 0.5504),
    ("IQ4_NL", 0.0917),
    ("IQ3_S", 0.1541),
    ("IQ2_S", 0.2901),
    ("IQ4_XS", 0.0925),
    ("IQ1_M", 0.4679),
    ("BF16", 0.0018),
    ("TQ1_0", 0.6288),
    ("TQ2_0", 0.6288),
    ("MXFP4", 0.1274),
    ("NVFP4", 0.0861),
    ("Q1_0", 0.7230),
    ("Q2_0", 0.4563),
];

#[test]
fn errors_are_as_small_as_they_were() {
    let row = weights(64 * 256, 7);
    for format in FORMATS {
        let bytes = encoded(format, &row, None);
        let error = relative_error(&row, &decoded(format, &bytes, row.len()));
        let most = ERRORS
            .iter()
            .find(|(name, _)| *name == format.name)
            .unwrap_or_else(|| panic!("{} has no bound", format.name))
            .1;
        assert!(error <= most, "{}: {error} is more than {most}", format.name);
    }
}

#[test]
fn what_a_format_can_hold_comes_back() {
    for format in FORMATS {
        let row = weights(8 * 256, 3);
        let first = decoded(format, &encoded(format, &row, None), row.len());
        let again = decoded(format, &encoded(format, &first, None), row.len());
        assert!(relative_error(&first, &again) < 0.12, "{}: {}", format.name, relative_error(&first, &again));
    }
}

#[test]
fn rows_of_any_size_are_finite() {
    for format in FORMATS {
        for factor in [0.0, 1e-38, 1e-30, 1e-8, 1.0, 1e4, 1e30, f32::MAX] {
            let row: Vec<f32> = weights(512, 5).iter().map(|x| (x * factor).clamp(-f32::MAX, f32::MAX)).collect();
            let back = decoded(format, &encoded(format, &row, None), row.len());
            if format.name != "F16" {
                assert!(back.iter().all(|x| x.is_finite()), "{} times {factor}", format.name);
            }
            if factor == 0.0 {
                assert!(back.iter().all(|x| *x == 0.0), "{}", format.name);
            }
        }
    }
}

#[test]
fn what_matters_more_is_kept_better() {
    let row = weights(32 * 256, 11);
    let importance: Vec<f32> = (0..row.len()).map(|i| if i % 7 == 0 { 50.0 } else { 0.1 }).collect();
    let of = |row: &[f32]| -> Vec<f32> { row.iter().step_by(7).copied().collect() };
    for format in FORMATS.iter().filter(|format| format.quantised().is_some_and(|q| (2..6).contains(&q.code_bits))) {
        let plain = decoded(format, &encoded(format, &row, None), row.len());
        let weighed = decoded(format, &encoded(format, &row, Some(&importance)), row.len());
        let [plain, weighed] = [plain, weighed].map(|back| relative_error(&of(&row), &of(&back)));
        assert!(weighed < plain, "{}: {weighed} and {plain}", format.name);
    }
}

#[test]
fn importance_of_no_use_changes_nothing_much() {
    let row = weights(256, 2);
    for format in FORMATS {
        assert_eq!(
            encoded(format, &row, Some(&[0.0; 256])),
            encoded(format, &row, Some(&[1.0; 256])),
            "{}",
            format.name
        );
    }
}

/// The bytes are the same on every machine: their digest, over all formats.
#[test]
fn the_bytes_are_these() {
    let row = weights(16 * 256, 1);
    let importance: Vec<f32> = weights(row.len(), 9).iter().map(|x| x * x).collect();
    let mut digest = Sha256::new();
    for format in FORMATS {
        digest.update(encoded(format, &row, None));
        digest.update(encoded(format, &row, Some(&importance)));
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "92af60d73520c8a4a78aa90e87818a242268d2e8de745110db19a6056a50fbac");
}
