//! Batches that do not fit a program or its states are found before anything is changed.

use std::collections::HashSet;

use super::{Batch, Error, Size, Span};
use crate::kv::PAGE;
use crate::program::{Op, Order, Program};

/// Checks a batch against a program and what was compiled for it; every device does this first, so that nothing that comes
/// after can fail.
///
/// # Errors
/// [`Error::BadBatch`].
pub fn check(program: &Program, size: &Size, batch: &Batch<'_>) -> Result<(), Error> {
    let mut row = 0;
    for span in batch.spans {
        if span.rows.start != row || span.rows.end < row || span.rows.end > batch.tokens.len() {
            return Err(Error::bad_batch(format!("its spans do not follow each other at row {row}")));
        }
        row = span.rows.end;
        check_span(program, size, span)?;
    }
    if row != batch.tokens.len() {
        return Err(Error::bad_batch(format!("{row} of its {} tokens belong to spans", batch.tokens.len())));
    }
    check_inputs(program, batch)?;
    check_slots_apart(batch)?;
    if let Some(token) = batch.tokens.iter().find(|token| **token as usize >= program.vocabulary) {
        let problem = format!("token {token} is not among the {} of the model", program.vocabulary);
        return Err(Error::BadBatch { problem });
    }
    Ok(())
}

/// Every input that the program injects is there, with a row for each token.
fn check_inputs(program: &Program, batch: &Batch<'_>) -> Result<(), Error> {
    for step in program.sections.iter().flat_map(|section| &section.steps) {
        let Op::Inject { input, out } = step.op else { continue };
        let (found, width) = (batch.inputs.get(usize::from(input)).map(|rows| rows.len()), program.value(out).width);
        if found != batch.tokens.len().checked_mul(width) {
            let (found, tokens) = (found.unwrap_or(0), batch.tokens.len());
            let problem = format!("input {input} has {found} numbers, not {width} for each of {tokens} tokens");
            return Err(Error::BadBatch { problem });
        }
    }
    Ok(())
}

/// A slot that a span writes belongs to it alone.
fn check_slots_apart(batch: &Batch<'_>) -> Result<(), Error> {
    let mut written = HashSet::new();
    for slots in batch.spans.iter().filter_map(|span| span.slots.as_ref()) {
        for slot in slots.keep.iter().map(|(_, slot)| *slot).chain([slots.write]) {
            if !written.insert(slot) {
                return Err(Error::bad_batch(format!("slot {slot} is to be written twice")));
            }
        }
    }
    for (at, slots) in batch.spans.iter().enumerate().filter_map(|(at, span)| Some((at, span.slots.as_ref()?))) {
        let own = |slot: u32| slots.write == slot || slots.keep.iter().any(|(_, kept)| *kept == slot);
        if let Some(slot) = slots.read.filter(|slot| written.contains(slot) && !own(*slot)) {
            return Err(Error::bad_batch(format!("slot {slot} is read by span {at} and written by another")));
        }
    }
    Ok(())
}

fn check_span(program: &Program, size: &Size, span: &Span<'_>) -> Result<(), Error> {
    let bad = |problem: String| Err(Error::BadBatch { problem });
    let tokens = span.rows.len();
    let end = span.position.saturating_add(tokens);
    if end > program.context {
        return bad(format!("it reaches position {end}, but the context has {} positions", program.context));
    }
    if program.order == Order::Whole && span.position != 0 {
        return bad(format!("a text that is read as a whole cannot go on at position {}", span.position));
    }
    if span.tables.len() != program.groups() {
        return bad(format!("it has {} page tables, but the model has {}", span.tables.len(), program.groups()));
    }
    for table in span.tables {
        if let Some(page) = table.iter().find(|page| **page as usize >= size.pages) {
            return bad(format!("page {page} is not among the {} of the cache", size.pages));
        }
        if end > table.len() * PAGE {
            return bad(format!("it reaches position {end}, but its {} pages do not", table.len()));
        }
    }
    if span.wanted.start > span.wanted.end || span.wanted.end > tokens {
        return bad(format!("logits of {:?} of {tokens} tokens are wanted", span.wanted));
    }
    check_slots(program, size, span)
}

fn check_slots(program: &Program, size: &Size, span: &Span<'_>) -> Result<(), Error> {
    let bad = |problem: String| Err(Error::BadBatch { problem });
    let Some(slots) = &span.slots else {
        return if program.slot_numbers() == 0 {
            Ok(())
        } else {
            bad("it has no slots, but the model has recurrent states".into())
        };
    };
    let all = slots.read.iter().chain([&slots.write]).chain(slots.keep.iter().map(|(_, slot)| slot));
    if let Some(slot) = all.into_iter().find(|slot| **slot as usize >= size.slots) {
        return bad(format!("slot {slot} is not among the {} of the model", size.slots));
    }
    let ascends = slots.keep.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let is_within = slots.keep.iter().all(|(rows, _)| (1..=span.rows.len()).contains(rows));
    if !ascends || !is_within {
        return bad(format!("states are to be kept after rows {:?} of {}", slots.keep, span.rows.len()));
    }
    Ok(())
}
