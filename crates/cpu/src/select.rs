//! Which instruction set to use: chosen once, at start.

use std::sync::Arc;

use crate::ops::{Ops, Team};
use hefu_numerics::device::Device;
use hefu_numerics::reference::ReferenceDevice;

use crate::device::CpuDevice;
use crate::generic::kernels::Kernels;
use crate::isa;
use crate::limits::Peaks;

/// An instruction set.
pub struct Isa {
    /// Name by which `--isa` chooses it.
    pub name: &'static str,
    /// True if this machine has it.
    pub is_available: fn() -> bool,
    table: Option<(&'static Ops, &'static Kernels)>,
    peaks: Option<&'static Peaks>,
}

/// All instruction sets of this target, best first; the last is the specification itself.
pub const ISAS: &[Isa] = &[
    #[cfg(target_arch = "x86_64")]
    Isa {
        name: "amx",
        is_available: isa::amx::is_available,
        table: Some((&isa::amx::OPS, &isa::amx::KERNELS)),
        peaks: Some(&isa::amx::PEAKS),
    },
    #[cfg(target_arch = "x86_64")]
    Isa {
        name: "avx512",
        is_available: isa::avx512::is_available,
        table: Some((&isa::avx512::OPS, &isa::avx512::KERNELS)),
        peaks: Some(&isa::avx512::PEAKS),
    },
    #[cfg(target_arch = "x86_64")]
    Isa {
        name: "avx2",
        is_available: isa::avx2::is_available,
        table: Some((&isa::avx2::OPS, &isa::avx2::KERNELS)),
        peaks: Some(&isa::avx2::PEAKS),
    },
    #[cfg(target_arch = "aarch64")]
    Isa {
        name: "i8mm",
        is_available: isa::aarch64::i8mm::is_available,
        table: Some((&isa::aarch64::i8mm::OPS, &isa::aarch64::i8mm::KERNELS)),
        peaks: Some(&isa::aarch64::i8mm::PEAKS),
    },
    #[cfg(target_arch = "aarch64")]
    Isa {
        name: "dotprod",
        is_available: isa::aarch64::dotprod::is_available,
        table: Some((&isa::aarch64::dotprod::OPS, &isa::aarch64::dotprod::KERNELS)),
        peaks: Some(&isa::aarch64::dotprod::PEAKS),
    },
    #[cfg(target_arch = "aarch64")]
    Isa {
        name: "neon",
        is_available: isa::aarch64::neon::is_available,
        table: Some((&isa::aarch64::neon::OPS, &isa::aarch64::neon::KERNELS)),
        peaks: Some(&isa::aarch64::neon::PEAKS),
    },
    Isa {
        name: "portable",
        is_available: || true,
        table: Some((&isa::portable::OPS, &isa::portable::KERNELS)),
        peaks: Some(&isa::portable::PEAKS),
    },
    Isa { name: "reference", is_available: || true, table: None, peaks: None },
];

/// Reason why there are no operations for a name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// No instruction set has this name.
    #[error("there is no instruction set {name:?} here; choose one of {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// This machine lacks it.
    #[error("this machine has no {name}; choose one of {available}")]
    Unavailable {
        /// The name asked for.
        name: &'static str,
        /// The names that would work.
        available: String,
    },
}

impl std::fmt::Debug for Isa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Isa({})", self.name)
    }
}

impl Isa {
    /// Its functions, if this machine has the instructions; the reference has none.
    pub fn ops(&self) -> Option<&'static Ops> {
        self.table.filter(|_| (self.is_available)()).map(|(ops, _)| ops)
    }

    /// The device that computes with these instructions by these threads; the naive loops where this machine lacks them. The
    /// reference has no use for threads.
    pub fn device(&self, team: Arc<dyn Team + Send + Sync>) -> Arc<dyn Device> {
        match self.table.filter(|_| (self.is_available)()) {
            Some(table) => Arc::new(CpuDevice::new(table, self.peaks, team)),
            None => Arc::new(ReferenceDevice),
        }
    }

    /// The kernels that show what it can do at most, if this machine has the instructions. The reference has none: it
    /// is not made to be fast.
    pub fn peaks(&self) -> Option<&'static Peaks> {
        self.peaks.filter(|_| (self.is_available)())
    }
}

/// The best instruction set that this machine has.
pub fn best() -> &'static Isa {
    available().next().unwrap_or(&ISAS[ISAS.len() - 1])
}

/// The instruction sets that this machine has, best first.
pub fn available() -> impl Iterator<Item = &'static Isa> {
    ISAS.iter().filter(|isa| (isa.is_available)())
}

/// The instruction set called `name`.
///
/// # Errors
/// If there is none of this name, or this machine lacks it.
pub fn by_name(name: &str) -> Result<&'static Isa, SelectError> {
    let Some(isa) = ISAS.iter().find(|isa| isa.name == name) else {
        let known = ISAS.iter().map(|isa| isa.name).collect::<Vec<_>>().join(", ");
        return Err(SelectError::Unknown { name: name.to_owned(), known });
    };
    if (isa.is_available)() {
        return Ok(isa);
    }
    let available = available().map(|isa| isa.name).collect::<Vec<_>>().join(", ");
    Err(SelectError::Unavailable { name: isa.name, available })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_answered_with_the_names() {
        let message = by_name("avx1024").unwrap_err().to_string();
        assert!(message.contains("avx1024") && message.contains("reference"), "{message}");
        assert_eq!(by_name("reference").unwrap().name, "reference");
        assert!(ISAS.iter().any(|isa| isa.name == best().name) && (best().is_available)());
    }
}
