//! A part on another machine, as a device of this one.

use hefu_numerics::CONTRACT_VERSION;
use hefu_numerics::device::{Device, Error, Executable, Files, Footprint, Size, Weights};
use hefu_numerics::program::{Entry, Program, Value};
use hefu_numerics::team::Team;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::addresses::{Addresses, Shared};
use crate::channel::Key;
use crate::executable::Remote;
use crate::message::Spec;
use crate::placed::{NAME, Placed};

/// A part on another machine. It is a device for consecutive layers of a model alone, as a split one cuts them.
pub struct RemoteDevice {
    shared: Arc<Shared>,
}

/// Weights in the memory of a part.
struct RemoteWeights {
    bytes: usize,
    identity: String,
}

impl Weights for RemoteWeights {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl RemoteDevice {
    /// The part at one of these addresses. A lost one is looked for at them for as long as `patience` says.
    pub fn new(
        addresses: Arc<dyn Addresses>,
        key: Key,
        patience: Duration,
        team: Arc<dyn Team + Send + Sync>,
    ) -> RemoteDevice {
        RemoteDevice { shared: Arc::new(Shared { addresses, key, patience, team }) }
    }

    /// Connects to the part, before it holds anything.
    fn reach(&self) -> Result<Placed, Error> {
        Placed::reach_any(&*self.shared.addresses, &self.shared.key).map_err(|error| match error {
            Error::Device { problem, .. } => Error::Unsuited { problem: format!("a part is not there: {problem}") },
            error => error,
        })
    }
}

/// Layers of a part's program.
fn spec(program: &Program) -> Result<Spec, Error> {
    let body = program.section(Entry::Body).map_or(&[][..], |body| &body.steps);
    let layers = body.iter().filter_map(|step| step.layer).map(usize::from);
    let (Some(first), Some(last)) = (layers.clone().min(), layers.max()) else {
        return Err(Error::Unsuited { problem: "what has no layers cannot be on another machine".to_owned() });
    };
    Ok(Spec {
        contract: CONTRACT_VERSION,
        context: program.context,
        cache: program.profile.name().to_owned(),
        first,
        last,
        heads: program.sections.len() > 1,
        digest: crate::digest(program),
    })
}

impl Device for RemoteDevice {
    fn name(&self) -> &'static str {
        NAME
    }

    fn team(&self) -> &dyn Team {
        &*self.shared.team
    }

    fn check(&self, program: &Program) -> Result<(), Error> {
        let none = Size { pages: 1, slots: 1, rows: 1, head_rows: 1 };
        self.reach()?.plan(&spec(program)?, &none).map(|_| ())
    }

    fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        self.reach().and_then(|mut placed| placed.plan(&spec(program)?, size)).ok()
    }

    fn host_footprint(&self, _: &Program, _: &Size) -> Option<Footprint> {
        Some(Footprint::default())
    }

    fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error> {
        let unknown = || Error::Unsuited { problem: "the digests of its files are not known".to_owned() };
        let identity = files.identity().ok_or_else(unknown)?;
        let bytes = self.reach()?.load(&spec(program)?, &identity)?;
        Ok(Arc::new(RemoteWeights { bytes, identity }))
    }

    fn compile(
        &self,
        program: &Arc<Program>,
        weights: &Arc<dyn Weights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Box<dyn Executable>, Error> {
        let weights: Arc<dyn Any + Send + Sync> = weights.clone();
        let loaded = weights.downcast::<RemoteWeights>().expect("a part has loaded the weights");
        let what = (spec(program)?, loaded.identity.clone());
        Ok(Box::new(Remote::new(self.shared.clone(), program.clone(), what, *size, probes)?))
    }
}
