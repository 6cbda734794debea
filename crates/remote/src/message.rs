//! Messages between head and part.

use hefu_numerics::device::{Batch, Error, Footprint, Size, Slots, Span};
use hefu_numerics::program::Value;
use std::ops::Range;

use crate::wire::{Malformed, Reader, Writer};

/// Layers of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The version of the numeric contract.
    pub contract: u32,
    /// Positions that a sequence may have.
    pub context: usize,
    /// Format of the caches.
    pub cache: String,
    /// The first layer.
    pub first: usize,
    /// The last layer.
    pub last: usize,
    /// True if what comes after the last layer belongs to it.
    pub heads: bool,
    /// The digest of the part's program.
    pub digest: [u8; 32],
}

/// A batch as it crosses.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct OwnBatch {
    pub(crate) tokens: Vec<u32>,
    pub(crate) spans: Vec<OwnSpan>,
    pub(crate) inputs: Vec<Vec<f32>>,
}

/// A span as it crosses.
#[derive(Debug, PartialEq)]
pub(crate) struct OwnSpan {
    rows: Range<usize>,
    position: usize,
    wanted: Range<usize>,
    tables: Vec<Vec<u32>>,
    slots: Option<OwnSlots>,
    second: Option<usize>,
}

#[derive(Debug, PartialEq)]
struct OwnSlots {
    read: Option<u32>,
    write: u32,
    keep: Vec<(usize, u32)>,
}

/// Message of a head to a part.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    /// Memory of these layers, if they are there.
    Plan(Spec, Size),
    /// To have the weights of these layers in memory, of files of this identity.
    Load(Spec, String),
    /// To make them ready, with empty states; these values are read of every batch.
    Compile(Size, Vec<Value>),
    /// To compute a batch.
    Run(OwnBatch),
    /// To copy a page of a group to another.
    Copy { group: usize, from: u32, to: u32 },
}

/// Answer of a part.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    /// It is still at work.
    Working,
    /// Memory that was asked about, or was taken.
    Footprint(Footprint),
    /// It is done.
    Done,
    /// The rows of the values that are read.
    Rows(Vec<Vec<f32>>),
    /// It will not, or cannot.
    Failed(Fault),
}

/// Reason why a part does not do what it is asked.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) sentence: String,
}

/// Party at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The message does not fit.
    Refused,
    /// The batch does not fit; nothing was changed.
    Batch,
    /// The part's device cannot go on.
    Device,
}

impl Fault {
    pub(crate) fn refused(sentence: impl Into<String>) -> Fault {
        Fault { kind: FaultKind::Refused, sentence: sentence.into() }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        match error {
            Error::BadBatch { problem } => Fault { kind: FaultKind::Batch, sentence: problem },
            error @ (Error::Device { .. } | Error::StatesLost { .. }) => {
                Fault { kind: FaultKind::Device, sentence: error.to_string() }
            }
            error => Fault::refused(error.to_string()),
        }
    }
}

impl OwnBatch {
    /// Calls `with` with the batch as a device takes it.
    pub(crate) fn with<T>(&self, with: impl FnOnce(&Batch<'_>) -> T) -> T {
        let tables: Vec<Vec<&[u32]>> =
            self.spans.iter().map(|span| span.tables.iter().map(|table| &table[..]).collect()).collect();
        let spans = self.spans.iter().zip(&tables).map(|(span, tables)| Span {
            rows: span.rows.clone(),
            position: span.position,
            wanted: span.wanted.clone(),
            tables,
            slots: span.slots.as_ref().map(|slots| Slots { read: slots.read, write: slots.write, keep: &slots.keep }),
            second: span.second,
        });
        let spans: Vec<Span<'_>> = spans.collect();
        let inputs: Vec<&[f32]> = self.inputs.iter().map(|rows| &rows[..]).collect();
        with(&Batch { tokens: &self.tokens, spans: &spans, inputs: &inputs })
    }
}

/// A batch as a message.
pub(crate) fn run(batch: &Batch<'_>) -> Vec<u8> {
    let mut to = Writer::default();
    to.byte(4);
    to.u32s(batch.tokens.iter().copied());
    to.number(batch.spans.len());
    for span in batch.spans {
        write_range(&mut to, &span.rows);
        to.number(span.position);
        write_range(&mut to, &span.wanted);
        to.number(span.tables.len());
        span.tables.iter().for_each(|table| to.u32s(table.iter().copied()));
        to.byte(u8::from(span.slots.is_some()));
        if let Some(slots) = &span.slots {
            to.maybe(slots.read.map(|slot| slot as usize));
            to.number(slots.write as usize);
            to.number(slots.keep.len());
            for (row, slot) in slots.keep {
                to.number(*row);
                to.number(*slot as usize);
            }
        }
        to.maybe(span.second);
    }
    to.number(batch.inputs.len());
    batch.inputs.iter().for_each(|rows| to.f32s(rows));
    to.0
}

impl Request {
    /// As bytes; a batch is written by [`run`].
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        match self {
            Request::Plan(spec, size) => {
                to.byte(1);
                write_spec(&mut to, spec);
                write_size(&mut to, size);
            }
            Request::Load(spec, identity) => {
                to.byte(2);
                write_spec(&mut to, spec);
                to.bytes(identity.as_bytes());
            }
            Request::Compile(size, reads) => {
                to.byte(3);
                write_size(&mut to, size);
                to.u32s(reads.iter().map(|value| value.0));
            }
            Request::Run(batch) => return batch.with(run),
            Request::Copy { group, from, to: page } => {
                to.byte(5);
                to.number(*group);
                to.number(*from as usize);
                to.number(*page as usize);
            }
        }
        to.0
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Request, Malformed> {
        let mut from = Reader(bytes);
        let request = match from.byte()? {
            1 => Request::Plan(read_spec(&mut from)?, read_size(&mut from)?),
            2 => Request::Load(read_spec(&mut from)?, from.text()?),
            3 => Request::Compile(read_size(&mut from)?, from.u32s()?.into_iter().map(Value).collect()),
            4 => Request::Run(OwnBatch {
                tokens: from.u32s()?,
                spans: from.list(read_span)?,
                inputs: from.list(Reader::f32s)?,
            }),
            5 => Request::Copy { group: from.number()?, from: short(&mut from)?, to: short(&mut from)? },
            _ => return Err(Malformed("an unknown request")),
        };
        from.end()?;
        Ok(request)
    }
}

impl Reply {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        match self {
            Reply::Working => to.byte(0),
            Reply::Footprint(footprint) => {
                to.byte(1);
                let all = [footprint.weights, footprint.states, footprint.activations];
                all.into_iter().for_each(|bytes| to.number(bytes));
            }
            Reply::Done => to.byte(2),
            Reply::Rows(all) => {
                to.byte(3);
                to.number(all.len());
                all.iter().for_each(|rows| to.f32s(rows));
            }
            Reply::Failed(fault) => {
                to.byte(4);
                to.byte(fault.kind as u8);
                to.bytes(fault.sentence.as_bytes());
            }
        }
        to.0
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Reply, Malformed> {
        let mut from = Reader(bytes);
        let reply = match from.byte()? {
            0 => Reply::Working,
            1 => {
                let [weights, states, activations] = [from.number()?, from.number()?, from.number()?];
                Reply::Footprint(Footprint { weights, states, activations })
            }
            2 => Reply::Done,
            3 => Reply::Rows(from.list(Reader::f32s)?),
            4 => {
                let kinds = [FaultKind::Refused, FaultKind::Batch, FaultKind::Device];
                let kind = kinds.get(usize::from(from.byte()?)).copied();
                let kind = kind.ok_or(Malformed("an unknown fault"))?;
                Reply::Failed(Fault { kind, sentence: from.text()? })
            }
            _ => return Err(Malformed("an unknown reply")),
        };
        from.end()?;
        Ok(reply)
    }
}

fn write_spec(to: &mut Writer, spec: &Spec) {
    to.number(spec.contract as usize);
    to.number(spec.context);
    to.bytes(spec.cache.as_bytes());
    to.number(spec.first);
    to.number(spec.last);
    to.byte(u8::from(spec.heads));
    to.0.extend_from_slice(&spec.digest);
}

fn read_spec(from: &mut Reader<'_>) -> Result<Spec, Malformed> {
    Ok(Spec {
        contract: short(from)?,
        context: from.number()?,
        cache: from.text()?,
        first: from.number()?,
        last: from.number()?,
        heads: from.flag()?,
        digest: from.array()?,
    })
}

fn write_size(to: &mut Writer, size: &Size) {
    [size.pages, size.slots, size.rows, size.head_rows].into_iter().for_each(|count| to.number(count));
}

fn read_size(from: &mut Reader<'_>) -> Result<Size, Malformed> {
    Ok(Size { pages: from.number()?, slots: from.number()?, rows: from.number()?, head_rows: from.number()? })
}

fn write_range(to: &mut Writer, range: &Range<usize>) {
    to.number(range.start);
    to.number(range.end);
}

fn read_span(from: &mut Reader<'_>) -> Result<OwnSpan, Malformed> {
    Ok(OwnSpan {
        rows: from.number()?..from.number()?,
        position: from.number()?,
        wanted: from.number()?..from.number()?,
        tables: from.list(Reader::u32s)?,
        slots: from.flag()?.then(|| read_slots(from)).transpose()?,
        second: from.maybe()?,
    })
}

fn read_slots(from: &mut Reader<'_>) -> Result<OwnSlots, Malformed> {
    let read = from.maybe()?.map(u32::try_from).transpose().map_err(|_| Malformed("a slot is too large"))?;
    let (write, keep) = (short(from)?, from.list(|from| Ok((from.number()?, short(from)?)))?);
    Ok(OwnSlots { read, write, keep })
}

fn short(from: &mut Reader<'_>) -> Result<u32, Malformed> {
    u32::try_from(from.number()?).map_err(|_| Malformed("a number is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Request> {
        let spec =
            Spec { contract: 1, context: 64, cache: "f16".into(), first: 2, last: 5, heads: true, digest: [7; 32] };
        let size = Size { pages: 3, slots: 2, rows: 512, head_rows: 16 };
        let slots = OwnSlots { read: Some(1), write: 0, keep: vec![(2, 3)] };
        let (rows, tables) = (0..3, vec![vec![2, 0], vec![1]]);
        let first = OwnSpan { rows, position: 9, wanted: 2..3, tables, slots: Some(slots), second: Some(4) };
        let second = OwnSpan { rows: 3..4, position: 0, wanted: 0..0, tables: vec![], slots: None, second: None };
        let inputs = vec![vec![1.5, f32::MIN_POSITIVE, -0.0, 3.25], vec![]];
        let batch = OwnBatch { tokens: vec![5, 6, 7, 8], spans: vec![first, second], inputs };
        vec![
            Request::Plan(spec.clone(), size),
            Request::Load(spec, "files".into()),
            Request::Compile(size, vec![Value(3), Value(9)]),
            Request::Run(batch),
            Request::Copy { group: 1, from: 2, to: 0 },
        ]
    }

    #[test]
    fn what_is_written_is_read_and_what_is_cut_off_is_refused() {
        for request in all() {
            let bytes = request.bytes();
            assert_eq!(Request::read(&bytes), Ok(request));
            (0..bytes.len()).for_each(|end| assert!(Request::read(&bytes[..end]).is_err()));
            assert!(Request::read(&[&bytes[..], &[0]].concat()).is_err());
        }
        let footprint = Footprint { weights: 1, states: 2, activations: 3 };
        let fault = Fault { kind: FaultKind::Device, sentence: "gone".into() };
        let rows = Reply::Rows(vec![vec![1.0, -0.0], vec![]]);
        for reply in [Reply::Working, Reply::Footprint(footprint), Reply::Done, rows, Reply::Failed(fault)] {
            let bytes = reply.bytes();
            assert_eq!(Reply::read(&bytes), Ok(reply));
            (0..bytes.len()).for_each(|end| assert!(Reply::read(&bytes[..end]).is_err()));
        }
    }

    #[test]
    fn changed_bytes_do_no_harm() {
        let mut state = 1_u64;
        for request in all() {
            let bytes = request.bytes();
            for _ in 0..20_000 {
                let mut changed = bytes.clone();
                for _ in 0..2 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    changed[(state >> 33) as usize % bytes.len()] = (state >> 20) as u8;
                }
                if let Ok(Request::Run(batch)) = Request::read(&changed) {
                    batch.with(|batch| assert!(batch.spans.len() <= bytes.len()));
                }
            }
        }
    }
}
