//! Flags that several commands have, in groups. Each group turns into plain options, which are all that others see of it.

mod answering;
mod cache;
mod device;
mod generation;
mod label;
mod model;
mod recording;
mod sampling;
mod serving;
mod speculation;
mod structure;

pub(crate) use answering::AnsweringArguments;
pub(crate) use cache::CacheArguments;
pub(crate) use device::{DeviceArguments, device_options, place};
pub(crate) use generation::GenerationArguments;
pub(crate) use label::LabelArguments;
pub(crate) use model::{CheckArguments, MODEL_VARIABLE, ModelArguments, given};
pub(crate) use recording::{RecordArguments, SignatureArguments};
pub(crate) use sampling::{SamplingArguments, in_flags};
pub(crate) use serving::{AccessArguments, DrainArguments, LimitArguments, LogFormat};
pub(crate) use speculation::SpeculationArguments;
pub(crate) use structure::StructureArguments;
