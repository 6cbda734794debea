//! Tensors of a file, taken one by one.

use std::collections::HashSet;

use super::keys::shown;
use crate::error::Error;
use crate::gguf::{Gguf, TensorInfo};

/// Most names of left-over tensors in an error.
const NAMES_SHOWN: usize = 5;

/// Takes tensors out of a file. One that is missing or of another shape is reported at the end, after keys that nobody read:
/// these may be the reason.
pub(super) struct Tensors<'g, 'a> {
    gguf: &'g Gguf<'a>,
    architecture: &'static str,
    taken: HashSet<&'a str>,
    fault: Option<Error>,
}

impl<'g, 'a> Tensors<'g, 'a> {
    pub(super) fn new(gguf: &'g Gguf<'a>, architecture: &'static str) -> Self {
        Tensors { gguf, architecture, taken: HashSet::new(), fault: None }
    }

    /// True if the file has a tensor.
    pub(super) fn has(&self, name: &str) -> bool {
        self.gguf.tensor(name).is_some()
    }

    /// The shape of a tensor, if the file has it.
    pub(super) fn shape(&self, name: &str) -> Option<&'g [u64]> {
        self.gguf.tensor(name).map(|tensor| &tensor.shape[..])
    }

    /// A tensor of exactly this shape, in the file's order of dimensions; `None` if there will be an error.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Option<&'g TensorInfo<'a>> {
        let Some(tensor) = self.gguf.tensor(name) else {
            let (name, expected) = (name.into(), joined(shape));
            return self.fail(Error::MissingTensor { name, expected, architecture: self.architecture });
        };
        let shape: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
        if trimmed(&tensor.shape) != trimmed(&shape) {
            let (found, expected) = (joined(&tensor.shape), joined(&shape));
            return self.fail(Error::BadShape { name: name.into(), found, expected });
        }
        self.taken.insert(tensor.name);
        Some(tensor)
    }

    /// The numbers of a vector that the program itself depends on, if the file has it and there will be no error.
    pub(super) fn numbers(&mut self, name: &str, length: usize) -> Option<Vec<f32>> {
        if !self.has(name) {
            return None;
        }
        let tensor = self.take(name, &[length])?;
        let mut numbers = vec![0.0; length];
        tensor.format.decode_row(self.gguf.data(tensor), &mut numbers);
        Some(numbers)
    }

    /// Takes all tensors whose names begin so, to leave them out.
    pub(super) fn skip(&mut self, prefix: &str) {
        let names = self.gguf.tensors().iter().map(|tensor| tensor.name);
        self.taken.extend(names.filter(|name| name.starts_with(prefix)));
    }

    /// True if there will be an error.
    pub(super) fn has_failed(&self) -> bool {
        self.fault.is_some()
    }

    /// Forgets the error: what it is about is left out.
    pub(super) fn forgive(&mut self) {
        self.fault = None;
    }

    /// Keeps the first error.
    pub(super) fn fail<T>(&mut self, error: Error) -> Option<T> {
        self.fault.get_or_insert(error);
        None
    }

    /// The first error, or one if the file has tensors that nothing took.
    pub(super) fn finish(self) -> Result<(), Error> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let names = self.gguf.tensors().iter().map(|tensor| tensor.name);
        let left: Vec<&str> = names.filter(|name| !self.taken.contains(name)).collect();
        if left.is_empty() {
            return Ok(());
        }
        let mut names: Vec<String> = left.iter().take(NAMES_SHOWN).map(|name| format!("`{}`", shown(name))).collect();
        if left.len() > NAMES_SHOWN {
            names.push("…".into());
        }
        Err(Error::LeftOverTensors { count: left.len(), names: names.join(", "), architecture: self.architecture })
    }
}

/// A shape without sizes of 1: files leave them out or not.
fn trimmed(shape: &[u64]) -> Vec<u64> {
    shape.iter().copied().filter(|size| *size != 1).collect()
}

fn joined<T: ToString>(shape: &[T]) -> String {
    shape.iter().map(T::to_string).collect::<Vec<_>>().join(" x ")
}
