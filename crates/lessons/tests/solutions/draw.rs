#![allow(dead_code)]
mod words;
use words::*;

fn bits(seed: u64, position: u64) -> u64 {
    let (mut a, mut b, mut c, mut d) = (position as u32, (position >> 32) as u32, 0_u32, 0_u32);
    let (mut k0, mut k1) = (seed as u32, (seed >> 32) as u32);
    for _ in 0..10 {
        let (first, second) = (u64::from(a) * 0xD2511F53, u64::from(c) * 0xCD9E8D57);
        (a, b, c, d) = ((second >> 32) as u32 ^ b ^ k0, second as u32, (first >> 32) as u32 ^ d ^ k1, first as u32);
        (k0, k1) = (k0.wrapping_add(0x9E3779B9), k1.wrapping_add(0xBB67AE85));
    }
    u64::from(a) | u64::from(b) << 32
}

fn main() {
    answer(|words| {
        let (seed, positions, count) = (words.whole(), words.whole(), words.whole());
        let (positions, weights) = (words.wholes(positions), words.wholes(count));
        let total: u64 = weights.iter().sum();
        let chosen = |position: &u64| {
            let point = (u128::from(bits(seed, *position)) * u128::from(total) >> 64) as u64;
            let mut sum = 0;
            let at = weights.iter().position(|weight| {
                sum += weight;
                sum > point
            });
            at.expect("the point is below the total").to_string()
        };
        positions.iter().map(chosen).collect()
    });
}
