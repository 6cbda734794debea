//! Tables of a batch for kernels, as one list of words: it is all of a batch that crosses to the device, but for inputs
//! that the program injects and for angles, which are made in f64 (clause P1).

use hefu_numerics::device::Batch;
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::{At, Op, Order, Program};

/// Says that a span begins with no slot.
const NO_SLOT: u32 = u32::MAX;

/// Where in the words what begins.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// The words.
    pub(crate) words: Vec<u32>,
    /// The token of every row.
    pub(crate) tokens: u32,
    /// The position of every row.
    pub(crate) positions: u32,
    /// 0, 1, 2, …: all rows.
    pub(crate) all: u32,
    /// The rows that are wanted.
    pub(crate) wanted: u32,
    /// Number of them.
    pub(crate) wanted_count: usize,
    /// For every group of key-value states, where each row's page table begins.
    pub(crate) groups: Vec<u32>,
    /// Alike for the pages of texts that are read as a whole, which are numbered through the batch.
    pub(crate) whole: u32,
    /// Number of whole pages.
    pub(crate) whole_pages: usize,
    /// The last position of every row's text.
    pub(crate) lasts: u32,
    /// The spans with slots.
    pub(crate) spans: u32,
    /// Number of them.
    pub(crate) span_count: usize,
    /// Rows of tables that are read, by what names them.
    rows: Vec<(At, u32)>,
}

impl Tables {
    /// The words of a batch that was checked.
    pub(crate) fn new(program: &Program, batch: &Batch<'_>) -> Tables {
        let mut tables = Tables::default();
        tables.tokens = tables.add(batch.tokens.iter().copied());
        let positions = batch.spans.iter().flat_map(|span| span.position..span.position + span.rows.len());
        tables.positions = tables.add(positions.map(|position| position as u32));
        tables.all = tables.add(0..batch.tokens.len() as u32);
        let wanted = batch.spans.iter().flat_map(|span| span.wanted.clone().map(|row| (span.rows.start + row) as u32));
        tables.wanted = tables.add(wanted);
        tables.wanted_count = tables.words.len() - tables.wanted as usize;
        for group in 0..program.groups() {
            let begins: Vec<u32> =
                batch.spans.iter().map(|span| tables.add(span.tables[group].iter().copied())).collect();
            let begins = tables.of_rows(batch, &begins);
            tables.groups.push(begins);
        }
        if program.order == Order::Whole {
            tables.add_texts(batch);
        }
        if program.slot_numbers() > 0 {
            tables.add_spans(batch);
        }
        for step in program.sections.iter().flat_map(|section| &section.steps) {
            if let Op::Rows { at, .. } = step.op
                && !tables.rows.iter().any(|(known, _)| *known == at)
            {
                let begin = tables.add(batch.spans.iter().flat_map(|span| span.table_rows(at)));
                tables.rows.push((at, begin));
            }
        }
        tables
    }

    /// Rows of the batch.
    pub(crate) fn rows(&self) -> usize {
        (self.wanted - self.all) as usize
    }

    /// Where the list of a table's rows begins.
    pub(crate) fn table_rows(&self, at: At) -> u32 {
        self.rows.iter().find(|(known, _)| *known == at).map_or(0, |(_, begin)| *begin)
    }

    /// Adds words; returns where they begin.
    fn add(&mut self, words: impl Iterator<Item = u32>) -> u32 {
        let begin = self.words.len() as u32;
        self.words.extend(words);
        begin
    }

    /// Adds the word of its span for every row.
    fn of_rows(&mut self, batch: &Batch<'_>, of_spans: &[u32]) -> u32 {
        let spans = batch.spans.iter().zip(of_spans);
        self.add(spans.flat_map(|(span, word)| std::iter::repeat_n(*word, span.rows.len())))
    }

    /// Pages of their own for the texts of a batch.
    fn add_texts(&mut self, batch: &Batch<'_>) {
        let (mut next, mut begins, mut lasts) = (0, Vec::new(), Vec::new());
        for span in batch.spans {
            let pages = span.rows.len().div_ceil(PAGE) as u32;
            begins.push(self.add(next..next + pages));
            lasts.push((span.position + span.rows.len()).saturating_sub(1) as u32);
            next += pages;
        }
        self.whole = self.of_rows(batch, &begins);
        self.lasts = self.of_rows(batch, &lasts);
        self.whole_pages = next as usize;
    }

    /// Six words for each span with slots (`kernels/recurrence.cl`).
    fn add_spans(&mut self, batch: &Batch<'_>) {
        let with_slots = || batch.spans.iter().filter_map(|span| Some((span, span.slots.as_ref()?)));
        let mut all = Vec::new();
        for (span, slots) in with_slots() {
            let keep = self.add(slots.keep.iter().flat_map(|(rows, slot)| [*rows as u32, *slot]));
            let read = slots.read.unwrap_or(NO_SLOT);
            let [first, end] = [span.rows.start, span.rows.end].map(|row| row as u32);
            all.extend([first, end, read, slots.write, keep, slots.keep.len() as u32]);
        }
        self.span_count = with_slots().count();
        self.spans = self.add(all.into_iter());
    }
}
