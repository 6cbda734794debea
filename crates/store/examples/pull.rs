//! Pulls a model or source given as the argument, prints what happens on standard error, and verifies it.
//!
//! `cargo run -p hefu-store --example pull -- gemma-3-270m`

use std::process::ExitCode;
use std::time::{Duration, Instant};

use hefu_store::{Flow, Notice, Phase, Progress, PullOptions, Store, StoreError};

/// A line every second.
struct Lines {
    start: Instant,
    last: Instant,
}

impl Progress for Lines {
    fn advance(&mut self, phase: Phase, done: u64, total: Option<u64>) -> Flow {
        if self.last.elapsed() > Duration::from_secs(1) {
            self.last = Instant::now();
            let total = total.map_or("?".to_owned(), |total| total.to_string());
            let seconds = self.start.elapsed().as_secs_f64();
            eprintln!("{seconds:7.2} s  {phase:?} {done} of {total} bytes");
        }
        Flow::Continue(())
    }

    fn notice(&mut self, notice: &Notice) {
        let seconds = self.start.elapsed().as_secs_f64();
        eprintln!("{seconds:7.2} s  {notice:?}");
    }
}

fn pull(what: &str) -> Result<(), StoreError> {
    let store = Store::open(None)?;
    let start = Instant::now();
    let mut lines = Lines { start, last: start };
    let pulled = store.pull(what, &PullOptions::from_process(), &mut lines)?;
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{seconds:7.2} s  {:?} {:#?}", pulled.state, pulled.model);
    store.verify(&pulled.model.name, &mut lines)?;
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{seconds:7.2} s  verified");
    Ok(())
}

fn main() -> ExitCode {
    let Some(what) = std::env::args().nth(1) else {
        eprintln!("a model or source is needed");
        return ExitCode::from(2);
    };
    match pull(&what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
