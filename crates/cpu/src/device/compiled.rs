//! All lists of steps of a program, and the places of their values.

use std::collections::HashSet;

use hefu_numerics::device::Size;
use hefu_numerics::program::{Entry, Op, Program, Section, Value};

use super::arena::{Places, Pool, place};
use super::lower::{Kind, Lowered, Mode, lower};
use super::run::rows_at_once;

/// A list of steps and where its values lie.
pub(super) struct List {
    pub(super) lowered: Lowered,
    pub(super) places: Places,
}

/// A program as this device runs it; knows no weights yet.
pub(super) struct Compiled {
    /// The body where every row is wanted.
    pub(super) full: List,
    /// The body where some are, or none.
    pub(super) narrow: List,
    heads: Vec<Head>,
    pool: Pool,
    /// Places that the body needs; those behind are the heads' alone.
    body_places: usize,
}

/// A head after either body.
struct Head {
    entry: Entry,
    full: List,
    narrow: List,
}

impl Compiled {
    pub(super) fn new(program: &Program, probes: &HashSet<Value>) -> Self {
        let mut pool = Pool::default();
        let body = program.section(Entry::Body).expect("a sealed program has a body");
        let mut list = |mode| {
            let lowered = lower(program, body, mode, probes);
            let places = place(&mut pool, program, &lowered, &[], probes);
            List { lowered, places }
        };
        let (mut full, mut narrow) = (list(Mode::Full), list(Mode::Narrow));
        let body_places = pool.classes.len();
        let mut heads = Vec::new();
        for section in program.sections.iter().filter(|section| section.entry != Entry::Body) {
            let mut head = |list| head(program, section, (body.output, list), probes, &mut pool);
            heads.push(Head { entry: section.entry, full: head(&full), narrow: head(&narrow) });
        }
        // After the end of a body come the logits.
        if let Some(head) = heads.iter().find(|head| head.entry == Entry::Logits) {
            let first = head.full.lowered.first_weights();
            [&mut full, &mut narrow].into_iter().for_each(|list| list.lowered.prefetch_last(&first));
        }
        Compiled { full, narrow, heads, pool, body_places }
    }

    /// Places of all values.
    pub(super) fn places(&self) -> usize {
        self.pool.classes.len()
    }

    /// The body.
    pub(super) fn body(&self, mode: Mode) -> &List {
        match mode {
            Mode::Full => &self.full,
            Mode::Narrow => &self.narrow,
        }
    }

    /// A head after the body in this mode.
    pub(super) fn head(&self, entry: Entry, mode: Mode) -> Option<&List> {
        let head = self.heads.iter().find(|head| head.entry == entry)?;
        Some(if mode == Mode::Full { &head.full } else { &head.narrow })
    }

    /// Bytes of values, without the scratch memory of kernels; `None` if that overflows.
    pub(super) fn bytes(&self, program: &Program, size: &Size) -> Option<usize> {
        let mut bytes = self.inner_bytes(program, size.rows)?;
        for (index, class) in self.pool.classes.iter().enumerate() {
            let rows = if index < self.body_places { size.rows } else { size.head_rows };
            bytes = bytes.checked_add(rows.checked_mul(class.numbers)?.checked_mul(size_of::<f32>())?)?;
        }
        Some(bytes)
    }

    /// Bytes of what is inside gated parts and experts.
    fn inner_bytes(&self, program: &Program, rows: usize) -> Option<usize> {
        let mut most = 0;
        for step in [&self.full, &self.narrow].into_iter().flat_map(|list| &list.lowered.steps) {
            let (inner, sides, around) = match &step.kind {
                Kind::Gated { gated, .. } => {
                    // Gate and up lie side by side where they have biases.
                    let sides = if gated.gate.bias.is_none() && gated.up.bias.is_none() { 1 } else { 2 };
                    (program.weight(gated.gate.weight).shape.rows(), sides, 0)
                }
                Kind::Plain(Op::Experts { x, choices, down, out, .. }) => {
                    let inner = program.weight(*down).shape.columns();
                    let used = program.value(*choices).numbers() / 2;
                    (inner, 1, program.value(*x).width + used * program.value(*out).width)
                }
                _ => continue,
            };
            let numbers = rows.min(rows_at_once(inner)).checked_mul(sides * inner)?;
            most = most.max(numbers.checked_add(rows.checked_mul(around)?)?);
        }
        most.checked_mul(size_of::<f32>())
    }
}

/// A head after a body, whose output and probes stay where they are.
fn head(
    program: &Program,
    section: &Section,
    (output, body): (Value, &List),
    probes: &HashSet<Value>,
    pool: &mut Pool,
) -> List {
    let mut taken = vec![(output, body.places.of(body.lowered.output))];
    for probe in probes {
        taken.extend(body.places.get(body.lowered.resolve(*probe)).map(|place| (*probe, place)));
    }
    let mut lowered = lower(program, section, Mode::Full, &HashSet::new());
    lowered.prefetch_last(&body.lowered.first_weights());
    let places = place(pool, program, &lowered, &taken, &HashSet::new());
    List { lowered, places }
}
