//! Flags that say what an answer must look like.

use crate::failure::Failure;
use crate::output::text_file;
use clap::Args;
use hefu_grammar::Spec;
use std::path::{Path, PathBuf};

/// What the answer must look like. At most one of them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Structured output")]
pub(crate) struct StructureArguments {
    /// The answer is JSON that is valid by this JSON Schema: a file, or the schema itself
    #[arg(long, value_name = "FILE|JSON", group = "structure", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) schema: Option<String>,

    /// The answer is text that this regular expression matches as a whole
    #[arg(long, value_name = "PATTERN", group = "structure")]
    pub(crate) regex: Option<String>,

    /// The answer is text by the grammar in this file: GBNF (with ::=, or named *.gbnf), else Lark
    #[arg(long, value_name = "FILE", group = "structure")]
    pub(crate) grammar: Option<PathBuf>,
}

impl StructureArguments {
    /// The options of these flags.
    ///
    /// # Errors
    /// A file that cannot be read, or [`Failure::Usage`] for a schema that is no JSON or cannot be honoured.
    pub(crate) fn spec(&self) -> Result<Option<Spec>, Failure> {
        if let Some(given) = &self.schema {
            let (name, text) = match given.trim_start() {
                text if text.starts_with('{') || ["true", "false"].contains(&text.trim_end()) => ("", given.clone()),
                path => (path, text_file(Path::new(given))?),
            };
            let read = serde_json::from_str(&text);
            let schema = read.map_err(|error| refused("--schema", name, &format!("it is no JSON: {error}")))?;
            // A fault of the schema itself is told before a model is loaded.
            hefu_grammar::schema::lower(&schema).map_err(|error| refused("--schema", name, &error.to_string()))?;
            return Ok(Some(Spec::JsonSchema(schema)));
        }
        if let Some(pattern) = &self.regex {
            return Ok(Some(Spec::Regex(pattern.clone())));
        }
        let Some(path) = &self.grammar else { return Ok(None) };
        let text = text_file(path)?;
        let is_gbnf = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gbnf"));
        let is_lark = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("lark"));
        Ok(Some(if is_gbnf || (!is_lark && text.contains("::=")) { Spec::Gbnf(text) } else { Spec::Lark(text) }))
    }

    /// The flag that was given, for sentences.
    pub(crate) fn flag(&self) -> &'static str {
        match (&self.schema, &self.regex) {
            (Some(_), _) => "--schema",
            (None, Some(_)) => "--regex",
            _ => "--grammar",
        }
    }
}

fn refused(flag: &str, name: &str, sentence: &str) -> Failure {
    let place = if name.is_empty() { flag.to_owned() } else { format!("{flag} {name}") };
    Failure::Usage(format!("{place}: {sentence}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_is_a_file_or_the_schema_itself_and_a_grammar_is_told_by_its_form() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let schema =
            |given: &str| StructureArguments { schema: Some(given.to_owned()), ..StructureArguments::default() };
        let expected = Some(Spec::JsonSchema(json!({"type": "integer"})));
        assert_eq!(schema(" {\"type\": \"integer\"}").spec().unwrap(), expected);
        let path = file("a.json", "{\"type\": \"integer\"}");
        assert_eq!(schema(path.to_str().unwrap()).spec().unwrap(), expected);
        assert_eq!(schema("true").spec().unwrap(), Some(Spec::JsonSchema(json!(true))));
        for (given, sentence) in [
            ("{\"type\": 5}", "no type"),
            ("{", "no JSON"),
            ("{\"not\": {}}", "\"not\" is not supported"),
            ("none", "open"),
        ] {
            let said = schema(given).spec().unwrap_err().to_string();
            assert!(said.contains(sentence) && said.lines().count() == 1, "{said}");
        }
        let grammar =
            |path| StructureArguments { grammar: Some(path), ..StructureArguments::default() }.spec().unwrap();
        let gbnf = "root ::= \"a\"";
        assert_eq!(grammar(file("x", gbnf)), Some(Spec::Gbnf(gbnf.into())));
        assert_eq!(grammar(file("x.gbnf", "root")), Some(Spec::Gbnf("root".into())));
        assert_eq!(grammar(file("x.lark", "start: \"::=\"")), Some(Spec::Lark("start: \"::=\"".into())));
        assert_eq!(grammar(file("y", "start: \"a\"")), Some(Spec::Lark("start: \"a\"".into())));
        assert_eq!(StructureArguments::default().spec().unwrap(), None);
    }
}
