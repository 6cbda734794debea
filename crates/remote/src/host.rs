//! The model of a part, and what all connections to it share.

use hefu_numerics::device::{Device, Footprint, Model};
use hefu_numerics::program::Program;
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::channel::Key;
use crate::message::Spec;

/// The model that a part has layers of, and what computes them.
pub trait Host: Send + Sync {
    /// Identity of its files, as the head's [`hefu_numerics::device::Files::identity`] says it.
    ///
    /// # Errors
    /// A sentence, if they cannot be read.
    fn identity(&self) -> Result<String, String>;

    /// The program of these layers.
    ///
    /// # Errors
    /// A sentence, if the model has no such part.
    fn program(&self, spec: &Spec) -> Result<Arc<Program>, String>;

    /// The device that computes.
    fn device(&self) -> &dyn Device;

    /// Brings a part's weights to memory.
    ///
    /// # Errors
    /// A sentence.
    fn load(&self, program: &Arc<Program>) -> Result<Model, String>;

    /// Checks that there is memory for what is about to be taken.
    ///
    /// # Errors
    /// A sentence, if there is not.
    fn room(&self, footprint: &Footprint) -> Result<(), String>;

    /// Something happened that whoever runs the part may want to know.
    fn note(&self, sentence: &str) {
        let _ = sentence;
    }
}

/// State that all connections of a part share.
pub(crate) struct Open {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) key: Key,
    /// The weights that were asked for last, by the digest of their program.
    pub(crate) loaded: Mutex<Option<([u8; 32], Model)>>,
    /// Held while something is computed: one device does one thing at a time.
    pub(crate) turn: Mutex<()>,
    pub(crate) streams: Mutex<Vec<(u64, TcpStream)>>,
    pub(crate) is_closed: AtomicBool,
}

pub(crate) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
