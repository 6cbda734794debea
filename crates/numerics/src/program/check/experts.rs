//! Routers and experts.

use super::{Check, SealError};
use crate::program::{Groups, Kind, Op, RouteRule, Scoring, Shape, Value};

/// Experts at most: their indices are exact as f32.
const MAX_EXPERTS: usize = 1 << 24;

impl Check<'_> {
    pub(super) fn experts(&self) -> Result<(), SealError> {
        match self.step.op {
            Op::Route { scores, rule, out } => self.route(scores, &rule, out),
            Op::Experts { x, choices, gate, up, down, biases, out, .. } => {
                let Shape::Stack { items, rows: inner, columns } = self.program.weight(up).shape else {
                    return self.fault("needs stacks of matrices");
                };
                let outputs = [inner, inner, self.width(out)];
                for (bias, columns) in biases.into_iter().zip(outputs).filter_map(|(bias, size)| Some((bias?, size))) {
                    self.shape(bias, Shape::Matrix { rows: items, columns })?;
                }
                if gate.is_none() && biases[0].is_some() {
                    return self.fault("has a bias for a gate that is not there");
                }
                self.of(choices, Kind::Choices, self.width(choices))?;
                if self.chosen_among(choices) != Some(items) {
                    return self.fault(&format!("has {items} experts, but its router chooses among others"));
                }
                self.numbers(x, columns)?;
                self.numbers(out, self.width(out))?;
                gate.map_or(Ok(()), |gate| self.shape(gate, Shape::Stack { items, rows: inner, columns }))?;
                self.shape(down, Shape::Stack { items, rows: self.width(out), columns: inner })
            }
            _ => Ok(()),
        }
    }

    fn route(&self, scores: Value, rule: &RouteRule, out: Value) -> Result<(), SealError> {
        let experts = self.width(scores);
        self.numbers(scores, experts)?;
        self.of(out, Kind::Choices, rule.used)?;
        rule.bias.into_iter().chain(rule.factors).try_for_each(|vector| self.vector(vector, experts))?;
        let groups = rule.groups.unwrap_or(Groups { count: 1, used: 1, best: 1 });
        if groups.count == 0 || !experts.is_multiple_of(groups.count) {
            return self.fault(&format!("cuts {experts} experts into {} groups", groups.count));
        }
        if rule.scoring == Scoring::SparseMixer && (rule.bias.is_some() || rule.groups.is_some()) {
            return self.fault("is SparseMixer, which knows no bias and no groups");
        }
        let size = experts / groups.count;
        if groups.used > groups.count || groups.best == 0 || groups.best > size {
            return self.fault(&format!("chooses by {groups:?} of {size} experts each"));
        }
        if rule.used > groups.used * size || experts > MAX_EXPERTS {
            return self.fault(&format!("chooses {} experts of {experts}", rule.used));
        }
        Ok(())
    }

    /// Number of experts that a value's choices are from.
    fn chosen_among(&self, choices: Value) -> Option<usize> {
        let steps = self.program.sections.iter().flat_map(|section| &section.steps);
        let mut experts = steps.filter_map(|step| match step.op {
            Op::Route { scores, out, .. } if out == choices => Some(self.width(scores)),
            _ => None,
        });
        experts.next()
    }
}
