//! Labels in Markdown documents: a notice that a person sees, and the metadata block as YAML front matter
//! (TC260-PG-20258A).

use super::{Aigc, Error};
use std::fmt::Write;

/// The visible notice. The measures ask for an element for AI and one for generating, in no fixed words.
pub const NOTICE: &str = "内容由AI生成 (AI-generated content)";

const FENCE: &str = "---";
const KEY: &str = "AIGC:";

/// A document with the metadata block, the notice and the text.
pub fn write(text: &str, label: &Aigc) -> String {
    let certainty = serde_json::to_value(label.label).ok();
    let certainty = certainty.as_ref().and_then(|value| value.as_str()).unwrap_or_default();
    let mut document = format!("{FENCE}\n{KEY}\n  Label: \"{certainty}\"\n");
    for (name, value) in label.fields() {
        // Fields hold neither quotation marks nor backslashes, so that nothing needs escaping.
        let _ = writeln!(document, "  {name}: \"{value}\"");
    }
    let _ = write!(document, "{FENCE}\n\n> {NOTICE}\n\n{}\n", text.trim_end());
    document
}

/// Labels of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The metadata block.
    pub implicit: Aigc,
    /// The line that tells a person.
    pub explicit: String,
}

/// Checks that a Markdown document carries both labels and that they are whole.
///
/// # Errors
/// [`Error::Document`] for a label that is missing, there twice, or no label; others for a field that is wrong.
pub fn check(document: &str) -> Result<Found, Error> {
    let (block, body) = split(document)?;
    let implicit = implicit(block)?;
    implicit.validate()?;
    let told = body.lines().find(|line| tells(line));
    let explicit = told.ok_or_else(|| {
        Error::Document("there is no visible notice: a line must say AI (or 人工智能) and 生成 or 合成".into())
    })?;
    Ok(Found { implicit, explicit: explicit.trim_start_matches(['>', ' ']).to_owned() })
}

/// True if a line is an explicit label (GB 45438-2025, 5.1).
fn tells(line: &str) -> bool {
    let artificial = line.contains("人工智能") || line.to_ascii_uppercase().contains("AI");
    artificial && (line.contains("生成") || line.contains("合成"))
}

fn split(document: &str) -> Result<(&str, &str), Error> {
    let document = document.trim_start_matches('\u{feff}');
    let rest = document.strip_prefix(FENCE).and_then(|rest| rest.trim_start_matches('\r').strip_prefix('\n'));
    let end = format!("\n{FENCE}");
    rest.and_then(|rest| rest.split_once(&end)).ok_or_else(|| {
        Error::Document(format!("the document does not begin with a metadata block between two lines {FENCE}"))
    })
}

/// The inside of a pair of quotation marks, if there is one.
fn unquoted(value: &str) -> &str {
    let inside = |mark| value.strip_prefix(mark).and_then(|rest: &str| rest.strip_suffix(mark));
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

fn implicit(block: &str) -> Result<Aigc, Error> {
    let mut lines = block.lines().filter(|line| !line.trim().is_empty());
    if block.lines().filter(|line| line.trim_end() == KEY).count() > 1 {
        return Err(Error::Document(format!("{KEY} is there twice, but a document carries one such label")));
    }
    if !lines.any(|line| line.trim_end() == KEY) {
        return Err(Error::Document(format!("the metadata block has no {KEY}")));
    }
    let mut fields = serde_json::Map::new();
    for line in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        let Some((name, value)) = line.split_once(':') else {
            return Err(Error::Document(format!("{:?} is no field of a label", line.trim())));
        };
        let value = unquoted(value.trim());
        if fields.insert(name.trim().to_owned(), value.into()).is_some() {
            return Err(Error::Document(format!("the label's field {} is there twice", name.trim())));
        }
    }
    serde_json::from_value(fields.into()).map_err(|error| Error::Document(format!("the label is not whole: {error}")))
}
