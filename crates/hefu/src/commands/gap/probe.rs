//! Operations that note what they do and how long it takes, around those of a device.
//!
//! The table of operations is the seam: a model that is loaded with the table made here runs the same forward code and
//! the same kernels. Functions of the table cannot hold anything, so that the table within lies in a static and the
//! notes lie with the thread that calls, the one that runs the forward pass.

use super::count::Work;
use hefu_numerics::attention::{Attention, Span};
use hefu_numerics::kv::LayerCache;
use hefu_numerics::matrix::Matrix;
use hefu_numerics::ops::{Activation, Around, Gated, Norm, Ops, Projection, Rotation, Scratch, Team};
use hefu_numerics::prepared::{Input, Prepared};
use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What an operation of the device's table does in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Embedding,
    Norm,
    QueryKeyValue,
    Rope,
    Store,
    Attention,
    AttentionOutput,
    Add,
    GateUp,
    Activation,
    Down,
    Router,
    Output,
}

impl Operation {
    /// All of them, in the order of a forward pass.
    pub(super) const ALL: [Operation; 13] = [
        Operation::Embedding,
        Operation::Norm,
        Operation::QueryKeyValue,
        Operation::Rope,
        Operation::Store,
        Operation::Attention,
        Operation::AttentionOutput,
        Operation::Add,
        Operation::GateUp,
        Operation::Activation,
        Operation::Down,
        Operation::Router,
        Operation::Output,
    ];

    /// Its name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Operation::Embedding => "embedding",
            Operation::Norm => "norm",
            Operation::QueryKeyValue => "query+key+value",
            Operation::Rope => "norm+rope",
            Operation::Store => "store",
            Operation::Attention => "attention",
            Operation::AttentionOutput => "attention output",
            Operation::Add => "add+norm",
            Operation::GateUp => "gate+up",
            Operation::Activation => "activation",
            Operation::Down => "down",
            Operation::Router => "router",
            Operation::Output => "output",
        }
    }

    /// Which product this is: three matrices at once, or two, belong together; one alone is told by what came before,
    /// the output matrix by its rows.
    fn of_product(outputs: &[Projection<'_>], before: Option<Operation>, vocabulary: usize) -> Operation {
        match (outputs, before) {
            ([_, _, _, ..], _) => Operation::QueryKeyValue,
            ([_, _], _) => Operation::GateUp,
            (_, Some(Operation::Attention)) => Operation::AttentionOutput,
            (_, Some(Operation::Activation | Operation::GateUp)) => Operation::Down,
            ([only], _) if only.matrix.rows != vocabulary => Operation::Router,
            _ => Operation::Output,
        }
    }
}

/// Everything that one operation did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Total {
    pub(super) calls: u64,
    pub(super) work: Work,
    pub(super) time: Duration,
}

/// Totals by operation, in the order of [`Operation::ALL`].
pub(super) type Totals = [Total; Operation::ALL.len()];

#[derive(Default)]
struct Notes {
    totals: Totals,
    before: Option<Operation>,
    vocabulary: usize,
    /// Of each sequence whose keys and values were stored last: where its list of pages lies, and the first position.
    stored: Vec<(*const u32, usize)>,
}

thread_local! {
    static NOTES: RefCell<Notes> = RefCell::default();
}

/// The operations within; one instruction set per run of the program.
static WITHIN: OnceLock<&'static Ops> = OnceLock::new();

/// The table around `ops`; only its first call chooses what lies within.
pub(super) fn around(ops: &'static Ops) -> &'static Ops {
    static AROUND: OnceLock<Ops> = OnceLock::new();
    let within = *WITHIN.get_or_init(|| ops);
    AROUND.get_or_init(|| Ops { rows, linear, gated, rms_norm, rope, store, attention, gate, add, ..*within })
}

/// Forgets all notes of this thread. `vocabulary`: rows of the model's output matrix.
pub(super) fn start(vocabulary: usize) {
    NOTES.with_borrow_mut(|notes| *notes = Notes { vocabulary, ..Notes::default() });
}

/// What this thread noted since it started.
pub(super) fn totals() -> Totals {
    NOTES.with_borrow(|notes| notes.totals)
}

/// Calls the operation within and notes it.
fn note(operation: Operation, work: Work, call: impl FnOnce(&'static Ops)) {
    let within = WITHIN.get().expect("the table around was made from the one within");
    let started = Instant::now();
    call(within);
    let time = started.elapsed();
    NOTES.with_borrow_mut(|notes| {
        notes.before = Some(operation);
        let total = &mut notes.totals[operation as usize];
        total.calls += 1;
        total.work += work;
        total.time += time;
    });
}

fn rows(team: &dyn Team, matrix: &Matrix, rows: &[u32], factor: f32, output: &mut [f32]) {
    let work = Work::rows(matrix, rows.len());
    note(Operation::Embedding, work, |ops| (ops.rows)(team, matrix, rows, factor, output));
}

fn linear(team: &dyn Team, scratch: &mut Scratch, input: Input<'_>, tokens: usize, outputs: &mut [Projection<'_>]) {
    let mut work = Work::default();
    outputs.iter().for_each(|output| work += Work::product(output.matrix, tokens));
    let (before, vocabulary) = NOTES.with_borrow(|notes| (notes.before, notes.vocabulary));
    let operation = Operation::of_product(outputs, before, vocabulary);
    note(operation, work, |ops| (ops.linear)(team, scratch, input, tokens, outputs));
}

fn gated(
    team: &dyn Team,
    scratch: &mut Scratch,
    input: Input<'_>,
    tokens: usize,
    gated: &Gated<'_>,
    opened: &mut Prepared,
) {
    let mut work = Work::product(gated.gate, tokens);
    work += Work::product(gated.up, tokens);
    work += Work::gate(gated.activation, tokens * gated.gate.rows);
    note(Operation::GateUp, work, |ops| (ops.gated)(team, scratch, input, tokens, gated, opened));
}

fn rms_norm(team: &dyn Team, norm: Norm<'_>, input: &[f32], output: &mut [f32]) {
    let work = Work::norm(input.len());
    note(Operation::Norm, work, |ops| (ops.rms_norm)(team, norm, input, output));
}

fn rope(team: &dyn Team, rotation: &Rotation<'_>, heads: &mut [f32]) {
    let work = Work::rotation(rotation, heads.len());
    note(Operation::Rope, work, |ops| (ops.rope)(team, rotation, heads));
}

fn store(team: &dyn Team, cache: &mut LayerCache, spans: &[Span<'_>], keys: &[f32], values: &[f32]) {
    NOTES.with_borrow_mut(|notes| {
        notes.stored.clear();
        notes.stored.extend(spans.iter().map(|span| (span.pages.as_ptr(), span.position)));
    });
    // It computes nothing and reads nothing: what it takes is all gap.
    note(Operation::Store, Work::default(), |ops| (ops.store)(team, cache, spans, keys, values));
}

fn attention(team: &dyn Team, scratch: &mut Scratch, attention: &Attention<'_>, output: &mut [f32]) {
    let work = NOTES.with_borrow(|notes| {
        let stored = |span: &Span<'_>| notes.stored.iter().find(|stored| stored.0 == span.pages.as_ptr());
        Work::attention(attention, &|span| stored(span).map_or(span.position, |stored| stored.1))
    });
    note(Operation::Attention, work, |ops| (ops.attention)(team, scratch, attention, output));
}

fn gate(team: &dyn Team, activation: Activation, gate: &mut [f32], up: &[f32]) {
    let work = Work::gate(activation, gate.len());
    note(Operation::Activation, work, |ops| (ops.gate)(team, activation, gate, up));
}

fn add(team: &dyn Team, sum: &mut [f32], addend: &[f32], around: Around<'_>) {
    let work = Work::add(sum.len(), &around);
    note(Operation::Add, work, |ops| (ops.add)(team, sum, addend, around));
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_numerics::ops::Alone;
    use hefu_numerics::quant::FORMATS;
    use std::sync::Arc;

    #[test]
    fn a_pass_is_noted_by_what_each_call_does() {
        let ops = around(hefu_cpu::select::best());
        assert_eq!(ops.name, hefu_cpu::select::best().name);
        let format = FORMATS.iter().find(|format| format.name == "F32").unwrap();
        let bytes = (ops.packed_bytes)(format, 16, 32);
        let matrix = Matrix { format, rows: 16, columns: 32, memory: Arc::new(vec![0; bytes]), range: 0..bytes };
        let vocabulary = Matrix { rows: 16, ..matrix.clone() };
        let (input, mut scratch) = ([1.0; 64], Scratch::default());
        let mut product = |count: usize| {
            let mut outputs = vec![[0.0; 32]; count];
            let mut projections: Vec<Projection<'_>> =
                outputs.iter_mut().map(|output| Projection { matrix: &vocabulary, output, not_finite: None }).collect();
            (ops.linear)(&Alone, &mut scratch, Input::Rows(&input), 2, &mut projections);
        };
        start(16);
        product(3);
        product(1);
        product(2);
        (ops.gate)(&Alone, Activation::Silu, &mut [1.0; 8], &[1.0; 8]);
        product(1);
        let (mut scratch, mut opened) = (Scratch::default(), Prepared::default());
        let square = Matrix { columns: 16, range: 0..bytes / 2, ..matrix.clone() };
        let gated = Gated { gate: &matrix, up: &matrix, activation: Activation::Silu, down: &square };
        (ops.gated)(&Alone, &mut scratch, Input::Rows(&[1.0; 64]), 2, &gated, &mut opened);
        let projection = Projection { matrix: &square, output: &mut [0.0; 32], not_finite: None };
        (ops.linear)(&Alone, &mut scratch, opened.input(), 2, &mut [projection]);
        let mut both = Work::product(&matrix, 2);
        both += Work::product(&matrix, 2);
        assert_eq!(totals()[Operation::Down as usize].work.float, Work::product(&matrix, 2).float + 2 * 16 * 16);
        both += both;
        both += Work::gate(Activation::Silu, 2 * 16);
        assert_eq!(totals()[Operation::GateUp as usize].work, both, "of the two products, and with their activation");
        start(99);
        product(1);
        assert_eq!(totals()[Operation::Router as usize].calls, 1, "it has not as many rows as the vocabulary");
        assert_eq!(totals()[Operation::Down as usize].calls, 0, "starting forgets");

        start(16);
        product(3);
        product(2);
        (ops.gate)(&Alone, Activation::Silu, &mut [1.0; 8], &[1.0; 8]);
        product(1);
        (ops.add)(&Alone, &mut [1.0; 8], &[1.0; 8], Around::default());
        product(1);
        let totals = totals();
        let of = |operation: Operation| totals[operation as usize];
        for operation in [Operation::QueryKeyValue, Operation::GateUp, Operation::Down, Operation::Output] {
            assert_eq!(of(operation).calls, 1, "{operation:?}");
        }
        assert_eq!(of(Operation::Down).work, Work::product(&matrix, 2));
        assert_eq!(of(Operation::QueryKeyValue).work.float, 3 * of(Operation::Down).work.float);
        assert_eq!(of(Operation::Activation).work, Work::gate(Activation::Silu, 8));
        assert!(Operation::ALL.iter().enumerate().all(|(index, &operation)| operation as usize == index));
    }
}
