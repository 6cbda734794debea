//! Counter-based random numbers: Philox4x32-10 (clause S5).
//!
//! Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC'11. A number depends on the seed, the
//! position and what it is for, and on nothing else: no state is carried from token to token, so a request can be
//! resumed at any position and does not notice which other requests run beside it.

/// Purpose of a random number; different purposes get unrelated numbers at the same position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The choice of the token.
    Choice = 0,
    /// Decision whether XTC acts at this position.
    Xtc = 1,
}

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_INCREMENTS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// 64 random bits for (`seed`, `position`, `purpose`).
pub(super) fn bits(seed: u64, position: u64, purpose: Purpose) -> u64 {
    let counter = [position as u32, (position >> 32) as u32, purpose as u32, 0];
    let key = [seed as u32, (seed >> 32) as u32];
    let [low, high, _, _] = philox4x32_10(counter, key);
    u64::from(low) | u64::from(high) << 32
}

/// A random number in [0, 1): the upper 53 of the 64 bits, times 2^-53, exact in f64.
pub(super) fn uniform(seed: u64, position: u64, purpose: Purpose) -> f64 {
    (bits(seed, position, purpose) >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// The block function: ten rounds over a 128-bit counter with a 64-bit key.
fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k0, mut k1]) = (counter, key);
    for _ in 0..ROUNDS {
        let first = u64::from(a) * u64::from(MULTIPLIERS[0]);
        let second = u64::from(c) * u64::from(MULTIPLIERS[1]);
        (a, b, c, d) = ((second >> 32) as u32 ^ b ^ k0, second as u32, (first >> 32) as u32 ^ d ^ k1, first as u32);
        k0 = k0.wrapping_add(KEY_INCREMENTS[0]);
        k1 = k1.wrapping_add(KEY_INCREMENTS[1]);
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors that the authors publish with Random123 (`kat_vectors`, "philox4x32 10").
    #[test]
    fn philox_known_answers() {
        let check = |counter, key, expected| assert_eq!(philox4x32_10(counter, key), expected);
        check([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        check([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        check(
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        );
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let first = bits(7, 9, Purpose::Choice);
        assert_eq!(bits(0, 0, Purpose::Choice), 0xe169_c58d_6627_e8d5);
        assert_ne!(first, bits(7, 9, Purpose::Xtc));
        assert_ne!(first, bits(7 | 1 << 63, 9, Purpose::Choice));
        assert_ne!(first, bits(7, 9 | 1 << 63, Purpose::Choice));
    }

    #[test]
    fn uniform_stays_inside_its_range_and_is_level() {
        let draws = 20_000;
        let mut buckets = [0_u32; 10];
        for position in 0..draws {
            let draw = uniform(42, position, Purpose::Xtc);
            assert!((0.0..1.0).contains(&draw));
            buckets[(draw * 10.0) as usize] += 1;
        }
        // 2000 expected with a deviation of 42: five deviations either way.
        assert!(buckets.iter().all(|n| (1790..2210).contains(n)), "{buckets:?}");
    }
}
