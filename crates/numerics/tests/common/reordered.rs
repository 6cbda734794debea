//! A device that is nearly right: its products add the two halves of every sum, each in order.

use hefu_numerics::program::{Op, Value, Weight};
use hefu_numerics::reference::{self, AlteredDevice, Given};

/// The naive loops but for one thing: every sum is cut in two.
pub(crate) const REORDERED: AlteredDevice = AlteredDevice { name: "reordered", alter: reorder };

/// Makes products again, in another order.
pub(crate) fn reorder(op: &Op, given: &Given<'_>, out: &mut [f32]) {
    if let Op::Linear { x, weight, bias, .. } = *op {
        product(given, x, weight, bias, out);
    }
}

fn product(given: &Given<'_>, x: Value, weight: Weight, bias: Option<Weight>, out: &mut [f32]) {
    let matrix = given.matrix(weight);
    let columns = matrix.columns;
    // Between blocks of activations, where there are some.
    let middle = if matrix.format.quantised().is_some() { columns / 2 / 32 * 32 } else { columns / 2 };
    let halves = [0..middle, middle..columns].map(|half| {
        // A column of zeros adds nothing, not even a rounding.
        let kept = |(at, x): (usize, &f32)| if half.contains(&(at % columns)) { *x } else { 0.0 };
        let input: Vec<f32> = given.value(x)[..given.rows * columns].iter().enumerate().map(kept).collect();
        let mut sums = vec![0.0; out.len()];
        reference::linear(&input, matrix, None, &mut sums);
        sums
    });
    let [first, second] = &halves;
    out.iter_mut().zip(first).zip(second).for_each(|((sum, a), b)| *sum = a + b);
    if let Some(bias) = bias {
        let bias = given.vector(bias);
        out.chunks_exact_mut(bias.len()).for_each(|row| row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias));
    }
}
