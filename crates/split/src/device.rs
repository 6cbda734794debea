//! Several devices as one.

use std::any::Any;
use std::sync::Arc;

use hefu_numerics::device::{Device, Error, Executable, Files, Footprint, Layout, PlacedLayers, Size, Weights};
use hefu_numerics::program::{Program, Value};
use hefu_numerics::team::Team;

use crate::cut::{Cut, CutError, Part, cut, layers};
use crate::executable::Split;
use crate::heads::Heads;

/// A device with the layers that run on it.
#[derive(Clone)]
pub struct Place {
    /// Where.
    pub device: Arc<dyn Device>,
    /// The first layer.
    pub first: usize,
    /// The last layer.
    pub last: usize,
}

/// Devices that run the layers of a model in turn. What comes before the first layer belongs to the first, what comes after
/// the last to the last.
pub struct SplitDevice {
    places: Vec<Place>,
    /// Where what comes after the last layer is computed, if not with it.
    heads: Option<Arc<dyn Device>>,
}

/// The weights of all parts.
pub(crate) struct Loaded {
    pub(crate) cut: Arc<Cut>,
    weights: Vec<Arc<dyn Weights>>,
    heads: Option<Arc<dyn Weights>>,
}

impl Weights for Loaded {
    fn bytes(&self) -> usize {
        self.weights.iter().chain(&self.heads).map(|weights| weights.bytes()).sum()
    }
}

impl SplitDevice {
    /// Devices for consecutive layers from 0 on.
    ///
    /// # Errors
    /// Layers that do not follow each other.
    pub fn new(places: Vec<Place>) -> Result<SplitDevice, CutError> {
        let mut next = 0;
        for place in &places {
            if place.first != next || place.last < place.first {
                let Place { first, last, .. } = place;
                return Err(CutError(format!("layers {first} to {last} do not follow: the next one is {next}")));
            }
            next = place.last.saturating_add(1);
        }
        if places.is_empty() {
            return Err(CutError("a model needs a device".into()));
        }
        Ok(SplitDevice { places, heads: None })
    }

    /// The same, but what comes after the last layer is computed on this device.
    #[must_use]
    pub fn with_heads(self, device: Arc<dyn Device>) -> SplitDevice {
        SplitDevice { heads: Some(device), ..self }
    }

    /// The parts of a program.
    ///
    /// # Errors
    /// A program that has other layers, or cannot be cut there.
    fn cut(&self, program: &Program) -> Result<Cut, CutError> {
        let (asked, found) = (self.places.last().map_or(0, |place| place.last), layers(program));
        if asked.saturating_add(1) != found {
            let last = found.saturating_sub(1);
            return Err(CutError(format!(
                "layers 0 to {asked} were given devices, but the model has layers 0 to {last}"
            )));
        }
        let before: Vec<usize> = self.places.iter().skip(1).map(|place| place.first).collect();
        cut(program, &before, self.heads.is_some())
    }

    /// Every part with its device.
    fn placed<'a>(&'a self, cut: &'a Cut) -> impl Iterator<Item = (&'a Part, &'a Arc<dyn Device>)> {
        let devices = self.places.iter().map(|place| &place.device).chain(&self.heads);
        cut.parts.iter().chain(&cut.heads).zip(devices)
    }

    /// The footprints of all parts together.
    fn sum(&self, program: &Program, of: impl Fn(&dyn Device, &Program) -> Option<Footprint>) -> Option<Footprint> {
        let mut all = Footprint::default();
        for (part, device) in self.placed(&self.cut(program).ok()?) {
            let one = of(&**device, &part.program)?;
            all.weights = all.weights.checked_add(one.weights)?;
            all.states = all.states.checked_add(one.states)?;
            all.activations = all.activations.checked_add(one.activations)?;
        }
        Some(all)
    }
}

impl Device for SplitDevice {
    fn name(&self) -> &'static str {
        "split"
    }

    fn team(&self) -> &dyn Team {
        self.heads.as_ref().unwrap_or(&self.places[0].device).team()
    }

    fn check(&self, program: &Program) -> Result<(), Error> {
        let cut = self.cut(program).map_err(unsuited)?;
        self.placed(&cut).try_for_each(|(part, device)| device.check(&part.program))
    }

    fn layout(&self, program: &Program) -> Option<Layout> {
        let cut = self.cut(program).ok()?;
        let layers = self.places.iter().map(|place| Some((place.first, place.last))).chain([None]);
        let place = |((part, device), layers): ((&Part, &Arc<dyn Device>), _)| PlacedLayers {
            device: device.clone(),
            layers,
            crossing: part.crossing(program),
        };
        Some(Layout { places: self.placed(&cut).zip(layers).map(place).collect() })
    }

    fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        self.sum(program, |device, part| device.footprint(part, size))
    }

    fn host_footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        self.sum(program, |device, part| device.host_footprint(part, size))
    }

    fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error> {
        let cut = self.cut(program).map_err(unsuited)?;
        let load = |(part, device): (&Part, &Arc<dyn Device>)| device.load(&part.program, files);
        let mut weights = self.placed(&cut).map(load).collect::<Result<Vec<_>, Error>>()?;
        let heads = cut.heads.is_some().then(|| weights.pop()).flatten();
        Ok(Arc::new(Loaded { cut: Arc::new(cut), weights, heads }))
    }

    fn compile(
        &self,
        program: &Arc<Program>,
        weights: &Arc<dyn Weights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Box<dyn Executable>, Error> {
        let weights: Arc<dyn Any + Send + Sync> = weights.clone();
        let loaded = weights.downcast::<Loaded>().expect("a split device has loaded the weights");
        let cut = &loaded.cut;
        let mut executables = Vec::new();
        for ((part, place), weights) in cut.parts.iter().zip(&self.places).zip(&loaded.weights) {
            let own = probes.iter().filter(|probe| part.written.contains(probe));
            let read: Vec<Value> = part.outputs.iter().chain(own).copied().collect();
            executables.push(place.device.compile(&part.program, weights, size, &read)?);
        }
        let mut heads = None;
        if let (Some(part), Some(device), Some(weights)) = (&cut.heads, &self.heads, &loaded.heads) {
            // Its batches have the wanted rows alone, and no states.
            let size = Size { pages: 1, slots: 0, ..*size };
            heads = Some(Heads::new(device.compile(&part.program, weights, &size, &[])?));
        }
        Ok(Box::new(Split::new(program.clone(), cut.clone(), (executables, heads), *size, probes)))
    }
}

pub(crate) fn unsuited(error: CutError) -> Error {
    Error::Unsuited { problem: error.to_string() }
}
