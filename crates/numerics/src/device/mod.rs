//! The interface of devices.
//!
//! A device owns its memory: weights, states and whatever lies between operations. It is handed a sealed
//! [`Program`] and a [`Batch`], and gives back rows of a head ([`Executable::head`]) or of a value
//! ([`Executable::read`]). Which operations it does together, in which form values lie and how many threads work is its own
//! business; that every number is the one of `docs/readers/numerics.md` is not.

mod check;
mod error;
mod limits;
mod size;

pub use check::check;
pub use error::Error;
pub use limits::{Arithmetic, Limits};

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::matrix::Bytes;
use crate::program::{At, Entry, Program, Value};
use crate::team::Team;

/// A device, which runs programs.
pub trait Device: Send + Sync {
    /// Name by which it is chosen.
    fn name(&self) -> &'static str;

    /// Its threads, idle between passes.
    fn team(&self) -> &dyn Team;

    /// That it can run a program, before anything else is asked of it.
    ///
    /// # Errors
    /// [`Error::Unsuited`].
    fn check(&self, program: &Program) -> Result<(), Error> {
        let _ = program;
        Ok(())
    }

    /// Which layers of a program it computes where, and how much crosses, if it is several devices.
    fn layout(&self, program: &Program) -> Option<Layout> {
        let _ = program;
        None
    }

    /// Whether it failed ([`Error::Device`]), so that nothing can be computed on it until it is opened anew.
    fn is_lost(&self) -> bool {
        false
    }

    /// Measures what it can do at most, reading about so many bytes of its memory; `None` if it was not made to be fast, or its
    /// limits are not here to be measured.
    ///
    /// # Errors
    /// If there is no memory to read, or the device fails.
    fn limits(&self, bytes: usize) -> Result<Option<Box<dyn Limits + '_>>, Error> {
        let _ = bytes;
        Ok(None)
    }

    /// Memory that a program takes, before it is taken; `None` if that cannot be counted.
    fn footprint(&self, program: &Program, size: &Size) -> Option<Footprint>;

    /// Part of that in the host's memory: all of it, unless the device has memory of its own.
    fn host_footprint(&self, program: &Program, size: &Size) -> Option<Footprint> {
        self.footprint(program, size)
    }

    /// Brings the weights into the device's memory.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is too little, [`Error::Files`] if the files do not hold what the program says.
    fn load(&self, program: &Program, files: &dyn Files) -> Result<Arc<dyn Weights>, Error>;

    /// Identity of this device's image of a program's weights ([`Weights::image`]) among others of the same files: its
    /// layout, and which weights lie where. `None` if it takes no images.
    fn image_key(&self, program: &Program) -> Option<String> {
        let _ = program;
        None
    }

    /// Makes a program ready to run with states for so many sequences. Takes milliseconds, and the memory of the states.
    /// `probes` are values that [`Executable::read`] can be asked for, beyond the body's output.
    ///
    /// # Errors
    /// [`Error::Memory`] if there is too little.
    ///
    /// # Panics
    /// For weights that another device has loaded.
    fn compile(
        &self,
        program: &Arc<Program>,
        weights: &Arc<dyn Weights>,
        size: &Size,
        probes: &[Value],
    ) -> Result<Box<dyn Executable>, Error>;
}

/// Weights in a device's memory; what they are only the device knows.
pub trait Weights: Any + Send + Sync {
    /// Bytes that they take.
    fn bytes(&self) -> usize;

    /// All of them as they lie in memory, to be handed back by [`Files::image`] another time. `None` if they do not lie in
    /// one piece that can be read.
    fn image(&self) -> Option<&[u8]> {
        None
    }
}

/// A program whose weights are in a device's memory.
#[derive(Clone)]
pub struct Model {
    /// Where they are.
    pub device: Arc<dyn Device>,
    /// The program.
    pub program: Arc<Program>,
    /// Its weights.
    pub weights: Arc<dyn Weights>,
}

impl Model {
    /// Brings the weights of a program into a device's memory.
    ///
    /// # Errors
    /// As [`Device::load`].
    pub fn load(device: Arc<dyn Device>, program: Arc<Program>, files: &dyn Files) -> Result<Model, Error> {
        let weights = device.load(&program, files)?;
        Ok(Model { device, program, weights })
    }

    /// The program with empty states for so many pages and rows, ready to run.
    ///
    /// # Errors
    /// As [`Device::compile`].
    pub fn compile(&self, size: &Size) -> Result<Box<dyn Executable>, Error> {
        self.device.compile(&self.program, &self.weights, size, &[])
    }

    /// Bytes that weights and states take; `None` if they cannot be counted.
    pub fn footprint(&self, size: &Size) -> Option<Footprint> {
        self.device.footprint(&self.program, size)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model({} bytes of weights on {})", self.weights.bytes(), self.device.name())
    }
}

/// A program with the states of many sequences, ready to run.
pub trait Executable: Send {
    /// Runs a batch through the body: its rows go to the states, and those wanted stay for [`Executable::head`].
    ///
    /// # Errors
    /// [`Error::BadBatch`] if a token, a position, a page or a slot does not exist; nothing was changed then.
    fn run(&mut self, batch: &Batch<'_>) -> Result<(), Error>;

    /// The results (`[rows][width]`) of a head for some of the wanted rows of the last batch.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if any is a NaN or an infinity; [`Error::BadBatch`] for rows that are not there or a head that
    /// the model does not have.
    fn head(&mut self, entry: Entry, rows: Range<usize>) -> Result<&[f32], Error>;

    /// Rows of a probe, or of the body's output, after a batch: counted in the batch's rows, or in the wanted ones where
    /// the value is there for those alone. `to`: `[rows][width]`.
    ///
    /// # Errors
    /// [`Error::BadBatch`] for a value that is no probe, or rows that are not there.
    fn read(&self, value: Value, rows: Range<usize>, to: &mut [f32]) -> Result<(), Error>;

    /// Makes page `to` of a group of key-value states hold what page `from` holds.
    ///
    /// # Errors
    /// [`Error::BadBatch`] if either does not exist; nothing was changed then.
    fn copy_page(&mut self, group: usize, from: u32, to: u32) -> Result<(), Error>;

    /// Pages of each group.
    fn pages(&self) -> usize;

    /// Memory that it has taken so far, the device's scratch memory not counted.
    fn footprint(&self) -> Footprint;

    /// Sets the observer of every step from now on.
    fn observe(&mut self, observer: Option<Arc<dyn StepObserver>>);
}

/// For how many sequences and rows a program is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pages of every group of key-value states.
    pub pages: usize,
    /// Slots of recurrent states.
    pub slots: usize,
    /// Rows of a batch at most, by which working memory is stated; a larger batch takes more.
    pub rows: usize,
    /// Rows of a head at once, alike.
    pub head_rows: usize,
}

/// Bytes of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footprint {
    /// Weights.
    pub weights: usize,
    /// States.
    pub states: usize,
    /// Values between operations.
    pub activations: usize,
}

/// Several devices with the layers that each of them computes: `avx512 0-11, opencl 12-23; 4352 bytes cross for each token`.
#[derive(Clone)]
pub struct Layout {
    /// In the order in which they compute.
    pub places: Vec<PlacedLayers>,
}

/// A device with its layers.
#[derive(Clone)]
pub struct PlacedLayers {
    /// The device.
    pub device: Arc<dyn Device>,
    /// Its first layer and its last; `None` where it computes what comes after the last layer alone.
    pub layers: Option<(usize, usize)>,
    /// Bytes that it is brought of the devices before it for each token, as far as the token's row is wanted.
    pub crossing: usize,
}

impl fmt::Display for PlacedLayers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layers {
            Some((first, last)) => write!(f, "{} {first}-{last}", self.device.name()),
            None => write!(f, "{} what comes after them", self.device.name()),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = self.places.iter().map(ToString::to_string).collect();
        let crossing: usize = self.places.iter().map(|place| place.crossing).sum();
        write!(f, "{}; {crossing} bytes cross for each token", places.join(", "))
    }
}

/// The files that weights come from.
pub trait Files: Sync {
    /// All bytes of a file.
    fn bytes(&self, file: usize) -> &[u8];

    /// The weights of these files as [`Weights::image`] gave them on a device with the same [`Device::image_key`], if they
    /// were kept: what would be made of the files is there already.
    fn image(&self) -> Option<Bytes> {
        None
    }

    /// Identity of these files, such as their digests; `None` if nobody has taken any. Whoever loads the weights
    /// from copies of the files compares it with what the copies have.
    fn identity(&self) -> Option<String> {
        None
    }

    /// The same files for who has to read them another time, when those at hand are closed; `None` if they cannot be had again.
    fn reopen(&self) -> Option<Arc<dyn Reopen>> {
        None
    }

    /// Says that a range of a file's bytes was read and will not be read again. Called by any thread, after every piece of
    /// about a mebibyte.
    fn done(&self, file: usize, range: Range<usize>) {
        let _ = (file, range);
    }
}

/// Files that can be opened again.
pub trait Reopen: Send + Sync {
    /// Opens them, and has them read.
    ///
    /// # Errors
    /// Those of `read`; [`Error::Gone`] if they are not there any more, or not the same.
    fn with(&self, read: &mut dyn FnMut(&dyn Files) -> Result<(), Error>) -> Result<(), Error>;
}

/// Consecutive tokens of some sequences, to be computed together.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The tokens of all spans, one row each.
    pub tokens: &'a [u32],
    /// The spans, whose rows follow each other from 0 on without gaps.
    pub spans: &'a [Span<'a>],
    /// Rows that the program injects, `[tokens][width]` each.
    pub inputs: &'a [&'a [f32]],
}

/// Consecutive tokens of one sequence, whose earlier positions are in its states already.
#[derive(Debug, Clone)]
pub struct Span<'a> {
    /// Its rows of the batch, at least one.
    pub rows: Range<usize>,
    /// Position in its sequence of the first row.
    pub position: usize,
    /// Rows whose results are wanted, counted from its first: `0..0` for none, `n - 1..n` for the last of `n`.
    pub wanted: Range<usize>,
    /// For every group of key-value states the sequence's pages in order, enough for all positions up to the last row's.
    pub tables: &'a [&'a [u32]],
    /// Slots of its recurrent states, where the program has some.
    pub slots: Option<Slots<'a>>,
    /// Position of the first token of a second text, where two are read together.
    pub second: Option<usize>,
}

impl Span<'_> {
    /// Row of a table that each of its rows has (clause W2).
    pub fn table_rows(&self, at: At) -> impl Iterator<Item = u32> + '_ {
        let positions = self.position..self.position + self.rows.len();
        positions.map(move |position| match at {
            At::Position => position as u32,
            At::Row(row) => row as u32,
            At::Part => u32::from(self.second.is_some_and(|second| position >= second)),
        })
    }
}

/// Slots of the recurrent states of one span. They begin as `read` has them (all zero where `None`) and end in `write`.
#[derive(Debug, Clone, Copy)]
pub struct Slots<'a> {
    /// Slot where they begin.
    pub read: Option<u32>,
    /// Slot where they end.
    pub write: u32,
    /// After so many rows of the span (at least one) they are kept in these slots too, in ascending order of rows.
    pub keep: &'a [(usize, u32)],
}

/// Observer of steps.
pub trait StepObserver: Send + Sync {
    /// A step was done.
    fn step(&self, step: &StepReport<'_>);
}

/// One step of a device: one operation, or several done together.
#[derive(Debug, Clone, Copy)]
pub struct StepReport<'a> {
    /// The name of what it does, the same in every layer: `attn_q + attn_k + attn_v`.
    pub name: &'a str,
    /// Which of several devices did it, as their [`Layout`] counts them; 0 where there is one.
    pub part: usize,
    /// Its work.
    pub work: Work,
    /// Its time.
    pub time: Duration,
}

/// An amount of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes that come from memory.
    pub bytes: u64,
    /// Multiply-adds of bytes.
    pub integer: u64,
    /// Operations on f32.
    pub float: u64,
}

impl std::ops::AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.integer += other.integer;
        self.float += other.float;
    }
}
