//! A device that is nearly right: its products add the two halves of every sum, each in order.

use hefu_numerics::ops::{Ops, Projection, Scratch, Team};
use hefu_numerics::prepared::Input;
use hefu_numerics::reference;

/// The naive loops but for one thing: every sum is cut in two.
pub(crate) static REORDERED: Ops = Ops { name: "reordered", linear, ..reference::OPS };

fn linear(team: &dyn Team, scratch: &mut Scratch, input: Input<'_>, tokens: usize, outputs: &mut [Projection<'_>]) {
    let input = input.rows().expect("rows stay as they are here");
    for Projection { matrix, output, not_finite } in outputs {
        let columns = matrix.columns;
        // Between blocks of activations, where there are some.
        let middle = if matrix.format.quantised().is_some() { columns / 2 / 32 * 32 } else { columns / 2 };
        let halves = [0..middle, middle..columns].map(|half| {
            // A column of zeros adds nothing, not even a rounding.
            let kept = |(at, x): (usize, &f32)| if half.contains(&(at % columns)) { *x } else { 0.0 };
            let input: Vec<f32> = input.iter().enumerate().map(kept).collect();
            let mut sums = vec![0.0; output.len()];
            let projection = Projection { matrix, output: &mut sums, not_finite: *not_finite };
            (reference::OPS.linear)(team, scratch, Input::Rows(&input), tokens, &mut [projection]);
            sums
        });
        let [first, second] = &halves;
        output.iter_mut().zip(first).zip(second).for_each(|((sum, a), b)| *sum = a + b);
    }
}
