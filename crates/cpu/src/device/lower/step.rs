//! Steps: what this device does at once.

use hefu_numerics::program::{Activation, Op, RopeStyle, RouteRule, Rows, State, Value, Weight};

/// One step, of one operation or of several.
pub(in crate::device) struct Step {
    /// For which rows it is done.
    pub(in crate::device) rows: Rows,
    /// What is done.
    pub(in crate::device) kind: Kind,
    /// Which matrices the product after this one reads: brought nearer meanwhile.
    pub(in crate::device) prefetch: Vec<Weight>,
    /// The operations that it stands for, and its name, the same in every layer.
    pub(in crate::device) operations: Vec<Op>,
    pub(in crate::device) name: String,
}

/// A norm's parameters.
#[derive(Debug, Clone, Copy)]
pub(in crate::device) struct Gain {
    /// 1 where there is none.
    pub(in crate::device) gain: Option<Weight>,
    pub(in crate::device) size: usize,
    pub(in crate::device) epsilon: f32,
}

/// A matrix and what is added to its product.
#[derive(Debug, Clone, Copy)]
pub(in crate::device) struct Product {
    pub(in crate::device) weight: Weight,
    pub(in crate::device) bias: Option<Weight>,
    pub(in crate::device) out: Value,
}

/// `down(activation(gate(x)) * up(x))`.
#[derive(Debug, Clone, Copy)]
pub(in crate::device) struct Gated {
    pub(in crate::device) gate: Product,
    pub(in crate::device) up: Product,
    pub(in crate::device) down: Product,
    pub(in crate::device) activation: Activation,
}

/// The stacks of all experts.
#[derive(Debug, Clone, Copy)]
pub(in crate::device) struct Experts {
    pub(in crate::device) gate: Weight,
    pub(in crate::device) up: Weight,
    pub(in crate::device) down: Weight,
    pub(in crate::device) activation: Activation,
}

/// The norm of a sum, for those who read it next.
pub(in crate::device) struct NextNorm {
    pub(in crate::device) gain: Gain,
    pub(in crate::device) out: Value,
    /// The matrices of the one product that reads it, or none if it is read as it is.
    pub(in crate::device) readers: Vec<Weight>,
    /// Elements inside the gated part that reads it, if that is who does: it takes some rows at a time where they are many.
    pub(in crate::device) inner: Option<usize>,
}

/// What a step does.
pub(in crate::device) enum Kind {
    Embed {
        table: Weight,
        scale: f32,
        out: Value,
    },
    Inject {
        input: usize,
        out: Value,
    },
    Angles {
        rope: usize,
        out: Value,
    },
    Norm {
        gain: Gain,
        x: Value,
        out: Value,
    },
    /// Products with one shared input.
    Linear {
        x: Value,
        products: Vec<Product>,
    },
    Gated {
        x: Value,
        gated: Gated,
    },
    Rotate {
        norm: Option<Gain>,
        x: Value,
        head: usize,
        first: usize,
        style: RopeStyle,
        angles: Value,
        out: Value,
    },
    StoreKv {
        keys: Value,
        values: Option<Value>,
        state: State,
    },
    Attend {
        queries: Value,
        heads: usize,
        scale: f32,
        state: State,
        out: Value,
    },
    Gate {
        gate: Value,
        up: Value,
        activation: Activation,
        out: Value,
    },
    Add {
        a: Value,
        b: Value,
        before: Option<Gain>,
        out: Value,
        after: Option<NextNorm>,
    },
    SoftCap {
        x: Value,
        cap: f32,
        out: Value,
    },
    Route {
        scores: Value,
        rule: RouteRule,
        out: Value,
    },
    Experts {
        x: Value,
        choices: Value,
        experts: Experts,
        out: Value,
    },
    Select {
        x: Value,
        out: Value,
    },
}

impl Kind {
    /// The values that it reads.
    pub(in crate::device) fn reads(&self) -> Vec<Value> {
        match self {
            Kind::Embed { .. } | Kind::Inject { .. } | Kind::Angles { .. } => Vec::new(),
            Kind::Norm { x, .. }
            | Kind::Linear { x, .. }
            | Kind::Gated { x, .. }
            | Kind::SoftCap { x, .. }
            | Kind::Select { x, .. } => vec![*x],
            Kind::Rotate { x, angles, .. } => vec![*x, *angles],
            Kind::StoreKv { keys, values, .. } => std::iter::once(*keys).chain(*values).collect(),
            Kind::Attend { queries, .. } => vec![*queries],
            Kind::Gate { gate, up, .. } => vec![*gate, *up],
            Kind::Add { a, b, .. } => vec![*a, *b],
            Kind::Route { scores, .. } => vec![*scores],
            Kind::Experts { x, choices, .. } => vec![*x, *choices],
        }
    }

    /// The values that it writes.
    pub(in crate::device) fn writes(&self) -> Vec<Value> {
        match self {
            Kind::StoreKv { .. } => Vec::new(),
            Kind::Linear { products, .. } => products.iter().map(|product| product.out).collect(),
            Kind::Gated { gated, .. } => vec![gated.down.out],
            Kind::Add { out, after, .. } => {
                std::iter::once(*out).chain(after.as_ref().map(|after| after.out)).collect()
            }
            Kind::Embed { out, .. }
            | Kind::Inject { out, .. }
            | Kind::Angles { out, .. }
            | Kind::Norm { out, .. }
            | Kind::Rotate { out, .. }
            | Kind::Attend { out, .. }
            | Kind::Gate { out, .. }
            | Kind::SoftCap { out, .. }
            | Kind::Route { out, .. }
            | Kind::Experts { out, .. }
            | Kind::Select { out, .. } => vec![*out],
        }
    }

    /// What it reads and what it writes there, if the one may take the other's place.
    pub(in crate::device) fn in_place(&self) -> Option<(Value, Value)> {
        match *self {
            Kind::Rotate { x, out, .. } | Kind::SoftCap { x, out, .. } | Kind::Select { x, out } => Some((x, out)),
            Kind::Gate { gate, out, .. } => Some((gate, out)),
            Kind::Add { a, out, .. } => Some((a, out)),
            _ => None,
        }
    }

    /// The weights of a product, if it is one.
    pub(in crate::device) fn weights(&self) -> Option<Vec<Weight>> {
        match self {
            Kind::Linear { products, .. } => Some(products.iter().map(|product| product.weight).collect()),
            Kind::Gated { gated, .. } => Some(vec![gated.gate.weight, gated.up.weight]),
            _ => None,
        }
    }
}
