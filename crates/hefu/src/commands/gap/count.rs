//! What each operation cannot do without: bytes from memory, and arithmetic.
//!
//! Bytes are weights, and cached keys and values of earlier batches. Activations stay in caches and count as none.
//! Arithmetic is what the numeric contract prescribes, a multiply-add counting once; everything that an implementation
//! adds (unpacking, quantising, copying) counts as none, so that a limit is one for every implementation.

use hefu_numerics::attention::{Attention, Span};
use hefu_numerics::kv::{PAGE, Profile};
use hefu_numerics::matrix::Matrix;
use hefu_numerics::ops::{Activation, Around, Rotation};
use hefu_numerics::quant::Encoding;
use std::ops::AddAssign;

/// Additions, multiplications and multiply-adds of one `exp` (`hefu_numerics::functions::exp`).
const EXP: u64 = 17;
/// Of one SiLU and the product with `up`.
const SILU: u64 = EXP + 3;
/// Of one GELU in its tanh form and the product with `up`.
const GELU: u64 = EXP + 6;
/// Of one score besides its dot product: scaling, subtracting the maximum, `exp`, adding to the sum.
const SCORE: u64 = EXP + 3;
/// Of one element of a norm: its square added, two factors.
const NORM: u64 = 3;
/// Of one pair of elements that rotate.
const PAIR: u64 = 4;

/// An amount of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Bytes that come from memory.
    pub(super) bytes: u64,
    /// Multiply-adds of bytes.
    pub(super) integer: u64,
    /// Operations on f32.
    pub(super) float: u64,
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.integer += other.integer;
        self.float += other.float;
    }
}

impl Work {
    fn float(operations: u64) -> Work {
        Work { float: operations, ..Work::default() }
    }

    /// The product of `tokens` rows with one matrix: a float format multiplies f32; a quantised one bytes, and adds a
    /// scaled sum (and a minimum) for each of its sub-blocks.
    pub(super) fn product(matrix: &Matrix, tokens: usize) -> Work {
        let bytes = matrix.range.len() as u64;
        let outputs = (tokens * matrix.rows) as u64;
        let products = outputs * matrix.columns as u64;
        match &matrix.format.encoding {
            Encoding::Float(_) => Work { bytes, integer: 0, float: products },
            Encoding::Quantised(quantised) => {
                let sums = outputs * (matrix.columns / quantised.sub_block) as u64;
                let float = sums * (1 + u64::from(quantised.has_minimum));
                Work { bytes, integer: products, float }
            }
        }
    }

    /// Rows of a matrix, decoded.
    pub(super) fn rows(matrix: &Matrix, rows: usize) -> Work {
        let bytes = matrix.range.len() / matrix.rows.max(1);
        Work { bytes: (rows * bytes) as u64, integer: 0, float: (rows * matrix.columns) as u64 }
    }

    /// Norms of rows with this many elements in all.
    pub(super) fn norm(elements: usize) -> Work {
        Work::float(elements as u64 * NORM)
    }

    /// A rotation of `elements` elements of heads, after their norm if there is one.
    pub(super) fn rotation(rotation: &Rotation<'_>, elements: usize) -> Work {
        let pairs_per_head = rotation.cosines.len() / rotation.tokens.max(1);
        let norm = if rotation.norm.is_some() { elements as u64 * NORM } else { 0 };
        Work::float((elements / rotation.head_size.max(1) * pairs_per_head) as u64 * PAIR + norm)
    }

    /// A gate of this many elements.
    pub(super) fn gate(activation: Activation, elements: usize) -> Work {
        let each = match activation {
            Activation::Silu => SILU,
            Activation::Gelu => GELU,
            Activation::Sigmoid => EXP + 3,
            Activation::Softplus => EXP + 11,
        };
        Work::float(elements as u64 * each)
    }

    /// A sum of this many elements, and the norms around it.
    pub(super) fn add(elements: usize, around: &Around<'_>) -> Work {
        let norms = u64::from(around.before.is_some()) + u64::from(around.after.is_some());
        Work::float(elements as u64 * (1 + norms * NORM))
    }

    /// Attention: keys and values of earlier batches are read once; those from position `first_new` of a span's sequence
    /// on were just written.
    pub(super) fn attention(attention: &Attention<'_>, first_new: &dyn Fn(&Span<'_>) -> usize) -> Work {
        let shape = attention.cache.shape;
        let per_position = ((shape.page_key_bytes() + shape.page_value_bytes()) / PAGE) as u64;
        // In q8, a key's elements are multiplied as integers, and each block's sum is one multiply-add of floats.
        let (integer, float) = match shape.profile {
            Profile::F16 => (0, shape.key_size + shape.value_size),
            Profile::Q8 => (shape.key_size, shape.key_blocks() + shape.value_blocks() + shape.value_size),
        };
        let per_score = float as u64 + SCORE;
        let mut work = Work::default();
        for span in attention.spans {
            let earlier = first_new(span).saturating_sub(attention.first_visible(span.position));
            work.bytes += earlier as u64 * per_position;
            let scores = scores(attention, span) * attention.heads as u64;
            work.integer += scores * integer as u64;
            work.float += scores * per_score;
        }
        work
    }
}

/// Pairs of a query's position and one that it sees.
fn scores(attention: &Attention<'_>, span: &Span<'_>) -> u64 {
    let seen = |position: usize| (position + 1 - attention.first_visible(position)) as u64;
    (span.position..span.position + span.tokens).map(seen).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_numerics::kv::{KvShape, LayerCache};
    use hefu_numerics::ops::{After, Norm, RopeStyle};
    use hefu_numerics::prepared::Prepared;
    use hefu_numerics::quant::FORMATS;
    use std::sync::Arc;

    fn matrix(format: &str, rows: usize, columns: usize) -> Matrix {
        let format = FORMATS.iter().find(|known| known.name == format).unwrap();
        let bytes = (hefu_cpu::select::best().packed_bytes)(format, rows, columns);
        Matrix { format, rows, columns, memory: Arc::new(vec![0; bytes]), range: 0..bytes }
    }

    #[test]
    fn products_count_every_weight_once_per_token() {
        let single = Work::product(&matrix("F32", 32, 64), 3);
        assert_eq!(single, Work { bytes: 32 * 64 * 4, integer: 0, float: 3 * 32 * 64 });
        // 4-bit codes and 2 bytes of scale per 32 columns.
        let quantised = Work::product(&matrix("Q4_0", 32, 64), 3);
        assert_eq!(quantised, Work { bytes: 32 * 64 / 2 + 32 * 2 * 2, integer: 3 * 32 * 64, float: 3 * 32 * 2 });
        // With a minimum per 32 columns, and with a scale per 16.
        assert_eq!(Work::product(&matrix("Q4_K", 16, 256), 1).float, 16 * 8 * 2);
        assert_eq!(Work::product(&matrix("Q6_K", 16, 256), 1).float, 16 * 16);
        assert_eq!(Work::rows(&matrix("F16", 16, 64), 3), Work { bytes: 3 * 128, integer: 0, float: 3 * 64 });
    }

    #[test]
    fn attention_counts_what_is_seen_and_reads_what_is_old() {
        let shape = KvShape { heads: 2, key_size: 16, value_size: 8, profile: Profile::F16 };
        let cache = LayerCache::new(shape, 1);
        let work = |window, spans: &[Span<'_>]| {
            let attention = Attention { queries: &[], heads: 4, scale: 1.0, window, cache: &cache, spans };
            Work::attention(&attention, &|span| span.position)
        };
        let span = |position, tokens| Span { row: 0, tokens, position, pages: &[0] };
        let per_score = 4 * (24 + SCORE);
        assert_eq!(work(None, &[span(0, 3)]), Work::float((1 + 2 + 3) * per_score));
        assert_eq!(work(None, &[span(9, 1)]), Work { bytes: 9 * 2 * 24 * 2, integer: 0, float: 10 * per_score });
        assert_eq!(work(Some(4), &[span(9, 1)]), Work { bytes: 3 * 2 * 24 * 2, integer: 0, float: 4 * per_score });
        let both = work(None, &[span(0, 3), span(9, 1)]);
        assert_eq!((both.bytes, both.float), (9 * 2 * 24 * 2, 16 * per_score));
        // The last of ten tokens of one batch, which began at position 4.
        let spans = [span(13, 1)];
        let last = Attention { queries: &[], heads: 4, scale: 1.0, window: None, cache: &cache, spans: &spans };
        let expected = Work { bytes: 4 * 2 * 24 * 2, integer: 0, float: 14 * per_score };
        assert_eq!(Work::attention(&last, &|_| 4), expected);
        let shape = KvShape { heads: 2, key_size: 64, value_size: 32, profile: Profile::Q8 };
        let cache = LayerCache::new(shape, 1);
        let spans = [span(9, 1)];
        let q8 = Attention { queries: &[], heads: 4, scale: 1.0, window: None, cache: &cache, spans: &spans };
        // 10 scores for each of 4 heads; 34 bytes for each of 2 + 1 blocks of 2 heads.
        let float = 10 * 4 * (2 + 1 + 32 + SCORE);
        assert_eq!(
            Work::attention(&q8, &|span| span.position),
            Work { bytes: 9 * 2 * 3 * 34, integer: 10 * 4 * 64, float }
        );
    }

    #[test]
    fn elements_and_pairs_are_counted() {
        let table = [0.0; 3 * 4];
        let (pairs, norm) = (RopeStyle::NeoX, Norm { gain: &[1.0; 16], epsilon: 0.0 });
        let rotation = Rotation { tokens: 3, head_size: 16, norm: None, pairs, cosines: &table, sines: &table };
        // 3 tokens of 2 heads, of each of which 4 pairs rotate.
        assert_eq!(Work::rotation(&rotation, 3 * 2 * 16), Work::float(3 * 2 * 4 * 4));
        let rotation = Rotation { norm: Some(norm), ..rotation };
        assert_eq!(Work::rotation(&rotation, 3 * 2 * 16), Work::float(3 * 2 * (4 * 4 + 16 * 3)));
        assert_eq!(Work::norm(10), Work::float(30));
        assert_eq!(Work::gate(Activation::Silu, 5), Work::float(100));
        assert_eq!(Work::gate(Activation::Gelu, 5), Work::float(115));
        assert_eq!(Work::add(7, &Around::default()), Work::float(7));
        let mut output = Prepared::default();
        let around = Around { before: Some(norm), after: Some(After { norm, output: &mut output, readers: &[] }) };
        assert_eq!(Work::add(7, &around), Work::float(7 * (1 + 3 + 3)));
    }
}
