//! Qwen 3 VL with experts, the part for text.

use super::{Family, qwen3moe};
use crate::build::Builder;
use crate::error::Error;

pub(super) const QWEN3_VL_MOE: Family = Family { name: "qwen3vlmoe", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    // Spread of positions and inner results of pictures.
    b.keys.know(&["rope.dimension_sections", "n_deepstack_layers"]);
    qwen3moe::write(b)
}
