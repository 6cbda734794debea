//! The chosen experts' results (clause E3).

use super::{activate, gate, linear};
use crate::functions::fma;
use crate::matrix::Matrix;
use crate::program::Activation;

/// Every expert's matrices.
#[derive(Debug, Clone, Copy)]
pub struct Experts<'a> {
    /// `[inner][width]` each; the function is applied to `up` where there are none.
    pub gate: Option<&'a [Matrix]>,
    /// `[inner][width]` each.
    pub up: &'a [Matrix],
    /// `[out width][inner]` each.
    pub down: &'a [Matrix],
    /// `[experts][outputs]`: what is added to the products with gate, up and down.
    pub biases: [Option<&'a [f32]>; 3],
    /// The gate's function.
    pub activation: Activation,
}

/// The weighed sum of what each row's chosen experts make of it. `x`: `[rows][width]`; `choices`: `[rows][used][2]`, for
/// each chosen expert its index, in ascending order, and its weight.
pub fn experts(x: &[f32], choices: &[f32], used: usize, experts: &Experts<'_>, out: &mut [f32]) {
    let (width, inner, out_width) = (experts.up[0].columns, experts.up[0].rows, experts.down[0].rows);
    let (mut opened, mut up, mut hidden) = (vec![0.0; inner], vec![0.0; inner], vec![0.0; inner]);
    let mut result = vec![0.0; out_width];
    let rows = x.chunks_exact(width).zip(choices.chunks_exact(2 * used));
    for ((x, choices), out) in rows.zip(out.chunks_exact_mut(out_width)) {
        out.fill(0.0);
        for choice in choices.chunks_exact(2) {
            let (expert, weight) = (choice[0] as usize, choice[1]);
            let bias = |part: usize, size: usize| experts.biases[part].map(|bias| &bias[expert * size..][..size]);
            linear(x, &experts.up[expert], bias(1, inner), &mut up);
            match experts.gate {
                Some(matrices) => {
                    linear(x, &matrices[expert], bias(0, inner), &mut opened);
                    gate(experts.activation, &opened, &up, &mut hidden);
                }
                None => activate(experts.activation, &up, &mut hidden),
            }
            linear(&hidden, &experts.down[expert], bias(2, out_width), &mut result);
            for (out, y) in out.iter_mut().zip(&result) {
                *out = fma(weight, *y, *out);
            }
        }
    }
}
