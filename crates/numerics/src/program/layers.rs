//! Outputs of layers.

use std::collections::BTreeMap;

use super::{Entry, Op, Program, Value};

impl Program {
    /// The output of every layer, in the order of the layers: what the last operation of the layer writes. Selecting rows is
    /// no operation of a layer's own.
    pub fn layer_outputs(&self) -> Vec<Value> {
        let mut outputs = BTreeMap::new();
        for step in self.section(Entry::Body).map_or(&[][..], |body| &body.steps) {
            if let (Some(layer), Some(out)) = (step.layer, step.op.output())
                && !matches!(step.op, Op::Select { .. })
            {
                outputs.insert(layer, out);
            }
        }
        outputs.into_values().collect()
    }
}
