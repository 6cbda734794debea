//! The cache of keys and values of one model, and who owns its pages.
//!
//! All layers share one numbering of pages: page `p` of a sequence holds the same positions in every layer. Layers with
//! a sliding window keep all positions too, and [`Config::cache_bytes`](crate::Config::cache_bytes) counts them.

use hefu_numerics::kv::{KvShape, LayerCache, PAGE};

use crate::config::Config;
use crate::error::Error;

/// Most pages of one cache: 2^26 positions.
pub const MAX_PAGES: usize = 1 << 20;

/// Keys and values of all layers.
#[derive(Debug)]
pub struct Cache {
    pub(crate) layers: Vec<LayerCache>,
    pages: usize,
}

impl Cache {
    /// A cache of `pages` pages of [`PAGE`] positions; it takes [`Config::cache_bytes`] of `pages * PAGE` positions.
    ///
    /// # Errors
    /// [`Error::BadBatch`] for more than [`MAX_PAGES`], [`Error::Memory`] if the system does not have that much.
    pub fn new(config: &Config, pages: usize) -> Result<Self, Error> {
        let bytes = config.cache_bytes(pages.saturating_mul(PAGE)).filter(|_| pages <= MAX_PAGES);
        let Some(bytes) = bytes else {
            return Err(Error::BadBatch { problem: format!("a cache of {pages} pages is too large to address") });
        };
        // Asking first: an allocation that fails later would end the process.
        if let Err(error) = Vec::<u8>::new().try_reserve_exact(bytes) {
            return Err(Error::Memory { bytes, what: "cache", reason: error.to_string() });
        }
        let shape = config.cache_shape();
        let layers = (0..config.layers.len()).map(|_| LayerCache::new(shape, pages)).collect();
        Ok(Cache { layers, pages })
    }

    /// How many pages it has.
    pub fn pages(&self) -> usize {
        self.pages
    }

    /// Copies page `from` to page `to` in every layer: a sequence that shares only the beginning of a page with
    /// another takes such a copy and goes on writing in it. Positions that it does not share are copied too; no query
    /// sees them before they are written.
    ///
    /// # Errors
    /// [`Error::BadBatch`] if either page does not exist; nothing was changed then.
    pub fn copy_page(&mut self, from: u32, to: u32) -> Result<(), Error> {
        let (from, to) = (from as usize, to as usize);
        if let Some(page) = [from, to].into_iter().find(|page| *page >= self.pages) {
            return Err(Error::BadBatch { problem: format!("page {page} is not among the cache's {}", self.pages) });
        }
        self.layers.iter_mut().for_each(|layer| layer.copy_page(from, to));
        Ok(())
    }
}

/// Bytes of one page of one layer.
pub(crate) fn page_bytes(shape: KvShape) -> usize {
    shape.page_key_bytes() + shape.page_value_bytes()
}

/// Which pages of a cache are free. A sequence's page table is a plain list of page numbers in order of position.
#[derive(Debug, Clone)]
pub struct PagePool {
    free: Vec<u32>,
    total: usize,
}

impl PagePool {
    /// All pages of `cache`, free.
    pub fn new(cache: &Cache) -> Self {
        // Taken from the end: lower numbers first.
        PagePool { free: (0..cache.pages as u32).rev().collect(), total: cache.pages }
    }

    /// How many pages are free.
    pub fn free(&self) -> usize {
        self.free.len()
    }

    /// Appends to a page table until it holds `positions` positions.
    ///
    /// # Errors
    /// [`Error::CacheFull`] if too few are free; the table is then unchanged.
    pub fn grow(&mut self, table: &mut Vec<u32>, positions: usize) -> Result<(), Error> {
        let needed = positions.div_ceil(PAGE).saturating_sub(table.len());
        if needed > self.free.len() {
            return Err(Error::CacheFull { free: self.free.len(), total: self.total, needed });
        }
        let kept = self.free.len() - needed;
        table.extend(self.free.drain(kept..).rev());
        Ok(())
    }

    /// Takes a sequence's pages back, leaving its table empty.
    pub fn release(&mut self, table: &mut Vec<u32>) {
        self.free.extend(table.drain(..).rev());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_handed_out_once_and_come_back() {
        let mut pool = PagePool { free: (0..4).rev().collect(), total: 4 };
        let (mut a, mut b) = (vec![], vec![]);
        pool.grow(&mut a, PAGE + 1).expect("two of four pages are free");
        pool.grow(&mut b, 1).expect("two of four pages are free");
        pool.grow(&mut a, 2 * PAGE).expect("no page is needed");
        assert_eq!((&a[..], &b[..]), (&[0, 1][..], &[2][..]));
        let full = pool.grow(&mut b, 3 * PAGE + 1);
        assert!(matches!(full, Err(Error::CacheFull { free: 1, total: 4, needed: 3 })));
        assert_eq!(b, [2]);
        pool.release(&mut a);
        assert_eq!((pool.free(), a.len()), (3, 0));
        pool.grow(&mut b, 4 * PAGE).expect("three pages are free");
        b.sort_unstable();
        assert_eq!(b, [0, 1, 2, 3]);
    }
}
