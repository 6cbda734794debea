//! Inner values of experts, as outputs of the program.
//!
//! The operation of a mixture keeps it to itself. So a program that is watched has further operations before each mixture, by
//! which every expert's first matrices multiply every row, chosen or not: slower by as much as there are more experts than are
//! chosen, and nothing but a probe reads what comes of it.

use hefu_numerics::program::{Entry, Kind, Op, Program, Shape, Step, Value, ValueSpec, Weight};

/// Input of each expert's last matrix, if it were chosen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside {
    pub(super) down: Weight,
    /// `[experts * inner]`.
    pub(super) hidden: Value,
    pub(super) choices: Value,
    /// Input of all experts' first matrices.
    pub(super) repeated: Value,
}

/// The program with what experts compute inside as values of its own. Experts with biases stay as they are.
pub(super) fn opened(program: &Program) -> (Program, Vec<Inside>) {
    let (mut opened, mut insides) = (program.clone(), Vec::new());
    let Some(body) = opened.sections.iter().position(|section| section.entry == Entry::Body) else {
        return (opened, insides);
    };
    let steps = std::mem::take(&mut opened.sections[body].steps);
    let mut all = Vec::with_capacity(steps.len());
    for step in steps {
        if let Op::Experts { biases: [None, None, None], .. } = step.op {
            insides.extend(open(&mut opened, &step, &mut all));
        }
        all.push(step);
    }
    opened.sections[body].steps = all;
    (opened, insides)
}

fn open(program: &mut Program, step: &Step, steps: &mut Vec<Step>) -> Option<Inside> {
    let Op::Experts { x, choices, gate, up, down, activation, .. } = step.op else { return None };
    let Shape::Stack { items, rows, .. } = program.weight(up).shape else { return None };
    let (of, layer) = (program.value(x).clone(), step.layer);
    let mut write = |name: &str, width: usize, op: &dyn Fn(Value) -> Op| {
        let out = Value(program.values.len() as u32);
        let name = format!("inside_{name}");
        program.values.push(ValueSpec { name, layer, width, kind: Kind::Numbers, rows: of.rows });
        steps.push(Step { layer, op: op(out) });
        out
    };
    let parts = vec![x; items];
    let repeated = write("input", items * of.width, &|out| Op::Join { parts: parts.clone(), heads: 1, out });
    let mut product =
        |name: &str, weight| write(name, items * rows, &|out| Op::HeadLinear { x: repeated, weight, out });
    let (gate, up) = (gate.map(|gate| product("gate", gate)), product("up", up));
    let hidden = write("hidden", items * rows, &|out| match gate {
        Some(gate) => Op::Gate { gate, up, activation, out },
        None => Op::Activate { x: up, activation, out },
    });
    Some(Inside { down, hidden, choices, repeated })
}
