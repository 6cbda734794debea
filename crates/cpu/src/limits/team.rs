//! Some threads of a team.

use crate::ops::Team;

/// The first so many threads of a team; the others have nothing to do.
pub struct Part<'a> {
    team: &'a dyn Team,
    threads: usize,
}

impl<'a> Part<'a> {
    /// The first `threads` threads of `team`, from 1 to all of them.
    pub fn new(team: &'a dyn Team, threads: usize) -> Part<'a> {
        Part { team, threads: threads.clamp(1, team.threads()) }
    }
}

// `prefetch` stays the trait's own: limits are measured without hints.
impl Team for Part<'_> {
    fn threads(&self) -> usize {
        self.threads
    }

    fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        if self.threads == 1 {
            return job(0);
        }
        self.team.run(&|thread| {
            if thread < self.threads {
                job(thread);
            }
        });
    }
}
