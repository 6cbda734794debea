//! Qwen 3 VL, the part for text: Qwen 3, as a position in text is one number.

use super::{Family, qwen3};
use crate::build::Builder;
use crate::error::Error;

pub(super) const QWEN3_VL: Family = Family { name: "qwen3vl", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    // Spread of positions and inner results of pictures.
    b.keys.know(&["rope.dimension_sections", "n_deepstack_layers"]);
    qwen3::write(b)
}
