//! Clauses W1 and W2: blocks of weights of the formats Q4_0 and Q8_0.

use super::case::{Case, Exercise, Word, case, hex, numbers, source};
use hefu_numerics::conformance::Style;
use hefu_numerics::half::f16_to_f32;
use hefu_numerics::quant::FORMATS;

const MISTAKES: &[&str] = &["alternating", "no-offset", "twos-complement", "big-endian"];

pub(super) const EXERCISE: Exercise = Exercise { name: "block", clause: "W2", mistakes: MISTAKES, cases };

fn decoded(format: &str, block: &[u8], mistake: &str) -> Vec<f32> {
    let scale = match mistake {
        "big-endian" => f16_to_f32(u16::from_be_bytes([block[0], block[1]])),
        _ => f16_to_f32(u16::from_le_bytes([block[0], block[1]])),
    };
    let codes = &block[2..];
    let weight = |i: usize| -> i32 {
        if format == "Q8_0" {
            return i32::from(codes[i] as i8);
        }
        let (byte, is_upper) = if mistake == "alternating" { (i / 2, i % 2 == 1) } else { (i % 16, i >= 16) };
        let code = i32::from(if is_upper { codes[byte] >> 4 } else { codes[byte] & 15 });
        match mistake {
            "no-offset" => code,
            "twos-complement" => {
                if code > 7 {
                    code - 16
                } else {
                    code
                }
            }
            _ => code - 8,
        }
    };
    (0..32).map(|i| scale * weight(i) as f32).collect()
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(111, seed);
    let mut all = Vec::new();
    for name in ["Q4_0", "Q8_0", "Q4_0", "Q4_0"] {
        let Some(format) = FORMATS.iter().find(|format| format.name == name) else { continue };
        let block = source.weights(format, 1, format.block_elements, Style::Usual);
        let mut right = vec![0.0; format.block_elements];
        format.decode_row(&block, &mut right);
        let input = vec![Word::Text(name.to_owned()), Word::Text(hex(&block))];
        let mistaken = |mistake: &str| numbers(&decoded(name, &block, mistake));
        all.push(case(format!("a block of {name}"), input, numbers(&right), MISTAKES, mistaken));
    }
    all
}
