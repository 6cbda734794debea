//! Asking for packed weights before they are needed.

use std::sync::LazyLock;

use super::class::Class;
use super::rows::Rows;
use crate::layout::LINE;

/// How far ahead of the block in use memory is asked for: some pages, because the processor's own look-ahead ends with
/// each page, and codes and scales are two streams to it where they are one stretch to us. Measured; it matters little
/// between 12 and 32 KiB.
pub const AHEAD: usize = 16 * 1024;

/// Asks for block `index`'s share of the bytes that come [`AHEAD`] of the group at `group`. Groups follow each other in
/// memory, so that this reads ahead of the groups that follow; past the last one it does no harm.
#[inline(always)]
pub fn fetch_ahead<R: Rows, const TYPE: u32>(group: *const u8, index: usize) {
    let share = const { Class::<TYPE>::LAYOUT.block_bytes() };
    let at = group.wrapping_add(AHEAD + index * share);
    let mut line = 0;
    while line < share {
        R::prefetch(at.wrapping_add(line));
        line += LINE;
    }
}

/// How many blocks ahead of the one in use codes and scales are moved on from the second cache to the first, where
/// that pays: an instruction that waits for a register of codes keeps its place among those that wait, and of these
/// there are too few for more than the products of a block or two. Measured; 2 and 3 are alike.
const NEXT: usize = 2;

/// Whether [`fetch_next`] pays on this machine. Measured: Sapphire Rapids decodes faster with it, Zen 5 up to a twentieth
/// slower; other processors of either maker are taken to be like these.
pub fn moves_on() -> bool {
    static MOVES_ON: LazyLock<bool> = LazyLock::new(|| !is_amd());
    *MOVES_ON
}

#[cfg(target_arch = "x86_64")]
fn is_amd() -> bool {
    let leaf = std::arch::x86_64::__cpuid(0);
    [leaf.ebx, leaf.edx, leaf.ecx] == [*b"Auth", *b"enti", *b"cAMD"].map(u32::from_le_bytes)
}

#[cfg(not(target_arch = "x86_64"))]
fn is_amd() -> bool {
    false
}

/// Asks for the block that comes `NEXT` after block `index`, which may belong to the group that follows in memory.
#[inline(always)]
pub fn fetch_next<R: Rows, const TYPE: u32>(group: *const u8, index: usize) {
    let share = const { Class::<TYPE>::LAYOUT.block_bytes() };
    let at = group.wrapping_add((index + NEXT) * share);
    let mut line = 0;
    while line < share {
        R::prefetch_near(at.wrapping_add(line));
        line += LINE;
    }
}
