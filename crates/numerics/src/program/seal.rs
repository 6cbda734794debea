//! For which rows each value is needed: derived, not written.
//!
//! Going backwards through the body, an operation is needed for all rows only if a state depends on it. All others are
//! needed for the rows whose results are wanted alone: in a prompt, the end of the last layer for its last token. Where the
//! one meets the other, a `Select` is put.

use std::collections::{HashMap, HashSet};

use super::check;
use super::{Entry, Op, Order, Program, Rows, SealError, Step, Value, ValueSpec};

impl Step {
    /// Beginning of a mistake's sentence.
    pub(super) fn place(&self) -> String {
        let layer = self.layer.map_or(String::new(), |layer| format!(" of layer {layer}"));
        format!("`{}`{layer}", self.op.name())
    }
}

impl Program {
    /// Checks the program, says of each value for which rows it is needed, and puts the `Select`s in. `all_rows` are values
    /// that are to be there for all rows whatever depends on them.
    ///
    /// # Errors
    /// A value, weight, state or rotation that is not there; a value that is read before it is written, or written twice; an
    /// operation whose values or weights are of another width, shape or kind than it needs; a state that nothing writes; a
    /// body that is missing.
    pub fn seal(mut self, all_rows: &[Value]) -> Result<Program, SealError> {
        self.check_places(all_rows)?;
        self.check_order()?;
        check::check(&self)?;
        let Some(body) = self.sections.iter().position(|section| section.entry == Entry::Body) else {
            return Err(SealError { problem: "it has no body".into() });
        };
        let all = needed_for_all(&self.sections[body].steps, all_rows, self.order);
        for (index, value) in self.values.iter_mut().enumerate() {
            let is_all = all.contains(&Value(index as u32));
            value.rows = if is_all { Rows::All } else { Rows::Wanted };
        }
        self.select(body);
        Ok(self)
    }

    /// Everything that is named is there.
    fn check_places(&self, all_rows: &[Value]) -> Result<(), SealError> {
        let bad = |what: &str| SealError { problem: format!("{what} that is not there") };
        let is_there = |value: &Value| (value.0 as usize) < self.values.len();
        for step in self.sections.iter().flat_map(|section| &section.steps) {
            let op = &step.op;
            let name = op.name();
            if !op.inputs().iter().chain(&op.output()).all(is_there) {
                return Err(bad(&format!("`{name}` names a value")));
            }
            if op.weights().iter().any(|weight| weight.0 as usize >= self.weights.len()) {
                return Err(bad(&format!("`{name}` names a weight")));
            }
            if op.state().is_some_and(|state| state.0 as usize >= self.states.len()) {
                return Err(bad(&format!("`{name}` names a state")));
            }
            if matches!(op, Op::Angles { rope, .. } if rope.0 as usize >= self.ropes.len()) {
                return Err(bad(&format!("`{name}` names a rotation")));
            }
        }
        if !self.sections.iter().map(|section| &section.output).chain(all_rows).all(is_there) {
            return Err(bad("a section or a probe names a value"));
        }
        Ok(())
    }

    /// Every value is written once, and before it is read.
    fn check_order(&self) -> Result<(), SealError> {
        let mut written = HashSet::new();
        for section in &self.sections {
            for step in &section.steps {
                let fault = |value: Value, what: &str| {
                    let name = self.values.get(value.0 as usize).map_or("?", |spec| &spec.name);
                    SealError { problem: format!("{} {what} `{name}`", step.place()) }
                };
                if let Some(value) = step.op.inputs().into_iter().find(|value| !written.contains(value)) {
                    return Err(fault(value, "reads before it is written"));
                }
                if let Some(value) = step.op.output().filter(|value| !written.insert(*value)) {
                    return Err(fault(value, "writes a second time"));
                }
            }
            if !written.contains(&section.output) {
                return Err(SealError { problem: format!("{:?} has no output", section.entry) });
            }
        }
        Ok(())
    }

    /// Puts a `Select` before the first reader that needs only wanted rows of a value that is there for all, and at the end
    /// if the output is such a value.
    fn select(&mut self, body: usize) {
        let steps = std::mem::take(&mut self.sections[body].steps);
        let mut selected: HashMap<Value, Value> = HashMap::new();
        let mut sealed = Vec::with_capacity(steps.len());
        for mut step in steps {
            let is_wanted = step.op.output().is_some_and(|value| self.value(value).rows == Rows::Wanted);
            let layer = step.layer;
            if is_wanted {
                step.op.each_input(&mut |value| *value = self.selected(*value, layer, &mut selected, &mut sealed));
            }
            sealed.push(step);
        }
        let (output, layer) = (self.sections[body].output, sealed.last().and_then(|step| step.layer));
        let output = self.selected(output, layer, &mut selected, &mut sealed);
        // Heads begin with what the body gives them.
        let before = self.sections[body].output;
        for section in &mut self.sections {
            if section.entry != Entry::Body {
                for step in &mut section.steps {
                    step.op.each_input(&mut |value| *value = if *value == before { output } else { *value });
                }
            }
        }
        (self.sections[body].steps, self.sections[body].output) = (sealed, output);
    }

    /// The wanted rows of a value: itself, or what a `Select` makes of it.
    fn selected(
        &mut self,
        value: Value,
        layer: Option<u16>,
        selected: &mut HashMap<Value, Value>,
        steps: &mut Vec<Step>,
    ) -> Value {
        if self.value(value).rows == Rows::Wanted {
            return value;
        }
        if let Some(known) = selected.get(&value) {
            return *known;
        }
        let out = Value(self.values.len() as u32);
        let spec = self.value(value);
        let name = format!("{}_wanted", spec.name);
        self.values.push(ValueSpec { name, layer, rows: Rows::Wanted, ..spec.clone() });
        steps.push(Step { layer, op: Op::Select { x: value, out } });
        selected.insert(value, out);
        out
    }
}

/// The values that are needed for all rows.
fn needed_for_all(steps: &[Step], all_rows: &[Value], order: Order) -> HashSet<Value> {
    let mut all: HashSet<Value> = all_rows.iter().copied().collect();
    for step in steps.iter().rev() {
        let inputs = step.op.inputs();
        // Without inputs an operation reads the whole batch, and a moved state goes through all rows; in a text read as a
        // whole every row sees all others.
        if inputs.is_empty() || step.op.writes_state() {
            all.extend(step.op.output());
        }
        let is_all = step.op.output().is_some_and(|value| all.contains(&value));
        if step.op.writes_state() || is_all || order == Order::Whole {
            all.extend(inputs);
        }
    }
    all
}
