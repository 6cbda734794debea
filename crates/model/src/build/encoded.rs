//! Outputs of encoders: pooling, classifiers.

use hefu_numerics::program::{Activation, Entry, Order, Value};

use super::keys::shown;
use super::{Builder, Presence};
use crate::error::Error;

/// Output after the last block of an encoder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoded {
    /// The tensor of the last norm's gain, where there is such a norm.
    pub(crate) norm: Option<&'static str>,
    /// The function between the two products of the classifier.
    pub(crate) classifier: Activation,
}

/// Numbers that files have for pooling: the first, as elsewhere.
const FIRST: usize = 2;

impl Builder<'_, '_> {
    /// Texts are read as a whole: every position sees all others.
    pub(crate) fn read_whole(&mut self) {
        self.program.order = Order::Whole;
    }

    /// True if texts are read as a whole.
    pub(crate) fn reads_whole(&self) -> bool {
        self.program.order == Order::Whole
    }

    /// A function that files name, if they do.
    pub(crate) fn activation(&mut self, key: &str, default: Activation) -> Result<Activation, Error> {
        Ok(match self.keys.string(key)? {
            None => default,
            Some("gelu") => Activation::GeluErf,
            Some("gelu_pytorch_tanh" | "gelu_new") => Activation::Gelu,
            Some("silu" | "swish") => Activation::Silu,
            Some("relu") => Activation::Relu,
            Some("tanh") => Activation::Tanh,
            Some(other) => return Err(self.keys.bad(key, format!("is `{}`, which is not supported", shown(other)))),
        })
    }

    /// Ends the body with `x`, and writes what embeddings are made of and what ranks a text, if the file has it. Products that
    /// follow the mean of a text's rows (`dense_2`, `dense_3`) are done before it, which is the same.
    pub(crate) fn encoded(&mut self, x: Value, encoded: Encoded) -> Result<(), Error> {
        self.section(Entry::Body, x);
        self.layer = None;
        let mut hidden = match encoded.norm {
            Some(norm) => self.norm_named("hidden", x, norm),
            None => self.scale("hidden", x, 1.0),
        };
        self.keys.know(&["dense_2_feat_in", "dense_2_feat_out", "dense_3_feat_in", "dense_3_feat_out"]);
        for name in ["dense_2", "dense_3"] {
            if let Some(rows) = self.outputs(name) {
                hidden = self.linear(&format!("hidden_{name}"), hidden, name, rows, Presence::Forbidden);
            }
        }
        self.section(Entry::Hidden, hidden);
        if self.outputs("cls.output").is_none() {
            self.keys.know(&["classifier.output_labels", "classifier.pooling_type"]);
            return Ok(());
        }
        const POOLING: &str = "classifier.pooling_type";
        // Only families with a last norm have classifiers of a mean, and they have them unless they say otherwise.
        let pooling = self.keys.size(POOLING, 0, usize::MAX)?;
        if pooling.map_or(encoded.norm.is_some(), |pooling| pooling != FIRST) {
            let problem = "is not the first row (2): a classifier of the mean of all rows is not supported".into();
            return Err(self.keys.bad(POOLING, problem));
        }
        let x = encoded.norm.map_or(x, |norm| self.norm_named("classifier_norm", x, norm));
        self.rank(x, encoded.classifier);
        Ok(())
    }

    /// The classifier of a row: a product, a function and another product, or the last alone.
    pub(super) fn rank(&mut self, x: Value, function: Activation) {
        self.keys.know(&["classifier.output_labels"]);
        let Some(labels) = self.outputs("cls.output") else { return };
        let mut row = x;
        if self.has("cls.weight") {
            row = self.linear("classifier_hidden", row, "cls", self.hidden_size, Presence::Optional);
            row = self.activate("classifier_input", row, function);
            if self.has("cls.norm.weight") {
                row = self.layer_norm("classifier_normed", row, "cls.norm", Presence::Optional);
            }
        }
        let scores = self.linear("classifier_scores", row, "cls.output", labels, Presence::Optional);
        self.section(Entry::Rank, scores);
    }
}
