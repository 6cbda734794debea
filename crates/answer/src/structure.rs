//! Parts of an answer: reasoning, calls of functions, a grammar, and how each is told from plain text.

use crate::ask::{Ask, Prompt, Tool, ToolChoice};
use crate::error::Error;
use crate::message::{Message, Role};
use crate::model::TextModel;
use hefu_engine::constraint::Constraint;
use hefu_grammar::{Spec, ToolCalls};
use hefu_text::tools::{Reasoning, ToolFormat, ToolParser, instructions};
use serde_json::{Value, json};
use std::sync::atomic::AtomicBool;

/// Parts of an answer, and the form that it is held to.
#[derive(Debug, Clone)]
pub(crate) struct Structure {
    /// The form that it is held to.
    pub(crate) spec: Option<Spec>,
    /// Takes one answer apart; each choice takes a copy. `None` leaves the text whole.
    pub(crate) parser: Option<ToolParser>,
    /// Special tokens that the parser must see.
    pub(crate) shown: Vec<u32>,
    /// True if an answer ends with its first call.
    pub(crate) one_call: bool,
    /// True if log-probabilities are told of the token that ends an answer too.
    pub(crate) tells_end: bool,
}

impl Structure {
    /// Structure that is asked for, after a prompt of this text; a prompt of ids has none.
    pub(crate) fn new(ask: &Ask, model: &TextModel, prompt: Option<&str>) -> Self {
        let whole = |spec| Self { spec, parser: None, shown: Vec::new(), one_call: false, tells_end: ask.tells_end };
        let is_conversation = matches!(ask.prompt, Prompt::Messages(_));
        let Some(prompt) = prompt.filter(|_| is_conversation || ask.is_whole) else {
            return whole(ask.format.clone());
        };
        let offered = offered(ask);
        let reasoning = Reasoning::detect(model.template_source(), prompt);
        let one_call = one_call(ask);
        let spec = spec(ask, model, &offered, one_call).map(|then| match reasoning {
            Reasoning::Open(style) => Spec::AfterReasoning { end: style.end().to_owned(), then: Box::new(then) },
            _ => then,
        });
        let format = (!offered.is_empty()).then(|| model.tool_format());
        if ask.is_whole || (format.is_none() && reasoning == Reasoning::None) {
            return Self { one_call, ..whole(spec) };
        }
        let names = offered.iter().map(|tool| tool.name.clone());
        let vocabulary = model.tokenizer.vocabulary();
        let parser = ToolParser::new(format).reasoning(reasoning).tools(names);
        let parser = offered.iter().fold(parser, |parser, tool| {
            parser.parameters(&tool.name, tool.parameters.as_ref().unwrap_or(&Value::Null))
        });
        Self {
            spec,
            parser: Some(parser),
            // Without tools, only the marks of reasoning matter.
            shown: format.unwrap_or(ToolFormat::Json).shown_tokens(reasoning.markers(), vocabulary),
            one_call,
            tells_end: ask.tells_end,
        }
    }

    /// Constraints of so many choices by the grammar, which is compiled once.
    ///
    /// # Errors
    /// A grammar that cannot be honoured, or that nobody waits for any more.
    pub(crate) fn constraints(
        &self,
        model: &TextModel,
        count: usize,
        given_up: &AtomicBool,
    ) -> Result<Vec<Option<Box<dyn Constraint>>>, Error> {
        let Some(spec) = &self.spec else { return Ok((0..count).map(|_| None).collect()) };
        let first = constraint(spec, model, given_up)?;
        let mut all = Vec::with_capacity(count);
        for _ in 1..count {
            // One that cannot be copied is made again.
            let copy = first.fork().map_or_else(|| constraint(spec, model, given_up), Ok)?;
            all.push(Some(copy));
        }
        all.push(Some(first));
        Ok(all)
    }
}

/// What holds one answer to a structure, from its beginning.
///
/// # Errors
/// [`Error::Grammar`] or [`Error::Vocabulary`]: a grammar that cannot be honoured, or that is given up, which another thread says when
/// nobody waits for it any more.
pub fn constraint(spec: &Spec, model: &TextModel, given_up: &AtomicBool) -> Result<Box<dyn Constraint>, Error> {
    let of_calls = matches!(spec, Spec::ToolCalls(_));
    let wrong = |error: hefu_grammar::Error| Error::Grammar { of_calls, error };
    model.grammars()?.cancellable(spec, given_up).map_err(wrong)
}

/// What an answer is held to, after its reasoning.
fn spec(ask: &Ask, model: &TextModel, offered: &[&Tool], one_call: bool) -> Option<Spec> {
    if let Some(tools) = forced(ask, offered) {
        return Some(Spec::ToolCalls(ToolCalls { format: model.tool_format(), tools, parallel: !one_call }));
    }
    // Offered functions may be called, and an answer without a call has the form that is asked for.
    ask.format.clone().map(|answer| match possible(model, offered, !one_call) {
        Some(calls) => Spec::CallsOr { calls, answer: Box::new(answer) },
        None => answer,
    })
}

/// True if an answer ends with its first call. A model that must call does not know when to end, so it makes one call
/// unless the request wants several; then the grammar bounds them.
fn one_call(ask: &Ask) -> bool {
    match (&ask.tool_choice, ask.parallel_tool_calls) {
        (ToolChoice::Named(_), _) | (ToolChoice::Required, None) => true,
        (_, parallel) => parallel == Some(false),
    }
}

/// The functions that the model is shown.
fn offered(ask: &Ask) -> Vec<&Tool> {
    let is_chat = matches!(ask.prompt, Prompt::Messages(_));
    if is_chat && ask.tool_choice != ToolChoice::None { ask.tools.iter().collect() } else { Vec::new() }
}

/// The offered functions as templates take them.
pub(crate) fn tools_for_template(ask: &Ask) -> Vec<Value> {
    offered(ask).into_iter().map(Tool::for_template).collect()
}

/// The offered functions as the template is given them; where it cannot show any, they are described in the messages.
pub(crate) fn shown_to_template(
    model: &TextModel,
    messages: &mut Vec<Message>,
    tools: Vec<Value>,
) -> Option<Vec<Value>> {
    if tools.is_empty() || !ToolFormat::needs_instructions(model.template_source()) {
        return (!tools.is_empty()).then_some(tools);
    }
    let words = instructions(model.tool_format(), &tools);
    match messages.first_mut().filter(|first| first.role == Role::System) {
        Some(first) => first.text = format!("{words}\n\n{}", first.text),
        None => messages.insert(0, Message::new(Role::System, words)),
    }
    None
}

/// The calls that may be made, if functions are offered.
fn possible(model: &TextModel, offered: &[&Tool], parallel: bool) -> Option<ToolCalls> {
    let tools: Vec<_> = offered.iter().map(|tool| callable(tool)).collect();
    (!tools.is_empty()).then_some(ToolCalls { format: model.tool_format(), tools, parallel })
}

/// A function as far as its calls go.
fn callable(tool: &Tool) -> hefu_grammar::Tool {
    hefu_grammar::Tool {
        name: tool.name.clone(),
        parameters: tool.parameters.clone().unwrap_or_else(|| json!({"type": "object", "properties": {}})),
    }
}

/// The functions one of which must be called, if any must.
fn forced(ask: &Ask, offered: &[&Tool]) -> Option<Vec<hefu_grammar::Tool>> {
    let is_wanted = |tool: &&&Tool| match &ask.tool_choice {
        ToolChoice::Named(name) => tool.name == *name,
        _ => true,
    };
    if !matches!(ask.tool_choice, ToolChoice::Required | ToolChoice::Named(_)) {
        return None;
    }
    Some(offered.iter().filter(is_wanted).map(|tool| callable(tool)).collect())
}
