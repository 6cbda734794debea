//! Holders of pages.

/// The pages of a cache: how many sequences hold each, and whether it is kept for prompts to come. A page that nobody
/// holds and nothing keeps is free.
#[derive(Debug)]
pub(super) struct Pages {
    holders: Vec<u32>,
    kept: Vec<bool>,
    free: Vec<u32>,
    /// Pages that sequences hold.
    used: usize,
}

impl Pages {
    /// So many free pages.
    pub(super) fn new(count: usize) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // Taken from the end: lower numbers first.
        let free: Vec<u32> = (0..count).rev().collect();
        Self { holders: vec![0; free.len()], kept: vec![false; free.len()], free, used: 0 }
    }

    pub(super) fn total(&self) -> usize {
        self.holders.len()
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// Pages that are kept and that no sequence holds.
    pub(super) fn idle(&self) -> usize {
        self.total() - self.used - self.free.len()
    }

    pub(super) fn is_held(&self, page: u32) -> bool {
        self.holders.get(page as usize).is_some_and(|holders| *holders > 0)
    }

    /// Reference count of the page.
    pub(super) fn holders(&self, page: u32) -> u32 {
        self.holders.get(page as usize).copied().unwrap_or(0)
    }

    /// Hands out a free page, held once.
    pub(super) fn take(&mut self) -> Option<u32> {
        let page = self.free.pop()?;
        self.hold(page);
        Some(page)
    }

    /// One more sequence holds the page.
    pub(super) fn hold(&mut self, page: u32) {
        let Some(holders) = self.holders.get_mut(page as usize) else { return };
        self.used += usize::from(*holders == 0);
        *holders += 1;
    }

    /// One sequence less holds the page.
    pub(super) fn let_go(&mut self, page: u32) {
        let Some(holders) = self.holders.get_mut(page as usize).filter(|holders| **holders > 0) else { return };
        *holders -= 1;
        if *holders == 0 {
            self.used -= 1;
            self.collect(page);
        }
    }

    /// Keeps the page also when nobody holds it, or no longer.
    pub(super) fn keep(&mut self, page: u32, is_kept: bool) {
        if let Some(kept) = self.kept.get_mut(page as usize).filter(|kept| **kept != is_kept) {
            *kept = is_kept;
            self.collect(page);
        }
    }

    fn collect(&mut self, page: u32) {
        if !self.is_held(page) && self.kept.get(page as usize) == Some(&false) {
            self.free.push(page);
        }
    }

    /// Checks that the books are right, by the holders of each page and the pages that are kept.
    #[cfg(test)]
    pub(super) fn check(&self, holders: &[u32], kept: &[u32]) {
        assert_eq!(self.holders, holders, "holders");
        let mut is_kept = vec![false; self.total()];
        kept.iter().for_each(|page| assert!(!std::mem::replace(&mut is_kept[*page as usize], true), "kept twice"));
        assert_eq!(self.kept, is_kept, "kept");
        let mut free = self.free.clone();
        free.sort_unstable();
        let is_free = |page: &u32| holders[*page as usize] == 0 && !is_kept[*page as usize];
        assert_eq!(free, (0..self.total() as u32).filter(is_free).collect::<Vec<_>>(), "free");
        assert_eq!(self.used, holders.iter().filter(|holders| **holders > 0).count(), "used");
    }
}
