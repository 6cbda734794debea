//! A part's work for one head: weights that all share, and an executable of its own.

use hefu_numerics::CONTRACT_VERSION;
use hefu_numerics::device::{Executable, Footprint, Model, Size};
use hefu_numerics::program::{Entry, Program, Rows, Value};
use std::sync::Arc;

use crate::host::{Open, guard};
use crate::message::{Fault, OwnBatch, Reply, Request, Spec};

/// One head's part.
pub(crate) struct Session<'a> {
    open: &'a Open,
    model: Option<Model>,
    compiled: Option<Compiled>,
}

/// A program that is ready.
struct Compiled {
    executable: Box<dyn Executable>,
    program: Arc<Program>,
    reads: Vec<Value>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(open: &'a Open) -> Session<'a> {
        Session { open, model: None, compiled: None }
    }

    /// Answer to a message.
    pub(crate) fn answer(&mut self, bytes: &[u8]) -> Reply {
        let request = Request::read(bytes).map_err(|error| Fault::refused(error.to_string()));
        request.and_then(|request| self.carry_out(request)).unwrap_or_else(Reply::Failed)
    }

    fn carry_out(&mut self, request: Request) -> Result<Reply, Fault> {
        match request {
            Request::Plan(spec, size) => self.footprint(&*self.program(&spec)?, &size).map(Reply::Footprint),
            Request::Load(spec, identity) => self.load(&spec, &identity),
            Request::Compile(size, reads) => self.compile(&size, reads),
            Request::Run(batch) => self.run(&batch),
            Request::Copy { group, from, to } => {
                self.compiled()?.executable.copy_page(group, from, to)?;
                Ok(Reply::Done)
            }
        }
    }

    fn compiled(&mut self) -> Result<&mut Compiled, Fault> {
        self.compiled.as_mut().ok_or_else(|| Fault::refused("nothing is ready to run yet"))
    }

    /// The program that is asked for, if it is the same here.
    fn program(&self, spec: &Spec) -> Result<Arc<Program>, Fault> {
        if spec.contract != CONTRACT_VERSION {
            let asked = spec.contract;
            return Err(Fault::refused(format!("it keeps numeric contract {CONTRACT_VERSION}, not {asked}")));
        }
        let program = self.open.host.program(spec).map_err(Fault::refused)?;
        if crate::digest(&program) != spec.digest {
            let Spec { first, last, .. } = spec;
            return Err(Fault::refused(format!("layers {first} to {last} of its model are another program")));
        }
        Ok(program)
    }

    fn footprint(&self, program: &Program, size: &Size) -> Result<Footprint, Fault> {
        let found = self.open.host.device().footprint(program, size);
        found.ok_or_else(|| Fault::refused("the cache that is asked for is too large to address"))
    }

    fn load(&mut self, spec: &Spec, identity: &str) -> Result<Reply, Fault> {
        let host = &self.open.host;
        let program = self.program(spec)?;
        if host.identity().map_err(Fault::refused)? != identity {
            return Err(Fault::refused("its model's files are not those of the head"));
        }
        let mut loaded = guard(&self.open.loaded);
        let model = match loaded.take() {
            Some((digest, model)) if digest == spec.digest => model,
            other => {
                drop(other);
                let none = Size { pages: 1, slots: 1, rows: 1, head_rows: 1 };
                let weights = Footprint { states: 0, activations: 0, ..self.footprint(&program, &none)? };
                host.device().check(&program)?;
                host.room(&weights).map_err(Fault::refused)?;
                let model = host.load(&program).map_err(Fault::refused)?;
                host.note(&format!("layers {} to {} are in memory", spec.first, spec.last));
                model
            }
        };
        *loaded = Some((spec.digest, model.clone()));
        let weights = model.weights.bytes();
        self.model = Some(model);
        Ok(Reply::Footprint(Footprint { weights, ..Footprint::default() }))
    }

    fn compile(&mut self, size: &Size, reads: Vec<Value>) -> Result<Reply, Fault> {
        let model = self.model.clone().ok_or_else(|| Fault::refused("no weights are loaded yet"))?;
        let output = model.program.section(Entry::Body).map(|body| body.output);
        let known = model.program.values.len();
        if let Some(value) = reads.iter().find(|value| value.0 as usize >= known) {
            return Err(Fault::refused(format!("there is no value {}", value.0)));
        }
        self.compiled = None;
        self.open
            .host
            .room(&Footprint { weights: 0, ..self.footprint(&model.program, size)? })
            .map_err(Fault::refused)?;
        let probes: Vec<Value> = reads.iter().copied().filter(|value| Some(*value) != output).collect();
        let executable = model.device.compile(&model.program, &model.weights, size, &probes)?;
        let footprint = executable.footprint();
        self.compiled = Some(Compiled { executable, program: model.program, reads });
        Ok(Reply::Footprint(footprint))
    }

    fn run(&mut self, batch: &OwnBatch) -> Result<Reply, Fault> {
        let open = self.open;
        let Compiled { executable, program, reads } = self.compiled()?;
        let _turn = guard(&open.turn);
        batch.with(|batch| executable.run(batch))?;
        let wanted = batch.with(|batch| batch.spans.iter().map(|span| span.wanted.len()).sum());
        let mut all = Vec::with_capacity(reads.len());
        for value in reads.iter() {
            let spec = program.value(*value);
            let count = if spec.rows == Rows::All { batch.tokens.len() } else { wanted };
            let mut rows = vec![0.0; count * spec.numbers()];
            executable.read(*value, 0..count, &mut rows)?;
            all.push(rows);
        }
        Ok(Reply::Rows(all))
    }
}
