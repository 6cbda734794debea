//! A part's program, run from here.

use hefu_numerics::device::{Batch, Error, Executable, Footprint, Size, StepObserver, check};
use hefu_numerics::program::{Entry, Program, Rows, Value};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::addresses::Shared;
use crate::message::{self, Reply, Request, Spec};
use crate::placed::{NAME, Placed, Trouble, patiently};

/// The program of a part, with its states there and the values that are read of it here.
pub(crate) struct Remote {
    shared: Arc<Shared>,
    program: Arc<Program>,
    spec: Spec,
    identity: String,
    size: Size,
    /// Values that come back with every batch.
    reads: Vec<Value>,
    /// The part; `None` while it is lost.
    placed: Option<Placed>,
    /// Cause of the loss of its states, if that was not told yet.
    lost: Option<String>,
    footprint: Footprint,
    rows: HashMap<Value, Vec<f32>>,
}

impl Remote {
    pub(crate) fn new(
        shared: Arc<Shared>,
        program: Arc<Program>,
        (spec, identity): (Spec, String),
        size: Size,
        probes: &[Value],
    ) -> Result<Remote, Error> {
        let mut reads = probes.to_vec();
        reads.extend(program.section(Entry::Body).map(|body| body.output));
        reads.sort_unstable();
        reads.dedup();
        let (footprint, rows) = (Footprint::default(), HashMap::new());
        let mut remote =
            Remote { shared, program, spec, identity, size, reads, placed: None, lost: None, footprint, rows };
        let placed = Placed::reach_any(&*remote.shared.addresses, &remote.shared.key)?;
        remote.place(placed)?;
        Ok(remote)
    }

    /// Has a part hold the weights, with empty states.
    fn place(&mut self, mut placed: Placed) -> Result<(), Error> {
        placed.load(&self.spec, &self.identity)?;
        self.footprint = placed.compile(&self.size, &self.reads)?;
        self.placed = Some(placed);
        Ok(())
    }

    /// Places a lost part again; the error says that its states are empty, or why it cannot be placed.
    fn place_again(&mut self, problem: String) -> Error {
        self.placed = None;
        self.lost = Some(problem);
        let shared = self.shared.clone();
        let placed = patiently(shared.patience, |attempt| {
            Placed::reach(&*shared.addresses, &shared.key, attempt).and_then(|placed| self.place(placed))
        });
        match (placed, self.lost.take()) {
            (Ok(()), problem) => Error::StatesLost {
                device: format!("the part with layers {} to {}", self.spec.first, self.spec.last),
                problem: problem.unwrap_or_default(),
            },
            (Err(error), problem) => {
                self.lost = problem;
                error
            }
        }
    }

    /// Number of rows of a value that come back.
    fn expected(&self, value: Value, batch: &Batch<'_>) -> usize {
        let spec = self.program.value(value);
        let rows = match spec.rows {
            Rows::All => batch.tokens.len(),
            Rows::Wanted => batch.spans.iter().map(|span| span.wanted.len()).sum(),
        };
        rows * spec.numbers()
    }
}

impl Executable for Remote {
    fn run(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        check(&self.program, &self.size, batch)?;
        let Some(placed) = self.placed.as_mut() else {
            let problem = self.lost.take().unwrap_or_default();
            return Err(self.place_again(problem));
        };
        let all = match placed.ask(&message::run(batch)) {
            Ok(Reply::Rows(all)) => all,
            Ok(_) => return Err(self.place_again("it answered something else".to_owned())),
            Err(Trouble::Fault(fault)) if fault.kind == message::FaultKind::Device => {
                return Err(self.place_again(fault.sentence));
            }
            Err(Trouble::Lost(problem)) => return Err(self.place_again(problem)),
            Err(trouble) => return Err(trouble.error(&placed.address)),
        };
        let fits = |(value, rows): (&Value, &Vec<f32>)| rows.len() == self.expected(*value, batch);
        if all.len() != self.reads.len() || !self.reads.iter().zip(&all).all(fits) {
            return Err(self.place_again("it answered with other rows than were asked for".to_owned()));
        }
        self.rows = self.reads.iter().copied().zip(all).collect();
        Ok(())
    }

    fn head(&mut self, _: Entry, _: Range<usize>) -> Result<&[f32], Error> {
        Err(Error::bad_batch("heads are not computed by parts on other machines"))
    }

    fn read(&self, value: Value, rows: Range<usize>, to: &mut [f32]) -> Result<(), Error> {
        let width = self.program.values.get(value.0 as usize).map_or(0, |spec| spec.numbers());
        let found = self.rows.get(&value).and_then(|all| all.get(rows.start * width..rows.end * width));
        match found.filter(|found| found.len() == to.len()) {
            Some(found) => to.copy_from_slice(found),
            None => return Err(Error::bad_batch(format!("rows {rows:?} of value {} are not there", value.0))),
        }
        Ok(())
    }

    fn copy_page(&mut self, group: usize, from: u32, to: u32) -> Result<(), Error> {
        let gone = || Error::Device { device: NAME, problem: "it was lost".to_owned() };
        let placed = self.placed.as_mut().ok_or_else(gone)?;
        match placed.ask(&Request::Copy { group, from, to }.bytes()) {
            Ok(_) => Ok(()),
            Err(Trouble::Lost(problem)) => {
                (self.placed, self.lost) = (None, Some(problem));
                Err(gone())
            }
            Err(trouble) => Err(trouble.error(&placed.address)),
        }
    }

    fn pages(&self) -> usize {
        self.size.pages
    }

    fn footprint(&self) -> Footprint {
        self.footprint
    }

    fn observe(&mut self, _: Option<Arc<dyn StepObserver>>) {
        // A part's work is seen where it is.
    }
}
