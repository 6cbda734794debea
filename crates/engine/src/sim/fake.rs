//! A model that knows nothing but what is written on its pages and in its slots: whoever hands it wrong pages gets wrong
//! logits, and slots must hold the same text as the pages.

use crate::request::Request;
use crate::sampling::Parameters;
use crate::scheduler::{Abilities, ForwardMany, Logits, Order, SlotPool};
use crate::trace::{Digest, Trace};
use hefu_numerics::device::{Batch, Slots, Span};
use hefu_numerics::team::{Alone, Team};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Tokens that the fake model knows.
pub(crate) const VOCABULARY: usize = 11;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("out of order")]
pub(crate) struct Fault {
    /// Whether all pages and slots are empty now.
    pub(crate) is_lost: bool,
}

/// Logits that depend on every token of the text.
pub(crate) fn row(text: &[u32]) -> [f32; VOCABULARY] {
    let hash = text.iter().fold(7_u32, |hash, id| hash.wrapping_mul(0x9E37_79B1).wrapping_add(*id));
    std::array::from_fn(|id| (hash.rotate_left(id as u32 * 3) % 1000) as f32 / 100.0)
}

pub(crate) fn request(prompt: &[u32]) -> Request {
    Request {
        prompt: prompt.to_vec(),
        parameters: Parameters { seed: 3, ..Parameters::default() },
        end_tokens: BTreeSet::new(),
        max_tokens: Some(6),
        prefill_chunk: 4,
        all_logits: false,
    }
}

/// A pass in which a position's text is this long and ends with [`POISON`] fails as a whole.
pub(crate) const POISON: (usize, u32) = (3, 10);
/// The logits after this token are faulty where the text before it begins with [`POISON`]'s token.
const FAULTY: u32 = 9;
/// Elements of a hidden state.
const WIDTH: usize = 3;
/// Layers of a trace.
pub(crate) const LAYERS: usize = 2;
/// Groups of key-value states, whose tables are the same.
const GROUPS: usize = 2;

/// A value that is no token.
const EMPTY: u32 = u32::MAX;

pub(crate) struct Fake {
    size: usize,
    capacity: usize,
    /// The tokens at the positions that each page holds.
    pages: Vec<Vec<u32>>,
    /// The text that the recurrent states of each slot stand for; no slots without such states.
    slots: Vec<Option<Vec<u32>>>,
    snapshot_pages: usize,
    /// Texts up to and with the rows that were kept.
    kept: Vec<Vec<u32>>,
    /// The numbers of these rows in their batch.
    kept_rows: Vec<usize>,
    values: Vec<f32>,
    team: Arc<dyn Team + Send>,
    /// True if nothing ever fails.
    is_sound: bool,
    /// One text in so many has other logits than it should.
    wrong_one_in: Option<u32>,
    /// True if it is the block of another one: its texts begin with their second token, and it is told of each what the other
    /// makes of the text before it.
    is_block: bool,
    /// True if it keeps what its layers hand on.
    traces: bool,
    /// The number of the next pass that finds all pages and slots empty. After it there is time for twice as many.
    loses_at: Option<usize>,
    /// The number of the pass whose logits cannot be had, as all pages and slots are empty.
    loses_logits_of: Option<usize>,
    /// True if every pass does.
    is_always_lost: bool,
    /// Passes that were asked for, those included that failed.
    asked: usize,
    pub(crate) passes: usize,
}

/// As many threads as this, made anew for each job.
struct Threads(usize);

impl Team for Threads {
    fn threads(&self) -> usize {
        self.0
    }

    fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        std::thread::scope(|scope| (0..self.0).for_each(|thread| drop(scope.spawn(move || job(thread)))));
    }
}

impl Fake {
    pub(crate) fn new(pages: usize, size: usize, capacity: usize) -> Fake {
        let pages = vec![vec![EMPTY; size]; pages];
        Fake {
            size,
            capacity,
            pages,
            slots: Vec::new(),
            snapshot_pages: 1,
            kept: Vec::new(),
            kept_rows: Vec::new(),
            values: Vec::new(),
            team: Arc::new(Alone),
            is_sound: false,
            wrong_one_in: None,
            is_block: false,
            traces: false,
            loses_at: None,
            loses_logits_of: None,
            is_always_lost: false,
            asked: 0,
            passes: 0,
        }
    }

    /// The same without texts that fail.
    pub(crate) fn sound(self) -> Fake {
        Fake { is_sound: true, ..self }
    }

    /// The same with recurrent states, where there are slots.
    pub(crate) fn with_slots(self, pool: Option<SlotPool>) -> Fake {
        let Some(pool) = pool else { return self };
        Fake { slots: vec![None; pool.slots], snapshot_pages: pool.snapshot_pages, ..self }
    }

    /// The slots of all spans, as a device would check them, hold the texts before the spans.
    fn check_slots(&self, spans: &[Span<'_>], texts: &[Vec<u32>]) {
        let mut written = BTreeSet::new();
        let own = |slots: &Slots<'_>| slots.keep.iter().map(|(_, slot)| *slot).chain([slots.write]).collect::<Vec<_>>();
        for span in spans {
            assert_eq!(span.slots.is_some(), !self.slots.is_empty(), "slots where there are recurrent states");
            let written_here = span.slots.iter().flat_map(own);
            written_here.for_each(|slot| assert!(written.insert(slot), "slot {slot} is written twice"));
        }
        for (span, text) in spans.iter().zip(texts) {
            let Some(slots) = &span.slots else { continue };
            let held = slots.read.map_or(Some(&[][..]), |slot| self.slots[slot as usize].as_deref());
            assert_eq!(held, Some(&text[..span.position]), "slot and pages");
            let is_free = slots.read.is_none_or(|slot| !written.contains(&slot) || own(slots).contains(&slot));
            assert!(is_free, "a slot that another span writes");
            assert!(slots.keep.is_sorted_by(|a, b| a.0 < b.0), "rows to keep");
            assert!(slots.keep.iter().all(|(rows, _)| (1..=span.rows.len()).contains(rows)), "rows to keep");
        }
    }

    /// A model that guesses: right but for one text in so many.
    pub(crate) fn wrong_one_in(self, times: u32) -> Fake {
        Fake { wrong_one_in: Some(times), ..self }
    }

    /// A block that guesses for another model: right but for one text in so many, as long as it is shown the right rows.
    pub(crate) fn block(self, wrong_one_in: u32) -> Fake {
        Fake { is_block: true, ..self.sound().wrong_one_in(wrong_one_in) }
    }

    /// The whole text of the other model, by what it makes of all but the last of the tokens.
    fn whole(tokens: &[u32], shown: &[f32]) -> Vec<u32> {
        let with_first = |first| [&[first], tokens].concat();
        let is_shown = |text: &Vec<u32>| hidden(&text[..text.len() - 1]) == shown;
        (0..VOCABULARY as u32).map(with_first).find(is_shown).unwrap_or_else(|| tokens.to_vec())
    }

    fn row(&self, text: &[u32]) -> [f32; VOCABULARY] {
        let sum: u32 = text.iter().map(|id| id + 3).sum();
        let is_wrong = self.wrong_one_in.is_some_and(|times| sum.is_multiple_of(times));
        if is_wrong { row(text.get(1..).unwrap_or_default()) } else { row(text) }
    }

    /// The same with digests of what its layers hand on.
    pub(crate) fn traced(self, traces: bool) -> Fake {
        Fake { traces, ..self }
    }

    /// The same, but the pass of this number finds that all pages and slots are empty, and so does that of twice the number.
    pub(crate) fn losing_at(self, pass: Option<usize>) -> Fake {
        Fake { loses_at: pass, ..self }
    }

    /// The same, but all pages and slots are empty when the logits of the pass of this number are wanted; the next pass says so again.
    pub(crate) fn losing_logits_of(self, pass: usize) -> Fake {
        Fake { loses_logits_of: Some(pass), ..self }
    }

    /// The same, but whatever was computed is lost before the next pass.
    pub(crate) fn always_lost(self) -> Fake {
        Fake { is_always_lost: true, ..self }
    }

    /// Empties all pages and slots, if it is time.
    fn lose(&mut self) -> Result<(), Fault> {
        self.asked += 1;
        if !self.is_always_lost && self.loses_at != Some(self.asked) {
            return Ok(());
        }
        self.loses_at = Some(self.asked * 2);
        self.pages.iter_mut().for_each(|page| page.fill(EMPTY));
        self.slots.fill(None);
        Err(Fault { is_lost: true })
    }

    pub(crate) fn with_threads(self, threads: usize) -> Fake {
        Fake { team: Arc::new(Threads(threads)), ..self }
    }
}

/// True if a pass with this text's last position fails.
pub(crate) fn is_poisoned(text: &[u32]) -> bool {
    text.len() == POISON.0 && text.last() == Some(&POISON.1)
}

/// True if the logits after this text are no numbers.
pub(crate) fn is_faulty(text: &[u32]) -> bool {
    text.first() == Some(&POISON.1) && text.last() == Some(&FAULTY)
}

/// Stand-in for the digests of all layers at the end of a text.
pub(crate) fn digests(text: &[u32]) -> [Digest; LAYERS] {
    let hash = text.iter().fold(7_u64, |hash, id| (hash ^ u64::from(*id)).wrapping_mul(0x0100_0000_01B3));
    std::array::from_fn(|layer| std::array::from_fn(|at| (hash >> (at % 8)) as u8 ^ layer as u8))
}

pub(crate) fn hidden(text: &[u32]) -> [f32; WIDTH] {
    std::array::from_fn(|index| row(text)[index] - 5.0)
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fake({} pages)", self.pages.len())
    }
}

impl ForwardMany for Fake {
    type Error = Fault;

    fn has_lost_states(error: &Fault) -> bool {
        error.is_lost
    }

    fn vocabulary(&self) -> usize {
        VOCABULARY
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn page(&self) -> usize {
        self.size
    }

    fn pages(&self) -> usize {
        self.pages.len()
    }

    fn slots(&self) -> Option<SlotPool> {
        let pool = SlotPool { slots: self.slots.len(), snapshot_pages: self.snapshot_pages };
        (pool.slots > 0).then_some(pool)
    }

    fn abilities(&self) -> Abilities {
        Abilities { order: Order::Causal, writes: true, ranks: false, traces: self.traces }
    }

    fn copy_page(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        self.pages[to as usize] = self.pages[from as usize].clone();
        Ok(())
    }

    fn groups(&self) -> usize {
        GROUPS
    }

    fn forward(&mut self, batch: &Batch<'_>) -> Result<(), Fault> {
        self.kept.clear();
        self.kept_rows.clear();
        self.lose()?;
        let mut texts = Vec::new();
        let mut row = 0;
        for span in batch.spans {
            assert!(!span.rows.is_empty() && span.rows.start == row, "spans follow each other");
            row = span.rows.end;
            assert!(span.wanted.end <= span.rows.len() && span.wanted.start <= span.wanted.end, "rows of the span");
            assert!(span.tables.len() == GROUPS && span.tables.iter().all(|table| *table == span.tables[0]));
            let (pages, end) = (span.tables[0], span.position + span.rows.len());
            assert!(end <= self.capacity && end <= pages.len() * self.size, "positions without pages");
            let held = |at: usize| self.pages[pages[at / self.size] as usize][at % self.size];
            let mut text: Vec<u32> = (0..span.position).map(held).collect();
            assert!(!text.contains(&EMPTY), "a position that was never computed");
            text.extend_from_slice(&batch.tokens[span.rows.clone()]);
            if !self.is_sound && (span.position..end).any(|at| is_poisoned(&text[..=at])) {
                return Err(Fault { is_lost: false });
            }
            texts.push(text);
        }
        assert_eq!(row, batch.tokens.len(), "every token belongs to a span");
        let injected: Vec<usize> = batch.inputs.iter().map(|rows| rows.len()).collect();
        assert_eq!(injected, if self.is_block { vec![row * WIDTH] } else { vec![] }, "rows that are injected");
        self.check_slots(batch.spans, &texts);
        self.passes += 1;
        for (span, text) in batch.spans.iter().zip(texts) {
            if let Some(slots) = &span.slots {
                let kept = slots.keep.iter().map(|(rows, slot)| (span.position + rows, *slot));
                for (end, slot) in kept.chain([(text.len(), slots.write)]) {
                    self.slots[slot as usize] = Some(text[..end].to_vec());
                }
            }
            for (at, &token) in text.iter().enumerate().skip(span.position) {
                self.pages[span.tables[0][at / self.size] as usize][at % self.size] = token;
            }
            self.kept_rows.extend(span.wanted.clone().map(|at| span.rows.start + at));
            for at in span.wanted.clone() {
                let text = &text[..=span.position + at];
                self.kept.push(match self.is_block {
                    true => Fake::whole(text, &batch.inputs[0][(span.rows.start + at) * WIDTH..][..WIDTH]),
                    false => text.to_vec(),
                });
            }
        }
        Ok(())
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<Logits<'_>, Fault> {
        if self.loses_logits_of == Some(self.asked) {
            self.loses_at = Some(self.asked + 1);
            return Err(Fault { is_lost: true });
        }
        let texts = &self.kept[rows];
        if !self.is_sound && texts.iter().any(|text| is_faulty(text)) {
            return Err(Fault { is_lost: false });
        }
        self.values = texts.iter().flat_map(|text| self.row(text)).collect();
        Ok(Logits { values: &self.values, team: &*self.team })
    }

    fn hidden(&mut self, rows: Range<usize>) -> Result<&[f32], Fault> {
        self.values = self.kept[rows].iter().flat_map(|text| hidden(text)).collect();
        Ok(&self.values)
    }

    fn trace(&mut self, rows: Range<usize>, wanted: Range<usize>) -> Result<Trace, Fault> {
        assert!(self.kept_rows[wanted.clone()].iter().copied().eq(rows), "one row has two numbers");
        let digests = self.kept[wanted].iter().flat_map(|text| digests(text)).collect();
        Ok(Trace::new(LAYERS, digests).expect("all layers of each row"))
    }
}
