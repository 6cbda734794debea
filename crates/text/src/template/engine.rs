//! Rendering: one environment, one thread, one result.

use std::sync::Arc;

use minijinja::machinery::{eval, make_string_output};
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, State, UndefinedBehavior};
use serde_json::Value as Json;

use super::clock::strftime;
use super::compile::{check_length, compile};
use super::conversation::{Conversation, Specials};
use super::error::{Error, translate};
use super::faults::invalid;
use super::generation::replace_tags;
use super::limits::{
    BASE_FUEL, FUEL_PER_INPUT_BYTE, FUEL_PER_INPUT_VALUE, MAX_FUEL, MAX_NESTING, MAX_OUTPUT_BYTES, MAX_OUTPUT_COPIES,
    MAX_RECURSION, STACK_BYTES,
};
use super::text::push_str;

/// A model's chat template, checked and ready to render.
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    source: String,
    /// The source as the compiler takes it.
    prepared: String,
    /// For conversations with tools, where the file has a template of its own for them.
    tool_use: Option<String>,
    specials: Specials,
}

impl ChatTemplate {
    /// Checks a template.
    ///
    /// # Errors
    /// [`Error::TooLarge`] and [`Error::Syntax`].
    pub fn new(source: &str, specials: Specials) -> Result<ChatTemplate, Error> {
        Ok(ChatTemplate { source: source.to_owned(), prepared: checked(source)?, tool_use: None, specials })
    }

    /// The same template with another one for conversations that offer tools (`tokenizer.chat_template.tool_use`).
    ///
    /// # Errors
    /// As [`ChatTemplate::new`].
    pub fn with_tool_use(mut self, source: &str) -> Result<ChatTemplate, Error> {
        self.tool_use = Some(checked(source)?);
        self.source = format!("{}\n{source}", self.source);
        Ok(self)
    }

    /// The source that it was made of; that for conversations with tools follows in a line of its own.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders the prompt for a conversation. The same template, conversation and clock give the same text.
    ///
    /// # Errors
    /// [`Error::Raised`] where the template itself refuses, [`Error::Render`] where an operation fails,
    /// [`Error::TooMuchWork`] and [`Error::TooLarge`] where a limit is met.
    pub fn render(&self, conversation: &Conversation) -> Result<String, Error> {
        let size = Size::of(conversation)?;
        let limit = MAX_OUTPUT_BYTES.saturating_add(size.bytes.saturating_mul(MAX_OUTPUT_COPIES));
        let prompt = on_large_stack(|| self.render_here(conversation, &size))?;
        if prompt.len() > limit {
            return Err(Error::TooLarge { what: "its output in bytes", size: prompt.len(), limit });
        }
        Ok(prompt)
    }

    fn render_here(&self, conversation: &Conversation, size: &Size) -> Result<String, Error> {
        let environment = environment(size.fuel());
        let offers_tools = conversation.tools.as_ref().is_some_and(|tools| !tools.is_empty());
        let source = self.tool_use.as_ref().filter(|_| offers_tools).unwrap_or(&self.prepared);
        let instructions = compile(source)?;
        let blocks = Default::default();
        let mut prompt = String::new();
        let outcome = {
            let mut output = make_string_output(&mut prompt);
            let root = self.root(conversation);
            eval(&environment, &instructions, root, &blocks, &mut output, AutoEscape::None).map(drop)
        };
        outcome.map_err(translate)?;
        Ok(prompt)
    }

    /// The variables as transformers passes them; later ones win.
    fn root(&self, conversation: &Conversation) -> Value {
        let clock = Arc::clone(&conversation.clock);
        let strftime_now = move |format: &str| {
            strftime(format, clock.unix_seconds())
                .ok_or_else(|| invalid("strftime_now: the format holds a directive that is not known"))
        };
        let mut root: Vec<(String, Value)> = vec![
            ("strftime_now".to_owned(), Value::from_function(strftime_now)),
            ("documents".to_owned(), Value::from(())),
            ("add_generation_prompt".to_owned(), Value::from(conversation.add_generation_prompt)),
        ];
        root.extend(self.specials.named().map(|(name, token)| (name.to_owned(), Value::from(token))));
        root.extend(conversation.variables.iter().map(|(name, value)| (name.clone(), json_value(value))));
        let messages = conversation.messages.iter().map(|message| json_map(&message.fields));
        root.push(("messages".to_owned(), messages.collect::<Vec<_>>().into()));
        let tools = conversation.tools.as_ref().map(|tools| tools.iter().map(json_value).collect::<Vec<_>>());
        root.push(("tools".to_owned(), tools.map_or(Value::from(()), Value::from)));
        Value::from_pairs(root)
    }
}

/// A source that compiles, with its generation tags replaced.
fn checked(source: &str) -> Result<String, Error> {
    // Jinja2 reads every kind of line break as `\n`.
    let source =
        if source.contains('\r') { source.replace("\r\n", "\n").replace('\r', "\n") } else { source.to_owned() };
    check_length(&source)?;
    let source = replace_tags(&source).into_owned();
    on_large_stack(|| compile(&source).map(drop))?;
    Ok(source)
}

/// JSON as a template sees it. The depth was checked before.
fn json_value(value: &Json) -> Value {
    match value {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::from(integer),
            (_, Some(integer)) => Value::from(integer),
            _ => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(json_value).collect::<Vec<_>>()),
        Json::Object(fields) => json_map(fields),
    }
}

fn json_map(fields: &serde_json::Map<String, Json>) -> Value {
    Value::from_pairs(fields.iter().map(|(name, value)| (name.as_str(), json_value(value))))
}

fn environment(fuel: u64) -> Environment<'static> {
    // Empty, so that nothing is there that is not paid for.
    let mut environment = Environment::empty();
    environment.set_fuel(Some(fuel));
    environment.set_recursion_limit(MAX_RECURSION);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_debug(false);
    environment.set_unknown_method_callback(super::methods::call);
    environment.set_formatter(|output, state: &mut State, value| {
        if let Some(text) = value.as_str() {
            return output.write_str(text).map_err(minijinja::Error::from);
        }
        let mut text = String::new();
        push_str(state, &mut text, value)?;
        output.write_str(&text).map_err(minijinja::Error::from)
    });
    super::builtins::install(&mut environment);
    super::filters::install(&mut environment);
    environment
}

/// Runs `work` on a thread with a stack for the deepest template that the limits allow, whatever the caller's is.
fn on_large_stack<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("chat template".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|error| Error::Thread(format!("no thread could be started: {error}")))?
            .join()
            .unwrap_or_else(|_| Err(Error::Thread("its thread ended abnormally".to_owned())))
    })
}

/// Size of a conversation: the measure for the work its template may do.
#[derive(Debug, Default)]
struct Size {
    values: u64,
    bytes: usize,
}

impl Size {
    fn of(conversation: &Conversation) -> Result<Size, Error> {
        let mut size = Size::default();
        for message in &conversation.messages {
            message.fields.iter().try_for_each(|(name, value)| size.add_field(name, value, 1))?;
        }
        conversation.tools.iter().flatten().try_for_each(|tool| size.add(tool, 1))?;
        conversation.variables.iter().try_for_each(|(name, value)| size.add_field(name, value, 0))?;
        Ok(size)
    }

    fn add_field(&mut self, name: &str, value: &Json, depth: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(name.len());
        self.add(value, depth + 1)
    }

    fn add(&mut self, value: &Json, depth: usize) -> Result<(), Error> {
        // Half of the limit, so that a template can still wrap what it was given.
        if depth > MAX_NESTING / 2 {
            return Err(Error::NestedTooDeep);
        }
        self.values = self.values.saturating_add(1);
        match value {
            Json::String(text) => self.bytes = self.bytes.saturating_add(text.len()),
            Json::Array(items) => items.iter().try_for_each(|item| self.add(item, depth + 1))?,
            Json::Object(fields) => {
                fields.iter().try_for_each(|(name, value)| self.add_field(name, value, depth))?;
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
        Ok(())
    }

    fn fuel(&self) -> u64 {
        BASE_FUEL
            .saturating_add(self.values.saturating_mul(FUEL_PER_INPUT_VALUE))
            .saturating_add(FUEL_PER_INPUT_BYTE.saturating_mul(self.bytes as u64))
            .min(MAX_FUEL)
    }
}
