//! The pages of a cache, shared between sequences and kept for prompts to come.
//!
//! ```text
//! open ─▶ Table: pages of the tree that hold the beginning of the text, and a copy of the one after them
//! grow ─▶ more pages: free ones, then those of the tree that were not used for longest
//! settle ─▶ pages that are full go into the tree, where others find them at once
//! close ─▶ the last page goes there too; nothing of the sequence is held any more
//! ```
//!
//! A page's content is a function of the tokens up to its last position and of nothing else (the numeric contract), so
//! a page of the tree is as good as one computed anew, for every kind of layer: those with a sliding window keep all
//! positions as well. Recurrent states are a function of all tokens up to one position: slots hold them
//! (`states`), and a text is found again up to a position for which there is a snapshot.

mod pages;
mod snapshots;
mod states;
#[cfg(test)]
mod tests;
mod tree;

use super::SlotPool;
use pages::Pages;
#[cfg(test)]
pub(crate) use states::SlotsSeen;
pub(crate) use states::Wanted;
use states::{SlotMemory, TableStates};
pub(crate) use tree::{Domain, Node};
use tree::{ROOT, Tree};

/// A page is copied for so many positions at least; fewer are computed as fast.
const MIN_COPIED_POSITIONS: usize = 4;

/// The pages of one cache.
#[derive(Debug)]
pub(crate) struct Memory {
    pages: Pages,
    tree: Tree,
    /// Slots of recurrent states, where the model has some.
    slots: Option<SlotMemory>,
    /// Positions of a page.
    size: usize,
    /// True if anything is kept.
    reuse: bool,
    /// Counts uses.
    clock: u64,
}

/// The pages of one sequence, in order. The first are in the tree, as many as `nodes`.
#[derive(Debug, Default)]
pub(crate) struct Table {
    domain: Domain,
    pages: Vec<u32>,
    nodes: Vec<Node>,
    states: TableStates,
}

impl Table {
    pub(crate) fn pages(&self) -> &[u32] {
        &self.pages
    }

    fn last_node(&self) -> Node {
        self.nodes.last().copied().unwrap_or(ROOT)
    }
}

impl Memory {
    /// `pages` pages of `size` positions each, and slots where the model has recurrent states; with `reuse`, they are kept
    /// for prompts to come.
    pub(crate) fn new(pages: usize, size: usize, slots: Option<SlotPool>, reuse: bool) -> Self {
        let (pages, slots) = (Pages::new(pages), slots.map(SlotMemory::new));
        Self { pages, tree: Tree::new(), slots, size: size.max(1), reuse, clock: 0 }
    }

    /// Pages in all.
    pub(crate) fn total(&self) -> usize {
        self.pages.total()
    }

    /// Pages that sequences hold.
    pub(crate) fn used(&self) -> usize {
        self.pages.used()
    }

    /// Pages that are kept and that no sequence holds.
    pub(crate) fn kept(&self) -> usize {
        self.pages.idle()
    }

    /// Pages that can be had.
    pub(crate) fn available(&self) -> usize {
        self.pages.free() + self.pages.idle()
    }

    /// Pages for so many positions.
    pub(crate) fn needed(&self, positions: usize) -> usize {
        positions.div_ceil(self.size)
    }

    /// Number of the first pages of `tokens` that sequences hold at this moment: they cost nothing.
    pub(crate) fn shared(&self, domain: Domain, tokens: &[u32], most: usize) -> usize {
        let path = match self.slots {
            Some(_) => self.deepest(domain, tokens, most).nodes,
            None => self.path(domain, tokens, most),
        };
        path.iter().filter(|node| self.tree.page(**node).is_some_and(|page| self.pages.is_held(page))).count()
    }

    /// A table for a sequence that begins with `tokens`, and how many positions it holds already, at most `most`: of those
    /// that sequences of the same domain have left. `copy` copies one page to another.
    pub(crate) fn open<E>(
        &mut self,
        domain: Domain,
        tokens: &[u32],
        most: usize,
        copy: impl FnOnce(u32, u32) -> Result<(), E>,
    ) -> (Table, usize) {
        let mut table = Table { domain, ..Table::default() };
        self.clock += 1;
        if self.slots.is_some() {
            let known = self.open_at_snapshot(&mut table, tokens, most, copy);
            return (table, known);
        }
        for node in self.path(domain, tokens, most) {
            self.share(&mut table, node);
        }
        let known = table.nodes.len() * self.size;
        let rest = tokens.get(known..most.min(tokens.len())).unwrap_or_default();
        let copied = self.copy_closest(&mut table, rest, copy);
        (table, known + copied)
    }

    /// Goes on along the tree as far as others have computed the same text meanwhile, at most `most` positions; how many
    /// positions the shared pages hold then. What the sequence itself has computed of them is let go.
    pub(crate) fn follow(&mut self, table: &mut Table, tokens: &[u32], most: usize) -> usize {
        if self.slots.is_some() {
            return self.follow_to_snapshot(table, tokens, most);
        }
        while let Some((node, page)) = self.next_page(table, tokens, most) {
            self.follow_page(table, node, page);
        }
        table.nodes.len() * self.size
    }

    /// Goes on by one page of the tree.
    fn follow_page(&mut self, table: &mut Table, node: Node, page: u32) {
        self.clock += 1;
        self.pages.hold(page);
        self.tree.touch(node, self.clock, true);
        let own = table.pages.get_mut(table.nodes.len()).map(|place| std::mem::replace(place, page));
        match own {
            Some(own) => self.pages.let_go(own),
            None => table.pages.push(page),
        }
        table.nodes.push(node);
    }

    fn next_page(&self, table: &Table, tokens: &[u32], most: usize) -> Option<(Node, u32)> {
        let (parent, text) = self.next_text(table, tokens, most)?;
        let node = self.tree.child(table.domain, parent, text)?;
        Some((node, self.tree.page(node)?))
    }

    /// Text of a sequence's next full page, and the node before it, if it could come out of the tree: two
    /// sequences with the same answer are about to compute the same page.
    pub(crate) fn next_text<'t>(&self, table: &Table, tokens: &'t [u32], most: usize) -> Option<(Node, &'t [u32])> {
        let (from, to) = (table.nodes.len() * self.size, (table.nodes.len() + 1) * self.size);
        let text = tokens.get(from..to).filter(|_| self.reuse && to <= most)?;
        Some((table.last_node(), text))
    }

    /// Gives the table pages for so many positions, and a slot if it needs one; if there are no such, it has as many pages
    /// as before.
    pub(crate) fn grow(&mut self, table: &mut Table, positions: usize) -> bool {
        let missing = self.needed(positions).saturating_sub(table.pages.len());
        if missing > self.available() || !self.has_slot(table) {
            return false;
        }
        table.pages.reserve(missing);
        for _ in 0..missing {
            let Some(page) = self.take() else { return false };
            table.pages.push(page);
        }
        true
    }

    /// Puts the pages that the first `cached` of the sequence's `tokens` fill into the tree. Where it holds such a page
    /// already, that one is shared and the sequence's own let go.
    pub(crate) fn settle(&mut self, table: &mut Table, tokens: &[u32], cached: usize) {
        while self.reuse && (table.nodes.len() + 1) * self.size <= cached {
            let at = table.nodes.len();
            let (Some(text), Some(place)) = (tokens.get(at * self.size..(at + 1) * self.size), table.pages.get_mut(at))
            else {
                return;
            };
            let parent = table.nodes.last().copied().unwrap_or(ROOT);
            self.clock += 1;
            if let Some((node, page)) =
                self.tree.child(table.domain, parent, text).and_then(|node| Some((node, self.tree.page(node)?)))
            {
                self.pages.hold(page);
                self.tree.touch(node, self.clock, true);
                self.pages.let_go(std::mem::replace(place, page));
                table.nodes.push(node);
            } else {
                let page = *place;
                table.nodes.push(self.insert(table.domain, parent, text, page));
            }
        }
    }

    /// Lets go of a sequence of which the first `cached` tokens are computed; what it leaves is kept as long as there is
    /// room.
    pub(crate) fn close(&mut self, mut table: Table, tokens: &[u32], cached: usize) {
        self.settle(&mut table, tokens, cached);
        if self.slots.is_some() {
            self.leave_snapshot(&mut table, tokens, cached);
        } else {
            self.leave_end(&mut table, tokens, cached);
        }
        self.clock += 1;
        for (place, page) in table.pages.into_iter().enumerate() {
            self.pages.let_go(page);
            if let Some(&node) = table.nodes.get(place) {
                self.tree.touch(node, self.clock, self.pages.is_held(page));
            }
        }
    }

    /// Puts the last page, which is not full, into the tree.
    fn leave_end(&mut self, table: &mut Table, tokens: &[u32], cached: usize) {
        let full = table.nodes.len();
        let rest = tokens.get(full * self.size..cached.min(tokens.len())).unwrap_or_default();
        let parent = table.last_node();
        let is_new = self.tree.closest(table.domain, parent, rest).is_none_or(|(_, common)| common < rest.len());
        let end = table.pages.get(full).copied().filter(|_| self.reuse && is_new && rest.len() >= MIN_COPIED_POSITIONS);
        if let Some(page) = end {
            self.clock += 1;
            let node = self.insert(table.domain, parent, rest, page);
            table.nodes.push(node);
        }
    }

    /// The nodes whose pages hold the beginning of the tokens, at most `most` of them.
    fn path(&self, domain: Domain, tokens: &[u32], most: usize) -> Vec<Node> {
        let mut path = Vec::new();
        if !self.reuse {
            return path;
        }
        let known = tokens.get(..most).unwrap_or(tokens);
        for text in known.chunks_exact(self.size) {
            let Some(node) = self.tree.child(domain, path.last().copied().unwrap_or(ROOT), text) else { break };
            path.push(node);
        }
        path
    }

    fn share(&mut self, table: &mut Table, node: Node) {
        if let Some(page) = self.tree.page(node) {
            self.pages.hold(page);
            self.tree.touch(node, self.clock, true);
            table.pages.push(page);
            table.nodes.push(node);
        }
    }

    /// Appends a copy of the page that begins as `rest` does, and returns for how many positions that holds.
    fn copy_closest<E>(
        &mut self,
        table: &mut Table,
        rest: &[u32],
        copy: impl FnOnce(u32, u32) -> Result<(), E>,
    ) -> usize {
        let closest = self.tree.closest(table.domain, table.last_node(), rest).filter(|_| self.reuse);
        let Some((node, common)) = closest.filter(|(_, common)| *common >= MIN_COPIED_POSITIONS) else { return 0 };
        if self.copy(table, node, copy) { common } else { 0 }
    }

    /// Appends a copy of a node's page. Whether it holds what the page holds.
    fn copy<E>(&mut self, table: &mut Table, node: Node, copy: impl FnOnce(u32, u32) -> Result<(), E>) -> bool {
        let Some(from) = self.tree.page(node) else { return false };
        // Held, so that it is not the one that makes room for its copy.
        self.pages.hold(from);
        self.tree.touch(node, self.clock, true);
        let to = self.take();
        self.pages.let_go(from);
        self.tree.touch(node, self.clock, self.pages.is_held(from));
        let Some(to) = to else { return false };
        table.pages.push(to);
        copy(from, to).is_ok()
    }

    /// A page that nobody holds.
    fn take(&mut self) -> Option<u32> {
        if self.pages.free() == 0 {
            let removed = self.tree.evict()?;
            self.pages.keep(removed.page, false);
            if let (Some(slots), Some(slot)) = (&mut self.slots, removed.snapshot) {
                slots.forget(slot);
            }
        }
        self.pages.take()
    }

    fn insert(&mut self, domain: Domain, parent: Node, text: &[u32], page: u32) -> Node {
        let (node, superfluous) = self.tree.insert(domain, parent, text, page, self.clock);
        self.pages.keep(page, true);
        superfluous.into_iter().for_each(|page| self.pages.keep(page, false));
        node
    }

    /// Checks that the books are right when these are the tables in use.
    #[cfg(test)]
    pub(in crate::scheduler) fn check<'t>(&self, tables: impl Iterator<Item = &'t Table>) {
        let mut holders = vec![0; self.total()];
        let mut slot_holders = self.slots.as_ref().map_or_else(Vec::new, SlotMemory::nobody);
        for table in tables {
            table.states.count(&mut slot_holders);
            table.pages.iter().for_each(|page| holders[*page as usize] += 1);
            let shared = table.nodes.iter().map(|node| self.tree.page(*node));
            assert!(shared.eq(table.pages.iter().take(table.nodes.len()).map(|page| Some(*page))), "table and tree");
        }
        let kept = self.tree.check(|page| holders[page as usize] > 0);
        self.pages.check(&holders, &kept);
        let snapshots: Vec<u32> = self.tree.snapshots().map(|(_, slot)| slot).collect();
        match &self.slots {
            Some(slots) => slots.check(&slot_holders, &snapshots),
            None => assert!(snapshots.is_empty(), "snapshots without slots"),
        }
    }
}
