//! Qwen 2 and 2.5 VL, the part for text: Qwen 2, as a position in text is one number.

use super::{Family, qwen2};
use crate::build::Builder;
use crate::error::Error;

pub(super) const QWEN2_VL: Family = Family { name: "qwen2vl", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    // Spread of positions and inner results of pictures.
    b.keys.know(&["rope.dimension_sections", "n_deepstack_layers"]);
    qwen2::write(b)
}
