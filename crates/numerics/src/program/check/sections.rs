//! Sections: the body first, heads that begin with its output, and nothing that is not there.

use std::collections::HashSet;

use super::{Check, SealError};
use crate::program::{Entry, Op, Program, Section};

pub(super) fn check(program: &Program) -> Result<(), SealError> {
    let bad = |problem: String| Err(SealError { problem });
    let body = match program.sections.first() {
        Some(body) if body.entry == Entry::Body => body,
        _ => return bad("it does not begin with a body".into()),
    };
    let entries: HashSet<Entry> = program.sections.iter().map(|section| section.entry).collect();
    if entries.len() != program.sections.len() {
        return bad("it has two sections for one entry".into());
    }
    for weight in &program.weights {
        if weight.format.row_bytes(weight.shape.columns()).is_none_or(|bytes| bytes == 0) || weight.shape.rows() == 0 {
            let (tensor, shape, format) = (&weight.tensor, weight.shape, weight.format.name);
            return bad(format!("`{tensor}` cannot be a {shape:?} of {format}"));
        }
        if weight.source.block == 0 || weight.source.stride < weight.source.block {
            return bad(format!("`{}` cannot lie at {:?}", weight.tensor, weight.source));
        }
    }
    program.sections.iter().try_for_each(|section| steps(program, section, body))
}

fn steps(program: &Program, section: &Section, body: &Section) -> Result<(), SealError> {
    let is_head = section.entry != Entry::Body;
    let mut own = HashSet::from([body.output]);
    for step in &section.steps {
        let check = Check { program, step };
        let is_ours = |value: &crate::program::Value| !is_head || own.contains(value);
        if let Some(value) = step.op.inputs().iter().find(|value| !is_ours(value)) {
            let name = &program.value(*value).name;
            return check.fault(&format!("of the head {:?} reads `{name}` of the body", section.entry));
        }
        let reads_batch = step.op.inputs().is_empty() || matches!(step.op, Op::AttendWhole { .. });
        if is_head && (reads_batch || step.op.state().is_some()) {
            return check.fault(&format!("stands in the head {:?}, which has no batch and no states", section.entry));
        }
        own.extend(step.op.output());
    }
    let output = program.value(section.output);
    if section.entry == Entry::Logits && output.width != program.vocabulary {
        let problem = format!("it has {} logits for {} tokens", output.width, program.vocabulary);
        return Err(SealError { problem });
    }
    Ok(())
}
