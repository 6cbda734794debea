//! Calls of the operating system, and the fallback where it has none: everything is the same then, but
//! slower or larger.
//!
//! | asked for | Linux | other Unix | Windows | WebAssembly |
//! | --- | --- | --- | --- | --- |
//! | memory | maps | maps | maps | the allocator's |
//! | huge pages | advice | | | |
//! | large pieces mapped apart | maps | | | |
//! | reading ahead, keeping or dropping pages of a file | advice | advice | | |
//! | giving freed memory back | glibc's | | | |

use std::ops::Range;

use memmap2::Mmap;

pub(super) use apart::{is_apart, map, unmap};

/// The smallest page of the supported chips is this or a divisor of it; releasing less than asked is harmless.
pub(super) const PAGE: usize = 65_536;

/// Zeroed memory.
#[cfg(any(unix, windows))]
pub(super) type Zeroed = memmap2::MmapMut;
/// Zeroed memory.
#[cfg(not(any(unix, windows)))]
pub(super) type Zeroed = Vec<u8>;

/// So many bytes, which become resident when they are written, where the system does such things.
///
/// # Errors
/// If the system refuses.
#[cfg(any(unix, windows))]
pub(super) fn zeroed(bytes: usize) -> std::io::Result<Zeroed> {
    memmap2::MmapOptions::new().len(bytes).map_anon()
}

#[cfg(not(any(unix, windows)))]
pub(super) fn zeroed(bytes: usize) -> std::io::Result<Zeroed> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(bytes).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    memory.resize(bytes, 0);
    Ok(memory)
}

/// Wants memory to be in huge pages, or in small ones.
#[cfg(target_os = "linux")]
pub(super) fn want_huge_pages(memory: &Zeroed, wanted: bool) {
    // Only advice.
    let _ = memory.advise(if wanted { memmap2::Advice::HugePage } else { memmap2::Advice::NoHugePage });
}

#[cfg(not(target_os = "linux"))]
pub(super) fn want_huge_pages(_: &Zeroed, _: bool) {}

/// Says that a file is read from its beginning to its end.
#[cfg(unix)]
pub(super) fn will_read_once(file: &Mmap) {
    // Only advice: a system that does not know it reads ahead less.
    let _ = file.advise(memmap2::Advice::Sequential);
}

#[cfg(not(unix))]
pub(super) fn will_read_once(_: &Mmap) {}

/// Says that a file is read again and again, in any order.
#[cfg(unix)]
pub(super) fn will_read_often(file: &Mmap) {
    // Only advice: pages are brought in before they are asked for, and in large pieces.
    let _ = file.advise(memmap2::Advice::Normal);
    let _ = file.advise(memmap2::Advice::WillNeed);
    #[cfg(target_os = "linux")]
    let _ = file.advise(memmap2::Advice::HugePage);
}

#[cfg(not(unix))]
pub(super) fn will_read_often(_: &Mmap) {}

/// Lets whole pages of a file go, which come back when they are read.
#[cfg(unix)]
pub(super) fn release(file: &Mmap, range: Range<usize>) {
    // SAFETY: the mapping is of a file, shared and never written: dropped pages are read from it again.
    let _ = unsafe { file.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len()) };
}

#[cfg(not(unix))]
pub(super) fn release(_: &Mmap, _: Range<usize>) {}

/// Gives memory that was freed back, where the allocator would keep it.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: touches only memory that nobody has.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Large pieces of memory that are maps of their own.
#[cfg(target_os = "linux")]
mod apart {
    use std::ptr::{null_mut, without_provenance_mut};

    use super::PAGE;

    /// A huge page on x86-64 and most Arm systems.
    const HUGE_PAGE: usize = 2 << 20;

    /// True if a piece of this alignment can have a map of its own.
    pub(in crate::memory) fn is_apart(align: usize) -> bool {
        align <= HUGE_PAGE
    }

    /// Zeroed memory, aligned to [`HUGE_PAGE`]; null if the system has none.
    pub(in crate::memory) fn map(bytes: usize) -> *mut u8 {
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
    pub(in crate::memory) unsafe fn unmap(piece: *mut u8, bytes: usize) {
        // SAFETY: as the trait asks.
        unsafe { libc::munmap(piece.cast(), bytes.next_multiple_of(PAGE)) };
    }
}

/// Other systems choose their pages themselves.
#[cfg(not(target_os = "linux"))]
mod apart {
    pub(in crate::memory) fn is_apart(_: usize) -> bool {
        false
    }

    pub(in crate::memory) fn map(_: usize) -> *mut u8 {
        std::ptr::null_mut()
    }

    pub(in crate::memory) unsafe fn unmap(_: *mut u8, _: usize) {}
}
