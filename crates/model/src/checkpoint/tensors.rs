//! From the names of the hub to those of GGUF, and from several tensors there to one here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use hefu_numerics::quant::Format;

use super::file::Stored;
use super::keys::Keys;
use super::numbers::{Method, Parts, by_name};
use super::source::Source;
use super::{Config, Error, Place};
use crate::families::origins::{OUTER, Origin};

/// Prefixes of a tensor's name where a model also sees or hears: the first is that of the part that writes.
const WRITERS: &[&str] = &["language_model.", "model.language_model."];
const OTHERS: &[&str] = &[
    "vision_tower.",
    "multi_modal_projector.",
    "visual.",
    "model.vision_tower.",
    "model.visual.",
    "model.multi_modal_projector.",
];

/// Endings of names: of weights, and of what packed ones come with.
const ENDINGS: &[&str] = &[
    "weight",
    "bias",
    "weight_scale_inv",
    "weight_scale",
    "weight_scale_2",
    "weight_packed",
    "weight_global_scale",
    "blocks",
    "mx_scales",
    "qweight",
    "qzeros",
    "scales",
    "g_idx",
];

/// Endings of what inputs and the cache are divided by where they are rounded to few bits, which has no use here.
const OF_INPUTS: &[&str] = &[".input_scale", ".input_global_scale", ".k_scale", ".v_scale"];

/// Names of gpt-oss without a dot before the ending, and the names by which they are known here.
const UNDOTTED: &[(&str, &str)] = &[
    ("proj_blocks", "proj.blocks"),
    ("proj_scales", "proj.mx_scales"),
    ("proj_bias", "proj.bias"),
    ("self_attn.sinks", "self_attn.sinks.weight"),
];

/// A stack whose rows of gate and up lie in turn, and what it becomes.
const IN_TURN: &str = "ffn_gate_up_exps";
const HALVES: [&str; 2] = ["ffn_gate_exps", "ffn_up_exps"];

/// Experts of a layer at most.
const MAX_EXPERTS: usize = 4096;

/// A tensor as GGUF has it.
pub(super) struct Tensor {
    pub(super) name: String,
    /// The first dimension is contiguous.
    pub(super) shape: Vec<u64>,
    pub(super) format: &'static Format,
    recipe: Recipe,
}

/// Source of its bytes.
enum Recipe {
    /// Matrices one after the other; the rows of each may be permuted in so many heads.
    Rows(Vec<Source>, Option<usize>),
    /// Numbers as F32, with something added to each; permuted as rows are.
    Single(Box<Source>, f32, Option<usize>),
    /// These numbers.
    Given(Vec<f32>),
}

impl Tensor {
    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> u64 {
        let columns = self.shape.first().map_or(1, |size| *size as usize);
        let row = self.format.row_bytes(columns).unwrap_or(0) as u64;
        self.shape.iter().skip(1).product::<u64>() * row
    }
}

/// All tensors of a folder.
pub(super) struct Tensors<'a> {
    all: Vec<Tensor>,
    files: Vec<&'a [u8]>,
}

/// Parts of one tensor: by expert, by ending.
type Group = BTreeMap<Option<usize>, Parts>;

impl<'a> Tensors<'a> {
    pub(super) fn read(
        origin: &Origin,
        config: &Config,
        stored: Vec<Stored>,
        files: Vec<&'a [u8]>,
        keys: &Keys,
    ) -> Result<Self, Error> {
        let mut groups: BTreeMap<(String, bool), Group> = BTreeMap::new();
        for tensor in stored {
            let Some(name) = written(&tensor.name) else { continue };
            let unknown =
                || Error::Tensor { name: tensor.name.clone(), problem: "is of no use for this kind of model".into() };
            let (base, ending) =
                name.rsplit_once('.').filter(|(_, ending)| ENDINGS.contains(ending)).ok_or_else(unknown)?;
            let (base, expert) = renamed(origin, base).ok_or_else(unknown)?;
            let is_bias = ending == "bias";
            let ending = ending.to_owned();
            let parts = groups.entry((base, is_bias)).or_default().entry(expert).or_default();
            if parts.insert(ending, tensor).is_some() {
                return Err(Error::File { name: "the folder".into(), problem: format!("has `{name}` twice") });
            }
        }
        let method = by_name(config)?;
        let biased: BTreeSet<String> = groups.keys().filter(|key| key.1).map(|key| key.0.clone()).collect();
        let mut all = Vec::new();
        for ((base, is_bias), group) in groups {
            let halves = base.strip_suffix(IN_TURN).map(|layer| HALVES.map(|half| format!("{layer}{half}")));
            let parts = match halves {
                Some([gate, up]) => vec![(gate, Some(0), group.clone()), (up, Some(1), group)],
                None => vec![(base, None, group)],
            };
            for (base, half, group) in parts {
                let is_biased = biased.contains(&base);
                let heads = permuted(origin, config, &base);
                let made = Made { base, is_bias, is_biased, heads, method, half };
                all.extend(made.of(origin, group, &files)?);
            }
        }
        if !keys.rope_factors.is_empty() {
            let (shape, recipe) = (vec![keys.rope_factors.len() as u64], Recipe::Given(keys.rope_factors.clone()));
            all.push(Tensor { name: "rope_freqs.weight".into(), shape, format: plain_format()?, recipe });
        }
        Ok(Tensors { all, files })
    }

    pub(super) fn all(&self) -> &[Tensor] {
        &self.all
    }

    pub(super) fn place(&self, index: usize) -> Place {
        match self.all.get(index).map(|tensor| &tensor.recipe) {
            Some(Recipe::Rows(sources, None)) if sources.len() == 1 => {
                sources[0].place().map_or(Place::Made, |(file, offset)| Place::File(file, offset))
            }
            _ => Place::Made,
        }
    }

    pub(super) fn bytes(&self, index: usize) -> Cow<'a, [u8]> {
        let Some(tensor) = self.all.get(index) else { return Cow::Borrowed(&[]) };
        match &tensor.recipe {
            Recipe::Rows(sources, heads) => {
                if let ([source], None) = (&sources[..], heads)
                    && let Some(bytes) = source.as_it_lies(&self.files)
                {
                    return Cow::Borrowed(bytes);
                }
                let one = |source: &Source| by_heads(&source.rows(&self.files), source.outputs(), *heads);
                Cow::Owned(sources.iter().flat_map(one).collect())
            }
            Recipe::Single(source, added, heads) => {
                let numbers = source.numbers(&self.files);
                let bytes: Vec<u8> = numbers.iter().flat_map(|x| (x + added).to_le_bytes()).collect();
                Cow::Owned(by_heads(&bytes, source.outputs(), *heads))
            }
            Recipe::Given(numbers) => Cow::Owned(numbers.iter().flat_map(|x| x.to_le_bytes()).collect()),
        }
    }
}

/// The name of a tensor of the part that writes; `None` for those of other parts and those that can be worked out.
fn written(name: &str) -> Option<String> {
    let is_of_no_use = name.ends_with("rotary_emb.inv_freq") || OF_INPUTS.iter().any(|end| name.ends_with(end));
    if is_of_no_use || OTHERS.iter().any(|start| name.starts_with(start)) {
        return None;
    }
    if let Some((base, dotted)) = UNDOTTED.iter().find_map(|(end, dotted)| Some((name.strip_suffix(end)?, dotted))) {
        return Some(format!("{base}{dotted}"));
    }
    for start in WRITERS {
        if let Some(rest) = name.strip_prefix(start) {
            let is_inner = rest.starts_with("model.") || rest.starts_with("lm_head.");
            return Some(if is_inner { rest.to_owned() } else { format!("model.{rest}") });
        }
    }
    Some(name.to_owned())
}

/// The name here, and which expert it belongs to.
fn renamed(origin: &Origin, base: &str) -> Option<(String, Option<usize>)> {
    if let Some((_, name)) = OUTER.iter().find(|(theirs, _)| *theirs == base) {
        return Some(((*name).to_owned(), None));
    }
    let (layer, rest) = base.strip_prefix("model.layers.")?.split_once('.')?;
    let layer: u16 = layer.parse().ok()?;
    origin.layer.iter().copied().flatten().find_map(|(theirs, ours)| {
        let expert = match theirs.split_once('*') {
            None => (*theirs == rest).then_some(None)?,
            Some((before, after)) => {
                let number = rest.strip_prefix(before)?.strip_suffix(after)?.parse::<usize>().ok()?;
                Some(number)
            }
        };
        Some((format!("blk.{layer}.{ours}"), expert))
    })
}

/// In how many heads rows are permuted.
fn permuted(origin: &Origin, config: &Config, base: &str) -> Option<usize> {
    let queries = config.size(&["num_attention_heads"])?;
    let heads = match base.rsplit_once('.')?.1 {
        "attn_q" => queries,
        "attn_k" => config.size(&["num_key_value_heads"]).unwrap_or(queries),
        _ => return None,
    };
    usize::try_from(heads).ok().filter(|heads| origin.is_permuted && *heads > 0)
}

/// A tensor that is put together from its parts.
struct Made {
    base: String,
    is_bias: bool,
    /// True if there is a bias beside it.
    is_biased: bool,
    /// In how many heads its rows are permuted.
    heads: Option<usize>,
    method: Method,
    half: Option<usize>,
}

impl Made {
    /// The tensor, and its factor where it has one.
    fn of(self, origin: &Origin, group: Group, files: &[&[u8]]) -> Result<Vec<Tensor>, Error> {
        let Made { base, is_bias, is_biased, heads, method, half } = self;
        let bad = |problem: String| Error::Tensor { name: base.clone(), problem };
        let name = format!("{base}.{}", if is_bias { "bias" } else { "weight" });
        let experts = group.len();
        let is_stack = !group.contains_key(&None);
        if experts > MAX_EXPERTS || is_stack && !group.keys().flatten().copied().eq(0..experts) {
            return Err(bad(format!("has {experts} experts that are not numbered one after the other, or too many")));
        }
        let sources = group.into_values().map(|parts| Source::new(parts, method, half, files));
        let mut sources = sources.collect::<Result<Vec<_>, _>>()?;
        if is_stack || is_biased {
            sources.iter_mut().for_each(Source::widen);
        }
        let first = sources.first().ok_or_else(|| bad("has no parts".into()))?;
        let mut shape: Vec<u64> = first.shape().iter().rev().map(|size| *size as u64).collect();
        if sources.iter().any(|source| source.shape() != first.shape() || source.format() != first.format()) {
            return Err(bad("has experts of several shapes or formats".into()));
        }
        if heads.is_some_and(|heads| !first.outputs().is_multiple_of(2 * heads)) {
            return Err(bad(format!("has {} rows, which are no whole heads", first.outputs())));
        }
        let is_norm = base.ends_with("norm");
        if !is_stack && (shape.len() == 1 || is_bias || base.ends_with("ffn_gate_inp")) {
            let added = if is_norm && origin.lacks_one { 1.0 } else { 0.0 };
            let source = sources.into_iter().next().ok_or_else(|| bad("has no parts".into()))?;
            let recipe = Recipe::Single(Box::new(source), added, heads);
            return Ok(vec![Tensor { name, shape, format: plain_format()?, recipe }]);
        }
        let format = first.format().ok_or_else(|| bad("is stored in a way that is not read".into()))?;
        if is_stack {
            shape.push(experts as u64);
        }
        let factor = first.factor();
        let mut all = vec![Tensor { name, shape, format, recipe: Recipe::Rows(sources, heads) }];
        if let Some(factor) = factor {
            let recipe = Recipe::Given(vec![factor]);
            all.push(Tensor { name: format!("{base}.scale"), shape: vec![1], format: plain_format()?, recipe });
        }
        Ok(all)
    }
}

fn plain_format() -> Result<&'static Format, Error> {
    Format::from_name("F32").ok_or_else(|| Error::Unsupported { what: "F32".into() })
}

/// Rows in the order in which neighbours rotate together: of each head, those of its halves in turn.
fn by_heads(bytes: &[u8], rows: usize, heads: Option<usize>) -> Vec<u8> {
    let Some(heads) = heads else { return bytes.to_vec() };
    let (row, size) = (bytes.len() / rows, rows / heads);
    let mut permuted = Vec::with_capacity(bytes.len());
    for head in bytes.chunks_exact(row * size) {
        for pair in 0..size / 2 {
            permuted.extend_from_slice(&head[row * pair..][..row]);
            permuted.extend_from_slice(&head[row * (size / 2 + pair)..][..row]);
        }
    }
    permuted
}
