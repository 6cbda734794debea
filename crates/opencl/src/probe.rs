//! Tests of a device's arithmetic before it is used: each thing that the contract asks, by name.

use hefu_numerics::functions::fma;

use crate::driver::{Argument, Buffer, Fault, Queue};

/// Results for each triple of numbers.
const RESULTS: usize = 6;

/// Property that each result shows.
const ASKED: [&str; RESULTS] = [
    "a fused multiply-add that is rounded once",
    "a product and a sum that are rounded one after the other",
    "correctly rounded division",
    "correctly rounded square roots",
    "sums with subnormal numbers",
    "rounding to whole numbers, ties to even",
];

/// Tests that a device fails, by name; none where it is right.
pub(crate) fn wrong(queue: &mut Queue) -> Result<Vec<&'static str>, Fault> {
    let given = triples();
    let count = given.len() / 3;
    let (from, to) =
        (Buffer::new(queue.context(), given.len() * 4)?, Buffer::new(queue.context(), count * RESULTS * 4)?);
    queue.write(&from, 0, &given)?;
    queue.launch(
        "probe",
        [count, 1, 1],
        &[Argument::Buffer(&from), Argument::Buffer(&to), Argument::U32(count as u32)],
    )?;
    let mut found = vec![0.0_f32; count * RESULTS];
    queue.read(&to, 0, &mut found)?;
    let mut wrong = Vec::new();
    for (triple, found) in given.chunks_exact(3).zip(found.chunks_exact(RESULTS)) {
        for ((right, found), name) in right(triple).iter().zip(found).zip(ASKED) {
            let is_same = right.to_bits() == found.to_bits() || (right.is_nan() && found.is_nan());
            if !is_same && !wrong.contains(&name) {
                wrong.push(name);
            }
        }
    }
    Ok(wrong)
}

fn right(triple: &[f32]) -> [f32; RESULTS] {
    let [a, b, c] = [triple[0], triple[1], triple[2]];
    [fma(a, b, c), a * b + c, a / b, a.sqrt(), a + b, a.round_ties_even()]
}

/// Numbers that tell right from wrong, and many others of all magnitudes.
fn triples() -> Vec<f32> {
    let (one, tiny) = (1.0 + 1.0 / 4096.0, f32::from_bits(1));
    let mut all = vec![
        one,
        one,
        -(one * one), // once: 2^-24, twice: 0
        tiny,
        tiny,
        tiny,
        f32::MIN_POSITIVE,
        0.5,
        0.0,
        f32::from_bits(0x007f_ffff),
        -tiny,
        tiny,
        2.5,
        3.0,
        -7.5,
        -3.5,
        7.0,
        0.5,
        f32::INFINITY,
        0.0,
        1.0,
        f32::MAX,
        2.0,
        f32::NEG_INFINITY,
    ];
    let mut state = 1_u32;
    for _ in 0..3 * 4096 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // The upper bits of such numbers are the better ones; a third are of like magnitude, so that sums cancel.
        let mixed = state ^ state >> 15;
        all.push(f32::from_bits(if all.len() % 9 < 3 { mixed & 0x80ff_ffff | 0x3f00_0000 } else { mixed }));
    }
    all
}
