//! The block of a model that only guesses (multi-token prediction; DeepSeek-AI, arXiv 2412.19437, section 2.2), as a program of
//! its own.
//!
//! Its row for a position reads the token of the next position and what the model's last norm made of the position itself,
//! and has logits for the token after the next. For further guesses its own last norm takes the place of the model's. Its
//! weights are those of the model and some more, so that both are in memory once.

use hefu_numerics::program::{Entry, Op, Value};

use super::{Builder, Norms, Presence, empty};

impl Builder<'_, '_> {
    /// Writes the program of the first block that guesses, if it is wanted: `block` is the block, from its input on. A block
    /// of another shape is left out, as a model runs without it.
    pub(crate) fn drafter(&mut self, block: impl FnOnce(&mut Self, Value) -> Value) {
        self.drafter_normed(None, block);
    }

    /// The same, whose last norm is about the mean with this epsilon, where there is one.
    pub(crate) fn drafter_normed(&mut self, about_mean: Option<f32>, block: impl FnOnce(&mut Self, Value) -> Value) {
        let Some(layer) = self.guessing.filter(|_| !self.tensors.has_failed()) else { return };
        let known = self.program.weights.len();
        let (vocabulary, context, profile) = (self.program.vocabulary, self.program.context, self.program.profile);
        let mut program = empty(vocabulary, context, profile);
        program.weights = std::mem::take(&mut self.program.weights);
        let trunk = std::mem::replace(&mut self.program, program);
        let windows = std::mem::take(&mut self.windows);

        self.layer(layer);
        let x = self.joined_input();
        let x = block(self, x);
        let usual = (self.norms, self.epsilon);
        if let Some(epsilon) = about_mean {
            (self.norms, self.epsilon) = (Norms::Layer(Presence::Forbidden), epsilon);
        }
        self.draft_output(x);
        (self.norms, self.epsilon) = usual;

        self.windows = windows;
        let mut drafter = std::mem::replace(&mut self.program, trunk);
        self.program.weights = std::mem::take(&mut drafter.weights);
        self.layer = None;
        if self.tensors.has_failed() {
            self.tensors.forgive();
            self.program.weights.truncate(known);
            self.weights.retain(|_, weight| (weight.0 as usize) < known);
            return;
        }
        self.drafter = Some(drafter);
    }

    /// The token's row of the embedding and the row of the position before, each normed, brought together.
    fn joined_input(&mut self) -> Value {
        let width = self.hidden_size;
        let table = match self.has("nextn.embed_tokens.weight") {
            true => self.matrix("nextn.embed_tokens", self.program.vocabulary, width),
            false => self.whole_matrix("token_embd", width),
        };
        let token = self.write("embedding", width, |out| Op::Embed { table, scale: 1.0, out });
        let hidden = self.write("hidden_before", width, |out| Op::Inject { input: 0, out });
        let token = self.norm(token, "nextn.enorm");
        let hidden = self.norm(hidden, "nextn.hnorm");
        let joined = self.join("nextn_input", &[token, hidden], 1);
        self.linear("nextn_projection", joined, "nextn.eh_proj", width, Presence::Forbidden)
    }

    /// The block's own norm and output matrix, or the model's where it has none.
    fn draft_output(&mut self, x: Value) {
        let (layer, vocabulary, width) = (self.layer, self.program.vocabulary, self.hidden_size);
        let (has_norm, has_head) =
            (self.has("nextn.shared_head_norm.weight"), self.has("nextn.shared_head_head.weight"));
        self.section(Entry::Body, x);
        for (entry, name) in [(Entry::Logits, "nextn_norm"), (Entry::Hidden, "hidden")] {
            self.layer = if has_norm { layer } else { None };
            let mut made = self.norm_named(name, x, if has_norm { "nextn.shared_head_norm" } else { "output_norm" });
            self.layer = layer;
            if entry == Entry::Logits {
                let matrix = match has_head {
                    true => self.matrix("nextn.shared_head_head", vocabulary, width),
                    false => self.output_matrix(),
                };
                made = self.product("logits", made, matrix, None, vocabulary);
            }
            self.section(entry, made);
        }
    }
}
