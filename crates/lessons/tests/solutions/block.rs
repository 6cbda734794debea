#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let (kind, block) = (words.text(), of_hex(&words.text()));
        let scale = of_half(u16::from_le_bytes([block[0], block[1]]));
        let weight = |i: usize| match &kind[..] {
            "Q8_0" => f32::from(block[2 + i] as i8),
            _ if i < 16 => f32::from(block[2 + i] & 15) - 8.0,
            _ => f32::from(block[2 + i - 16] >> 4) - 8.0,
        };
        digits(&(0..32).map(|i| scale * weight(i)).collect::<Vec<_>>())
    });
}
