//! The sinks of heads (clause A6), which are weights and so the device's alone: a program of its own gives them back.
//!
//! The norm of zeros about their mean is zeros, and its bias is added to them: what comes out is the weight, to the bit.

use hefu_numerics::device::{Batch, Error, Model, Span};
use hefu_numerics::program::{Entry, Kind, Op, Program, Rows, Section, Step, Value, ValueSpec, Weight};
use std::sync::Arc;

/// Any number above zero: the norm of zeros is zeros.
const EPSILON: f32 = 1.0;

/// The numbers of a vector of this size among the weights.
///
/// # Errors
/// The device's error.
pub(super) fn numbers(model: &Model, weight: Weight, size: usize) -> Result<Vec<f32>, Error> {
    let (program, out) = reading(&model.program, weight, size);
    let unsuited = |problem: String| Error::Unsuited { problem: format!("its sinks cannot be read: {problem}") };
    let program = Arc::new(program.seal(&[out]).map_err(|error| unsuited(error.to_string()))?);
    let rows = super::reader::size(&program, 1);
    let mut executable = model.device.compile(&program, &model.weights, &rows, &[out])?;
    let zeros = vec![0.0; size];
    let span = Span { rows: 0..1, position: 0, wanted: 0..1, tables: &[], slots: None, second: None };
    executable.run(&Batch { tokens: &[0], spans: &[span], inputs: &[&zeros] })?;
    let mut numbers = zeros;
    executable.read(out, 0..1, &mut numbers)?;
    Ok(numbers)
}

/// The program that gives a vector back, not sealed; its weights have the places that they have in the whole program.
fn reading(whole: &Program, weight: Weight, size: usize) -> (Program, Value) {
    let mut program = whole.clone();
    let spec = |name: &str| ValueSpec {
        name: name.to_owned(),
        layer: None,
        width: size,
        kind: Kind::Numbers,
        rows: Rows::All,
    };
    program.values = vec![spec("zeros"), spec("sinks")];
    program.states.clear();
    let (x, out) = (Value(0), Value(1));
    let ops = [
        Op::Inject { input: 0, out: x },
        Op::LayerNorm { x, size, gain: None, bias: Some(weight), epsilon: EPSILON, out },
    ];
    let steps = ops.map(|op| Step { layer: None, op }).into();
    program.sections = vec![Section { entry: Entry::Body, steps, output: out }];
    (program, out)
}
