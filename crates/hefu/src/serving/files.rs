//! Limit of open files and connections.

/// Open files that are no connections: models, logs, the threads' own.
const OTHERS: u64 = 64;

/// Number of wanted connections that the system allows. Its soft limit on open files is raised as far as that takes; if
/// the hard limit is in the way, the log says so.
pub(crate) fn connections(wanted: usize) -> usize {
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OTHERS);
    let Some(allowed) = raise(needed) else { return wanted };
    if allowed >= needed {
        return wanted;
    }
    let connections = usize::try_from(allowed.saturating_sub(OTHERS)).unwrap_or(usize::MAX).max(1);
    tracing::warn!(
        "the system allows {allowed} open files, so at most {connections} connections are served at the same time and \
         others wait; raise the hard limit (ulimit -Hn, or LimitNOFILE= of a systemd unit) or lower --max-connections"
    );
    connections
}

/// Raises the limit on open files to this number, or as far as it goes; what it is then, `None` for no limit.
#[cfg(unix)]
fn raise(needed: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    let wanted = limit.maximum.map_or(needed, |most| needed.min(most));
    let is_raised = wanted > current
        && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).is_ok();
    Some(if is_raised { wanted } else { current })
}

#[cfg(not(unix))]
fn raise(_needed: u64) -> Option<u64> {
    None
}
