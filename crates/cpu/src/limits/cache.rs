//! The size of the last cache.

use std::collections::BTreeSet;
use std::path::Path;

/// Assumed where the system does not say: 32 MiB, the share of a core complex of current server chips.
const USUAL: u64 = 32 << 20;

/// Most processors that are asked.
const MOST_PROCESSORS: usize = 4096;

/// Bytes of all last caches of this machine together, as the system states them (Linux), else 32 MiB.
pub fn last_cache() -> u64 {
    let found = sum(Path::new("/sys/devices/system/cpu"));
    if found > 0 { found } else { USUAL }
}

/// The sum over all different caches of the highest level; a cache is told from others by the processors it serves.
fn sum(processors: &Path) -> u64 {
    let mut caches = BTreeSet::new();
    for processor in 0..MOST_PROCESSORS {
        let folder = processors.join(format!("cpu{processor}/cache"));
        if !folder.is_dir() {
            break;
        }
        caches.extend((0..8).filter_map(|index| cache(&folder.join(format!("index{index}")))));
    }
    let highest = caches.last().map(|(level, _, _)| *level);
    caches.iter().filter(|(level, _, _)| Some(*level) == highest).map(|(_, _, bytes)| bytes).sum()
}

/// Level, processors and bytes of one cache.
fn cache(folder: &Path) -> Option<(u32, String, u64)> {
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned());
    let size = text("size")?;
    let kibibytes: u64 = size.strip_suffix('K')?.parse().ok()?;
    Some((text("level")?.parse().ok()?, text("shared_cpu_list")?, kibibytes.checked_mul(1024)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_caches_count_once_and_lower_ones_not_at_all() {
        let folder = std::env::temp_dir().join(format!("hefu-caches-{}", std::process::id()));
        let put = |processor: usize, index: usize, level: &str, shared: &str, size: &str| {
            let cache = folder.join(format!("cpu{processor}/cache/index{index}"));
            std::fs::create_dir_all(&cache).unwrap();
            for (name, text) in [("level", level), ("shared_cpu_list", shared), ("size", size)] {
                std::fs::write(cache.join(name), format!("{text}\n")).unwrap();
            }
        };
        for processor in 0..4 {
            put(processor, 0, "2", &processor.to_string(), "1024K");
            put(processor, 1, "3", if processor < 2 { "0-1" } else { "2-3" }, "16384K");
        }
        assert_eq!(sum(&folder), 2 * (16384 << 10));
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(sum(&folder), 0);
        assert!(last_cache() > 0);
    }
}
