//! States, and the operations that read or write them.

use std::collections::{HashMap, HashSet};

use super::{Check, SealError, times};
use crate::kv::{BLOCK, Profile};
use crate::program::{DeltaHeads, Op, Order, Program, Shape, State, StateSpec, Step, Values};

/// Every state is sound by itself, and is written by one operation before it is read.
pub(super) fn check(program: &Program) -> Result<(), SealError> {
    let bad = |index: usize, problem: &str| Err(SealError { problem: format!("state {index} {problem}") });
    let mut windows = HashMap::new();
    for (index, state) in program.states.iter().enumerate() {
        match *state {
            StateSpec::KeyValue { group, heads, key, value, window } => {
                if heads == 0 || key == 0 || value.size() == 0 || window == Some(0) {
                    return bad(index, "holds nothing");
                }
                if matches!(value, Values::FirstOfKey(size) if size > key) {
                    return bad(index, "has values that are longer than its keys");
                }
                let is_cut = matches!(value, Values::FirstOfKey(size) if !size.is_multiple_of(BLOCK));
                if is_cut && program.profile == Profile::Q8 {
                    return bad(index, "has values in keys that are no whole blocks of the cache");
                }
                if *windows.entry(group).or_insert(window) != window {
                    return bad(index, "has another window than the others of its group");
                }
            }
            StateSpec::Recurrent { numbers: 0 } => return bad(index, "holds nothing"),
            StateSpec::Recurrent { .. } => {}
        }
    }
    if windows.len() != program.groups() {
        return Err(SealError { problem: "groups of states are not numbered one after the other".into() });
    }
    let steps: Vec<&Step> = program.sections.iter().flat_map(|section| &section.steps).collect();
    let mut written: HashSet<State> = HashSet::new();
    for step in steps {
        let Some(state) = step.op.state() else { continue };
        let check = Check { program, step };
        if step.op.writes_state() && !written.insert(state) {
            return check.fault(&format!("writes state {} a second time", state.0));
        }
        if !written.contains(&state) {
            return check.fault(&format!("reads state {} before it is written", state.0));
        }
        if program.order == Order::Whole {
            return check.fault("keeps a state, but a text that is read as a whole has none");
        }
    }
    match (0..program.states.len()).find(|index| !written.contains(&State(*index as u32))) {
        Some(index) => bad(index, "is never written"),
        None => Ok(()),
    }
}

impl Check<'_> {
    pub(super) fn with_state(&self) -> Result<(), SealError> {
        match self.step.op {
            Op::StoreKv { keys, values, state } => {
                let (heads, key, value) = self.key_value(state)?;
                self.numbers(keys, times(&[heads, key]))?;
                match (values, value) {
                    (Some(values), Values::Own(size)) => self.numbers(values, times(&[heads, size])),
                    (None, Values::FirstOfKey(_)) => Ok(()),
                    (Some(_), Values::FirstOfKey(_)) => self.fault("stores values that its keys hold already"),
                    (None, Values::Own(_)) => self.fault("stores no values"),
                }
            }
            Op::Attend { queries, heads, sinks, alibi, state, out, .. } => {
                self.slopes(alibi)?;
                let (of, key, value) = self.key_value(state)?;
                sinks.map_or(Ok(()), |sinks| self.vector(sinks, heads))?;
                if heads == 0 || !heads.is_multiple_of(of) {
                    return self.fault(&format!("has {heads} heads for {of} of its state"));
                }
                self.numbers(queries, times(&[heads, key]))?;
                self.numbers(out, times(&[heads, value.size()]))
            }
            Op::ShortConv { x, weight, bias, state, out, .. } => {
                let Shape::Matrix { rows: channels, columns: taps } = self.program.weight(weight).shape else {
                    return self.fault("needs a kernel for each channel");
                };
                self.numbers(x, channels)?;
                self.numbers(out, channels)?;
                if let Some(bias) = bias {
                    self.vector(bias, channels)?;
                }
                if taps < 2 {
                    return self.fault("needs two taps at least");
                }
                self.recurrent(state, times(&[channels, taps - 1]))
            }
            Op::GatedDelta { ref heads, state, .. } => {
                let DeltaHeads { keys, values, key_size, value_size, .. } = *heads;
                if keys == 0 || !values.is_multiple_of(keys) {
                    return self.fault(&format!("has {values} value heads for {keys} key heads"));
                }
                self.delta(heads)?;
                self.recurrent(state, times(&[values, key_size, value_size]))
            }
            _ => Ok(()),
        }
    }

    /// Scans of later families.
    pub(super) fn scans(&self) -> Result<(), SealError> {
        match self.step.op {
            Op::SelectiveScan { x, steps, keys, queries, rates, state, out } => {
                let Shape::Matrix { rows: channels, columns: numbers } = self.program.weight(rates).shape else {
                    return self.fault("needs rates for each channel");
                };
                [x, steps, out].into_iter().try_for_each(|value| self.numbers(value, channels))?;
                [keys, queries].into_iter().try_for_each(|value| self.numbers(value, numbers))?;
                self.recurrent(state, times(&[channels, numbers]))
            }
            Op::TokenShift { x, state, out } => {
                self.numbers(x, self.width(out))?;
                self.numbers(out, self.width(out))?;
                self.recurrent(state, self.width(out))
            }
            Op::Wkv7 { inputs, heads, state, out } => {
                let size = self.heads_of(out, heads)?;
                inputs.all().into_iter().try_for_each(|value| self.numbers(value, self.width(out)))?;
                self.recurrent(state, times(&[heads, size, size]))
            }
            _ => Ok(()),
        }
    }

    fn delta(&self, heads: &DeltaHeads) -> Result<(), SealError> {
        let Op::GatedDelta { queries, keys, values, decay, beta, out, .. } = self.step.op else { return Ok(()) };
        for (value, width) in [
            (queries, times(&[heads.keys, heads.key_size])),
            (keys, times(&[heads.keys, heads.key_size])),
            (values, times(&[heads.values, heads.value_size])),
            (decay, heads.values),
            (beta.unwrap_or(decay), heads.values),
            (out, times(&[heads.values, heads.value_size])),
        ] {
            self.numbers(value, width)?;
        }
        Ok(())
    }

    fn key_value(&self, state: State) -> Result<(usize, usize, Values), SealError> {
        match *self.program.state(state) {
            StateSpec::KeyValue { heads, key, value, .. } => Ok((heads, key, value)),
            StateSpec::Recurrent { .. } => self.fault(&format!("needs state {} to hold keys and values", state.0)),
        }
    }

    fn recurrent(&self, state: State, numbers: usize) -> Result<(), SealError> {
        match *self.program.state(state) {
            StateSpec::Recurrent { numbers: found } if found == numbers => Ok(()),
            found => self.fault(&format!("needs state {} to be {numbers} numbers, but it is {found:?}", state.0)),
        }
    }
}
