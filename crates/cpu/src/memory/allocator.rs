//! The program's allocator: large pieces in huge pages.

use std::alloc::{GlobalAlloc, Layout, System};

use super::system::{self, is_apart, map, unmap};

/// The system's allocator, but for pieces of 8 MiB and more, which are mapped by themselves, aligned to huge
/// pages and advised to be in them.
///
/// A product of many tokens writes each token's results far from the last one's. With pages of 4 KiB every such write
/// is one more translation of an address that the processor has forgotten by the next group of rows, and writing takes
/// longer than computing.
#[derive(Debug, Clone, Copy, Default)]
pub struct HugeAllocator;

/// From here on a piece has pages of its own. Lists of the whole vocabulary, which are made for one token and dropped, are
/// smaller: new pages would have to be cleared for each.
const LARGE: usize = 8 << 20;

/// From here on keys and values of a layer pay for pages of their own. Attention of one token reads them once, between weights
/// that push the tables of pages out of all caches: with pages of 4 KiB it reads at two thirds of the rate, as
/// `attention_speed` measures it. At most half of a huge page is lost to each.
const WORTH_ROOM: usize = 1 << 20;

/// Bytes to ask for to have `bytes` in huge pages; what is not touched is not taken.
pub(crate) fn room(bytes: usize) -> usize {
    if bytes >= WORTH_ROOM && is_apart(1) { bytes.max(LARGE) } else { bytes }
}

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && is_apart(layout.align())
}

impl HugeAllocator {
    /// Gives memory that was freed back to the system, where its allocator would keep it: worth a call after a load, whose
    /// lists of a whole vocabulary leave holes of mebibytes that nobody will fill.
    pub fn give_back() {
        system::give_back();
    }
}

// SAFETY: large pieces are maps of their own, made and undone by `map` and `unmap` with the same layout; all others are
// the system allocator's. `realloc` is the trait's own, which allocates, copies and frees.
unsafe impl GlobalAlloc for HugeAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the pointer is valid for what this touches.
        if is_large(layout) { map(layout.size()) } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the pointer is valid for what this touches; new maps are zero.
        if is_large(layout) { map(layout.size()) } else { unsafe { System.alloc_zeroed(layout) } }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: the piece was allocated with this layout.
        unsafe { if is_large(layout) { unmap(piece, layout.size()) } else { System.dealloc(piece, layout) } }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: a size that a layout can have.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the pointer is valid for what this touches; `copy` is of the shorter of the two pieces, which do
        // not overlap.
        unsafe {
            if !is_large(layout) && !is_large(new) {
                return System.realloc(piece, layout, new_size);
            }
            let moved = self.alloc(new);
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(piece, moved, layout.size().min(new_size));
                self.dealloc(piece, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_all_sizes_keep_what_is_written() {
        for size in [1, 100, LARGE - 1, LARGE, LARGE + 1, 3 * LARGE + 70_000] {
            for align in [1, 64, 4096] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: every piece is used within its size and given back with its layout.
                unsafe {
                    let piece = HugeAllocator.alloc_zeroed(layout);
                    assert!(!piece.is_null() && piece.align_offset(align) == 0);
                    assert_eq!((*piece, *piece.add(size - 1)), (0, 0));
                    piece.add(size - 1).write(2);
                    piece.write(1);
                    let larger = HugeAllocator.realloc(piece, layout, size + LARGE);
                    assert_eq!(*larger, 1);
                    if size > 1 {
                        assert_eq!(*larger.add(size - 1), 2);
                    }
                    let layout = Layout::from_size_align(size + LARGE, align).unwrap();
                    let smaller = HugeAllocator.realloc(larger, layout, 1);
                    assert_eq!(*smaller, 1);
                    HugeAllocator.dealloc(smaller, Layout::from_size_align(1, align).unwrap());
                }
            }
        }
    }

    #[test]
    fn memory_that_nobody_has_is_null() {
        let layout = Layout::from_size_align(isize::MAX as usize - 4 * LARGE, 8).unwrap();
        // SAFETY: the layout has a size.
        assert!(unsafe { HugeAllocator.alloc(layout) }.is_null());
    }
}
