#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let count = words.whole();
        let mut data = Vec::new();
        for number in words.numbers(count) {
            let bits = if number.is_nan() { 0x7fc00000 } else { number.to_bits() };
            data.extend(bits.to_le_bytes());
        }
        vec![hex(&sha256(&data))[..32].to_owned()]
    });
}
