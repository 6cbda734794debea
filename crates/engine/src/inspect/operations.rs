//! Cost of one token, operation by operation.

use hefu_numerics::device::Span;
use hefu_numerics::program::{Amount, Entry, Op, Program, Rows, work};

/// An operation, and what it cannot do without for the first token of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its layer; `None` outside the layers.
    pub layer: Option<u16>,
    /// The tensors that it reads, or what it does where it reads none.
    pub name: String,
    /// Bytes of weights, as the file has them.
    pub weight_bytes: u64,
    /// Multiply-adds, and operations that count as one.
    pub multiply_adds: u64,
}

/// The operations of the body and of the logits, in order; those that take nothing are left out.
pub fn operations(program: &Program) -> Vec<Operation> {
    let sections = [Entry::Body, Entry::Logits].into_iter().filter_map(|entry| program.section(entry));
    let spans = [Span { rows: 0..1, position: 0, wanted: 0..1, tables: &[], slots: None, second: None }];
    let bytes = |weight| program.weight(weight).shape.rows() * program.weight(weight).row_bytes();
    let of = |step: &hefu_numerics::program::Step| {
        let experts = match step.op {
            Op::Experts { choices, .. } => program.value(choices).width,
            _ => 0,
        };
        let amount = Amount { rows: 1, which: Rows::All, spans: &spans, experts, bytes: &bytes };
        let taken = work(program, &step.op, &amount);
        Operation {
            layer: step.layer,
            name: program.step_name(&step.op),
            weight_bytes: taken.bytes,
            multiply_adds: taken.integer + taken.float,
        }
    };
    let all = sections.flat_map(|section| &section.steps).map(of);
    all.filter(|operation| operation.weight_bytes + operation.multiply_adds > 0).collect()
}
