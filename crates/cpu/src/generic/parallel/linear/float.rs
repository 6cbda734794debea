//! Products with weights that are floats.

use std::sync::atomic::Ordering;

use hefu_numerics::quant::Float;

use super::{Product, Work};
use crate::generic::float_product::FLOAT_TILE;
use crate::layout::GROUP;

impl Work<'_> {
    /// Works on a group, for all tokens.
    pub(super) fn float(&self, product: &Product<'_>, kind: Float, group: usize) {
        let (weights, columns) = (product.group(group), product.matrix.columns);
        let mut results = [0.0f32; FLOAT_TILE * GROUP];
        for token in (0..self.tokens).step_by(FLOAT_TILE) {
            let tokens = FLOAT_TILE.min(self.tokens - token);
            let input = self.input[token * columns..].as_ptr();
            // SAFETY: the kernels' instructions are there; weights, input and results have these shapes.
            unsafe {
                (self.kernels.float_tile)(kind, weights.as_ptr(), columns, input, tokens, results.as_mut_ptr());
            }
            if let Some(found) = product.not_finite
                && !results[..tokens * GROUP].iter().all(|result| result.is_finite())
            {
                found.store(true, Ordering::Relaxed);
            }
            self.store(product, group, token, tokens, results.as_ptr());
        }
    }
}
