//! The reference device: the same numbers however a text is cut, forked or taken up again, and no batch that it could
//! stumble over.

#[path = "common/sketch.rs"]
mod sketch;

use hefu_numerics::device::{
    Batch, Device, Error, Executable, Files, Size, Slots, Span, StepObserver, StepReport, Work,
};
use hefu_numerics::program::{Entry, Program, Value};
use hefu_numerics::reference::ReferenceDevice;
use sketch::{Sketch, VOCABULARY, WIDTH};
use std::ops::Range;
use std::sync::{Arc, Mutex};

const SIZE: Size = Size { pages: 6, slots: 5, rows: 16, head_rows: 16 };

fn compiled(probes: &[&str]) -> (Box<dyn Executable>, Arc<Program>) {
    let sketch = Sketch::model();
    let program = Arc::new(sketch.program.clone().seal(&[]).unwrap());
    let weights = ReferenceDevice.load(&program, &sketch).unwrap();
    let probes: Vec<Value> = probes.iter().map(|name| value(&program, name)).collect();
    (ReferenceDevice.compile(&program, &weights, &SIZE, &probes).unwrap(), program)
}

fn value(program: &Program, name: &str) -> Value {
    Value(program.values.iter().position(|spec| spec.name == name).unwrap() as u32)
}

/// Tokens of a text, in order.
fn text(range: Range<usize>) -> Vec<u32> {
    range.map(|at| (at * at * 7 % VOCABULARY) as u32).collect()
}

fn span<'a>(rows: Range<usize>, position: usize, wanted: Range<usize>, tables: &'a [&'a [u32]]) -> Span<'a> {
    Span { rows, position, wanted, tables, slots: Some(Slots { read: None, write: 0, keep: &[] }), second: None }
}

/// The logits of all rows of one text in one batch.
fn whole(length: usize) -> Vec<f32> {
    let (mut executable, _) = compiled(&[]);
    let tokens = text(0..length);
    executable
        .run(&Batch { tokens: &tokens, spans: &[span(0..length, 0, 0..length, &[&[0, 1]])], inputs: &[] })
        .unwrap();
    executable.head(Entry::Logits, 0..length).unwrap().to_vec()
}

#[test]
fn a_text_has_the_same_logits_however_it_is_cut_and_whoever_shares_the_batch() {
    let expected = whole(90);
    let (mut executable, _) = compiled(&[]);
    let mut found = Vec::new();
    let mut position = 0;
    for length in [1, 2, 40, 1, 30, 16] {
        let tokens = [text(position..position + length), text(3..8)].concat();
        let read = (position > 0).then_some(3);
        let own = Span {
            slots: Some(Slots { read, write: 3, keep: &[] }),
            ..span(0..length, position, length - 1..length, &[&[4, 2]])
        };
        let other = span(length..length + 5, 0, 1..3, &[&[5]]);
        executable.run(&Batch { tokens: &tokens, spans: &[own, other], inputs: &[] }).unwrap();
        position += length;
        let logits = executable.head(Entry::Logits, 0..1).unwrap();
        assert_eq!(logits, &expected[(position - 1) * VOCABULARY..position * VOCABULARY], "{position}");
        found.push(executable.head(Entry::Hidden, 1..3).unwrap().to_vec());
    }
    assert!(found.iter().all(|hidden| *hidden == found[0] && hidden.len() == 2 * WIDTH));
}

#[test]
fn a_sequence_goes_on_from_where_it_was_kept_beside_the_one_it_left() {
    let expected = whole(70);
    let (mut executable, _) = compiled(&[]);
    let tokens = text(0..68);
    let slots = Some(Slots { read: None, write: 0, keep: &[(3, 1), (66, 2)] });
    let first = Span { slots, ..span(0..68, 0, 0..0, &[&[0, 1]]) };
    executable.run(&Batch { tokens: &tokens, spans: &[first], inputs: &[] }).unwrap();
    // A fork after 66 positions needs a copy of the page that it goes on writing in.
    executable.copy_page(0, 1, 3).unwrap();
    let tokens = [text(68..70), text(66..70), text(3..5)].concat();
    let spans = [
        Span { slots: Some(Slots { read: Some(0), write: 0, keep: &[] }), ..span(0..2, 68, 0..2, &[&[0, 1]]) },
        Span { slots: Some(Slots { read: Some(2), write: 4, keep: &[] }), ..span(2..6, 66, 0..4, &[&[0, 3]]) },
        // The third begins in the pages of the first, in a copy of which it would go on; here in one of its own.
        Span { slots: Some(Slots { read: Some(1), write: 3, keep: &[] }), ..span(6..8, 3, 0..0, &[&[5]]) },
    ];
    executable.run(&Batch { tokens: &tokens, spans: &spans, inputs: &[] }).unwrap();
    let logits = executable.head(Entry::Logits, 0..6).unwrap();
    let rows = |rows: Range<usize>| &expected[rows.start * VOCABULARY..rows.end * VOCABULARY];
    assert_eq!(logits, [rows(68..70), rows(66..70)].concat());
}

#[test]
fn values_are_read_in_rows_of_the_batch_or_in_wanted_ones() {
    let (mut executable, program) = compiled(&["read", "attended", "keys"]);
    let tokens = text(0..9);
    let run = |executable: &mut dyn Executable, wanted| {
        executable.run(&Batch { tokens: &tokens, spans: &[span(0..9, 0, wanted, &[&[0]])], inputs: &[] }).unwrap();
    };
    let read = |executable: &dyn Executable, name: &str, rows: Range<usize>| {
        let value = value(&program, name);
        let mut to = vec![0.0; rows.len() * program.value(value).numbers()];
        executable.read(value, rows, &mut to).map(|()| to)
    };
    run(&mut *executable, 0..9);
    let all = ["read", "attended", "keys"].map(|name| read(&*executable, name, 0..9).unwrap());
    run(&mut *executable, 4..6);
    // A state or the keys depend on the first two; of attention the wanted rows are enough.
    assert_eq!(read(&*executable, "read", 0..9).unwrap(), all[0]);
    assert_eq!(read(&*executable, "keys", 5..9).unwrap(), all[2][5 * 16..]);
    assert_eq!(read(&*executable, "attended", 0..2).unwrap(), all[1][4 * 32..6 * 32]);
    assert!(matches!(read(&*executable, "attended", 0..3), Err(Error::BadBatch { .. })));
    assert!(matches!(read(&*executable, "beta", 0..1), Err(Error::BadBatch { .. })), "it is no probe");
    assert!(matches!(executable.read(value(&program, "keys"), 0..1, &mut [0.0; 15]), Err(Error::BadBatch { .. })));
    let output = program.section(Entry::Body).unwrap().output;
    executable.read(output, 1..2, &mut [0.0; WIDTH]).unwrap();
}

#[test]
fn heads_name_the_row_that_is_no_number() {
    let mut sketch = Sketch::model();
    let table = sketch.program.weights[0].source.offset;
    // The embedding of token 2: a NaN reaches its own logits, but not those of rows that do not see it.
    sketch.file[table + 2 * WIDTH * 4..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let program = Arc::new(sketch.program.clone().seal(&[]).unwrap());
    let weights = ReferenceDevice.load(&program, &sketch).unwrap();
    let mut executable = ReferenceDevice.compile(&program, &weights, &SIZE, &[]).unwrap();
    let batch = Batch { tokens: &[1, 3, 2, 4], spans: &[span(0..4, 0, 1..4, &[&[0]])], inputs: &[] };
    executable.run(&batch).unwrap();
    assert!(executable.head(Entry::Logits, 0..1).is_ok());
    assert!(matches!(executable.head(Entry::Logits, 0..3), Err(Error::NotFinite { row: 1 })));
    assert!(matches!(executable.head(Entry::Hidden, 1..3), Err(Error::NotFinite { row: 1 })));
    assert!(matches!(executable.head(Entry::Logits, 2..4), Err(Error::BadBatch { .. })));
    assert!(matches!(executable.head(Entry::Body, 0..1), Err(Error::BadBatch { .. })));
    assert_eq!(executable.head(Entry::Logits, 1..1).unwrap(), [0.0; 0]);
}

#[test]
fn a_batch_that_does_not_fit_is_refused_and_changes_nothing() {
    let (mut executable, _) = compiled(&[]);
    let good = Batch { tokens: &text(0..4), spans: &[span(0..4, 0, 3..4, &[&[0]])], inputs: &[] };
    executable.run(&good).unwrap();
    let before = executable.head(Entry::Logits, 0..1).unwrap().to_vec();
    let slots = |read, write, keep| Some(Slots { read, write, keep });
    let tables: [&[&[u32]]; 3] = [&[&[0]], &[&[9]], &[]];
    let plain = || span(0..2, 0, 0..1, tables[0]);
    let kept: [&[(usize, u32)]; 4] = [&[(0, 1)], &[(3, 1)], &[(2, 1), (1, 2)], &[(1, 0)]];
    let bad: Vec<(&[u32], Vec<Span<'_>>, &str)> = vec![
        (&[99, 0], vec![plain()], "token 99"),
        (&[0, 0, 0], vec![plain()], "belong to spans"),
        (&[0, 0], vec![span(1..2, 0, 0..1, tables[0])], "follow each other"),
        (&[0, 0], vec![span(0..2, 999, 0..1, tables[0])], "context"),
        (&[0, 0], vec![span(0..2, 63, 0..1, tables[0])], "pages do not"),
        (&[0, 0], vec![span(0..2, 0, 0..1, tables[1])], "page 9"),
        (&[0, 0], vec![span(0..2, 0, 0..1, tables[2])], "page tables"),
        (&[0, 0], vec![span(0..2, 0, 1..3, tables[0])], "wanted"),
        (&[0, 0], vec![Span { slots: None, ..plain() }], "no slots"),
        (&[0, 0], vec![Span { slots: slots(Some(5), 0, &[]), ..plain() }], "slot 5"),
        (&[0, 0], vec![Span { slots: slots(None, 0, kept[0]), ..plain() }], "kept after rows"),
        (&[0, 0], vec![Span { slots: slots(None, 0, kept[1]), ..plain() }], "kept after rows"),
        (&[0, 0], vec![Span { slots: slots(None, 0, kept[2]), ..plain() }], "kept after rows"),
        (&[0, 0], vec![Span { slots: slots(None, 0, kept[3]), ..plain() }], "written twice"),
        (&[0, 0, 0], vec![plain(), span(2..3, 0, 0..1, tables[0])], "written twice"),
        (
            &[0, 0, 0],
            vec![plain(), Span { slots: slots(Some(0), 1, &[]), ..span(2..3, 0, 0..1, tables[0]) }],
            "written by another",
        ),
    ];
    for (tokens, spans, about) in bad {
        let error = executable.run(&Batch { tokens, spans: &spans, inputs: &[] }).unwrap_err().to_string();
        assert!(error.contains(about), "{error}, but not {about}");
        assert_eq!(executable.head(Entry::Logits, 0..1).unwrap(), before, "{about}");
    }
    assert!(executable.copy_page(0, 0, 6).is_err() && executable.copy_page(1, 0, 1).is_err());
    let batch = Batch { tokens: &[], spans: &[], inputs: &[] };
    executable.run(&batch).unwrap();
    assert!(executable.head(Entry::Logits, 0..0).unwrap().is_empty());
}

/// Keeps what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<(String, Work)>>);

impl StepObserver for Told {
    fn step(&self, step: &StepReport<'_>) {
        self.0.lock().unwrap().push((step.name.to_owned(), step.work));
    }
}

#[test]
fn an_observer_is_told_of_every_operation() {
    let (mut executable, _) = compiled(&[]);
    let told = Arc::new(Told::default());
    executable.observe(Some(told.clone()));
    executable.run(&Batch { tokens: &[1, 2, 3], spans: &[span(0..3, 0, 2..3, &[&[0]])], inputs: &[] }).unwrap();
    executable.head(Entry::Logits, 0..1).unwrap();
    let told = told.0.lock().unwrap();
    let names: Vec<&str> = told.iter().map(|(name, _)| &name[..]).collect();
    // Queries are needed for wanted rows alone.
    let steps = "embed angles attn_qkv ssm_conv1d slice slice slice l2_norm ssm_beta activate ssm_alpha ssm_a \
                 gated_delta add attn_norm select attn_q attn_k attn_v select rotate rotate store_kv attend attn_output \
                 select add output_norm output soft_cap";
    assert_eq!(names.join(" "), steps);
    let work = |name: &str| told.iter().find(|(known, _)| known == name).unwrap().1;
    assert_eq!(work("attn_q"), Work { bytes: 32 * 32 * 4, integer: 0, float: 32 * 32 });
    assert_eq!(work("attn_k"), Work { bytes: 16 * 32 * 4, integer: 0, float: 3 * 16 * 32 });
    // One query of two heads over three positions, in one row of the batch.
    assert_eq!(work("attend"), Work { bytes: 0, integer: 0, float: 3 * 2 * (16 + 16 + 20) });
}

#[test]
fn a_file_that_is_too_short_is_named_with_the_tensor() {
    let mut sketch = Sketch::model();
    sketch.file.truncate(sketch.file.len() - 1);
    let program = sketch.program.clone().seal(&[]).unwrap();
    let error = ReferenceDevice.load(&program, &sketch).map(|_| ()).unwrap_err();
    assert!(
        matches!(&error, Error::Files { tensor, .. } if tensor == "output.weight" || tensor == "hidden_norm.weight")
    );
}

/// Rows of a tensor that lie apart are put together, whole blocks and a last one that is not.
#[test]
fn weights_are_gathered_from_their_rows() {
    let sketch = Sketch::model();
    let mut program = sketch.program.clone().seal(&[]).unwrap();
    let table = program.weights[0].clone();
    let read = |program: &Program| {
        let mut rows = Vec::new();
        for (offset, count) in program.weights[0].stretches() {
            rows.extend_from_slice(&sketch.bytes(0)[offset..offset + count * table.row_bytes()]);
        }
        rows.chunks_exact(table.row_bytes())
            .map(|row| sketch.file.chunks_exact(row.len()).position(|x| x == row))
            .collect::<Vec<_>>()
    };
    let source = &mut program.weights[0].source;
    (source.first, source.block, source.stride) = (1, 2, 3);
    program.weights[0].shape = hefu_numerics::program::Shape::Matrix { rows: 5, columns: WIDTH };
    assert_eq!(read(&program), [1, 2, 4, 5, 7].map(Some));
}
