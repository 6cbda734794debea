//! Computations of the conformance cases.

use super::attention::{self, Heads};
use super::{Style, elements, experts, products, recurrence};
use crate::device::{Device, Error};
use crate::program::{Activation, DeltaHeads, Op, RopeStyle, RouteRule};
use crate::quant::Format;

/// One operation, or a few together, on fixed inputs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// A product with a matrix of this format, for so many tokens, with a bias or without.
    Product(&'static Format, usize, Style, bool),
    /// Products of one input with matrices of many formats at once: of those that came later, or of all before.
    Products {
        later: bool,
    },
    /// Two products, the gate's function between them, and the product with what they make: for so many tokens.
    Gated(&'static Format, usize, Activation),
    /// Every row of a matrix, decoded, times a factor.
    Rows(&'static Format, f32),
    /// Products of heads with matrices of their own, for so many tokens.
    HeadProducts(&'static Format, usize),
    /// Norms of rows so long, with a gain or without.
    Norm(usize, Style, bool),
    /// Norms of parts so long about their mean, with a gain and a bias or without.
    LayerNorm(usize, Style, bool),
    /// Temperatures of positions from this one on.
    Temperature(usize),
    /// Rows of a table by position, and one of them for all.
    TableRows(&'static Format),
    PartRows(&'static Format),
    /// Attention of texts of so many rows, both ways, with heads of this size.
    WholeAttention(usize, (Option<usize>, Option<f32>), &'static [usize]),
    /// Parts so long, made to have length 1.
    L2Norm(usize, Style),
    /// Rows so wide, made as large as others.
    MatchMagnitude(usize, Style),
    /// Gaussian top-k of rows so wide.
    GaussianTopK(usize, Style),
    /// Rotations of heads, after a norm or without, from an element on.
    Rotation(RopeStyle, bool, usize),
    /// Cosines and sines of positions from this one on.
    Angles(usize),
    /// The gate's function at numbers of all magnitudes.
    Gate(Activation),
    /// A function at numbers of all magnitudes.
    Function(Activation),
    /// The soft cap at numbers of all magnitudes.
    SoftCap(f32),
    /// Sums.
    Sum(Style),
    /// Sums with norms around them.
    SumAndNorms(Style),
    /// Elements times factors.
    Scale,
    /// Parts of heads, and heads put together.
    Slices,
    /// Attention.
    Attention(Heads),
    /// Short convolutions with so many taps, with a bias or without, and a function after them.
    ShortConv(usize, bool, Option<Activation>),
    /// Rates of fading.
    Decay(Style),
    /// Gated delta rules, with a correction or without.
    GatedDelta(DeltaHeads, bool),
    /// Selective scans of so many channels with so many numbers each.
    SelectiveScan(usize, usize),
    /// Distances to the row before, of rows so wide.
    TokenShift(usize),
    /// Generalised delta rules of so many heads of this size.
    Wkv7(usize, usize),
    /// Choices of experts, with a bias or without, with factors or without.
    Choices(RouteRule, [bool; 2], Style),
    /// A mixture of experts of this format, for so many tokens.
    Mixture(&'static Format, usize, experts::Kind),
}

impl Work {
    /// The numbers that this device computes.
    pub(super) fn results(self, device: &dyn Device) -> Result<Vec<f32>, Error> {
        match self {
            Work::Product(format, tokens, style, with_bias) => {
                products::product(device, format, tokens, style, with_bias)
            }
            Work::Products { later } => products::products(device, later),
            Work::Gated(format, tokens, activation) => products::gated(device, format, tokens, activation),
            Work::Rows(format, scale) => products::rows(device, format, scale),
            Work::HeadProducts(format, tokens) => products::head_products(device, format, tokens),
            Work::Norm(width, style, with_gain) => elements::norm(device, width, style, with_gain),
            Work::LayerNorm(size, style, is_plain) => elements::layer_norm(device, size, style, is_plain),
            Work::Temperature(first) => elements::temperature(device, first),
            Work::TableRows(format) => products::table_rows(device, format),
            Work::PartRows(format) => products::part_rows(device, format),
            Work::WholeAttention(size, window, texts) => attention::whole(device, size, window, texts),
            Work::L2Norm(size, style) => elements::l2_norm(device, size, style),
            Work::MatchMagnitude(width, style) => elements::match_magnitude(device, width, style),
            Work::GaussianTopK(width, style) => elements::gaussian_top_k(device, width, style),
            Work::Rotation(style, with_norm, first) => elements::rotated(device, style, with_norm, first),
            Work::Angles(first) => elements::angles(device, first),
            Work::Gate(activation) => elements::gate(device, activation),
            Work::Function(activation) => elements::function(device, |x, out| Op::Activate { x, activation, out }),
            Work::SoftCap(cap) => elements::function(device, |x, out| Op::SoftCap { x, cap, out }),
            Work::Sum(style) => elements::sum(device, style),
            Work::SumAndNorms(style) => elements::sum_and_norms(device, style),
            Work::Scale => elements::scale(device),
            Work::Slices => elements::slices(device),
            Work::Attention(heads) => attention::attention(device, heads),
            Work::ShortConv(taps, with_bias, activation) => recurrence::short_conv(device, taps, with_bias, activation),
            Work::Decay(style) => elements::decay(device, style),
            Work::GatedDelta(heads, is_corrected) => recurrence::gated_delta(device, heads, is_corrected),
            Work::SelectiveScan(channels, numbers) => recurrence::selective_scan(device, channels, numbers),
            Work::TokenShift(width) => recurrence::token_shift(device, width),
            Work::Wkv7(heads, size) => recurrence::wkv7(device, heads, size),
            Work::Choices(rule, with, style) => experts::choices(device, rule, with, style),
            Work::Mixture(format, tokens, kind) => experts::mixture(device, format, tokens, kind),
        }
    }
}
