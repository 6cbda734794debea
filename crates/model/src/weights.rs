//! A model's weights as the forward pass reads them.

use hefu_numerics::matrix::Matrix;
use hefu_numerics::rope::Frequencies;

/// All weights.
#[derive(Debug)]
pub(crate) struct Weights {
    /// `[vocabulary][width]`.
    pub(crate) embedding: Matrix,
    pub(crate) layers: Vec<Layer>,
    /// Rotations that the layers' `rope` numbers.
    pub(crate) ropes: Vec<Frequencies>,
    /// `[width]`.
    pub(crate) output_norm: Vec<f32>,
    /// `[vocabulary][width]`; shares the embedding's memory where the file has no output matrix.
    pub(crate) output: Matrix,
}

/// One block.
#[derive(Debug)]
pub(crate) struct Layer {
    /// `[width]`.
    pub(crate) attention_norm: Vec<f32>,
    pub(crate) attention: Attention,
    /// `[width]`.
    pub(crate) attention_post_norm: Option<Vec<f32>>,
    /// `[width]`.
    pub(crate) feed_forward_norm: Vec<f32>,
    pub(crate) feed_forward: FeedForward,
    /// `[width]`.
    pub(crate) feed_forward_post_norm: Option<Vec<f32>>,
}

/// A matrix and what is added to its product.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) matrix: Matrix,
    /// `[matrix.rows]`.
    pub(crate) bias: Option<Vec<f32>>,
}

impl Linear {
    /// Adds the bias, if there is one, to every row of a product.
    pub(crate) fn add_bias(&self, output: &mut [f32]) {
        if let Some(bias) = &self.bias {
            for row in output.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
            }
        }
    }
}

/// Grouped-query attention.
#[derive(Debug)]
pub(crate) struct Attention {
    /// `[heads * key size][width]`.
    pub(crate) query: Linear,
    /// `[key-value heads * key size][width]`.
    pub(crate) key: Linear,
    /// `[key-value heads * value size][width]`.
    pub(crate) value: Linear,
    /// `[width][heads * value size]`.
    pub(crate) output: Linear,
    /// `[key size]`.
    pub(crate) query_norm: Option<Vec<f32>>,
    /// `[key size]`.
    pub(crate) key_norm: Option<Vec<f32>>,
}

impl Attention {
    /// The matrices that work on the layer's input, in the order of their product.
    pub(crate) fn inputs(&self) -> [&Matrix; 3] {
        [&self.query, &self.key, &self.value].map(|linear| &linear.matrix)
    }
}

/// What a position does with what it saw.
#[derive(Debug)]
pub(crate) enum FeedForward {
    Dense(Gated),
    Experts(Experts),
}

impl FeedForward {
    /// The matrices of one product that alone reads the part's input, if it is so.
    pub(crate) fn inputs(&self) -> Option<[&Matrix; 2]> {
        match self {
            FeedForward::Dense(gated) => Some([&gated.gate.matrix, &gated.up.matrix]),
            FeedForward::Experts(_) => None,
        }
    }
}

/// `down(activation(gate(x)) * up(x))`.
#[derive(Debug)]
pub(crate) struct Gated {
    /// `[inner width][width]`.
    pub(crate) gate: Linear,
    /// `[inner width][width]`.
    pub(crate) up: Linear,
    /// `[width][inner width]`.
    pub(crate) down: Linear,
}

/// A router and the experts that it chooses from.
#[derive(Debug)]
pub(crate) struct Experts {
    /// `[experts][width]`.
    pub(crate) router: Matrix,
    pub(crate) experts: Vec<Gated>,
    /// How many it chooses for each token.
    pub(crate) used: usize,
}
