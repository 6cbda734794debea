//! Steps: what this device does at once.

use hefu_numerics::program::{Activation, Op, RopeStyle, Rows, Value, Weight};

/// One step, of one operation or of several.
pub(in crate::device) struct Step {
    /// For which rows it is done.
    pub(in crate::device) rows: Rows,
    /// The operation, or several fused ones.
    pub(in crate::device) kind: Kind,
    /// Weights that the product after this one reads: brought nearer meanwhile.
    pub(in crate::device) prefetch: Vec<Weight>,
    /// The operations that it stands for.
    pub(in crate::device) operations: Vec<Op>,
    /// Name in reports, the same in every layer.
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

/// A rotation of heads, after their norm if there is one.
#[derive(Debug, Clone, Copy)]
pub(in crate::device) struct Rotate {
    pub(in crate::device) norm: Option<Gain>,
    pub(in crate::device) x: Value,
    pub(in crate::device) head: usize,
    pub(in crate::device) first: usize,
    pub(in crate::device) style: RopeStyle,
    pub(in crate::device) angles: Value,
    pub(in crate::device) out: Value,
}

/// A sum, with norms of the addend before and of the sum after it.
pub(in crate::device) struct Add {
    pub(in crate::device) a: Value,
    pub(in crate::device) b: Value,
    pub(in crate::device) before: Option<Gain>,
    pub(in crate::device) out: Value,
    pub(in crate::device) after: Option<NextNorm>,
}

/// The norm of a sum, for those who read it next.
pub(in crate::device) struct NextNorm {
    pub(in crate::device) gain: Gain,
    pub(in crate::device) out: Value,
    /// The weights of the one product that reads it, or none if it is read as it is.
    pub(in crate::device) readers: Vec<Weight>,
    /// Elements inside the gated part that reads it, if that is who does: it takes some rows at a time where they are many.
    pub(in crate::device) inner: Option<usize>,
}

/// Kinds of steps.
pub(in crate::device) enum Kind {
    /// Products with one shared input.
    Linear {
        x: Value,
        products: Vec<Product>,
    },
    Gated {
        x: Value,
        gated: Gated,
    },
    Rotate(Rotate),
    Add(Add),
    /// One operation by itself.
    Plain(Op),
}

impl Kind {
    /// The values that it reads.
    pub(in crate::device) fn reads(&self) -> Vec<Value> {
        match self {
            Kind::Linear { x, .. } | Kind::Gated { x, .. } => vec![*x],
            Kind::Rotate(rotate) => vec![rotate.x, rotate.angles],
            Kind::Add(add) => vec![add.a, add.b],
            Kind::Plain(op) => op.inputs(),
        }
    }

    /// The values that it writes.
    pub(in crate::device) fn writes(&self) -> Vec<Value> {
        match self {
            Kind::Linear { products, .. } => products.iter().map(|product| product.out).collect(),
            Kind::Gated { gated, .. } => vec![gated.down.out],
            Kind::Rotate(rotate) => vec![rotate.out],
            Kind::Add(add) => std::iter::once(add.out).chain(add.after.as_ref().map(|after| after.out)).collect(),
            Kind::Plain(op) => op.output().into_iter().collect(),
        }
    }

    /// Input and output that may share memory, if there are such.
    pub(in crate::device) fn in_place(&self) -> Option<(Value, Value)> {
        match self {
            Kind::Rotate(rotate) => Some((rotate.x, rotate.out)),
            Kind::Add(add) => Some((add.a, add.out)),
            Kind::Plain(Op::Select { x, out }) => Some((*x, *out)),
            Kind::Plain(Op::Gate { gate, out, .. }) => Some((*gate, *out)),
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
