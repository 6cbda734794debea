//! Gated feed-forward parts (Shazeer, arXiv 2002.05202) and mixtures of experts as most families have them.

use hefu_numerics::program::{Activation, RouteRule, Scoring, Value};

use super::limits::{MAX_EXPERTS, MAX_FEED_FORWARD};
use super::{Builder, Presence};
use crate::error::Error;

/// The sum of the chosen probabilities counts as at least this: the smallest normal binary16 (clause E2).
const LEAST_SUM: f32 = 6.103_515_6e-5;

/// `down(activation(gate(x)) * up(x))`: tensors `ffn_gate`, `ffn_up`, `ffn_down`, with a suffix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gated {
    /// End of the tensors' names.
    pub(crate) suffix: &'static str,
    /// Elements between.
    pub(crate) inner: usize,
    /// The gate's function.
    pub(crate) activation: Activation,
    /// One tensor, `ffn_up`, holds the rows of gate and up, in this order.
    pub(crate) is_fused: bool,
    /// Norm of the input of the last product: `ffn_sub_norm`.
    pub(crate) has_sub_norm: bool,
    /// Biases of gate, up and down.
    pub(crate) bias: Presence,
}

/// `down(activation(up(x)))`: tensors `ffn_up`, `ffn_down`, with a suffix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain {
    /// End of the tensors' names.
    pub(crate) suffix: &'static str,
    /// Elements between.
    pub(crate) inner: usize,
    /// The function.
    pub(crate) activation: Activation,
    /// Biases of up and down.
    pub(crate) bias: Presence,
}

/// A router and experts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Experts {
    /// Number of experts.
    pub(crate) count: usize,
    /// Number of them that each row goes through.
    pub(crate) used: usize,
    /// Elements inside each.
    pub(crate) inner: usize,
    /// The gates' function.
    pub(crate) activation: Activation,
    /// True if there are gates; the function is applied to what `ffn_up_exps` makes where there are none.
    pub(crate) is_gated: bool,
    /// True if router and experts have biases.
    pub(crate) has_biases: bool,
    /// Scoring of experts.
    pub(crate) scoring: Scoring,
}

impl Gated {
    /// Without biases, with three tensors.
    pub(crate) fn new(inner: usize, activation: Activation) -> Self {
        Gated { suffix: "", inner, activation, is_fused: false, has_sub_norm: false, bias: Presence::Forbidden }
    }
}

impl Plain {
    /// The part that a file's `feed_forward_length` describes.
    ///
    /// # Errors
    /// A length that is missing or out of bounds.
    pub(crate) fn read(b: &mut Builder<'_, '_>, activation: Activation, bias: Presence) -> Result<Self, Error> {
        Ok(Plain { suffix: "", inner: b.inner()?, activation, bias })
    }
}

impl Experts {
    /// With gates and without biases.
    pub(crate) fn new((count, used): (usize, usize), inner: usize, activation: Activation) -> Self {
        Experts { count, used, inner, activation, is_gated: true, has_biases: false, scoring: Scoring::Softmax }
    }

    /// The rule of clauses E1 and E2: a softmax of all scores whose weights add up to 1, or others as they are.
    pub(crate) fn rule(&self) -> RouteRule {
        RouteRule {
            used: self.used,
            scoring: self.scoring,
            bias: None,
            groups: None,
            normalised: (self.scoring == Scoring::Softmax).then_some(LEAST_SUM),
            scale: 1.0,
            factors: None,
        }
    }
}

impl Builder<'_, '_> {
    /// Elements inside a dense feed-forward part.
    pub(crate) fn inner(&mut self) -> Result<usize, Error> {
        self.keys.required_size("feed_forward_length", 1, MAX_FEED_FORWARD)
    }

    /// Numbers of experts and of those used, if any.
    pub(crate) fn expert_counts(&mut self) -> Result<Option<(usize, usize)>, Error> {
        self.keys.know(&["expert_used_count"]);
        let count = self.keys.size("expert_count", 0, MAX_EXPERTS)?.unwrap_or(0);
        if count == 0 {
            return Ok(None);
        }
        Ok(Some((count, self.keys.required_size("expert_used_count", 1, count)?)))
    }

    /// As [`Builder::expert_counts`], for families that all have experts.
    pub(crate) fn required_expert_counts(&mut self) -> Result<(usize, usize), Error> {
        let missing = || "is missing or 0, but this family has experts".to_owned();
        self.expert_counts()?.ok_or_else(|| self.keys.bad("expert_count", missing()))
    }

    /// Elements inside each expert, where files may say it in a key of its own.
    pub(crate) fn expert_inner(&mut self) -> Result<usize, Error> {
        self.keys.know(&["feed_forward_length"]);
        match self.keys.size("expert_feed_forward_length", 1, MAX_FEED_FORWARD)? {
            Some(inner) => Ok(inner),
            None => self.inner(),
        }
    }

    /// The gated part of `x`.
    pub(crate) fn gated(&mut self, x: Value, gated: &Gated) -> Value {
        let Gated { suffix, inner, activation, is_fused, has_sub_norm, bias } = *gated;
        let [gate, up, hidden, down, output] =
            ["gate", "up", "hidden", "down", "output"].map(|part| format!("ffn_{part}{suffix}"));
        let [opens, up] = if is_fused {
            // Files call the fused tensor by the name of its second half.
            self.fused(x, &up, [(&gate, inner), (&up, inner)])
        } else {
            let opens = self.linear(&gate, x, &gate, inner, bias);
            [opens, self.linear(&up, x, &up, inner, bias)]
        };
        let mut hidden = self.gate(&hidden, opens, up, activation);
        if has_sub_norm {
            hidden = self.norm(hidden, "ffn_sub_norm");
        }
        self.linear(&output, hidden, &down, self.hidden_size, bias)
    }

    /// The part of `x` without a gate.
    pub(crate) fn plain(&mut self, x: Value, plain: &Plain) -> Value {
        let Plain { suffix, inner, activation, bias } = *plain;
        let [up, hidden, down, output] = ["up", "hidden", "down", "output"].map(|part| format!("ffn_{part}{suffix}"));
        let opened = self.linear(&up, x, &up, inner, bias);
        let hidden = self.activate(&hidden, opened, activation);
        self.linear(&output, hidden, &down, self.hidden_size, bias)
    }

    /// The experts of `x` by a rule.
    pub(crate) fn routed(&mut self, x: Value, experts: &Experts, rule: RouteRule) -> Value {
        let bias = if experts.has_biases { Presence::Required } else { Presence::Forbidden };
        let scores = self.linear("expert_scores", x, "ffn_gate_inp", experts.count, bias);
        let choices = self.route(scores, rule);
        self.experts("experts_output", x, choices, experts)
    }
}
