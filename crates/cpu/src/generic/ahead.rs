//! Asking for packed weights before they are needed.

use std::sync::LazyLock;

use super::format_consts::FormatConsts;
use super::rows::DotIsa;
use crate::layout::LINE;

/// Prefetch distance into L2, in bytes ahead of the block in use: some pages, because the processor's
/// own look-ahead ends with each page. Measured on Sapphire Rapids; it matters little between 12 and 32 KiB.
pub const AHEAD: usize = 16 * 1024;

/// Prefetch distance where memory goes to L1 at once. Measured on Zen 5, in rounds taken in turn
/// with reading: a decode reaches 73 % of the rate of reading with [`AHEAD`] and two steps, 79 % with 4 or 8 KiB and one.
const AHEAD_AT_ONCE: usize = 8 * 1024;

/// Prefetch distance from L2 to L1, in blocks ahead of the one in use: an
/// instruction that waits for a register of codes keeps its place among those that wait, and of these there are too few
/// for more than the products of a block or two. Measured; 2 and 3 are alike.
const NEXT: usize = 2;

/// True if weights are prefetched into L2 first, and from there into L1. Measured: Sapphire
/// Rapids decodes faster in two steps, Zen 5 in one; other processors of either maker are taken to be like these.
pub fn moves_on() -> bool {
    static MOVES_ON: LazyLock<bool> = LazyLock::new(|| !is_amd());
    *MOVES_ON
}

/// Asks for weights that come after block `index` of the group at `group`: as many bytes as a block has. Groups follow
/// each other in memory, so that this reads ahead of the groups that follow; past the last one it does no harm.
#[inline(always)]
pub fn fetch_ahead<R: DotIsa, const TYPE: u32>(group: *const u8, index: usize, moves_on: bool) {
    let share = const { FormatConsts::<TYPE>::LAYOUT.block_bytes() };
    let at = |ahead| group.wrapping_add(ahead + index * share);
    if moves_on {
        lines(at(AHEAD), share, R::prefetch);
        lines(at(NEXT * share), share, R::prefetch_near);
    } else {
        lines(at(AHEAD_AT_ONCE), share, R::prefetch_near);
    }
}

#[inline(always)]
fn lines(from: *const u8, bytes: usize, ask: impl Fn(*const u8)) {
    let mut line = 0;
    while line < bytes {
        ask(from.wrapping_add(line));
        line += LINE;
    }
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
