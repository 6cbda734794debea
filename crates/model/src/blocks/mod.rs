//! The only forward code: every family's blocks are put together from these.
//!
//! All buffers are row-major f32, one row per token of the batch.

pub(crate) mod attention;
pub(crate) mod experts;
pub(crate) mod feed_forward;

use hefu_numerics::matrix::Matrix;
use hefu_numerics::ops::{Norm, Ops, Projection, Scratch, Team};
use hefu_numerics::prepared::Input;

use crate::config::Config;
use crate::weights::Linear;

/// What every block needs besides its weights and its rows.
pub(crate) struct Context<'a> {
    pub(crate) ops: &'static Ops,
    pub(crate) team: &'a dyn Team,
    pub(crate) config: &'a Config,
}

impl Context<'_> {
    /// Products with one shared input `[tokens][columns]`, biases added. `outputs[i]`: `[tokens][linears[i] rows]`.
    pub(crate) fn linear<const N: usize>(
        &self,
        scratch: &mut Scratch,
        input: Input<'_>,
        tokens: usize,
        linears: [&Linear; N],
        outputs: [&mut [f32]; N],
    ) {
        let mut paired = linears.into_iter().zip(outputs);
        let mut projections = [const { None }; N];
        for projection in &mut projections {
            *projection =
                paired.next().map(|(linear, output)| Projection { matrix: &linear.matrix, output, not_finite: None });
        }
        let mut projections = projections.map(|projection| projection.expect("there are as many outputs as matrices"));
        (self.ops.linear)(self.team, scratch, input, tokens, &mut projections);
        for (projection, linear) in projections.iter_mut().zip(linears) {
            linear.add_bias(projection.output);
        }
    }

    /// Says what the product after the next one will read.
    pub(crate) fn announce(&self, matrices: &[&Matrix]) {
        (self.ops.announce)(self.team, matrices);
    }

    /// Norm of every row of `gain.len()` elements.
    pub(crate) fn norm(&self, input: &[f32], gain: &[f32], output: &mut [f32]) {
        (self.ops.rms_norm)(self.team, self.norm_with(gain), input, output);
    }

    /// The model's norm with this gain.
    pub(crate) fn norm_with<'g>(&self, gain: &'g [f32]) -> Norm<'g> {
        Norm { gain, epsilon: self.config.epsilon }
    }
}
