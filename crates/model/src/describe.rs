//! Description of a model before it runs.

use hefu_numerics::quant::{FORMATS, Format};

use crate::gguf::Gguf;

/// A model in facts and figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// Name of its family.
    pub architecture: &'static str,
    /// `general.name`.
    pub name: Option<String>,
    /// `general.license`.
    pub license: Option<String>,
    /// Numbers in all tensors.
    pub parameters: u64,
    /// Formats of its tensors, in the order of [`FORMATS`].
    pub formats: Vec<FormatUse>,
    /// Positions that it was made for.
    pub context_length: usize,
    /// Numbers of a hidden state.
    pub hidden_size: usize,
    /// True if the file brings a chat template (`tokenizer.chat_template`).
    pub has_template: bool,
}

/// Tensors of one format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatUse {
    /// The format.
    pub format: &'static Format,
    /// Tensors.
    pub tensors: usize,
    /// Numbers in them.
    pub elements: u64,
    /// Their bytes in the file.
    pub bytes: u64,
}

impl Description {
    pub(crate) fn new(gguf: &Gguf<'_>, architecture: &'static str, context_length: usize, hidden_size: usize) -> Self {
        let formats = FORMATS.iter().map(|format| FormatUse::of(gguf, format)).filter(|used| used.tensors > 0);
        let formats: Vec<FormatUse> = formats.collect();
        let text = |key: &str| gguf.metadata().string(key).ok().flatten().map(str::to_owned);
        Description {
            architecture,
            name: text("general.name"),
            license: text("general.license"),
            parameters: formats.iter().map(|used| used.elements).sum(),
            formats,
            context_length,
            hidden_size,
            has_template: ["tokenizer.chat_template", "tokenizer.chat_templates"]
                .into_iter()
                .any(|key| gguf.metadata().get(key).is_some()),
        }
    }
}

impl FormatUse {
    fn of(gguf: &Gguf<'_>, format: &'static Format) -> Self {
        let mut used = FormatUse { format, tensors: 0, elements: 0, bytes: 0 };
        for tensor in gguf.tensors().iter().filter(|tensor| tensor.format == format) {
            used.tensors += 1;
            // A tensor lies in the file, so that its elements can be counted.
            used.elements += tensor.shape.iter().product::<u64>();
            used.bytes += tensor.bytes as u64;
        }
        used
    }
}
