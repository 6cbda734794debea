//! Parts of a model on other machines, and what is one of them here.

use super::sentence::{Failure, sentence};
use crate::flags::device_options;
use crate::options::{DeviceName, DeviceOptions, Layers, ModelChoice, PartKey, PartPlace, Place};
use crate::own;
use hefu_remote::{Addresses, Key};
use hefu_store::Check;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Parts of a model on other machines.
#[derive(Clone)]
pub struct Parts {
    /// The last layer of each.
    pub last: Vec<usize>,
    /// Where each is, by its number; asked again whenever one was lost.
    pub find: Arc<dyn Fn(usize) -> Result<String, String> + Send + Sync>,
    /// The key that they share; none if it is empty.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parts(last layers {:?})", self.last)
    }
}

/// One of them.
struct Numbered(usize, Parts);

impl Addresses for Numbered {
    fn find(&self, _: usize) -> Result<String, String> {
        (self.1.find)(self.0)
    }
}

impl Parts {
    /// As options have it.
    pub(super) fn place(&self) -> Place {
        let firsts = std::iter::once(0).chain(self.last.iter().map(|last| last.saturating_add(1)));
        let layers = firsts.zip(&self.last).enumerate().map(|(number, (first, last))| Layers {
            device: DeviceName::Part(PartPlace::Asked(Arc::new(Numbered(number, self.clone())))),
            first,
            last: *last,
        });
        Place::Split(layers.collect())
    }
}

/// A part of a model, served to a head on another machine until it is dropped.
pub struct Part(hefu_remote::Part);

/// Options of a part: its model, and of computing.
#[derive(Debug, Clone)]
pub struct PartOptions {
    /// As in [`super::Options`].
    pub model: Option<String>,
    /// `ADDRESS:PORT` to listen at.
    pub listen: String,
    /// The key that head and parts share; none if it is empty.
    pub key: Vec<u8>,
    /// As in [`super::Options`].
    pub device: Option<String>,
    /// As in [`super::Options`].
    pub threads: Option<usize>,
    /// As in [`super::Options`].
    pub isa: Option<String>,
    /// As in [`super::Options`].
    pub own_file: PathBuf,
}

impl Part {
    /// Serves layers of a model.
    ///
    /// # Errors
    /// A model that cannot be had, or an address that cannot be listened at.
    pub fn open(options: PartOptions) -> Result<Self, Failure> {
        own::set(options.own_file, None);
        let wrong = |_| sentence(format!("{:?} is no address with a port", options.listen));
        let listen: SocketAddr = options.listen.parse().map_err(wrong)?;
        let device = device_options(options.device.as_deref(), options.threads, options.isa).map_err(sentence)?;
        let device = DeviceOptions { part_key: part_key(&options.key)?, ..device };
        let model = ModelChoice { name: options.model.as_deref(), check: Check::default() };
        Ok(Self(crate::part::start(model, &device, listen, false)?))
    }

    /// The port at which it listens.
    pub fn port(&self) -> u16 {
        self.0.address().port()
    }
}

/// Bytes of the weights of every layer of a model, as its files have them.
///
/// # Errors
/// A model that cannot be had or read.
pub fn layer_bytes(model: Option<&str>) -> Result<Vec<u64>, Failure> {
    Ok(crate::part::layer_bytes(ModelChoice { name: model, check: Check::default() })?)
}

/// The key of parts, or none.
///
/// # Errors
/// A key that is too short.
pub(super) fn part_key(bytes: &[u8]) -> Result<PartKey, Failure> {
    if bytes.is_empty() { Ok(PartKey::None) } else { Key::new(bytes).map(PartKey::Known).map_err(sentence) }
}
