//! Formats of tool calls.

use crate::tokenizer::{TokenType, Vocabulary};
use serde::{Deserialize, Serialize};

/// A format of tool calls, named after the family that made it known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolFormat {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen 2.5 and 3, and many others.
    Hermes,
    /// `{"name": …, "parameters": {…}}` as the whole answer, perhaps after `<|python_tag|>`: Llama 3.
    Llama,
    /// `[TOOL_CALLS][{"name": …, "arguments": {…}}, …]`: Mistral's models up to 2024.
    Mistral,
    /// `[TOOL_CALLS]name[ARGS]{…}`: Mistral's later models.
    MistralArguments,
    /// A block fenced by `` ```tool_code `` with JSON or with Python calls in it: Gemma 3, whose templates know no tools.
    Gemma,
    /// `<｜tool▁call▁begin｜>name<｜tool▁sep｜>{…}<｜tool▁call▁end｜>`: DeepSeek V3.1.
    DeepSeek,
    /// The same with `function` before the separator, and name and fenced JSON after it: DeepSeek V3 and R1.
    DeepSeekFenced,
    /// `<｜DSML｜invoke name="name">` around `<｜DSML｜parameter name="key" string="true">value</｜DSML｜parameter>`:
    /// DeepSeek V3.2 and later.
    DeepSeekTags,
    /// `<tool_call><function=name><parameter=key>value</parameter></function></tool_call>`: Qwen 3.5, Qwen 3 Coder,
    /// Nemotron 3.
    FunctionTags,
    /// `<tool_call>name<arg_key>key</arg_key><arg_value>value</arg_value></tool_call>`: GLM 4.5 and later.
    ArgumentTags,
    /// `<|tool_call>call:name{key:<|"|>value<|"|>}<tool_call|>`: Gemma 4.
    Gemma4,
    /// Messages in channels, a call being one to `functions.name`: gpt-oss.
    Harmony,
    /// `<|tool_call_start|>[name(key="value")]<|tool_call_end|>`: LFM 2.
    Lfm2,
    /// `<|tool_call|>[{"name": …, "arguments": {…}}]`: Granite 3.
    Granite,
    /// `<TOOLCALL>[{"name": …, "arguments": {…}}]</TOOLCALL>`: Nemotron 2.
    Nemotron,
    /// `<|tool_call_begin|>functions.name:0<|tool_call_argument_begin|>{…}<|tool_call_end|>`: Kimi K2.
    Kimi,
    /// `{"name": …, "arguments": {…}}` as the whole answer: for models that were told so in words.
    Json,
}

/// The texts that begin and end calls. Some vocabularies have tokens of their own for them.
pub mod markers {
    /// Begins a call of [`super::ToolFormat::Hermes`].
    pub const TOOL_CALL: &str = "<tool_call>";
    /// Ends it.
    pub const TOOL_CALL_END: &str = "</tool_call>";
    /// May begin a call of [`super::ToolFormat::Llama`].
    pub const PYTHON_TAG: &str = "<|python_tag|>";
    /// Begins the calls of Mistral's formats.
    pub const TOOL_CALLS: &str = "[TOOL_CALLS]";
    /// Stands between name and arguments in [`super::ToolFormat::MistralArguments`].
    pub const ARGS: &str = "[ARGS]";
    /// Stands before an identifier of the call there, in some versions.
    pub const CALL_ID: &str = "[CALL_ID]";
    /// Begins a block of [`super::ToolFormat::Gemma`].
    pub const TOOL_CODE: &str = "```tool_code";
    /// Ends it, at the beginning of a line.
    pub const FENCE: &str = "```";
    /// Begins all calls of DeepSeek's formats.
    pub const CALLS_BEGIN: &str = "<｜tool▁calls▁begin｜>";
    /// Ends them.
    pub const CALLS_END: &str = "<｜tool▁calls▁end｜>";
    /// Begins one call.
    pub const CALL_BEGIN: &str = "<｜tool▁call▁begin｜>";
    /// Ends it.
    pub const CALL_END: &str = "<｜tool▁call▁end｜>";
    /// Stands after the name or the kind.
    pub const SEPARATOR: &str = "<｜tool▁sep｜>";
    /// Begins all calls of [`super::ToolFormat::DeepSeekTags`], before the name of the block and `>`.
    pub const TAGGED: &str = "<｜DSML｜";
    /// Ends them so.
    pub const TAGGED_END: &str = "</｜DSML｜";
    /// Begins the function of [`super::ToolFormat::FunctionTags`], before its name and `>`.
    pub const FUNCTION: &str = "<function=";
    /// Ends it.
    pub const FUNCTION_END: &str = "</function>";
    /// Begins a call of [`super::ToolFormat::Gemma4`].
    pub const GEMMA_CALL: &str = "<|tool_call>";
    /// Ends it.
    pub const GEMMA_CALL_END: &str = "<tool_call|>";
    /// Stands around texts there.
    pub const GEMMA_QUOTE: &str = "<|\"|>";
    /// Begins the calls of [`super::ToolFormat::Lfm2`].
    pub const LFM_CALLS: &str = "<|tool_call_start|>";
    /// Ends them.
    pub const LFM_CALLS_END: &str = "<|tool_call_end|>";
    /// Begins the calls of [`super::ToolFormat::Granite`].
    pub const GRANITE_CALLS: &str = "<|tool_call|>";
    /// Begins the calls of [`super::ToolFormat::Nemotron`].
    pub const NEMOTRON_CALLS: &str = "<TOOLCALL>";
    /// Ends them.
    pub const NEMOTRON_CALLS_END: &str = "</TOOLCALL>";
    /// Begins all calls of [`super::ToolFormat::Kimi`].
    pub const SECTION: &str = "<|tool_calls_section_begin|>";
    /// Ends them.
    pub const SECTION_END: &str = "<|tool_calls_section_end|>";
    /// Begins one call there.
    pub const KIMI_CALL: &str = "<|tool_call_begin|>";
    /// Stands between its name and its arguments.
    pub const KIMI_ARGUMENTS: &str = "<|tool_call_argument_begin|>";
    /// Ends it.
    pub const KIMI_CALL_END: &str = "<|tool_call_end|>";
    /// Begins a message of [`super::ToolFormat::Harmony`].
    pub const START: &str = "<|start|>";
    /// Stands before the channel of a message.
    pub const CHANNEL: &str = "<|channel|>";
    /// Stands before the type of what a message holds.
    pub const CONSTRAIN: &str = "<|constrain|>";
    /// Stands before what a message holds.
    pub const MESSAGE: &str = "<|message|>";
    /// Ends a message.
    pub const MESSAGE_END: &str = "<|end|>";
    /// Begins reasoning.
    pub const THINK: &str = "<think>";
    /// Ends it.
    pub const THINK_END: &str = "</think>";
}

impl ToolFormat {
    /// The format that a chat template (its source) shows to the model, or else the one that the vocabulary has tokens
    /// for; [`ToolFormat::Json`] where neither says anything.
    pub fn detect(template: &str, vocabulary: &Vocabulary) -> ToolFormat {
        use markers::{self as m, ARGS, CALL_BEGIN, PYTHON_TAG, TOOL_CALL, TOOL_CALLS};
        let writes = |text: &str| template.contains(text);
        let telling = [
            (m::CHANNEL, Self::Harmony),
            (m::GEMMA_CALL, Self::Gemma4),
            (m::SECTION, Self::Kimi),
            ("｜DSML｜", Self::DeepSeekTags),
            (m::FUNCTION, Self::FunctionTags),
            ("<arg_key>", Self::ArgumentTags),
            (m::NEMOTRON_CALLS, Self::Nemotron),
            (m::LFM_CALLS, Self::Lfm2),
            ("<|tool_list_start|>", Self::Lfm2),
            (m::GRANITE_CALLS, Self::Granite),
        ];
        if let Some((_, format)) = telling.into_iter().find(|(text, _)| writes(text)) {
            return format;
        }
        if writes(TOOL_CALL) {
            return Self::Hermes;
        }
        if writes(TOOL_CALLS) {
            return if writes(ARGS) { Self::MistralArguments } else { Self::Mistral };
        }
        if writes(CALL_BEGIN) {
            return if writes("```json") { Self::DeepSeekFenced } else { Self::DeepSeek };
        }
        if writes(PYTHON_TAG) || (writes("<|start_header_id|>") && writes("\"parameters\"")) {
            return Self::Llama;
        }
        if writes("<start_of_turn>") || writes("tool_code") {
            return Self::Gemma;
        }
        let known = [
            (TOOL_CALL, Self::Hermes),
            (TOOL_CALLS, Self::Mistral),
            (PYTHON_TAG, Self::Llama),
            (m::LFM_CALLS, Self::Lfm2),
        ];
        let has = |text: &str| vocabulary.tokens.iter().any(|token| token == text);
        let found = known.into_iter().find(|(marker, _)| writes("tools") && has(marker));
        found.map_or(Self::Json, |(_, format)| format)
    }

    /// True if a template that shows this format to the model has nothing to say about tools, so that the caller must
    /// describe them itself: see [`super::instructions`].
    pub fn needs_instructions(template: &str) -> bool {
        !template.contains("tools")
    }

    /// Texts that may be tokens of their own and must not be left out of the text that [`super::ToolParser`] reads.
    pub fn markers(self) -> &'static [&'static str] {
        use markers as m;
        match self {
            Self::Hermes => &[m::TOOL_CALL, m::TOOL_CALL_END, m::THINK, m::THINK_END],
            Self::Llama => &[m::PYTHON_TAG, m::THINK, m::THINK_END],
            Self::Mistral | Self::MistralArguments => &[m::TOOL_CALLS, m::ARGS, m::CALL_ID, m::THINK, m::THINK_END],
            Self::DeepSeek | Self::DeepSeekFenced => {
                &[m::CALLS_BEGIN, m::CALLS_END, m::CALL_BEGIN, m::CALL_END, m::SEPARATOR, m::THINK, m::THINK_END]
            }
            Self::DeepSeekTags => &["｜DSML｜", m::THINK, m::THINK_END],
            Self::FunctionTags | Self::ArgumentTags => &[
                m::TOOL_CALL,
                m::TOOL_CALL_END,
                "<arg_key>",
                "</arg_key>",
                "<arg_value>",
                "</arg_value>",
                m::THINK,
                m::THINK_END,
            ],
            Self::Gemma4 => &[m::GEMMA_CALL, m::GEMMA_CALL_END, m::GEMMA_QUOTE],
            Self::Harmony => &[m::START, m::CHANNEL, m::CONSTRAIN, m::MESSAGE, m::MESSAGE_END],
            Self::Lfm2 => &[m::LFM_CALLS, m::LFM_CALLS_END, m::THINK, m::THINK_END],
            Self::Granite => &[m::GRANITE_CALLS, m::THINK, m::THINK_END],
            Self::Nemotron => &[m::NEMOTRON_CALLS, m::NEMOTRON_CALLS_END, m::THINK, m::THINK_END],
            Self::Kimi => {
                &[m::SECTION, m::SECTION_END, m::KIMI_CALL, m::KIMI_ARGUMENTS, m::KIMI_CALL_END, m::THINK, m::THINK_END]
            }
            Self::Gemma | Self::Json => &[m::THINK, m::THINK_END],
        }
    }

    /// Those of [`ToolFormat::markers`] and of `others` (the marks of reasoning) that are special tokens of a vocabulary,
    /// ascending: a detokeniser leaves them out unless it is told otherwise.
    pub fn shown_tokens(self, others: &[&str], vocabulary: &Vocabulary) -> Vec<u32> {
        let typed = (0..).zip(vocabulary.tokens.iter().zip(&vocabulary.types));
        let special = typed.filter(|(_, (_, kind))| matches!(kind, TokenType::Control | TokenType::Unknown));
        let is_shown = |text: &&str| self.markers().contains(text) || others.contains(text);
        special.filter(|(_, (text, _))| is_shown(text)).map(|(id, _)| id).collect()
    }
}
