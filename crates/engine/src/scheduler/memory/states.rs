//! Slots of recurrent states: those that sequences hold, and snapshots that nodes of the tree hold for texts to come.
//!
//! A recurrent state cannot be cut back: it stands for one position alone. So a sequence goes back (from guesses that were
//! wrong) by a choice among the slots that were kept on the way, and a text is found again in the tree up to a node with a
//! snapshot of the states after exactly its last position. Where a pass of a sequence begins, the states lie in a slot of
//! its own, or in a snapshot that it only reads. Snapshots go when slots are needed, those that were not used for longest
//! first; the pages stay.

use super::pages::Pages;
use super::{Memory, Table};
use crate::scheduler::SlotPool;
use hefu_numerics::device::Slots;

/// Holders of slots.
#[derive(Debug)]
pub(super) struct SlotMemory {
    /// Slots are counted as pages are: held by sequences, kept as snapshots, or free.
    pub(super) slots: Pages,
    /// After so many pages of a prompt a snapshot is worth a slot.
    interval: usize,
    #[cfg(test)]
    pub(super) seen: SlotsSeen,
}

/// History of slots, for tests.
#[cfg(test)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SlotsSeen {
    /// Snapshots that made room.
    pub(crate) evicted: u64,
    /// Snapshots that one more sequence went on from while another did.
    pub(crate) forks: u64,
    /// Slots that could not be had.
    pub(crate) refused: u64,
    /// Sequences whose states were not there any more.
    pub(crate) lost: u64,
}

/// The slots of one sequence.
#[derive(Debug, Default)]
pub(super) struct TableStates {
    /// Its own slots with the states after so many positions, in ascending order: one between passes.
    pub(super) own: Vec<(usize, u32)>,
    /// A slot of its own that holds nothing yet.
    pub(super) spare: Option<u32>,
    /// A snapshot that it goes on from, and its positions.
    pub(super) source: Option<(usize, u32)>,
    /// The pass that is being computed.
    pass: Option<Pass>,
    /// Positions at which others go on differently: a snapshot there is of use to them.
    forks: Vec<usize>,
    /// Positions at which snapshots were kept in the last pass.
    kept: Vec<usize>,
}

#[derive(Debug)]
struct Pass {
    position: usize,
    /// Rows, guesses included.
    rows: usize,
    read: Option<u32>,
    write: u32,
    /// By rows.
    keep: Vec<(usize, u32)>,
}

/// Slots that a sequence needs in a pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Its tokens in the cache.
    pub(crate) position: usize,
    /// Tokens that are computed, at least one, guesses not counted.
    pub(crate) tokens: usize,
    /// Guesses after them, each of which may be wrong.
    pub(crate) guesses: usize,
    /// True if the last token may be computed again.
    pub(crate) may_step_back: bool,
    /// True if the states before the pass are needed after it.
    pub(crate) retains: bool,
}

impl SlotMemory {
    pub(super) fn new(pool: SlotPool) -> Self {
        Self {
            slots: Pages::new(pool.slots),
            interval: pool.snapshot_pages.max(1),
            #[cfg(test)]
            seen: SlotsSeen::default(),
        }
    }

    /// A slot is no snapshot any more.
    pub(super) fn forget(&mut self, slot: u32) {
        self.slots.keep(slot, false);
    }

    #[cfg(test)]
    pub(super) fn nobody(&self) -> Vec<u32> {
        vec![0; self.slots.total()]
    }

    #[cfg(test)]
    pub(super) fn check(&self, holders: &[u32], snapshots: &[u32]) {
        self.slots.check(holders, snapshots);
    }
}

impl TableStates {
    /// Where the states after so many positions lie.
    fn at(&self, position: usize) -> Option<u32> {
        self.own.iter().chain(&self.source).find(|(at, _)| *at == position).map(|(_, slot)| *slot)
    }

    #[cfg(test)]
    pub(super) fn count(&self, holders: &mut [u32]) {
        assert!(self.pass.is_none(), "a pass without end");
        let all = self.own.iter().chain(&self.source).map(|(_, slot)| *slot).chain(self.spare);
        all.for_each(|slot| holders[slot as usize] += 1);
    }
}

impl Table {
    /// The slots of the pass that was prepared.
    pub(crate) fn slots(&self) -> Option<Slots<'_>> {
        self.states.pass.as_ref().map(|pass| Slots { read: pass.read, write: pass.write, keep: &pass.keep })
    }

    /// Another sequence goes on differently after so many positions.
    pub(crate) fn fork_at(&mut self, position: usize) {
        if !self.states.forks.contains(&position) {
            self.states.forks.push(position);
        }
    }
}

impl Memory {
    /// True if the model has recurrent states.
    pub(crate) fn has_states(&self) -> bool {
        self.slots.is_some()
    }

    /// Positions of a page.
    pub(crate) fn page(&self) -> usize {
        self.size
    }

    #[cfg(test)]
    pub(in crate::scheduler) fn slots_seen(&self) -> SlotsSeen {
        self.slots.as_ref().map(|memory| memory.seen).unwrap_or_default()
    }

    /// Slots that sequences hold.
    #[cfg(test)]
    pub(in crate::scheduler) fn slots_used(&self) -> usize {
        self.slots.as_ref().map_or(0, |memory| memory.slots.used())
    }

    /// True if one more slot can be had, or none is needed.
    pub(crate) fn has_free_slot(&self) -> bool {
        self.slots.as_ref().is_none_or(|memory| memory.slots.free() + memory.slots.idle() > 0)
    }

    /// Gives the table a slot if it needs one and has none; whether it has what it needs.
    pub(super) fn has_slot(&mut self, table: &mut Table) -> bool {
        if self.slots.is_some() && table.states.own.is_empty() && table.states.spare.is_none() {
            table.states.spare = self.take_slot();
            return table.states.spare.is_some();
        }
        true
    }

    /// A slot that nobody holds; the snapshot that was not used for longest goes if there is no other.
    pub(super) fn take_slot(&mut self) -> Option<u32> {
        let memory = self.slots.as_mut()?;
        if memory.slots.free() == 0 {
            let oldest = self.tree.snapshots().find(|(_, slot)| !memory.slots.is_held(*slot));
            #[cfg(test)]
            match oldest {
                Some(_) => memory.seen.evicted += 1,
                None => memory.seen.refused += 1,
            }
            let (node, slot) = oldest?;
            self.tree.drop_snapshot(node);
            memory.forget(slot);
        }
        memory.slots.take()
    }

    pub(super) fn let_slot_go(&mut self, slot: u32) {
        if let Some(memory) = &mut self.slots {
            memory.slots.let_go(slot);
        }
    }

    /// Takes slots for a pass, after which the sequence may go back to any of the states that are wanted. How many of its
    /// guesses there are slots for.
    pub(crate) fn prepare(&mut self, table: &mut Table, wanted: Wanted) -> usize {
        if self.slots.is_none() {
            return wanted.guesses;
        }
        self.abandon(table);
        let Wanted { position, tokens, mut guesses, may_step_back, retains } = wanted;
        let read = table.states.at(position).filter(|_| position > 0);
        let own = table.states.own.iter().find(|(at, _)| *at == position).map(|(_, slot)| *slot);
        let is_needed = retains || (may_step_back && tokens == 1);
        let spare = table.states.spare.take();
        // Where there is no other slot, the states go on in their own, and cannot step back.
        let other = spare.or_else(|| if is_needed || own.is_none() { self.take_slot() } else { None });
        let Some(write) = other.or(own) else { return 0 };
        let mut keep = Vec::new();
        if may_step_back && tokens > 1 {
            keep.extend(self.take_slot().map(|slot| (tokens - 1, slot)));
        }
        for guess in 0..guesses {
            let Some(slot) = self.take_slot() else {
                guesses = guess;
                break;
            };
            keep.push((tokens + guess, slot));
        }
        table.states.pass = Some(Pass { position, rows: tokens + guesses, read, write, keep });
        guesses
    }

    /// Takes slots for snapshots that the pass which was prepared comes by, of `tokens` tokens without guesses: at the last
    /// boundary of pages in the prompt, every so many pages of it, and where other texts go on differently.
    pub(crate) fn prepare_snapshots(&mut self, table: &mut Table, tokens: usize, prompt: usize) {
        let Some(interval) = self.slots.as_ref().map(|memory| memory.interval * self.size) else { return };
        table.states.kept.clear();
        let Some(mut pass) = table.states.pass.take_if(|_| self.reuse) else { return };
        let end = pass.position + tokens;
        let last = prompt.saturating_sub(1) / self.size * self.size;
        let regular = (pass.position / interval + 1..).map(|index| index * interval);
        let mut all: Vec<usize> = regular.take_while(|at| *at <= end.min(prompt)).collect();
        all.extend(table.states.forks.iter().chain([&last]).filter(|at| **at > pass.position && **at <= end));
        all.sort_unstable();
        all.dedup();
        for position in all {
            let rows = position - pass.position;
            let is_kept = pass.keep.iter().any(|(kept, _)| *kept == rows);
            if !is_kept {
                let Some(slot) = self.take_slot() else { break };
                pass.keep.push((rows, slot));
            }
            table.states.kept.push(position);
        }
        pass.keep.sort_unstable();
        table.states.pass = Some(pass);
    }

    /// The pass was not computed: everything is as before it.
    pub(crate) fn abandon(&mut self, table: &mut Table) {
        let Some(pass) = table.states.pass.take() else { return };
        pass.keep.iter().for_each(|(_, slot)| self.let_slot_go(*slot));
        if !table.states.own.iter().any(|(_, slot)| *slot == pass.write) {
            match table.states.spare {
                None => table.states.spare = Some(pass.write),
                Some(_) => self.let_slot_go(pass.write),
            }
        }
    }

    /// The pass was computed.
    pub(crate) fn finish(&mut self, table: &mut Table) {
        let Some(pass) = table.states.pass.take() else { return };
        let states = &mut table.states;
        states.own.retain(|(_, slot)| *slot != pass.write);
        states.own.extend(pass.keep.iter().map(|(rows, slot)| (pass.position + rows, *slot)));
        states.own.push((pass.position + pass.rows, pass.write));
    }

    /// Chooses the states that the sequence goes on from, those after `cached` positions, and leaves the others as
    /// snapshots or lets them go. False if they are not there: nothing of the sequence can be gone on with then.
    pub(crate) fn choose_states(&mut self, table: &mut Table, cached: usize) -> bool {
        if self.slots.is_none() {
            return true;
        }
        let (mut rest, mut chosen) = (std::mem::take(&mut table.states.own), None);
        if let Some(index) = rest.iter().position(|(position, _)| *position == cached) {
            chosen = Some(rest.remove(index));
        }
        let is_before = cached == 0 || table.states.source.is_some_and(|(position, _)| position == cached);
        if chosen.is_none() && is_before && table.states.spare.is_none() {
            table.states.spare = rest.pop().map(|(_, slot)| slot);
        }
        let kept = std::mem::take(&mut table.states.kept);
        for (position, slot) in rest {
            if !kept.contains(&position) || position > cached || !self.leave_at_boundary(table, position, slot) {
                self.let_slot_go(slot);
            }
        }
        table.states.forks.retain(|position| *position > cached);
        if chosen.is_some() || !is_before {
            self.let_source_go(table);
        }
        #[cfg(test)]
        if let Some(memory) = self.slots.as_mut().filter(|_| chosen.is_none() && !is_before) {
            memory.seen.lost += 1;
        }
        table.states.own.extend(chosen);
        chosen.is_some() || is_before
    }

    /// Lets go of states after fewer positions: nobody goes back to them.
    pub(crate) fn forget_states_before(&mut self, table: &mut Table, position: usize) {
        let all = std::mem::take(&mut table.states.own);
        let (before, own) = all.into_iter().partition(|(at, _)| *at < position);
        table.states.own = own;
        let before: Vec<(usize, u32)> = before;
        before.into_iter().for_each(|(_, slot)| self.let_slot_go(slot));
        if table.states.source.is_some_and(|(at, _)| at < position) {
            self.let_source_go(table);
        }
    }
}
