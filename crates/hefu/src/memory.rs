//! Memory of the machine, where the system tells it (Linux).

/// Bytes of memory that can be taken without swapping, where the system says so (Linux).
pub(crate) fn available_memory() -> Option<u64> {
    memory("MemAvailable:")
}

/// Bytes of memory that the machine has, where the system says so (Linux).
pub(crate) fn total_memory() -> Option<u64> {
    memory("MemTotal:")
}

fn memory(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
