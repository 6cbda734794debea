//! The program's allocator: large pieces in huge pages.

use std::alloc::{GlobalAlloc, Layout, System};

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
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "other systems choose their pages themselves"))]
const LARGE: usize = 8 << 20;

/// A huge page on x86-64 and most Arm systems.
#[cfg(target_os = "linux")]
const HUGE_PAGE: usize = 2 << 20;

#[cfg(target_os = "linux")]
fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= HUGE_PAGE
}

#[cfg(not(target_os = "linux"))]
fn is_large(_: Layout) -> bool {
    false
}

impl HugeAllocator {
    /// Gives memory that was freed back to the system, where its allocator would keep it: worth a call after a load, whose
    /// lists of a whole vocabulary leave holes of mebibytes that nobody will fill.
    pub fn give_back() {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: touches only memory that nobody has.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}

// SAFETY: large pieces are maps of their own, made and undone by `map` and `unmap` with the same layout; all others are
// the system allocator's. `realloc` is the trait's own, which allocates, copies and frees.
unsafe impl GlobalAlloc for HugeAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's duty.
        if is_large(layout) { map(layout.size()) } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's duty; new maps are zero.
        if is_large(layout) { map(layout.size()) } else { unsafe { System.alloc_zeroed(layout) } }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: the caller's duty: the piece was allocated with this layout.
        unsafe { if is_large(layout) { unmap(piece, layout.size()) } else { System.dealloc(piece, layout) } }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's duty: a size that a layout can have.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: the caller's duty; `copy` is of the shorter of the two pieces, which do not overlap.
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

/// Zeroed memory, aligned to [`HUGE_PAGE`]; null if the system has none.
#[cfg(target_os = "linux")]
fn map(bytes: usize) -> *mut u8 {
    use std::ptr::{null_mut, without_provenance_mut};

    // As much more as it takes to find an aligned start; what is left over at both ends is given back.
    let Some(reserved) = bytes.checked_next_multiple_of(PAGE).and_then(|bytes| bytes.checked_add(HUGE_PAGE)) else {
        return null_mut();
    };
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: asks for memory that nobody has.
    let start = unsafe { libc::mmap(without_provenance_mut(0), reserved, access, kind, -1, 0) };
    if start == libc::MAP_FAILED {
        return null_mut();
    }
    let start = start.cast::<u8>();
    let before = start.align_offset(HUGE_PAGE);
    let length = bytes.next_multiple_of(PAGE);
    // SAFETY: the three parts make up the map; `before` is a multiple of the page, as both its ends are, and below
    // HUGE_PAGE. Advice may fail: without huge pages everything is the same but slower.
    unsafe {
        if before > 0 {
            libc::munmap(start.cast(), before);
        }
        let piece = start.add(before);
        libc::munmap(piece.add(length).cast(), HUGE_PAGE - before);
        libc::madvise(piece.cast(), length, libc::MADV_HUGEPAGE);
        piece
    }
}

/// Gives back what [`map`] gave.
///
/// # Safety
/// `piece` is from [`map`] with as many bytes, and nobody uses it any more.
#[cfg(target_os = "linux")]
unsafe fn unmap(piece: *mut u8, bytes: usize) {
    // SAFETY: the caller's duty.
    unsafe { libc::munmap(piece.cast(), bytes.next_multiple_of(PAGE)) };
}

/// The smallest page of the supported chips is this or a divisor of it.
#[cfg(target_os = "linux")]
const PAGE: usize = 65_536;

#[cfg(not(target_os = "linux"))]
fn map(_: usize) -> *mut u8 {
    std::ptr::null_mut()
}

#[cfg(not(target_os = "linux"))]
unsafe fn unmap(_: *mut u8, _: usize) {}

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
