//! The formats within a mix.

use super::roles::{self, Role};
use super::{Candidate, Mix, Wish};
use crate::gguf::{self, Metadata};

/// Layers of the one size of model whose values are so few for its queries that they get more bits.
const DEEP: usize = 80;

/// Grounds of the choice besides the tensor, and the number of tensors of a kind that were seen.
#[derive(Debug)]
pub(super) struct Facts {
    /// Blocks.
    layers: usize,
    experts: usize,
    /// Query heads for each head of keys and values.
    group: usize,
    has_importance: bool,
    /// The table of tokens makes the logits too.
    is_tied: bool,
    /// Tensors that make values.
    values: usize,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    values: usize,
    down: usize,
    gate: usize,
    up: usize,
}

impl Facts {
    pub(super) fn read(metadata: &Metadata<'_>, tensors: &[Candidate<'_>], wish: Wish) -> Result<Facts, gguf::Error> {
        let architecture = metadata.string("general.architecture")?.unwrap_or_default();
        let number = |key: &str| -> Result<usize, gguf::Error> {
            let key = format!("{architecture}.{key}");
            // Hybrids have a number for each layer: that of the first layer with any counts.
            let of_layers = || metadata.integers(&key).ok().flatten()?.into_iter().find(|number| *number > 0);
            let one = metadata.get(&key).and_then(gguf::Value::unsigned);
            Ok(one.or_else(|| of_layers()?.try_into().ok()).and_then(|number| number.try_into().ok()).unwrap_or(0))
        };
        let heads = number("attention.head_count")?;
        let key_values = match number("attention.head_count_kv")? {
            0 => heads,
            some => some,
        };
        Ok(Facts {
            layers: number("block_count")?,
            experts: number("expert_count")?,
            group: heads.checked_div(key_values).unwrap_or(0),
            has_importance: wish.has_importance,
            is_tied: !tensors.iter().any(|tensor| Role::of(tensor.name) == Role::Output),
            values: tensors.iter().filter(|tensor| Role::of(tensor.name).is_values()).count(),
            seen: Seen::default(),
        })
    }

    /// The format's name.
    pub(super) fn choose(&mut self, mix: &Mix, role: Role, tensor: &Candidate<'_>) -> &'static str {
        if role == Role::Output || self.is_tied && role == Role::Embedding {
            return output(mix, tensor);
        }
        if mix.name == "MXFP4_MOE" {
            return if tensor.shape.get(2).is_some_and(|experts| *experts > 1) { "MXFP4" } else { "Q8_0" };
        }
        if role == Role::Embedding {
            return embedding(mix);
        }
        if matches!(mix.name, "IQ1_S" | "IQ1_M" | "IQ2_XXS" | "IQ2_XS" | "IQ2_S" | "IQ2_M") {
            return self.smallest(mix, role);
        }
        match role {
            role if role.is_values() => self.of_values(mix),
            Role::Keys if self.experts == 8 => "Q8_0",
            Role::Keys | Role::Queries => match mix.name {
                "IQ3_XS" => "IQ3_XXS",
                "IQ3_XXS" => "IQ2_S",
                _ => mix.base,
            },
            Role::Down => {
                let layer = self.layer(tensor, |seen| &mut seen.down);
                self.of_down(mix, layer)
            }
            Role::AttentionOutput => self.of_output(mix),
            Role::Gate | Role::Up => {
                let layer = self.layer(tensor, |seen| if role == Role::Gate { &mut seen.gate } else { &mut seen.up });
                let is_inner = layer >= self.layers / 8 && layer < 7 * self.layers / 8;
                if mix.name == "IQ3_XS" && is_inner { "IQ3_XXS" } else { mix.base }
            }
            _ => mix.base,
        }
    }

    /// The layer of a feed-forward tensor: how many of its kind came before, or with experts what its name says.
    fn layer(&mut self, tensor: &Candidate<'_>, seen: impl Fn(&mut Seen) -> &mut usize) -> usize {
        let count = seen(&mut self.seen);
        *count += 1;
        if self.experts > 1 { roles::layer(tensor.name).unwrap_or(0) } else { *count - 1 }
    }

    /// Mixes of about two bits and less.
    fn smallest(&mut self, mix: &Mix, role: Role) -> &'static str {
        let larger = if matches!(mix.name, "IQ2_S" | "IQ2_M") { "IQ3_S" } else { "Q2_K" };
        match role {
            role if role.is_values() => {
                self.seen.values += 1;
                if self.group >= 4 || self.experts >= 4 { "Q4_K" } else { larger }
            }
            Role::Keys if self.experts == 8 => "Q4_K",
            Role::Down => {
                self.seen.down += 1;
                if self.seen.down - 1 < self.layers / 8 { larger } else { mix.base }
            }
            Role::AttentionOutput if self.experts == 8 => "Q5_K",
            Role::AttentionOutput => match mix.name {
                "IQ1_S" | "IQ1_M" => "IQ2_XXS",
                "IQ2_S" | "IQ2_M" => "IQ3_S",
                _ => mix.base,
            },
            _ => mix.base,
        }
    }

    fn of_values(&mut self, mix: &Mix) -> &'static str {
        let before = self.seen.values;
        self.seen.values += 1;
        let is_grouped = self.group >= 4;
        let format = match mix.name {
            "Q2_K" => {
                if is_grouped {
                    "Q4_K"
                } else {
                    "Q3_K"
                }
            }
            "Q2_K_S" if is_grouped => "Q4_K",
            "IQ3_XXS" if is_grouped => "Q4_K",
            "IQ3_XXS" => {
                if self.has_importance {
                    "IQ3_XXS"
                } else {
                    "IQ3_S"
                }
            }
            "IQ3_XS" | "IQ3_S" if is_grouped => "Q4_K",
            "IQ3_M" => "Q4_K",
            "Q3_K_M" => {
                if before < 2 {
                    "Q5_K"
                } else {
                    "Q4_K"
                }
            }
            "Q3_K_L" => "Q5_K",
            "IQ4_NL" | "IQ4_XS" if is_grouped => "Q5_K",
            "Q4_K_M" | "Q5_K_M" if gets_more(before, self.values) => "Q6_K",
            "Q4_K_S" if before < 4 => "Q5_K",
            _ => mix.base,
        };
        if self.experts == 8 {
            return "Q8_0";
        }
        if self.layers == DEEP && self.group > 1 && matches!(format, "Q3_K" | "Q4_K") { "Q5_K" } else { format }
    }

    fn of_down(&self, mix: &Mix, layer: usize) -> &'static str {
        let is_early = layer < self.layers / 8;
        match mix.name {
            "Q2_K" => "Q3_K",
            "Q2_K_S" if is_early => "Q4_K",
            "IQ3_XXS" if !self.has_importance => {
                if is_early {
                    "Q4_K"
                } else {
                    "Q3_K"
                }
            }
            "Q3_K_M" => {
                if layer < self.layers / 16 {
                    "Q5_K"
                } else {
                    "Q4_K"
                }
            }
            "IQ3_M" if is_early || self.experts == 8 && gets_more(layer, self.layers) => "Q4_K",
            "Q3_K_L" => "Q5_K",
            "Q4_K_M" | "Q5_K_M" if gets_more(layer, self.layers) => "Q6_K",
            "IQ4_NL" | "IQ4_XS" if is_early && !self.has_importance => "Q5_K",
            "Q4_K_S" if is_early => "Q5_K",
            "Q4_0" if is_early && self.has_importance => "Q4_1",
            "Q5_0" if is_early && self.has_importance => "Q5_1",
            _ => mix.base,
        }
    }

    fn of_output(&self, mix: &Mix) -> &'static str {
        if self.experts == 8 {
            let is_small = matches!(
                mix.name,
                "Q2_K"
                    | "IQ3_XS"
                    | "IQ3_XXS"
                    | "Q3_K_S"
                    | "Q3_K_M"
                    | "IQ4_NL"
                    | "Q4_K_S"
                    | "Q4_K_M"
                    | "IQ3_S"
                    | "IQ3_M"
                    | "IQ4_XS"
            );
            return if is_small { "Q5_K" } else { mix.base };
        }
        match mix.name {
            "Q2_K" => "Q3_K",
            "IQ3_XXS" => "IQ3_S",
            "Q3_K_M" | "IQ3_M" => "Q4_K",
            "Q3_K_L" => "Q5_K",
            _ => mix.base,
        }
    }
}

/// The first and last eighth, and every third of those between.
fn gets_more(layer: usize, layers: usize) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

fn output(mix: &Mix, tensor: &Candidate<'_>) -> &'static str {
    let block = hefu_numerics::quant::Format::from_name(mix.base).map_or(1, |format| format.block_elements as u64);
    match mix.name {
        "MXFP4_MOE" | "Q8_0" => "Q8_0",
        _ if !tensor.shape[0].is_multiple_of(block) => "Q8_0",
        "IQ1_S" | "IQ1_M" | "IQ2_XXS" | "IQ2_XS" | "IQ2_S" | "IQ2_M" | "IQ3_XXS" => "Q5_K",
        _ => "Q6_K",
    }
}

fn embedding(mix: &Mix) -> &'static str {
    match mix.name {
        "IQ1_S" | "IQ1_M" | "IQ2_XXS" | "IQ2_XS" => "Q2_K",
        "IQ2_S" | "IQ2_M" | "IQ3_XXS" => "IQ3_S",
        "TQ1_0" | "TQ2_0" | "Q2_0" => "Q4_K",
        _ => mix.base,
    }
}
