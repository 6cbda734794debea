//! The devices that there are, what they say of themselves, and what they lack.

use std::fmt;

use crate::driver::{self, Fault, Handle, text};

/// Reason why there is no device, or why one cannot be used; in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// No loader of drivers.
    NoLoader,
    /// A loader, and no driver with a device.
    NoDevice,
    /// There are fewer.
    NoSuchDevice {
        /// The number asked for.
        asked: usize,
        /// Number of devices.
        count: usize,
    },
    /// It cannot do what the contract asks of arithmetic.
    Lacks {
        /// Its name.
        device: String,
        /// The ability that it lacks.
        what: String,
    },
    /// A driver that fails.
    Driver {
        /// The failure.
        problem: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLoader => f.write_str(
                "there is no OpenCL on this machine: its loader (libOpenCL.so.1, in Debian the package ocl-icd-libopencl1) \
                 was not found",
            ),
            Self::NoDevice => f.write_str(
                "OpenCL's loader is there, but no driver with a device; install the driver of your device, or \
                 pocl-opencl-icd for the CPU",
            ),
            Self::NoSuchDevice { asked, count } => {
                write!(f, "there is no OpenCL device {asked}: found: {count}, numbered from 0; see hefu devices")
            }
            Self::Lacks { device, what } => write!(f, "{device} cannot give the contract's bits: it lacks {what}"),
            Self::Driver { problem } => write!(f, "the OpenCL driver failed: {problem}"),
        }
    }
}

impl std::error::Error for Problem {}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        Problem::Driver { problem: fault.to_string() }
    }
}

/// Kinds of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A graphics processor.
    Gpu,
    /// Another accelerator.
    Accelerator,
    /// The CPU itself, by a driver like PoCL.
    Cpu,
    /// Something else.
    Other,
}

impl Kind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Gpu => "gpu",
            Kind::Accelerator => "accelerator",
            Kind::Cpu => "cpu",
            Kind::Other => "other",
        }
    }
}

/// A device as its driver describes it.
#[derive(Debug, Clone)]
pub struct FoundDevice {
    /// The number by which it is chosen.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// The driver's platform and version.
    pub driver: String,
    /// Kind of device.
    pub kind: Kind,
    /// Bytes of its memory.
    pub memory: u64,
    /// Bytes of the largest piece that can be had.
    pub largest: u64,
    /// Units that compute side by side.
    pub units: u32,
    /// Capabilities that the contract needs and the device lacks; empty where it may be used.
    pub lacks: Vec<&'static str>,
    pub(crate) handle: Handle,
}

/// Properties by their numbers in OpenCL's header.
mod property {
    pub(super) const TYPE: u32 = 0x1000;
    pub(super) const UNITS: u32 = 0x1002;
    pub(super) const GROUP_ITEMS: u32 = 0x1004;
    pub(super) const LARGEST: u32 = 0x1010;
    pub(super) const SINGLE: u32 = 0x101b;
    pub(super) const MEMORY: u32 = 0x101f;
    pub(super) const LITTLE_ENDIAN: u32 = 0x1026;
    pub(super) const AVAILABLE: u32 = 0x1027;
    pub(super) const COMPILER: u32 = 0x1028;
    pub(super) const NAME: u32 = 0x102b;
    pub(super) const DRIVER_VERSION: u32 = 0x102d;
}

/// Requirements of the contract for f32, by the bits of a device's properties.
const NEEDED: [(u64, &str); 5] = [
    (1, "subnormal numbers (CL_FP_DENORM)"),
    (1 << 1, "infinities and NaN (CL_FP_INF_NAN)"),
    (1 << 2, "rounding to nearest even (CL_FP_ROUND_TO_NEAREST)"),
    (1 << 5, "a fused multiply-add that is rounded once (CL_FP_FMA)"),
    (1 << 7, "correctly rounded division and square root (CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT)"),
];

/// All devices of this machine: graphics processors first, then other accelerators, then CPUs.
///
/// # Errors
/// [`Problem::NoLoader`], [`Problem::NoDevice`], or a driver that fails when it is asked.
pub fn devices() -> Result<Vec<FoundDevice>, Problem> {
    if !driver::has_loader() {
        return Err(Problem::NoLoader);
    }
    let mut found = Vec::new();
    for (platform, handle) in driver::devices()? {
        found.push(FoundDevice::new(&platform, handle)?);
    }
    if found.is_empty() {
        return Err(Problem::NoDevice);
    }
    found.sort_by_key(|device| device.kind);
    for (number, device) in found.iter_mut().enumerate() {
        device.number = number;
    }
    Ok(found)
}

impl FoundDevice {
    fn new(platform: &str, handle: Handle) -> Result<FoundDevice, Fault> {
        let number = |name: u32| handle.property(name).map(|bytes| little(&bytes));
        let version = text(&handle.property(property::DRIVER_VERSION)?);
        let kind = match number(property::TYPE)? {
            kind if kind & 4 != 0 => Kind::Gpu,
            kind if kind & 8 != 0 => Kind::Accelerator,
            kind if kind & 2 != 0 => Kind::Cpu,
            _ => Kind::Other,
        };
        let single = number(property::SINGLE)?;
        let mut lacks: Vec<&'static str> =
            NEEDED.iter().filter(|(bit, _)| single & bit == 0).map(|(_, name)| *name).collect();
        for (name, what) in [
            (property::AVAILABLE, "availability (CL_DEVICE_AVAILABLE)"),
            (property::COMPILER, "a compiler (CL_DEVICE_COMPILER_AVAILABLE)"),
            (property::LITTLE_ENDIAN, "little-endian words (CL_DEVICE_ENDIAN_LITTLE)"),
        ] {
            if number(name)? == 0 {
                lacks.push(what);
            }
        }
        if number(property::GROUP_ITEMS)? < driver::GROUP as u64 {
            lacks.push("groups of 64 items (CL_DEVICE_MAX_WORK_GROUP_SIZE)");
        }
        Ok(FoundDevice {
            number: 0,
            name: text(&handle.property(property::NAME)?),
            driver: format!("{platform} {version}"),
            kind,
            memory: number(property::MEMORY)?,
            largest: number(property::LARGEST)?,
            units: number(property::UNITS)? as u32,
            lacks,
            handle,
        })
    }

    /// That it may be used, as far as its driver says.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.lacks.is_empty() {
            return Ok(());
        }
        Err(Problem::Lacks { device: self.name.clone(), what: self.lacks.join(", ") })
    }
}

/// A number of at most 8 bytes in the host's order.
fn little(bytes: &[u8]) -> u64 {
    let mut all = [0; 8];
    let length = bytes.len().min(8);
    if cfg!(target_endian = "little") {
        all[..length].copy_from_slice(&bytes[..length]);
        u64::from_le_bytes(all)
    } else {
        all[8 - length..].copy_from_slice(&bytes[..length]);
        u64::from_be_bytes(all)
    }
}
