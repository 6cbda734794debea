//! Snapshots of recurrent states on the tree: how a text goes on from one, and how a sequence leaves one.

use super::tree::{Node, ROOT};
use super::{Domain, Memory, Table};

/// Pages that the tree holds of a text, up to a snapshot.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Full pages.
    pub(super) nodes: Vec<Node>,
    /// A node after them with a page that is not full, and its length.
    end: Option<(Node, usize)>,
    /// Full pages that are there, with snapshots or without.
    pages: usize,
}

impl Memory {
    /// Goes on from the snapshot of a node, which others may do as well.
    fn read_from(&mut self, table: &mut Table, position: usize, node: Node) {
        let (Some(memory), Some(slot)) = (&mut self.slots, self.tree.snapshot(node)) else { return };
        #[cfg(test)]
        (memory.seen.forks += u64::from(memory.slots.is_held(slot)));
        memory.slots.hold(slot);
        self.tree.use_snapshot(node, slot, self.clock);
        if let Some((_, before)) = table.states.source.replace((position, slot)) {
            memory.slots.let_go(before);
        }
    }

    /// The longest beginning of a text that the tree holds together with a snapshot.
    pub(super) fn deepest(&self, domain: Domain, tokens: &[u32], most: usize) -> Found {
        let mut nodes = self.path(domain, tokens, most);
        let (pages, known) = (nodes.len(), tokens.get(..most).unwrap_or(tokens));
        loop {
            let (node, rest) = (nodes.last().copied(), known.get(nodes.len() * self.size..).unwrap_or_default());
            let end = self.tree.ended(domain, node.unwrap_or(ROOT), rest).filter(|_| self.reuse);
            if end.is_some() || node.is_none_or(|node| self.tree.snapshot(node).is_some()) {
                return Found { nodes, end, pages };
            }
            nodes.pop();
        }
    }

    /// Fills a new table with what the tree holds up to a snapshot, and takes a slot; how many positions that is.
    pub(super) fn open_at_snapshot<E>(
        &mut self,
        table: &mut Table,
        tokens: &[u32],
        most: usize,
        copy: impl FnOnce(u32, u32) -> Result<(), E>,
    ) -> usize {
        let found = self.deepest(table.domain, tokens, most);
        for node in found.nodes {
            self.share(table, node);
        }
        let mut known = table.nodes.len() * self.size;
        if let Some((node, length)) = found.end {
            self.read_from(table, known + length, node);
            known += length;
            if !self.copy(table, node, copy) {
                known = self.go_back_to_snapshot(table);
            }
        } else if let Some(&node) = table.nodes.last() {
            self.read_from(table, known, node);
        }
        if !self.has_slot(table) && !self.take_source(table) {
            // Nothing of it can be gone on from without a slot.
            self.cut(table, 0);
            self.let_source_go(table);
            known = 0;
        }
        if found.pages * self.size > known {
            table.fork_at(found.pages * self.size);
        }
        known
    }

    /// Makes the snapshot that a table goes on from its own, if no other sequence needs it.
    fn take_source(&mut self, table: &mut Table) -> bool {
        let (Some(memory), Some((position, slot))) = (&mut self.slots, table.states.source) else { return false };
        if memory.slots.holders(slot) != 1 {
            return false;
        }
        let found = self.tree.snapshots().find(|(_, other)| *other == slot);
        if let Some((node, _)) = found {
            self.tree.drop_snapshot(node);
        }
        memory.forget(slot);
        table.states.own.push((position, slot));
        table.states.source = None;
        true
    }

    pub(super) fn let_source_go(&mut self, table: &mut Table) {
        if let Some((_, slot)) = table.states.source.take() {
            self.let_slot_go(slot);
        }
    }

    /// Leaves the table its first pages up to a snapshot; how many positions they hold.
    fn go_back_to_snapshot(&mut self, table: &mut Table) -> usize {
        self.let_source_go(table);
        let has_snapshot = |node: &Node| self.tree.snapshot(*node).is_some();
        let pages = table.nodes.iter().rposition(has_snapshot).map_or(0, |index| index + 1);
        self.cut(table, pages);
        if let Some(&node) = table.nodes.last() {
            self.read_from(table, pages * self.size, node);
        }
        pages * self.size
    }

    /// Leaves the table so many pages, all of them in the tree.
    fn cut(&mut self, table: &mut Table, pages: usize) {
        while table.pages.len() > pages {
            if let Some(page) = table.pages.pop() {
                self.pages.let_go(page);
                if let Some(node) = table.nodes.get(table.pages.len()) {
                    self.tree.touch(*node, self.clock, self.pages.is_held(page));
                }
            }
        }
        table.nodes.truncate(pages);
    }

    /// As [`Memory::follow`], as far as there is a snapshot.
    pub(super) fn follow_to_snapshot(&mut self, table: &mut Table, tokens: &[u32], most: usize) -> usize {
        let from = table.nodes.len();
        let path = self.path(table.domain, tokens, most);
        let has_snapshot = |node: &Node| self.tree.snapshot(*node).is_some();
        let end = path.iter().rposition(has_snapshot).map_or(0, |index| index + 1);
        let is_there = path.get(..from).is_some_and(|nodes| nodes == table.nodes);
        if !is_there || end <= from || !self.has_slot(table) {
            return from * self.size;
        }
        for &node in path.get(from..end).unwrap_or_default() {
            if let Some(page) = self.tree.page(node) {
                self.follow_page(table, node, page);
            }
        }
        for (_, slot) in std::mem::take(&mut table.states.own) {
            match table.states.spare {
                None => table.states.spare = Some(slot),
                Some(_) => self.let_slot_go(slot),
            }
        }
        self.read_from(table, end * self.size, table.last_node());
        end * self.size
    }

    /// Makes a slot the snapshot of the node that ends after so many positions; false if it cannot be.
    pub(super) fn leave_at_boundary(&mut self, table: &Table, position: usize, slot: u32) -> bool {
        let full = position.checked_div(self.size).filter(|full| full * self.size == position);
        let node = full.and_then(|full| table.nodes.get(full.checked_sub(1)?).copied());
        node.is_some_and(|node| self.leave(node, slot))
    }

    /// Makes a slot of a sequence the snapshot of a node that has none.
    fn leave(&mut self, node: Node, slot: u32) -> bool {
        let Some(memory) = self.slots.as_mut().filter(|_| self.reuse) else { return false };
        self.clock += 1;
        if let Some(other) = self.tree.snapshot(node) {
            self.tree.use_snapshot(node, other, self.clock);
            return false;
        }
        self.tree.use_snapshot(node, slot, self.clock);
        memory.slots.keep(slot, true);
        memory.slots.let_go(slot);
        true
    }

    /// Hands the states of a sequence that is closed over to the node that ends where they do, and lets go of all slots.
    pub(super) fn leave_snapshot(&mut self, table: &mut Table, tokens: &[u32], cached: usize) {
        self.abandon(table);
        self.choose_states(table, cached);
        let states = std::mem::take(&mut table.states);
        states.source.iter().map(|(_, slot)| *slot).chain(states.spare).for_each(|slot| self.let_slot_go(slot));
        for (_, slot) in states.own {
            let node = self.end_node(table, tokens, cached);
            if !node.is_some_and(|node| self.leave(node, slot)) {
                self.let_slot_go(slot);
            }
        }
    }

    /// The node that ends after `cached` positions; a page that is not full is put into the tree for it.
    fn end_node(&mut self, table: &mut Table, tokens: &[u32], cached: usize) -> Option<Node> {
        let full = table.nodes.len();
        let rest = tokens.get(full * self.size..cached.min(tokens.len())).filter(|_| self.reuse)?;
        if rest.is_empty() {
            return table.nodes.last().copied();
        }
        let parent = table.last_node();
        if let Some(node) = self.tree.child(table.domain, parent, rest) {
            return Some(node);
        }
        let page = table.pages.get(full).copied()?;
        self.clock += 1;
        let node = self.insert(table.domain, parent, rest, page);
        table.nodes.push(node);
        Some(node)
    }
}
