//! Facts about the machine from the operating system. Linux says most; of others what is known stays empty.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

/// Features of processors that make a difference to this program.
const FEATURES: &[&str] = &[
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_int8",
    "asimd",
    "asimddp",
    "i8mm",
    "sve",
    "sve2",
];
/// Most caches of one core that are looked for.
const MAX_CACHES: usize = 8;

/// Use of huge pages for large buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pages {
    Always,
    WhereAsked,
    Never,
}

/// A machine.
#[derive(Debug, Default)]
pub(super) struct Machine {
    /// The processor's name.
    pub(super) processor: Option<String>,
    /// Those of its features that matter here.
    pub(super) features: Vec<String>,
    /// Cores; each may run several threads.
    pub(super) cores: Option<usize>,
    /// Threads that the system grants this program.
    pub(super) hardware_threads: usize,
    /// Caches of the first core: level, kind and size.
    pub(super) caches: Vec<String>,
    /// Use of huge pages for large buffers.
    pub(super) huge_pages: Option<Pages>,
    /// Nodes of memory.
    pub(super) nodes: Option<usize>,
    /// Governor of the processor's clock.
    pub(super) governor: Option<String>,
    /// True if that one, if it saves power, holds the clock low: with some drivers it does not.
    pub(super) has_slow_governor: bool,
}

impl Machine {
    /// Looks at this machine.
    pub(super) fn look() -> Self {
        let info = read("/proc/cpuinfo").unwrap_or_default();
        let cpu = Path::new("/sys/devices/system/cpu/cpu0");
        let driver = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver");
        Self {
            processor: field(&info, "model name").or_else(|| field(&info, "Model")),
            features: features(&info),
            cores: cores(&info),
            hardware_threads: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            caches: (0..MAX_CACHES).filter_map(|index| cache(&cpu.join(format!("cache/index{index}")))).collect(),
            huge_pages: read("/sys/kernel/mm/transparent_hugepage/enabled").as_deref().and_then(pages),
            nodes: nodes(Path::new("/sys/devices/system/node")),
            governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            has_slow_governor: driver.is_some_and(|driver| !driver.ends_with("pstate")),
        }
    }
}

impl Pages {
    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::WhereAsked => "where asked for, as this program does",
            Self::Never => "never",
        }
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// The first value of a field of `/proc/cpuinfo`.
fn field(info: &str, name: &str) -> Option<String> {
    let values = info.lines().filter_map(|line| line.split_once(':'));
    values.into_iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned())
}

fn features(info: &str) -> Vec<String> {
    let all = field(info, "flags").or_else(|| field(info, "Features")).unwrap_or_default();
    let has: BTreeSet<&str> = all.split_whitespace().collect();
    FEATURES.iter().filter(|feature| has.contains(**feature)).map(|feature| (*feature).to_owned()).collect()
}

/// Number of cores: different pairs of package and core.
fn cores(info: &str) -> Option<usize> {
    let mut found = BTreeSet::new();
    let mut package = String::new();
    for (key, value) in info.lines().filter_map(|line| line.split_once(':')) {
        match key.trim() {
            "physical id" => package = value.trim().to_owned(),
            "core id" => {
                found.insert((package.clone(), value.trim().to_owned()));
            }
            _ => {}
        }
    }
    (!found.is_empty()).then_some(found.len())
}

fn cache(folder: &Path) -> Option<String> {
    let of = |name: &str| fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned());
    let kind = match of("type")?.as_str() {
        "Data" => "d",
        "Instruction" => "i",
        _ => "",
    };
    Some(format!("L{}{kind} {}", of("level")?, of("size")?))
}

/// The setting in brackets of `always [madvise] never`.
fn pages(text: &str) -> Option<Pages> {
    let chosen = text.split_once('[')?.1.split_once(']')?.0;
    match chosen {
        "always" => Some(Pages::Always),
        "madvise" => Some(Pages::WhereAsked),
        "never" => Some(Pages::Never),
        _ => None,
    }
}

fn nodes(folder: &Path) -> Option<usize> {
    let names = fs::read_dir(folder).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let is_node = |name: &String| name.strip_prefix("node").is_some_and(|rest| rest.parse::<u32>().is_ok());
    Some(names.filter(is_node).count()).filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_understood() {
        let of = |package, core| {
            format!(
                "model name\t: A Processor\nphysical id\t: {package}\ncore id\t\t: {core}\nflags\t\t: fpu avx2 fma sse\n\n"
            )
        };
        let info = [of(0, 0), of(0, 1), of(0, 0), of(1, 0)].concat();
        assert_eq!(field(&info, "model name").as_deref(), Some("A Processor"));
        assert_eq!(features(&info), ["avx2", "fma"]);
        assert_eq!(cores(&info), Some(3));
        assert_eq!(cores("nothing"), None);
        assert_eq!(pages("always [madvise] never"), Some(Pages::WhereAsked));
        assert_eq!(pages("[always] madvise never"), Some(Pages::Always));
        assert_eq!(pages("always madvise [never]"), Some(Pages::Never));
        assert_eq!(pages("nonsense"), None);
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("type", "Unified\n"), ("level", "2\n"), ("size", "1024K\n")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        assert_eq!(cache(folder.path()).as_deref(), Some("L2 1024K"));
        assert_eq!(cache(&folder.path().join("none")), None);
        for name in ["node0", "node1", "has_cpu", "nodes"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        assert_eq!(nodes(folder.path()), Some(2));
    }
}
