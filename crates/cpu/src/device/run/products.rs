//! Products with one shared input, and gated parts.

use crate::activations::{ActivationBuffer, Activations};
use crate::ops::{Alone, GatedProduct, Ops, Projection, Team};
use crate::scratch::Scratch;
use hefu_numerics::program::{Activation, Value, Weight};

use super::{Call, Machine, matrices};
use crate::device::lower::{Gated, Product};
use crate::device::weights::CpuWeights;
use crate::generic::elementwise::Rowwise;
use crate::generic::kernels::Kernels;
use crate::generic::parallel::elementwise::by_rows;
use crate::generic::parallel::{Shared, parallel_for};

/// Most bytes of what gate and up make: a quarter of the last cache of one core group of a Zen, so that what one product
/// writes is still there for the next.
const INNER_BYTES: usize = 8 << 20;

/// Rows of a piece are a multiple of this, which all kernels' tiles divide.
const ROW_UNIT: usize = 48;

/// Fewest rows of a piece: weights that no cache keeps are read again for each, in much less time than so many rows'
/// products take.
const LEAST_ROWS: usize = 4 * ROW_UNIT;

/// Rows that go through gate, up and down before the next ones do, where the inner width is `inner`.
pub(in crate::device) fn rows_at_once(inner: usize) -> usize {
    let most = INNER_BYTES / (inner.max(1) * size_of::<f32>());
    (most / ROW_UNIT * ROW_UNIT).max(LEAST_ROWS)
}

/// Rows of a piece of so many rows: all of them are of about the same size, as each takes all weights apart once more.
fn piece_of(rows: usize, inner: usize) -> usize {
    rows.div_ceil(rows.div_ceil(rows_at_once(inner)).max(1)).next_multiple_of(ROW_UNIT)
}

/// True if all of so many rows go through at once, so that their input may lie in the form that products read.
pub(super) fn is_one_piece(rows: usize, inner: usize) -> bool {
    piece_of(rows, inner) >= rows
}

/// The matrices of a gated part, with what is added to their products.
#[derive(Clone, Copy)]
pub(super) struct GatedPart<'w> {
    /// The function is applied to what `up` makes where there is none.
    pub(super) gate: Option<(&'w hefu_numerics::matrix::Matrix, Option<&'w [f32]>)>,
    pub(super) up: (&'w hefu_numerics::matrix::Matrix, Option<&'w [f32]>),
    pub(super) down: (&'w hefu_numerics::matrix::Matrix, Option<&'w [f32]>),
    pub(super) activation: Activation,
}

/// Memory, kernels and threads of products.
pub(super) struct Workshop<'m> {
    pub(super) ops: &'static Ops,
    pub(super) kernels: &'static Kernels,
    pub(super) team: &'m dyn Team,
    pub(super) scratch: &'m mut Scratch,
    pub(super) inner: &'m mut ActivationBuffer,
}

impl Machine {
    /// Products with one shared input.
    pub(super) fn linear(&mut self, call: &Call<'_>, x: Value, products: &[Product]) {
        let mut places: Vec<ActivationBuffer> =
            products.iter().map(|product| self.take_out(call, product.out)).collect();
        let (width, start) = (self.width(x), call.rowset.start(x));
        let Machine { ops, team, weights, values, scratch, not_finite, .. } = self;
        let input = match values[call.places.of(x)].input() {
            Activations::Rows(rows) => Activations::Rows(&rows[start * width..]),
            packed @ Activations::Packed(_) => packed,
        };
        (ops.prefetch)(&**team, &matrices(weights, &call.step.prefetch));
        let projection = |(product, place): (&Product, _)| {
            let matrix = weights.matrix(product.weight);
            let output = ActivationBuffer::as_rows(place, call.rows * matrix.rows);
            Projection { matrix, output, not_finite: call.looks.then_some(&*not_finite) }
        };
        let mut projections: Vec<Projection<'_>> = products.iter().zip(&mut places).map(projection).collect();
        (ops.linear)(&**team, scratch, input, call.rows, &mut projections);
        for (projection, product) in projections.iter_mut().zip(products) {
            add_bias(projection.output, product.bias.map(|bias| &weights.vector(bias)[..]));
        }
        for (product, place) in products.iter().zip(places) {
            self.put_back(call, product.out, place);
        }
    }

    /// Products of heads with matrices of their own: threads take heads.
    pub(super) fn head_linear(&mut self, call: &Call<'_>, x: Value, weight: Weight, out: Value) {
        let (from, to) = (self.width(x), self.width(out));
        let mut place = self.take_out(call, out);
        let rows = Shared::new(place.as_rows(call.rows * to).as_mut_ptr());
        let (stack, all) = (self.weights.stack(weight), self.rows(call, x));
        parallel_for(&*self.team, stack.len(), &|head, _| {
            let matrix = &stack[head];
            let own = |row: &[f32]| row[head * matrix.columns..][..matrix.columns].to_vec();
            let input: Vec<f32> = all.chunks_exact(from).take(call.rows).flat_map(own).collect();
            let mut output = vec![0.0; call.rows * matrix.rows];
            let projection = Projection { matrix, output: &mut output, not_finite: None };
            (self.ops.linear)(&Alone, &mut Scratch::default(), Activations::Rows(&input), call.rows, &mut [projection]);
            for (row, output) in output.chunks_exact(matrix.rows).enumerate() {
                // SAFETY: heads have no element in common; the result is as long as all rows are wide.
                let to = unsafe { std::slice::from_raw_parts_mut(rows.at(row * to + head * matrix.rows), matrix.rows) };
                to.copy_from_slice(output);
            }
        });
        self.put_back(call, out, place);
    }

    /// `down(activation(gate(x)) * up(x))`.
    pub(super) fn gated(&mut self, call: &Call<'_>, x: Value, gated: &Gated) {
        let out = gated.down.out;
        let mut place = self.take_out(call, out);
        let output = place.as_rows(call.rows * self.width(out));
        let (width, start) = (self.width(x), call.rowset.start(x));
        let Machine { ops, kernels, team, weights, values, scratch, inner, .. } = self;
        let input = match values[call.places.of(x)].input() {
            Activations::Rows(rows) => Activations::Rows(&rows[start * width..]),
            packed @ Activations::Packed(_) => packed,
        };
        let part = part(weights, gated);
        let next = matrices(weights, &call.step.prefetch);
        let mut workshop = Workshop { ops, kernels, team: &**team, scratch, inner };
        workshop.gated(&part, &next, input, call.rows, output);
        self.put_back(call, out, place);
    }
}

fn part<'w>(weights: &'w CpuWeights, gated: &Gated) -> GatedPart<'w> {
    let bias = |weight: Option<Weight>| weight.map(|weight| &weights.vector(weight)[..]);
    let side = |product: &Product| (weights.matrix(product.weight), bias(product.bias));
    let gate = Some(side(&gated.gate));
    GatedPart { gate, up: side(&gated.up), down: side(&gated.down), activation: gated.activation }
}

impl Workshop<'_> {
    /// A gated part of every row, some rows at a time where they are many; `next` is what is read after all of them.
    pub(super) fn gated(
        &mut self,
        part: &GatedPart<'_>,
        next: &[&hefu_numerics::matrix::Matrix],
        input: Activations<'_>,
        rows: usize,
        output: &mut [f32],
    ) {
        let (down, bias) = part.down;
        let (width, from) = (down.rows, part.up.0.columns);
        let piece = piece_of(rows, down.columns);
        for (index, output) in output.chunks_mut(piece * width).enumerate() {
            let rows = output.len() / width;
            let input = match input {
                Activations::Rows(all) => Activations::Rows(&all[index * piece * from..][..rows * from]),
                packed @ Activations::Packed(_) => packed,
            };
            (self.ops.prefetch)(self.team, &[down]);
            self.gate_and_up(part, input, rows);
            (self.ops.prefetch)(self.team, next);
            let mut projections = [Projection { matrix: down, output, not_finite: None }];
            (self.ops.linear)(self.team, self.scratch, self.inner.input(), rows, &mut projections);
            let [projection] = &mut projections;
            add_bias(projection.output, bias);
        }
    }

    /// `activation(gate(x)) * up(x)` of every row.
    fn gate_and_up(&mut self, part: &GatedPart<'_>, input: Activations<'_>, rows: usize) {
        let ((up, up_bias), activation) = (part.up, part.activation);
        let Some((gate, gate_bias)) = part.gate else { return self.activated(part, input, rows) };
        if gate_bias.is_none() && up_bias.is_none() {
            let gated = GatedProduct { gate, up, activation, down: part.down.0 };
            return (self.ops.gated)(self.team, self.scratch, input, rows, &gated, self.inner);
        }
        let length = rows * gate.rows;
        let (gate_out, up_out) = self.inner.as_rows(2 * length).split_at_mut(length);
        let mut projections =
            [(gate, gate_out), (up, up_out)].map(|(matrix, output)| Projection { matrix, output, not_finite: None });
        (self.ops.linear)(self.team, self.scratch, input, rows, &mut projections);
        let [gate_out, up_out] = projections.map(|projection| projection.output);
        add_bias(gate_out, gate_bias);
        add_bias(up_out, up_bias);
        (self.ops.gate)(self.team, activation, gate_out, up_out);
    }
}

impl Workshop<'_> {
    /// `activation(up(x))` of every row.
    fn activated(&mut self, part: &GatedPart<'_>, input: Activations<'_>, rows: usize) {
        let (up, bias) = part.up;
        let length = rows * up.rows;
        let (results, output) = self.inner.as_rows(2 * length).split_at_mut(length);
        let mut projections = [Projection { matrix: up, output, not_finite: None }];
        (self.ops.linear)(self.team, self.scratch, input, rows, &mut projections);
        let [Projection { output, .. }] = &mut projections;
        add_bias(output, bias);
        let (kernels, job) = (self.kernels, Rowwise::Activate(part.activation));
        by_rows(self.team, results, up.rows, &|at, rows| {
            // SAFETY: these kernels are handed out only where their instructions are.
            unsafe { (kernels.rowwise)(&job, at / up.rows, &output[at..][..rows.len()], rows) };
        });
    }
}

/// Adds a bias, if there is one, to every row of a product.
fn add_bias(output: &mut [f32], bias: Option<&[f32]>) {
    let Some(bias) = bias else { return };
    for row in output.chunks_exact_mut(bias.len()) {
        row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
    }
}
