//! Everything that can be seen of a program's batches on a device.

use super::Written;
use hefu_numerics::device::{Batch, Device, Executable, Size, Slots, Span};
use hefu_numerics::program::{Entry, Program, Rows, Value};
use proptest::prelude::*;

/// Slots of each sequence: where its states are, in turns, and where they are kept on the way.
const SLOTS: usize = 3;

/// Tokens in a batch and which of them are wanted, of several sequences, batch after batch.
pub(crate) type Batches = Vec<Vec<(usize, std::ops::Range<usize>)>>;

pub(crate) fn compiled(device: &dyn Device, written: &Written, probes: &[Value], pages: usize) -> Box<dyn Executable> {
    let weights = device.load(&written.program, written).expect("the weights are there");
    let size = Size { pages, slots: SLOTS * 4, rows: 64, head_rows: 64 };
    device.compile(&written.program, &weights, &size, probes).expect("a small cache")
}

/// Everything that can be seen of some batches.
pub(crate) fn seen(
    executable: &mut dyn Executable,
    program: &Program,
    batches: &Batches,
    probes: &[Value],
) -> Vec<f32> {
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
            let count = if spec.rows == Rows::All { rows } else { wanted };
            let mut probed = vec![f32::NAN; count * spec.numbers()];
            executable.read(*probe, 0..count, &mut probed).expect("a probe");
            all.extend(probed);
        }
    }
    all
}

/// Those of some values that are there after a body: not those of heads.
pub(crate) fn body_values(program: &Program, values: Vec<Value>) -> Vec<Value> {
    let body = program.section(Entry::Body).expect("a body");
    let is_body = |value: &Value| body.steps.iter().any(|step| step.op.output() == Some(*value));
    values.into_iter().filter(is_body).collect()
}

pub(crate) fn any_batches() -> impl Strategy<Value = Batches> {
    let span = (0_usize..40, 0_usize..4).prop_map(|(tokens, wanted)| match wanted {
        0 => (tokens, 0..0),
        1 => (tokens, tokens.saturating_sub(1)..tokens),
        2 => (tokens, 0..tokens),
        _ => (tokens, tokens / 3..tokens),
    });
    prop::collection::vec(prop::collection::vec(span, 1..4), 1..4)
}
