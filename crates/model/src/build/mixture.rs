//! Mixtures as DeepSeek's have become common: experts chosen by groups and with a bias, beside some for every row.

use hefu_numerics::program::{Activation, Groups, RouteRule, Scoring, Value, Weight};

use super::limits::{MAX_FEED_FORWARD, MAX_SHARED_EXPERTS};
use super::{Builder, Experts, Gated, Plain, Presence};
use crate::error::Error;

/// The sum of the chosen probabilities counts as at least this.
const LEAST_SUM: f32 = 1e-20;
/// Number of the sigmoid in `expert_gating_func`; 1 is the softmax.
const SIGMOID: usize = 2;

/// Experts of which few are chosen (DeepSeek-AI, arXiv 2405.04434 and 2412.19437), and those that all rows go through, as
/// one: tensors `ffn_*_exps`, `ffn_*_shexp`, `exp_probs_b`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mixture {
    experts: Experts,
    shared: Option<Gated>,
    rule: RouteRule,
    is_sigmoid: Option<bool>,
    has_shared_gate: bool,
}

impl Mixture {
    /// The mixture that the metadata describe.
    pub(crate) fn read(b: &mut Builder<'_, '_>, activation: Activation) -> Result<Self, Error> {
        let ((count, used), inner) = (b.required_expert_counts()?, b.expert_inner()?);
        let shared = b.keys.size("expert_shared_count", 0, MAX_SHARED_EXPERTS)?.unwrap_or(0);
        let shared = b.keys.size("expert_shared_feed_forward_length", 0, MAX_FEED_FORWARD)?.unwrap_or(shared * inner);
        let shared = (shared > 0).then(|| Gated { suffix: "_shexp", ..Gated::new(shared, activation) });
        let is_sigmoid = b.keys.size("expert_gating_func", 1, SIGMOID)?.map(|function| function == SIGMOID);
        let is_normalised = b.keys.boolean("expert_weights_norm")? == Some(true);
        let scale = b.keys.number("expert_weights_scale", 0.0, 1e6)?.filter(|scale| *scale > 0.0).unwrap_or(1.0);
        let rule = RouteRule {
            used,
            scoring: Scoring::Softmax,
            bias: None,
            groups: expert_groups(b, count, used)?,
            normalised: is_normalised.then_some(LEAST_SUM),
            scale,
            factors: None,
        };
        let experts = Experts::new((count, used), inner, activation);
        Ok(Mixture { experts, shared, rule, is_sigmoid, has_shared_gate: false })
    }

    /// As all files of a family have it, whatever they say: the weights of the chosen add up to 1.
    pub(crate) fn normalised(mut self) -> Self {
        self.rule.normalised = Some(LEAST_SUM);
        self
    }

    /// Scores become this where the file does not say it.
    pub(crate) fn scored(mut self, is_sigmoid: bool) -> Self {
        self.is_sigmoid = self.is_sigmoid.or(Some(is_sigmoid));
        self
    }

    /// Gate of the shared experts: the sigmoid of a score, `ffn_gate_inp_shexp`.
    pub(crate) fn with_shared_gate(mut self) -> Self {
        self.has_shared_gate = true;
        self
    }

    /// Experts, and those for every row, have no gates.
    pub(crate) fn ungated(mut self) -> Self {
        self.experts.is_gated = false;
        self
    }

    /// Elements inside the experts for every row, where files of a family do not say it.
    pub(crate) fn with_shared(mut self, inner: usize) -> Self {
        let activation = self.experts.activation;
        self.shared = self.shared.or(Some(Gated { suffix: "_shexp", ..Gated::new(inner, activation) }));
        self
    }
}

impl Builder<'_, '_> {
    /// The mixture of `x`. With a bias for the choice (DeepSeek's third version), probabilities are sigmoids unless the file
    /// or the family says otherwise, and a group counts as its best two experts; without, they are a softmax, and it counts
    /// as its best.
    pub(crate) fn mixture(&mut self, x: Value, mixture: &Mixture) -> Value {
        let Mixture { experts, rule, .. } = mixture;
        let bias = self.choice_bias(experts.count);
        let is_sigmoid = mixture.is_sigmoid.unwrap_or(bias.is_some());
        let scoring = if is_sigmoid { Scoring::Sigmoid } else { Scoring::Softmax };
        let best = |groups: Groups| if bias.is_some() { 2.min(experts.count / groups.count) } else { 1 };
        let groups = rule.groups.map(|groups| Groups { best: best(groups), ..groups });
        let mixed = self.routed(x, experts, RouteRule { scoring, bias, groups, ..*rule });
        let Some(gated) = &mixture.shared else { return mixed };
        let Gated { suffix, inner, activation, bias, .. } = *gated;
        let mut shared = match experts.is_gated {
            true => self.gated(x, gated),
            false => self.plain(x, &Plain { suffix, inner, activation, bias }),
        };
        if mixture.has_shared_gate {
            let score = self.linear("shared_score", x, "ffn_gate_inp_shexp", 1, Presence::Forbidden);
            let opens = self.activate("shared_gate", score, Activation::Sigmoid);
            shared = self.scale_by("ffn_gated_shexp", shared, opens);
        }
        self.add("ffn_output", mixed, shared)
    }
}

impl Builder<'_, '_> {
    /// The bias of the choice, if the file has it, which has one of two names.
    fn choice_bias(&mut self, experts: usize) -> Option<Weight> {
        match self.has("exp_probs_b") {
            true => Some(self.vector_of("exp_probs_b", experts)),
            false => self.bias("exp_probs_b", Presence::Optional, experts),
        }
    }
}

/// The groups of experts, if there is more than one.
fn expert_groups(b: &mut Builder<'_, '_>, experts: usize, used: usize) -> Result<Option<Groups>, Error> {
    b.keys.know(&["expert_group_used_count"]);
    let count = b.keys.size("expert_group_count", 0, experts)?.unwrap_or(1);
    if count <= 1 {
        return Ok(None);
    }
    if !experts.is_multiple_of(count) {
        let problem = format!("is {count}, which does not divide the {experts} experts");
        return Err(b.keys.bad("expert_group_count", problem));
    }
    // Enough of them that there are as many experts as are used.
    let least = used.div_ceil(experts / count);
    let used = b.keys.required_size("expert_group_used_count", least, count)?;
    Ok(Some(Groups { count, used, best: 1 }))
}
