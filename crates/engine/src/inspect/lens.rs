//! The lens: what the logits would be if a layer were the last (nostalgebraist, "interpreting GPT: the logit lens", 2020).
//!
//! The head of the program is made a program of its own, whose input is what the layer hands on. At the last layer it gives the
//! model's own logits.

use hefu_numerics::device::{Batch, Error, Executable, Model, Span};
use hefu_numerics::program::{Entry, Op, Program, Rows, Section, Step};
use std::sync::Arc;

/// The head of a model, ready to run.
pub(super) struct Lens {
    executable: Box<dyn Executable>,
}

impl Lens {
    pub(super) fn new(model: &Model) -> Result<Self, Error> {
        let unsuited = |problem: String| Error::Unsuited { problem: format!("its head cannot stand alone: {problem}") };
        let program = head(&model.program).ok_or_else(|| unsuited("it has none".to_owned()))?;
        let program = Arc::new(program.seal(&[]).map_err(|error| unsuited(error.to_string()))?);
        let size = super::reader::size(&program, 1);
        Ok(Self { executable: model.device.compile(&program, &model.weights, &size, &[])? })
    }

    /// The logits of one row that a layer has handed on.
    pub(super) fn logits(&mut self, row: &[f32]) -> Result<&[f32], Error> {
        let span = Span { rows: 0..1, position: 0, wanted: 0..1, tables: &[], slots: None, second: None };
        self.executable.run(&Batch { tokens: &[0], spans: &[span], inputs: &[row] })?;
        self.executable.head(Entry::Logits, 0..1)
    }
}

/// The head alone, not sealed; its weights have the places that they have in the whole program.
fn head(whole: &Program) -> Option<Program> {
    let (body, head) = (whole.section(Entry::Body)?, whole.section(Entry::Logits)?);
    let mut program = whole.clone();
    let input = body.output;
    for value in &mut program.values {
        value.rows = Rows::All;
    }
    program.states.clear();
    let steps = vec![Step { layer: None, op: Op::Inject { input: 0, out: input } }];
    program.sections = vec![Section { entry: Entry::Body, steps, output: input }, head.clone()];
    Some(program)
}
