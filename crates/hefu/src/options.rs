//! Options, which flags turn into, in plain types: all that loading, computing and recording see of the command line.

use crate::failure::Failure;
use hefu_engine::scheduler::Limits;
use hefu_numerics::kv::Profile;
use hefu_proof::audit;
use hefu_provenance::signing::PublicKey;
use hefu_remote::{Addresses, Key};
use hefu_store::Check;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Positions of the cache unless `--context` says otherwise; fewer if the model was made for fewer.
pub(crate) const DEFAULT_CONTEXT: usize = 4096;
/// Tokens guessed at once unless another number is given.
pub(crate) const DRAFT_TOKENS: usize = 8;

/// Where and how to compute. None of it changes a bit of any result.
#[derive(Debug, Clone)]
pub(crate) struct DeviceOptions {
    /// Where.
    pub(crate) place: Place,
    /// Threads to start.
    pub(crate) threads: usize,
    /// Name of the instruction set; `None` is the best that the machine has.
    pub(crate) isa: Option<String>,
    /// Tokens of a prompt that are computed at once.
    pub(crate) prefill_chunk: usize,
    /// Key for parts on other machines.
    pub(crate) part_key: PartKey,
}

/// Threads where nothing else is asked for.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

impl DeviceOptions {
    /// For a model of other layers than those that were dealt out: on the first of the devices.
    pub(crate) fn for_draft(&self) -> DeviceOptions {
        let place = match &self.place {
            Place::Split(layers) => match layers.first().map(|layers| &layers.device) {
                // A part has layers of one model alone.
                None | Some(DeviceName::Part(_)) => Place::On(DeviceName::Cpu),
                Some(first) => Place::On(first.clone()),
            },
            place => place.clone(),
        };
        DeviceOptions { place, ..self.clone() }
    }

    /// True if layers are dealt out. A model's own block for further tokens has none of its own then.
    pub(crate) fn is_split(&self) -> bool {
        matches!(self.place, Place::Split(_) | Place::SplitAuto)
    }
}

/// The key that the head and its parts share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum PartKey {
    /// There is none.
    #[default]
    None,
    /// The content of a file.
    File(PathBuf),
    /// These bytes.
    Known(Key),
}

impl PartKey {
    /// The key itself.
    ///
    /// # Errors
    /// A file that cannot be read, or holds too little.
    pub(crate) fn read(&self) -> Result<Key, Failure> {
        let path = match self {
            Self::None => return Ok(Key::none()),
            Self::Known(key) => return Ok(key.clone()),
            Self::File(path) => path,
        };
        let bytes = std::fs::read(path).map_err(|source| Failure::file("read", path, source))?;
        Key::new(bytes.trim_ascii()).map_err(|wrong| Failure::Usage(format!("{}: {wrong}", path.display())))
    }
}

/// Place of a part on another machine.
#[derive(Clone)]
pub(crate) enum PartPlace {
    /// At one of these addresses.
    At(Vec<String>),
    /// Where this says, whenever it is asked.
    Asked(Arc<dyn Addresses>),
}

impl std::fmt::Debug for PartPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(addresses) => write!(f, "At({addresses:?})"),
            Self::Asked(_) => f.write_str("Asked(..)"),
        }
    }
}

impl PartialEq for PartPlace {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::At(own), Self::At(others)) => own == others,
            (Self::Asked(own), Self::Asked(others)) => Arc::ptr_eq(own, others),
            _ => false,
        }
    }
}

impl Eq for PartPlace {}

/// On which device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// All on one.
    On(DeviceName),
    /// On the first graphics processor or accelerator that can be used, else on the CPU.
    Auto,
    /// Layers on several.
    Split(Vec<Layers>),
    /// Layers on all devices that can be used, by their memory and speed.
    SplitAuto,
}

/// A device by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeviceName {
    /// The CPU.
    Cpu,
    /// An OpenCL device by its number.
    OpenCl(usize),
    /// A part on another machine.
    Part(PartPlace),
}

/// Consecutive layers and where they are computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layers {
    /// Where.
    pub(crate) device: DeviceName,
    /// The first.
    pub(crate) first: usize,
    /// The last.
    pub(crate) last: usize,
}

/// The model, and the check of its files against what was pulled.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ModelChoice<'a> {
    /// Its name, path or source; `None` is the default model.
    pub(crate) name: Option<&'a str>,
    /// Check of its files before use.
    pub(crate) check: Check,
}

impl<'a> ModelChoice<'a> {
    /// The model of this name, checked as is usual.
    pub(crate) fn named(name: &'a str) -> Self {
        Self { name: Some(name), check: Check::default() }
    }

    /// Checked in the same way, the model of this name if there is one.
    pub(crate) fn or_named(self, name: Option<&'a str>) -> Self {
        Self { name: name.or(self.name), ..self }
    }
}

/// Options of loading a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ModelOptions<'a> {
    /// The model.
    pub(crate) model: ModelChoice<'a>,
    /// Device to compute on.
    pub(crate) device: &'a DeviceOptions,
    /// Positions of the cache; `None` for the default.
    pub(crate) context: Option<usize>,
    /// Format of the cache.
    pub(crate) cache: Profile,
    /// A template file in place of the model's own.
    pub(crate) template: Option<&'a Path>,
    /// Say on standard error how much memory is taken, before it is.
    pub(crate) state_memory: bool,
    /// True if the model's own block for further tokens is wanted, if it has one.
    pub(crate) guessing: bool,
}

/// Source of guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speculate {
    /// From the draft model if there is one, else from the model's own block if it has one, else from the text; as many as
    /// are measured to pay.
    Auto,
    /// From the text itself: what followed the same passage before.
    Ngram,
    /// From the draft model.
    Draft,
    /// From the model's own block for further tokens.
    Mtp,
    /// No guesses.
    Off,
}

impl Speculate {
    /// Its name, as flags and reports have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ngram => "ngram",
            Self::Draft => "draft",
            Self::Mtp => "mtp",
            Self::Off => "off",
        }
    }
}

/// Way of guessing tokens.
#[derive(Debug, Clone)]
pub(crate) struct SpeculationOptions {
    /// Source of guesses.
    pub(crate) how: Speculate,
    /// The model that guesses; none where `how` is off.
    pub(crate) draft_model: Option<String>,
    /// Most tokens guessed at once.
    pub(crate) most: usize,
}

impl SpeculationOptions {
    /// True if the model's own block for further tokens is to guess, if it has one.
    pub(crate) fn wants_block(&self) -> bool {
        self.draft_model.is_none() && matches!(self.how, Speculate::Auto | Speculate::Mtp)
    }
}

impl Default for SpeculationOptions {
    fn default() -> Self {
        Self { how: Speculate::Auto, draft_model: None, most: DRAFT_TOKENS }
    }
}

/// Options of serving several models.
#[derive(Debug, Clone)]
pub(crate) struct CatalogOptions {
    /// Names or paths; none is the default model.
    pub(crate) models: Vec<String>,
    /// Check of their files whenever one is loaded.
    pub(crate) check: Check,
    /// Device to compute on.
    pub(crate) device: DeviceOptions,
    /// Positions of one conversation.
    pub(crate) context: Option<usize>,
    /// Format of the caches.
    pub(crate) cache: Profile,
    /// Positions of the cache of each model.
    pub(crate) cache_tokens: Option<usize>,
    /// Bytes of memory for all models; `None` is as much as they take.
    pub(crate) memory: Option<u64>,
    /// Further names: `ALIAS` of the first model, or `ALIAS=MODEL`.
    pub(crate) aliases: Vec<String>,
    /// A template file in place of the models' own.
    pub(crate) template: Option<PathBuf>,
    /// By whose key each model must be signed.
    pub(crate) required_key: Option<PublicKey>,
    /// Limits of the scheduler.
    pub(crate) limits: Limits,
    /// Way of guessing tokens.
    pub(crate) speculation: SpeculationOptions,
    /// True if receipts state a trace.
    pub(crate) trace: bool,
}

/// Format of the log on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object on each line.
    Json,
}

/// Options of recording answers.
#[derive(Debug, Clone)]
pub(crate) struct RecordOptions {
    /// The log; `None` keeps receipts in memory alone.
    pub(crate) log: Option<(PathBuf, audit::Options)>,
    /// The address of an authority that stamps the log's checkpoints with the time.
    pub(crate) authority: Option<String>,
    /// State the hash of every prompt and not its tokens.
    pub(crate) hides_prompts: bool,
    /// Receipts that are held in memory.
    pub(crate) recent: usize,
}

/// Way of making answers again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VerifyOptions<'a> {
    /// The model; without a name, the one that the receipts name.
    pub(crate) model: ModelChoice<'a>,
    /// Device to compute on.
    pub(crate) device: &'a DeviceOptions,
    /// One token after another, as the answer was made.
    pub(crate) steps: bool,
    /// Traces as well.
    pub(crate) trace: bool,
}
