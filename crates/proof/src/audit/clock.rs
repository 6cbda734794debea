//! The log's own time: how long it has been kept, by a clock that nobody can set.
//!
//! The machine's clock may jump, by a slip or a dead battery, and records would be removed years too early by it. So what
//! decides how old a record is counts the time since the machine was started, which only goes forward. From one opening
//! of a log to the next it counts as long as the machine stayed on; while it was off, nothing is counted, and records
//! are kept longer, never shorter.

use serde::{Deserialize, Serialize};

/// The log's own time at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    /// Milliseconds that the log has been kept.
    pub clock: u64,
    /// Id of the machine's start, if the system says.
    pub boot: String,
    /// Milliseconds since that start.
    pub uptime: u64,
}

/// Tells a log's own time while it is open.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// The time at the opening, and the machine's then.
    opened: Tick,
}

impl Clock {
    /// Goes on from the last time that a log states.
    pub(super) fn after(last: &Tick) -> Self {
        Self::since(last, machine())
    }

    fn since(last: &Tick, (boot, uptime): (String, u64)) -> Self {
        let same_start = !boot.is_empty() && boot == last.boot;
        let passed = if same_start { uptime.saturating_sub(last.uptime) } else { 0 };
        Self { opened: Tick { clock: last.clock.saturating_add(passed), boot, uptime } }
    }

    /// The time now.
    pub(super) fn tick(&self) -> Tick {
        self.at(machine().1)
    }

    fn at(&self, uptime: u64) -> Tick {
        let passed = uptime.saturating_sub(self.opened.uptime);
        Tick { clock: self.opened.clock.saturating_add(passed), boot: self.opened.boot.clone(), uptime }
    }
}

/// Id of the machine's start, and the milliseconds since then, sleep included.
#[cfg(target_os = "linux")]
fn machine() -> (String, u64) {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let uptime = read("/proc/uptime").and_then(|text| {
        // In hundredths of a second: `12345.67 …`.
        let (whole, part) = text.split_whitespace().next()?.split_once('.')?;
        let (whole, part): (u64, u64) = (whole.parse().ok()?, part.parse().ok()?);
        whole.checked_mul(1000)?.checked_add(part * 10)
    });
    match (read("/proc/sys/kernel/random/boot_id"), uptime) {
        (Some(boot), Some(uptime)) => (boot.trim().to_owned(), uptime),
        _ => of_process(),
    }
}

#[cfg(not(target_os = "linux"))]
fn machine() -> (String, u64) {
    of_process()
}

/// Where the system does not say more: the time since this program first asked.
fn of_process() -> (String, u64) {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let passed = FIRST.get_or_init(std::time::Instant::now).elapsed();
    (String::new(), u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(clock: u64, boot: &str, uptime: u64) -> Tick {
        Tick { clock, boot: boot.to_owned(), uptime }
    }

    #[test]
    fn only_time_that_surely_passed_is_counted() {
        let last = tick(5000, "a", 100_000);
        let opened = |boot: &str, uptime| Clock::since(&last, (boot.to_owned(), uptime)).opened.clock;
        assert_eq!(opened("a", 130_000), 35_000, "the machine stayed on");
        assert_eq!(opened("b", 130_000), 5000, "it was started anew");
        assert_eq!(opened("a", 90_000), 5000, "a machine that was set back");
        assert_eq!(Clock::since(&tick(7, "", 3), (String::new(), 9)).opened.clock, 7, "nothing is known");
        let clock = Clock::since(&last, ("a".to_owned(), 130_000));
        assert_eq!(clock.at(131_000), tick(36_000, "a", 131_000));
        assert_eq!(clock.at(1), tick(35_000, "a", 1));
        assert_eq!(Clock::since(&tick(u64::MAX, "a", 0), ("a".to_owned(), 9)).at(99).clock, u64::MAX);
    }

    #[test]
    fn the_machine_tells_a_time_that_goes_forward() {
        let (first, second) = (machine(), machine());
        assert_eq!(first.0, second.0);
        assert!(second.1 >= first.1);
    }
}
