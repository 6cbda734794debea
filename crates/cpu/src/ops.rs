//! The table of functions of one instruction set, and the plain data they take.
//!
//! All activations are row-major f32, one row per token. Every function may share its work among the threads of a [`Team`],
//! as long as each output element is computed by the loop that [`hefu_numerics::reference`] spells out. Steps of a compiled
//! program are made of these.

use std::sync::atomic::AtomicBool;

use hefu_numerics::attention::{Attention, Span};
use hefu_numerics::kv::LayerCache;
use hefu_numerics::matrix::Matrix;
pub use hefu_numerics::program::{Activation, RopeStyle};
use hefu_numerics::quant::Format;
pub use hefu_numerics::team::{Alone, Team};

use crate::activations::{ActivationBuffer, Activations};
use crate::scratch::Scratch;

/// One product `output[t][r] = sum over c of matrix[r][c] * input[t][c]`.
pub struct Projection<'a> {
    /// The weights; their columns equal the input's.
    pub matrix: &'a Matrix,
    /// `[tokens][matrix.rows]`.
    pub output: &'a mut [f32],
    /// Where it is wanted: set if an output is a NaN or an infinity, and else left as it is. Whoever makes an output
    /// can look at it at next to no cost, while looking at all of them later would read them once more.
    pub not_finite: Option<&'a AtomicBool>,
}

/// Two products with one shared input, of which one gates the other:
/// `ffn_hidden[t][r] = activation(gate[r] x[t]) * (up[r] x[t])`.
pub struct GatedProduct<'a> {
    /// The weights that the activation comes after; their columns equal the input's.
    pub gate: &'a Matrix,
    /// The other weights, in the same shape.
    pub up: &'a Matrix,
    /// The function.
    pub activation: Activation,
    /// Matrix that multiplies the result next: as many columns as `gate` has rows.
    pub down: &'a Matrix,
}

/// A root-mean-square norm of rows of `gain.len()` elements (clause N).
#[derive(Debug, Clone, Copy)]
pub struct Norm<'a> {
    /// A factor for each element of a row.
    pub gain: &'a [f32],
    /// Added to the mean of the squares.
    pub epsilon: f32,
}

/// Norms around a sum of rows.
#[derive(Default)]
pub struct AddNorms<'a> {
    /// The norm of the addend, before it is added.
    pub before: Option<Norm<'a>>,
    /// The norm of the sum, and where it goes.
    pub after: Option<FusedNorm<'a>>,
}

/// A norm of results, for the products that read it.
pub struct FusedNorm<'a> {
    /// The norm.
    pub norm: Norm<'a>,
    /// As many elements as the results have.
    pub output: &'a mut ActivationBuffer,
    /// The matrices of the one product that reads it, or none if it is read as it is.
    pub readers: &'a [&'a Matrix],
}

/// A rotation of heads by their positions (see [`hefu_numerics::rope`]).
#[derive(Debug, Clone, Copy)]
pub struct Rotation<'a> {
    /// Rows.
    pub tokens: usize,
    /// Elements per head; those from `2 * pairs per head` on are left alone.
    pub head_size: usize,
    /// The norm of each head, before it is rotated.
    pub norm: Option<Norm<'a>>,
    /// Pairs of elements that rotate together.
    pub pairs: RopeStyle,
    /// `[tokens][pairs per head]`.
    pub cosines: &'a [f32],
    /// `[tokens][pairs per head]`.
    pub sines: &'a [f32],
}

/// The operations of the numeric contract on one device. Shapes are checked by the caller ([`Matrix`] and slices carry
/// them); a mismatch is a bug and panics.
pub struct Ops {
    /// Name by which `--isa` chooses it.
    pub name: &'static str,

    /// Bytes that `rows` x `columns` weights take in this device's layout.
    pub packed_bytes: fn(format: &'static Format, rows: usize, columns: usize) -> usize,

    /// Number of consecutive rows that are packed together: [`Ops::pack`] may be called for any range of rows that starts at
    /// a multiple of this.
    pub row_group: usize,

    /// Packs `rows` consecutive rows given in the file's layout to the start of `packed`.
    pub pack: fn(format: &'static Format, rows: usize, columns: usize, file: &[u8], packed: &mut [u8]),

    /// Decodes rows to f32 (`output`: `[rows][columns]`), as [`Format::decode_row`] does, and multiplies each element
    /// by `factor`.
    pub rows: fn(team: &dyn Team, matrix: &Matrix, rows: &[u32], factor: f32, output: &mut [f32]),

    /// Matrix products with one shared input, `[tokens][columns]` (clause Q for quantised weights, `chain` for others).
    pub linear: fn(
        team: &dyn Team,
        scratch: &mut Scratch,
        input: Activations<'_>,
        tokens: usize,
        outputs: &mut [Projection<'_>],
    ),

    /// Two products and what is made of them, for the product with [`GatedProduct::down`]: [`Ops::linear`], then [`Ops::gate`].
    pub gated: fn(
        &dyn Team,
        &mut Scratch,
        input: Activations<'_>,
        tokens: usize,
        gated: &GatedProduct<'_>,
        ffn_hidden: &mut ActivationBuffer,
    ),

    /// Says which matrices the product after the next one will read ([`Team::prefetch`]). Nothing but time depends on
    /// it.
    pub prefetch: fn(team: &dyn Team, matrices: &[&Matrix]),

    /// Root-mean-square norm of every row of `width` elements:
    /// `x * (1 / sqrt(lane_sum16(x * x) / width + epsilon)) * gain`, in this order.
    pub rms_norm: fn(team: &dyn Team, norm: Norm<'_>, input: &[f32], output: &mut [f32]),

    /// Rotates heads in place, after a norm if there is one. `heads`: `[tokens][count][head_size]`.
    pub rope: fn(team: &dyn Team, rotation: &Rotation<'_>, heads: &mut [f32]),

    /// Puts the keys (`[rows][heads][key_size]`) and values (`[rows][heads][value_size]`) of all spans' rows at their
    /// places in the cache (clause A1).
    #[expect(clippy::type_complexity, reason = "five plain parameters say more than a struct made for one function")]
    pub store: fn(team: &dyn Team, cache: &mut LayerCache, spans: &[Span<'_>], keys: &[f32], values: &[f32]),

    /// Attention of every query over its sequence's visible positions.
    pub attention: fn(team: &dyn Team, scratch: &mut Scratch, attention: &Attention<'_>, output: &mut [f32]),

    /// `gate[i] = activation(gate[i]) * up[i]`.
    pub gate: fn(team: &dyn Team, activation: Activation, gate: &mut [f32], up: &[f32]),

    /// `sum[i] = sum[i] + addend[i]`, with norms of rows before and after it.
    pub add: fn(team: &dyn Team, sum: &mut [f32], addend: &[f32], around: AddNorms<'_>),
}

impl std::fmt::Debug for Ops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ops({})", self.name)
    }
}
