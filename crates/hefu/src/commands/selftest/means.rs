//! What computes: an instruction set of the CPU, or another device.

use crate::failure::Failure;
use crate::open;
use crate::options::{DeviceName, Place};
use hefu_cpu::Pool;
use hefu_cpu::select::{ISAS, Isa};
use hefu_numerics::device::Device;
use std::sync::Arc;

/// A way of computing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Means {
    /// The CPU by these instructions.
    Isa(&'static Isa),
    /// The OpenCL device of this number.
    OpenCl(usize),
}

impl Means {
    /// The naive loops, which everything is compared with: the last of the instruction sets.
    pub(crate) fn specification() -> Means {
        Means::Isa(hefu_cpu::select::available().last().unwrap_or(&ISAS[0]))
    }

    /// All instruction sets that this machine has, best first.
    pub(crate) fn of_the_cpu() -> Vec<Means> {
        hefu_cpu::select::available().map(Means::Isa).collect()
    }

    /// What flags ask for: an instruction set, a device, or by default all instruction sets.
    ///
    /// # Errors
    /// What this machine does not have.
    pub(crate) fn asked(isa: Option<&str>, place: Option<&Place>) -> Result<Vec<Means>, Failure> {
        if let Some(name) = isa {
            let isa = hefu_cpu::select::by_name(name).map_err(|error| Failure::Usage(error.to_string()))?;
            return Ok(vec![Means::Isa(isa)]);
        }
        let number = match place {
            Some(Place::On(DeviceName::OpenCl(number))) => Some(*number),
            Some(Place::Auto) => open::accelerator(),
            _ => None,
        };
        Ok(number.map_or_else(Means::of_the_cpu, |number| vec![Means::OpenCl(number)]))
    }

    /// The one of this name on this machine.
    pub(crate) fn named(name: &str) -> Option<Means> {
        match name.strip_prefix("opencl:") {
            Some(number) => number.parse().ok().map(Means::OpenCl),
            None => hefu_cpu::select::by_name(name).ok().map(Means::Isa),
        }
    }

    /// Its name, by which it is found again.
    pub(crate) fn name(self) -> String {
        match self {
            Means::Isa(isa) => isa.name.to_owned(),
            Means::OpenCl(number) => format!("opencl:{number}"),
        }
    }

    /// Whether these are the naive loops.
    pub(crate) fn is_specification(self) -> bool {
        self.name() == Means::specification().name()
    }

    /// The device, by these threads of the host.
    ///
    /// # Errors
    /// A device that is not there or cannot be used.
    pub(crate) fn device(self, pool: &Arc<Pool>) -> Result<Arc<dyn Device>, Failure> {
        match self {
            Means::Isa(isa) => Ok(isa.device(Arc::clone(pool) as _)),
            Means::OpenCl(number) => open::opencl(number, pool),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_computing_is_found_by_its_name() {
        for means in Means::of_the_cpu().into_iter().chain([Means::OpenCl(3)]) {
            assert_eq!(Means::named(&means.name()).map(Means::name), Some(means.name()));
        }
        for wrong in ["", "opencl", "opencl:", "opencl:x", "cuda:0"] {
            assert!(Means::named(wrong).is_none(), "{wrong}");
        }
        let place = Place::On(DeviceName::OpenCl(1));
        assert!(matches!(Means::asked(None, Some(&place)).unwrap()[..], [Means::OpenCl(1)]));
        assert!(Means::asked(None, Some(&Place::On(DeviceName::Cpu))).unwrap().len() > 1);
        assert!(Means::asked(Some("reference"), None).unwrap()[0].is_specification());
    }
}
