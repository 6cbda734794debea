//! Preview of a model from its first bytes, whether it would run here: what cannot be run need not be fetched.

use crate::memory::total_memory;
use crate::open::MappedModel;
use crate::options::DEFAULT_CONTEXT;
use crate::units;
use hefu_cpu::Pool;
use hefu_model::{LoadOptions, ModelSpec};
use hefu_numerics::device::Size;
use hefu_numerics::kv::PAGE;
use hefu_store::{ModelFile, ResolvedModel, Stamp};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// Most bytes of a head that are looked at.
const HEAD_BYTES: u64 = 16 << 20;

/// Checks that the file that begins so and has so many bytes could be run on this machine. Where that cannot be told, the
/// file's metadata being longer than what is here for example, it is left to show when the whole is there.
///
/// # Errors
/// Reason why it could not, as a sentence.
pub(crate) fn would_run(head: &Path, total: u64) -> Result<(), String> {
    let place = head.with_extension("head");
    let judged = whole_by_holes(head, &place, total).map_or(Ok(()), judge);
    let _ = fs::remove_file(&place);
    judged
}

/// A file of the whole length with the first bytes at its start and a hole after them, which takes no room on the disk.
fn whole_by_holes(head: &Path, place: &Path, total: u64) -> io::Result<ModelFile> {
    let _ = fs::remove_file(place);
    let mut file = File::options().write(true).create_new(true).open(place)?;
    io::copy(&mut File::open(head)?.take(HEAD_BYTES), &mut file)?;
    file.set_len(total)?;
    Ok(ModelFile { path: place.to_owned(), size: total, sha256: None, source: None, stamp: Stamp::of(place)? })
}

fn judge(file: ModelFile) -> Result<(), String> {
    let model = ResolvedModel { name: "this model".to_owned(), files: vec![file], licence: None, description: None };
    let Ok(opened) = MappedModel::new(model) else { return Ok(()) };
    let Ok(gguf) = opened.gguf() else { return Ok(()) };
    let refused = |error: &dyn std::error::Error| format!("this model cannot be run here: {error}");
    let spec = ModelSpec::read_any(&gguf, &LoadOptions::default()).map_err(|error| refused(&error))?;
    let context = DEFAULT_CONTEXT.min(spec.description.context_length);
    let device = hefu_cpu::select::best().device(Arc::new(Pool::new(1)));
    let footprint = device.footprint(&spec.program, &Size::new(&spec.program, context.div_ceil(PAGE), 1));
    let needed = footprint.map_or(u64::MAX, |taken| (taken.weights as u64).saturating_add(taken.states as u64));
    match total_memory().filter(|memory| needed > *memory) {
        Some(memory) => Err(format!(
            "this model needs {} of memory, and this machine has {}; choose a smaller one or a smaller format, or fetch it all \
             the same with `hefu pull --anyway`",
            units::bytes(needed),
            units::bytes(memory)
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_judged_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let head = folder.path().join("x.part");
        let whole = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/models/tiny-llama.gguf")).unwrap();
        let total = whole.len() as u64;
        fs::write(&head, &whole).unwrap();
        assert_eq!(would_run(&head, total), Ok(()));
        // The same, of a family that nobody knows.
        let at = whole.windows(5).position(|bytes| bytes == b"llama").unwrap();
        let mut other = whole.clone();
        other[at..at + 5].copy_from_slice(b"zebra");
        fs::write(&head, &other).unwrap();
        let said = would_run(&head, total).unwrap_err();
        assert!(said.contains("zebra"), "{said}");
        // Metadata that end beyond what is here tell nothing yet.
        fs::write(&head, &whole[..200]).unwrap();
        assert_eq!(would_run(&head, total), Ok(()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
