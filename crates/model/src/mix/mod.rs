//! Format of each tensor when a model is quantised: the mixes that the field knows by name.
//!
//! Matrices are quantised, what is small or sensitive is not (`roles`); within a mix, the tensors that matter most get more
//! bits (`choice`). The choices are those of llama.cpp's tool, so that a name means the same file size everywhere.

mod choice;
mod roles;

use hefu_numerics::quant::Format;

use crate::gguf::{self, Metadata};
use choice::Facts;
use roles::Role;

/// A kind of quantised file.
#[derive(Debug, PartialEq, Eq)]
pub struct Mix {
    /// Its name: `Q4_K_M`.
    pub name: &'static str,
    /// `general.file_type` of files of this kind.
    pub file_type: u32,
    /// The format of what has no other reason.
    pub base: &'static str,
}

const fn mix(name: &'static str, file_type: u32, base: &'static str) -> Mix {
    Mix { name, file_type, base }
}

/// Every mix, by size.
pub const MIXES: &[Mix] = &[
    mix("F32", 0, "F32"),
    mix("BF16", 32, "BF16"),
    mix("F16", 1, "F16"),
    mix("Q8_0", 7, "Q8_0"),
    mix("Q6_K", 18, "Q6_K"),
    mix("Q5_K_M", 17, "Q5_K"),
    mix("Q5_K_S", 16, "Q5_K"),
    mix("Q5_1", 9, "Q5_1"),
    mix("Q5_0", 8, "Q5_0"),
    mix("Q4_K_M", 15, "Q4_K"),
    mix("Q4_K_S", 14, "Q4_K"),
    mix("Q4_1", 3, "Q4_1"),
    mix("Q4_0", 2, "Q4_0"),
    mix("IQ4_NL", 25, "IQ4_NL"),
    mix("IQ4_XS", 30, "IQ4_XS"),
    mix("MXFP4_MOE", 38, "MXFP4"),
    mix("Q3_K_L", 13, "Q3_K"),
    mix("Q3_K_M", 12, "Q3_K"),
    mix("IQ3_M", 27, "IQ3_S"),
    mix("IQ3_S", 26, "IQ3_S"),
    mix("Q3_K_S", 11, "Q3_K"),
    mix("IQ3_XS", 22, "IQ3_S"),
    mix("IQ3_XXS", 23, "IQ3_XXS"),
    mix("Q2_K", 10, "Q2_K"),
    mix("Q2_K_S", 21, "Q2_K"),
    mix("IQ2_M", 29, "IQ2_S"),
    mix("IQ2_S", 28, "IQ2_XS"),
    mix("IQ2_XS", 20, "IQ2_XS"),
    mix("Q2_0", 41, "Q2_0"),
    mix("IQ2_XXS", 19, "IQ2_XXS"),
    mix("TQ2_0", 37, "TQ2_0"),
    mix("IQ1_M", 31, "IQ1_M"),
    mix("TQ1_0", 36, "TQ1_0"),
    mix("IQ1_S", 24, "IQ1_S"),
    mix("Q1_0", 40, "Q1_0"),
];

impl Mix {
    /// The mix of this name, in any case; of `Q3_K`, `Q4_K` and `Q5_K` the usual one.
    pub fn from_name(name: &str) -> Option<&'static Mix> {
        let name = name.to_ascii_uppercase();
        let name = match name.as_str() {
            "Q3_K" | "Q4_K" | "Q5_K" => format!("{name}_M"),
            _ => name,
        };
        MIXES.iter().find(|mix| mix.name == name)
    }

    /// True if its format is a quantised one.
    pub fn is_quantised(&self) -> bool {
        !matches!(self.base, "F32" | "F16" | "BF16")
    }
}

/// Mix of formats for a model.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Into which mix.
    pub mix: &'static Mix,
    /// Every matrix gets the mix's own format.
    pub is_pure: bool,
    /// True if there is an importance matrix.
    pub has_importance: bool,
}

/// A tensor before it is quantised.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its dimensions, the first contiguous.
    pub shape: &'a [u64],
    /// Its storage.
    pub format: &'static Format,
}

/// Format chosen for a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its format.
    pub format: &'static Format,
    /// True if it is of use only with an importance matrix.
    pub needs_importance: bool,
}

/// The formats of all tensors, in the order given.
///
/// # Errors
/// Metadata of the wrong type.
pub fn plan(metadata: &Metadata<'_>, tensors: &[Candidate<'_>], wish: Wish) -> Result<Vec<Target>, gguf::Error> {
    let mut facts = Facts::read(metadata, tensors, wish)?;
    // Within a layer by name, and layers in order: what is counted is counted so.
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by_key(|index| {
        (roles::layer(tensors[*index].name).map_or(-1, |layer| layer as i64), tensors[*index].name)
    });
    let mut targets: Vec<Option<Target>> = vec![None; tensors.len()];
    for index in order {
        targets[index] = Some(target(&tensors[index], wish, &mut facts));
    }
    Ok(targets.into_iter().flatten().collect())
}

fn target(tensor: &Candidate<'_>, wish: Wish, facts: &mut Facts) -> Target {
    let kept = Target { format: tensor.format, needs_importance: false };
    let role = Role::of(tensor.name);
    let Some(base) = Format::from_name(wish.mix.base).filter(|_| roles::is_quantised(tensor)) else { return kept };
    if !wish.mix.is_quantised() {
        return Target { format: base, ..kept };
    }
    let wanted = if wish.is_pure { base.name } else { facts.choose(wish.mix, role, tensor) };
    let format = fitting(wanted, tensor.shape[0]).unwrap_or(tensor.format);
    let is_table = matches!(role, Role::Embedding | Role::Output);
    let needs_importance = !is_table
        && match format.name {
            "IQ1_S" | "IQ1_M" | "IQ2_XXS" | "IQ2_XS" | "IQ2_S" | "IQ3_XXS" => true,
            "Q2_K" => wish.mix.name == "Q2_K_S",
            _ => false,
        };
    Target { format, needs_importance }
}

/// The format, or another one where rows are no whole number of its blocks.
fn fitting(wanted: &str, columns: u64) -> Option<&'static Format> {
    let fits = |name: &str| {
        let format = Format::from_name(name)?;
        columns.is_multiple_of(format.block_elements as u64).then_some(format)
    };
    let instead = match wanted {
        "Q2_K" | "Q3_K" | "TQ1_0" | "TQ2_0" | "Q1_0" | "Q2_0" => "Q4_0",
        "Q4_K" => "Q5_0",
        "Q5_K" => "Q5_1",
        "Q6_K" => "Q8_0",
        name if name.starts_with("IQ") => "IQ4_NL",
        _ => "F16",
    };
    fits(wanted).or_else(|| fits(instead)).or_else(|| fits("F16"))
}
