//! A model that cannot be run, and why.

use super::page::Page;
use super::values::{shown, value_json};
use crate::failure::Failure;
use crate::output::{print_json, print_plain};
use crate::units::bytes;
use hefu_model::gguf::Outline;
use hefu_store::ResolvedModel;
use serde_json::{Map, Value as Json, json};

/// Prints what the files say they hold, and everything that stands in the way.
///
/// # Errors
/// Output that cannot be written.
pub(super) fn show(
    model: &ResolvedModel,
    outline: &Outline<'_>,
    obstacles: &[String],
    tensors: bool,
    as_json: bool,
) -> Result<(), Failure> {
    if as_json {
        return print_json(&report(model, outline, obstacles, tensors));
    }
    print_plain(&page(model, outline, obstacles, tensors))
}

fn text<'o>(outline: &'o Outline<'_>, key: &str) -> Option<&'o str> {
    outline.metadata().string(key).ok().flatten()
}

fn page(model: &ResolvedModel, outline: &Outline<'_>, obstacles: &[String], tensors: bool) -> String {
    let mut page = Page::default();
    page.row("model", &model.name);
    page.optional("title", text(outline, "general.name"));
    page.row("architecture", text(outline, "general.architecture").unwrap_or("the file states none"));
    page.optional("tokeniser", text(outline, "tokenizer.ggml.model"));
    page.row("runs", "no");
    page.title("what stands in the way");
    for (number, obstacle) in (1..).zip(obstacles) {
        page.row(&number.to_string(), obstacle);
    }
    page.title("files");
    for file in &model.files {
        page.row("path", &file.path.display().to_string());
        page.row("size", &bytes(file.size));
    }
    page.title("tensors by format");
    for (name, count, is_known) in outline.formats() {
        let note = if is_known { "" } else { "  not supported" };
        page.row(&name, &format!("{count:>5} tensors{note}"));
    }
    page.title("metadata");
    for (key, value) in outline.metadata().iter() {
        page.row(key, &shown(value));
    }
    if tensors {
        page.title("tensors");
        for (name, shape, format) in outline.tensors() {
            page.row(name, &format!("{format} {shape:?}"));
        }
    }
    page.finish()
}

fn report(model: &ResolvedModel, outline: &Outline<'_>, obstacles: &[String], tensors: bool) -> Json {
    let files = model.files.iter().map(|file| json!({ "path": file.path, "bytes": file.size }));
    let formats = outline.formats();
    let formats =
        formats.map(|(name, count, is_known)| json!({"format": name, "tensors": count, "supported": is_known}));
    let metadata: Map<String, Json> =
        outline.metadata().iter().map(|(key, value)| (key.to_owned(), value_json(value))).collect();
    let mut report = json!({
        "name": model.name,
        "runs": false,
        "obstacles": obstacles,
        "title": text(outline, "general.name"),
        "architecture": text(outline, "general.architecture"),
        "files": files.collect::<Vec<_>>(),
        "formats": formats.collect::<Vec<_>>(),
        "metadata": metadata,
    });
    if let (true, Json::Object(fields)) = (tensors, &mut report) {
        let list =
            outline.tensors().map(|(name, shape, format)| json!({"name": name, "format": format, "shape": shape}));
        fields.insert("tensors".to_owned(), list.collect());
    }
    report
}
