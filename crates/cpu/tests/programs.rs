//! Programs give the bits of the reference device: every pattern that becomes one step, whatever rows are wanted.

mod common;
mod written;

use common::{Eager, Numbers, assert_same_bits};
use hefu_cpu::Pool;
use hefu_cpu::select::{available, best};
use hefu_numerics::device::{Batch, Device, Executable, Size, Slots, Span};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::{Entry, Program, Value};
use hefu_numerics::reference::ReferenceDevice;
use proptest::prelude::*;
use std::sync::Arc;
use written::{Parts, Written};

/// Slots of each sequence: where its states are, in turns, and where they are kept on the way.
const SLOTS: usize = 3;

/// Tokens in a batch and which of them are wanted, of several sequences, batch after batch.
type Batches = Vec<Vec<(usize, std::ops::Range<usize>)>>;

fn compiled(device: &dyn Device, written: &Written, probes: &[Value], pages: usize) -> Box<dyn Executable> {
    let weights = device.load(&written.program, written).expect("the weights are there");
    let size = Size { pages, slots: SLOTS * 4, rows: 64, head_rows: 64 };
    device.compile(&written.program, &weights, &size, probes).expect("a small cache")
}

/// Everything that can be seen of some batches.
fn seen(executable: &mut dyn Executable, program: &Program, batches: &Batches, probes: &[Value]) -> Vec<f32> {
    let sequences = batches.iter().map(Vec::len).max().unwrap_or(0);
    let pages = |sequence: usize| -> Vec<u32> { (0..4).map(|page| (page * sequences + sequence) as u32).collect() };
    let tables: Vec<Vec<u32>> = (0..sequences).map(pages).collect();
    let groups: Vec<Vec<&[u32]>> = tables.iter().map(|table| vec![&table[..]; program.groups()]).collect();
    let mut positions = vec![0; sequences];
    let mut all = Vec::new();
    for (turn, batch) in batches.iter().enumerate() {
        let keeps: Vec<[(usize, u32); 1]> =
            batch.iter().enumerate().map(|(i, (tokens, _))| [(tokens.div_ceil(2), (i * SLOTS + 2) as u32)]).collect();
        let (mut spans, mut rows) = (Vec::new(), 0);
        for (sequence, (tokens, wanted)) in batch.iter().enumerate().filter(|(_, (tokens, _))| *tokens > 0) {
            let (range, position) = (rows..rows + tokens, positions[sequence]);
            let slot = |turn: usize| (sequence * SLOTS + turn % 2) as u32;
            // Every third batch goes back to where the last one was kept on its way: as good as any numbers.
            let read =
                (position > 0).then(|| if turn % 3 == 2 { (sequence * SLOTS + 2) as u32 } else { slot(turn + 1) });
            let slots = Slots { read, write: slot(turn), keep: &keeps[sequence] };
            let slots = (program.slot_numbers() > 0).then_some(slots);
            spans.push(Span {
                rows: range,
                position,
                wanted: wanted.clone(),
                tables: &groups[sequence],
                slots,
                second: None,
            });
            rows += tokens;
            positions[sequence] += tokens;
        }
        let tokens: Vec<u32> = (0..rows).map(|row| ((row * 31 + positions[0]) % program.vocabulary) as u32).collect();
        executable.run(&Batch { tokens: &tokens, spans: &spans, inputs: &[] }).expect("a good batch");
        let wanted: usize = spans.iter().map(|span| span.wanted.len()).sum();
        all.extend_from_slice(executable.head(Entry::Logits, 0..wanted / 2).expect("finite logits"));
        all.extend_from_slice(executable.head(Entry::Logits, wanted / 2..wanted).expect("finite logits"));
        all.extend_from_slice(executable.head(Entry::Hidden, 0..wanted).expect("finite numbers"));
        for probe in probes {
            let spec = program.value(*probe);
            let count = if spec.rows == hefu_numerics::program::Rows::All { rows } else { wanted };
            let mut probed = vec![f32::NAN; count * spec.numbers()];
            executable.read(*probe, 0..count, &mut probed).expect("a probe");
            all.extend(probed);
        }
    }
    all
}

fn check(parts: Parts, seed: u64, batches: &Batches, probe: Option<usize>, threads: usize) {
    let written = Written::new(parts, &mut Numbers::new(seed));
    let program = &written.program;
    let probes: Vec<Value> = probe.map(|probe| Value((probe % program.values.len()) as u32)).into_iter().collect();
    // Values of heads are not there after a body.
    let body = program.section(Entry::Body).expect("a body");
    let is_body = |value: &Value| body.steps.iter().any(|step| step.op.output() == Some(*value));
    let probes: Vec<Value> = probes.into_iter().filter(is_body).collect();
    let pages = 4 * batches.iter().map(Vec::len).max().unwrap_or(0);
    let expected = seen(&mut *compiled(&ReferenceDevice, &written, &probes, pages), program, batches, &probes);
    for isa in available() {
        for team in [
            Arc::new(Pool::new(threads)) as Arc<dyn hefu_cpu::ops::Team + Send + Sync>,
            Arc::new(Eager(Pool::new(threads))),
        ] {
            let device = isa.device(team);
            let found = seen(&mut *compiled(&*device, &written, &probes, pages), program, batches, &probes);
            assert_same_bits(&format!("{} {parts:?} {batches:?} {probes:?}", isa.name), &expected, &found);
        }
    }
}

fn any_batches() -> impl Strategy<Value = Batches> {
    let span = (0_usize..40, 0_usize..4).prop_map(|(tokens, wanted)| match wanted {
        0 => (tokens, 0..0),
        1 => (tokens, tokens.saturating_sub(1)..tokens),
        2 => (tokens, 0..tokens),
        _ => (tokens, tokens / 3..tokens),
    });
    prop::collection::vec(prop::collection::vec(span, 1..4), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn equal_the_reference(
        parts in written::any_parts(), seed: u64, batches in any_batches(), probe in prop::option::of(0_usize..60),
        threads in 1_usize..4,
    ) {
        check(parts, seed, &batches, probe, threads);
    }
}

/// Batches so large that norms are made as panels of the products that read them, and gated parts go in pieces.
#[test]
fn large_batches_equal_the_reference() {
    let batches = vec![vec![(PAGE * 3, PAGE * 3 - 1..PAGE * 3), (1, 0..1)], vec![(50, 0..50), (1, 0..1)]];
    for parts in [Parts::PLAIN, Parts { post_norms: true, head_norms: true, delta: true, ..Parts::PLAIN }] {
        check(parts, 5, &batches, None, 2);
    }
}

#[test]
fn numbers_that_are_none_are_found_in_the_row_where_they_are() {
    let mut written = Written::new(Parts::PLAIN, &mut Numbers::new(3));
    written.poison("token_embd.weight", 7);
    for isa in available() {
        let device = isa.device(Arc::new(Pool::new(2)));
        let mut executable = compiled(&*device, &written, &[], 4);
        let table: [&[u32]; 1] = [&[0]];
        let spans = [Span { rows: 0..3, position: 0, wanted: 0..3, tables: &table, slots: None, second: None }];
        executable.run(&Batch { tokens: &[1, 2, 7], spans: &spans, inputs: &[] }).expect("a good batch");
        let message = executable.head(Entry::Logits, 0..3).expect_err("row 2 holds a NaN").to_string();
        assert!(message.contains("row 2"), "{}: {message}", isa.name);
        assert!(executable.head(Entry::Logits, 0..2).is_ok(), "{}", isa.name);
        assert!(executable.head(Entry::Hidden, 2..3).is_err(), "{}", isa.name);
        assert!(executable.head(Entry::Logits, 0..4).is_err(), "{}", isa.name);
    }
}

/// What was counted before memory was taken is what is taken.
#[test]
fn values_take_no_more_memory_than_was_stated() {
    for parts in [Parts::PLAIN, Parts { experts: true, ..Parts::PLAIN }, Parts { biases: true, ..Parts::PLAIN }] {
        let written = Written::new(parts, &mut Numbers::new(3));
        let device = best().device(Arc::new(Pool::new(1)));
        let size = Size { pages: 4, slots: 0, rows: 40, head_rows: 2 };
        let stated = device.footprint(&written.program, &size).expect("small sizes");
        let mut executable = compiled(&*device, &written, &[], 4);
        let table: [&[u32]; 1] = [&[0]];
        let mut run = |rows: usize| {
            let spans = [Span { rows: 0..rows, position: 0, wanted: 0..2, tables: &table, slots: None, second: None }];
            executable.run(&Batch { tokens: &vec![1; rows], spans: &spans, inputs: &[] }).expect("a good batch");
            executable.head(Entry::Logits, 0..2).expect("finite logits");
            executable.footprint()
        };
        let (grown, again) = (run(40), run(40));
        assert!(grown.activations <= stated.activations, "{parts:?}: {grown:?}, {stated:?} stated");
        assert!(stated.activations < grown.activations * 3 / 2, "{parts:?}: {grown:?}, {stated:?} stated");
        assert_eq!((grown.weights, grown.states), (stated.weights, stated.states));
        assert_eq!((run(3), again), (grown, grown), "{parts:?}: nothing new is needed");
    }
}
