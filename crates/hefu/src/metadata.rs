//! Metadata of a model file for the parts that are not the model: tokeniser, template, sampling.

use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::{Order, Pooling};
use hefu_model::ModelSpec;
use hefu_model::gguf::{self, Gguf};
use hefu_text::template::Specials;
use hefu_text::tokenizer::{Metadata, Vocabulary};

/// The metadata as the tokeniser reads them.
#[derive(Debug)]
pub(crate) struct OfFile<'f>(pub(crate) &'f gguf::Metadata<'f>);

impl Metadata for OfFile<'_> {
    fn string(&self, key: &str) -> Option<&str> {
        self.0.string(key).ok().flatten()
    }

    fn unsigned(&self, key: &str) -> Option<u64> {
        self.0.unsigned(key).ok().flatten()
    }

    fn boolean(&self, key: &str) -> Option<bool> {
        self.0.boolean(key).ok().flatten()
    }

    fn strings(&self, key: &str) -> Option<Vec<&str>> {
        self.0.strings(key).ok().flatten()
    }

    fn integers(&self, key: &str) -> Option<Vec<i64>> {
        self.0.integers(key).ok().flatten()
    }

    fn floats(&self, key: &str) -> Option<Vec<f32>> {
        self.0.floats(key).ok().flatten()
    }
}

/// The file's chat template; in a file whose templates all have names, the first of them.
pub(crate) fn template<'f>(gguf: &Gguf<'f>) -> Option<&'f str> {
    let text = |key: &str| gguf.metadata().string(key).ok().flatten();
    text("tokenizer.chat_template").or_else(|| {
        let names = gguf.metadata().strings("tokenizer.chat_templates").ok().flatten()?;
        names.iter().find_map(|name| text(&format!("tokenizer.chat_template.{name}")))
    })
}

/// The file's chat template for conversations with tools, where it has one of its own.
pub(crate) fn tool_use_template<'f>(gguf: &Gguf<'f>) -> Option<&'f str> {
    gguf.metadata().string("tokenizer.chat_template.tool_use").ok().flatten()
}

/// Template of the file that asks its model whether a document fits a query, if it was made to rank.
pub(crate) fn rank_template<'f>(gguf: &Gguf<'f>) -> Option<&'f str> {
    gguf.metadata().string("tokenizer.chat_template.rerank").ok().flatten()
}

/// Pooling of a text's hidden states into one vector, as the file says it; models that write say nothing of it.
pub(crate) fn pooling(spec: &ModelSpec) -> Pooling {
    match (spec.pooling, spec.program.order) {
        (Some(hefu_model::Pooling::First), _) | (Some(hefu_model::Pooling::Rank), Order::Whole) => Pooling::First,
        (Some(hefu_model::Pooling::Last), _) | (Some(hefu_model::Pooling::Rank), Order::Causal) => Pooling::Last,
        (Some(hefu_model::Pooling::Mean) | None, _) => Pooling::Mean,
    }
}

/// Classes that the file's classifier scores, if it has one.
pub(crate) fn classes(gguf: &Gguf<'_>) -> Vec<String> {
    let architecture = gguf.metadata().string("general.architecture").ok().flatten().unwrap_or_default();
    let labels = gguf.metadata().strings(&format!("{architecture}.classifier.output_labels")).ok().flatten();
    labels.unwrap_or_default().into_iter().map(str::to_owned).collect()
}

/// The special tokens that templates print.
pub(crate) fn specials(vocabulary: &Vocabulary) -> Specials {
    let text = |id: Option<u32>| id.and_then(|id| vocabulary.tokens.get(id as usize)).map(String::from);
    Specials {
        bos_token: text(vocabulary.bos),
        eos_token: text(vocabulary.eos),
        unk_token: text(vocabulary.unknown),
        pad_token: text(vocabulary.padding),
    }
}

/// The settings that the file recommends (`general.sampling.*`, as llama.cpp names them) over the program's defaults.
pub(crate) fn recommended(gguf: &Gguf<'_>) -> Parameters {
    let metadata = gguf.metadata();
    let number = |field: &mut f32, key: &str| {
        if let Ok(Some(value)) = metadata.float(&format!("general.sampling.{key}")) {
            *field = value;
        }
    };
    let mut parameters = Parameters::default();
    number(&mut parameters.temperature, "temp");
    number(&mut parameters.top_p, "top_p");
    number(&mut parameters.min_p, "min_p");
    number(&mut parameters.repetition_penalty, "penalty_repeat");
    number(&mut parameters.xtc.probability, "xtc_probability");
    number(&mut parameters.xtc.threshold, "xtc_threshold");
    let integer = |key: &str| metadata.get(&format!("general.sampling.{key}")).and_then(gguf::Value::integer);
    if let Some(value) = integer("top_k") {
        // A negative number is another way to say "all".
        parameters.top_k = u32::try_from(value).unwrap_or(0);
    }
    if let Some(value) = integer("penalty_last_n").and_then(|value| i32::try_from(value).ok()) {
        parameters.repeat_last_n = value.max(-1);
    }
    // A recommendation that makes no sense is none.
    if parameters.validate().is_ok() { parameters } else { Parameters::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_model::LoadOptions;
    use hefu_model::gguf::Value;
    use hefu_model::gguf::write::Writer;

    fn of(values: &[(&str, Value<'_>)]) -> Parameters {
        let mut writer = Writer::new();
        for (key, value) in values {
            writer.value(key, *value);
        }
        let file = writer.finish();
        recommended(&Gguf::parse(&[&file]).unwrap())
    }

    #[test]
    fn recommendations_go_over_the_defaults() {
        assert_eq!(of(&[]), Parameters::default());
        let some = of(&[
            ("general.sampling.temp", Value::F32(0.25)),
            ("general.sampling.top_k", Value::I32(20)),
            ("general.sampling.penalty_last_n", Value::I32(-1)),
        ]);
        assert_eq!((some.temperature, some.top_k, some.repeat_last_n), (0.25, 20, -1));
        assert_eq!(some.top_p, Parameters::default().top_p);
        assert_eq!(of(&[("general.sampling.top_k", Value::I32(-1))]).top_k, 0);
    }

    #[test]
    fn the_file_says_how_vectors_are_made() {
        let of = |name: &str| {
            let path = format!("{}/../../golden/models/{name}.gguf", env!("CARGO_MANIFEST_DIR"));
            let bytes = std::fs::read(path).unwrap();
            pooling(&ModelSpec::read_any(&Gguf::parse(&[&bytes]).unwrap(), &LoadOptions::default()).unwrap())
        };
        let found = ["tiny-qwen3", "tiny-bert", "tiny-bert-rank"].map(of);
        assert_eq!(found, [Pooling::Mean, Pooling::Mean, Pooling::First]);
    }

    #[test]
    fn a_recommendation_out_of_range_is_none() {
        assert_eq!(of(&[("general.sampling.temp", Value::F32(f32::NAN))]), Parameters::default());
    }
}
