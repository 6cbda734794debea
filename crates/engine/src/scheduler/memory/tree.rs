//! Prefix cache of earlier prompts and answers: a radix tree over token ids, one page per node.
//!
//! Method: L. Zheng et al., "SGLang: Efficient execution of structured language model programs" (NeurIPS 2024), with
//! whole pages as edges. A node with as many tokens as a page has positions may have children; one with fewer is the
//! end of a text and is only ever copied from.

use std::collections::BTreeSet;

/// A node's number.
pub(crate) type Node = usize;

/// Domain whose texts are shared with one another, and with nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Domain {
    /// Those of one client.
    Client(u64),
    /// Those of a group.
    Group(u64),
}

impl Default for Domain {
    fn default() -> Self {
        Self::Client(0)
    }
}

/// The node of the empty text; it has no page.
pub(super) const ROOT: Node = 0;

/// The tree. It knows nothing of who holds a page: it is told which nodes may go.
#[derive(Debug)]
pub(super) struct Tree {
    /// By number; `None` where one was removed.
    nodes: Vec<Option<Entry>>,
    vacant: Vec<Node>,
    /// Nodes without children that nobody holds, the longest unused first.
    idle: BTreeSet<(u64, Node)>,
    /// Nodes with a snapshot, the longest unused first.
    snapshots: BTreeSet<(u64, Node)>,
}

/// Remains of a node that was removed.
#[derive(Debug)]
pub(super) struct Removed {
    pub(super) page: u32,
    pub(super) snapshot: Option<u32>,
}

#[derive(Debug)]
struct Entry {
    domain: Domain,
    tokens: Box<[u32]>,
    page: u32,
    parent: Node,
    children: Vec<Node>,
    /// Time when it was last used.
    used: u64,
    is_held: bool,
    /// The slot with the recurrent states after its last position, and when that was last used.
    snapshot: Option<(u32, u64)>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let root = Entry {
            domain: Domain::default(),
            tokens: [].into(),
            page: 0,
            parent: ROOT,
            children: Vec::new(),
            used: 0,
            is_held: true,
            snapshot: None,
        };
        Self { nodes: vec![Some(root)], vacant: Vec::new(), idle: BTreeSet::new(), snapshots: BTreeSet::new() }
    }

    /// The page of a node.
    pub(super) fn page(&self, node: Node) -> Option<u32> {
        Some(self.entry(node)?.page)
    }

    /// The child of this domain that holds exactly these tokens.
    pub(super) fn child(&self, domain: Domain, parent: Node, tokens: &[u32]) -> Option<Node> {
        self.children(domain, parent).find(|(_, entry)| *entry.tokens == *tokens).map(|(node, _)| node)
    }

    /// The child of this domain that begins as `tokens` do for longest, and for how long that is.
    pub(super) fn closest(&self, domain: Domain, parent: Node, tokens: &[u32]) -> Option<(Node, usize)> {
        let common = |entry: &Entry| entry.tokens.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        // Of equal ones the last is taken.
        self.children(domain, parent).map(|(node, entry)| (node, common(entry))).max_by_key(|(_, common)| *common)
    }

    /// The child of this domain whose whole text `tokens` begin with and that has a snapshot, the longest of several, and
    /// its length.
    pub(super) fn ended(&self, domain: Domain, parent: Node, tokens: &[u32]) -> Option<(Node, usize)> {
        let is_whole = |entry: &Entry| entry.snapshot.is_some() && tokens.starts_with(&entry.tokens);
        let all = self.children(domain, parent).filter(|(_, entry)| is_whole(entry));
        all.map(|(node, entry)| (node, entry.tokens.len())).max_by_key(|(_, length)| *length)
    }

    /// The slot with the snapshot of a node.
    pub(super) fn snapshot(&self, node: Node) -> Option<u32> {
        Some(self.entry(node)?.snapshot?.0)
    }

    /// Gives a node without snapshot one, or tells that its snapshot is used now.
    pub(super) fn use_snapshot(&mut self, node: Node, slot: u32, now: u64) {
        self.drop_snapshot(node);
        if let Some(Some(entry)) = self.nodes.get_mut(node) {
            entry.snapshot = Some((slot, now));
            self.snapshots.insert((now, node));
        }
    }

    /// Takes the snapshot of a node away.
    pub(super) fn drop_snapshot(&mut self, node: Node) -> Option<u32> {
        let (slot, used) = self.nodes.get_mut(node)?.as_mut()?.snapshot.take()?;
        self.snapshots.remove(&(used, node));
        Some(slot)
    }

    /// Nodes with snapshots and their slots, the longest unused first.
    pub(super) fn snapshots(&self) -> impl Iterator<Item = (Node, u32)> {
        self.snapshots.iter().filter_map(|(_, node)| Some((*node, self.snapshot(*node)?)))
    }

    /// Adds a child. The shorter beginnings of its text that nothing holds and that have no snapshot have become
    /// superfluous: their pages are returned.
    pub(super) fn insert(
        &mut self,
        domain: Domain,
        parent: Node,
        tokens: &[u32],
        page: u32,
        now: u64,
    ) -> (Node, Vec<u32>) {
        let is_free = |entry: &Entry| entry.children.is_empty() && !entry.is_held && entry.snapshot.is_none();
        let is_shorter = |entry: &Entry| is_free(entry) && tokens.starts_with(&entry.tokens);
        let shorter: Vec<Node> =
            self.children(domain, parent).filter(|(_, entry)| is_shorter(entry)).map(|(node, _)| node).collect();
        let pages = shorter.into_iter().filter_map(|node| Some(self.remove(node)?.page)).collect();
        let (tokens, children) = (tokens.into(), Vec::new());
        let entry = Entry { domain, tokens, page, parent, children, used: now, is_held: true, snapshot: None };
        let node = self.vacant.pop().unwrap_or(self.nodes.len());
        match self.nodes.get_mut(node) {
            Some(place) => *place = Some(entry),
            None => self.nodes.push(Some(entry)),
        }
        self.change(parent, |entry| entry.children.push(node));
        (node, pages)
    }

    /// A node is used now, and is held from now on or no longer.
    pub(super) fn touch(&mut self, node: Node, now: u64, is_held: bool) {
        self.change(node, |entry| (entry.used, entry.is_held) = (now, is_held));
    }

    /// Removes the node that was not used for longest, of those that nobody holds.
    pub(super) fn evict(&mut self) -> Option<Removed> {
        let (_, node) = *self.idle.first()?;
        self.remove(node)
    }

    fn entry(&self, node: Node) -> Option<&Entry> {
        self.nodes.get(node)?.as_ref()
    }

    fn children(&self, domain: Domain, parent: Node) -> impl Iterator<Item = (Node, &Entry)> {
        let numbers = self.entry(parent).map_or(&[][..], |entry| &entry.children);
        let all = numbers.iter().filter_map(|node| Some((*node, self.entry(*node)?)));
        all.filter(move |(_, entry)| entry.domain == domain)
    }

    fn remove(&mut self, node: Node) -> Option<Removed> {
        let snapshot = self.drop_snapshot(node);
        let entry = self.nodes.get_mut(node)?.take()?;
        self.idle.remove(&(entry.used, node));
        self.vacant.push(node);
        self.change(entry.parent, |parent| parent.children.retain(|child| *child != node));
        Some(Removed { page: entry.page, snapshot })
    }

    /// Changes a node, and whether it may go with it.
    fn change(&mut self, node: Node, change: impl FnOnce(&mut Entry)) {
        let Some(Some(entry)) = self.nodes.get_mut(node) else { return };
        self.idle.remove(&(entry.used, node));
        change(entry);
        if entry.children.is_empty() && !entry.is_held {
            self.idle.insert((entry.used, node));
        }
    }

    /// The pages of all nodes, after a look at whether parents and children agree.
    #[cfg(test)]
    pub(super) fn check(&self, is_held: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut pages = Vec::new();
        for (node, entry) in self.nodes.iter().enumerate().filter_map(|(node, entry)| Some((node, entry.as_ref()?))) {
            let is_idle = entry.children.is_empty() && !entry.is_held;
            assert_eq!(self.idle.contains(&(entry.used, node)), is_idle, "idle");
            if node != ROOT {
                assert_eq!(entry.is_held, is_held(entry.page), "held");
                let parent = self.entry(entry.parent).unwrap();
                assert!(parent.children.contains(&node), "a child without parent");
                assert!(entry.parent == ROOT || parent.domain == entry.domain, "a child of another domain");
                pages.push(entry.page);
            }
            if let Some((_, used)) = entry.snapshot {
                assert!(node != ROOT && self.snapshots.contains(&(used, node)), "snapshots");
            }
        }
        pages
    }
}
