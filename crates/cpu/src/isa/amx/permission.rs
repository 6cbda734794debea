//! Permission to use AMX tiles: the processor has them, the system keeps them, and the process has asked for them.

use std::sync::OnceLock;

/// Asks once per process.
pub(super) fn is_given() -> bool {
    static GIVEN: OnceLock<bool> = OnceLock::new();
    *GIVEN.get_or_init(|| processor_has_tiles() && system_keeps_tiles() && ask())
}

/// Tiles and their products of bytes, by the processor's own account (Intel's Software Developer's Manual, CPUID leaf 7).
fn processor_has_tiles() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};

    const TILE: u32 = 1 << 24;
    const INT8: u32 = 1 << 25;
    #[allow(unused_unsafe, reason = "newer standard libraries have these functions safe")]
    // SAFETY: every x86-64 processor has the instruction.
    unsafe {
        __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & (TILE | INT8) == TILE | INT8
    }
}

/// True if the system saves tiles when it changes threads (the same manual, XGETBV).
fn system_keeps_tiles() -> bool {
    const TILES: u64 = 1 << 17 | 1 << 18;
    // SAFETY: looked for first; AVX is detected by the same instruction.
    is_x86_feature_detected!("xsave") && is_x86_feature_detected!("avx") && unsafe { enabled_states() } & TILES == TILES
}

/// # Safety
/// The machine has XSAVE, and the system has enabled it.
#[target_feature(enable = "xsave")]
unsafe fn enabled_states() -> u64 {
    // SAFETY: the machine has XSAVE, and the system has enabled it.
    unsafe { std::arch::x86_64::_xgetbv(0) }
}

/// Linux gives the state of tiles only to processes that ask (`Documentation/arch/x86/xstate.rst` of the kernel).
#[cfg(target_os = "linux")]
fn ask() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let answer: i64;
    // SAFETY: the system call touches no memory of the process; the registers that it changes are named.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    answer == 0
}

/// Other systems have other ways, which nobody has tried.
#[cfg(not(target_os = "linux"))]
fn ask() -> bool {
    false
}
