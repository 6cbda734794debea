//! A prompt's text and tokens.

use crate::ask::{Ask, Prompt};
use crate::error::Error;
use crate::fill::Marks;
use crate::message::{Arguments, Message, Shape};
use crate::model::TextModel;
use crate::spelled::guard_spelled;
use crate::structure::{shown_to_template, tools_for_template};
use hefu_text::template::{ChatTemplate, Conversation};
use hefu_text::tokenizer::Special;

/// Most messages in one request.
pub const MAX_MESSAGES: usize = 8192;
/// Most functions in one request.
pub const MAX_TOOLS: usize = 512;

/// Tests in templates for a message of calls alone.
const CONTENT_IS_NONE: &[&str] = &["['content'] is none", "[\"content\"] is none", ".content is none"];

/// Mark at the end of a message that is to be continued, while the template writes it. Letters and digits pass through
/// every filter as they are; a number follows, so that no conversation holds the whole.
const END_OF_START: &str = "TheAnswerGoesOnHere";

/// The tokens of the prompt. `check` sees the text before it is taken apart.
///
/// # Errors
/// Whatever is wrong with the prompt, and what `check` finds.
pub fn prompt_ids<E: From<Error>>(
    ask: &Ask,
    model: &TextModel,
    check: impl Fn(&str) -> Result<(), E>,
) -> Result<Vec<u32>, E> {
    prompt(ask, model, check).map(|(ids, _)| ids)
}

/// The tokens of the prompt, and the text that they were made of. `check` sees it before it is taken apart.
pub(crate) fn prompt<E: From<Error>>(
    ask: &Ask,
    model: &TextModel,
    check: impl Fn(&str) -> Result<(), E>,
) -> Result<(Vec<u32>, Option<String>), E> {
    match &ask.prompt {
        Prompt::Ids(ids) => Ok((ids.clone(), None)),
        Prompt::Text(text) => {
            check(text)?;
            Ok((model.tokenizer.encode_prompt(text, Special::Parse), Some(text.clone())))
        }
        Prompt::Gap(gap) => {
            gap.texts().try_for_each(check)?;
            let marks = marks(model)?;
            Ok((marks.prompt(&model.tokenizer, gap), None))
        }
        Prompt::Messages(messages) => {
            let (mut text, guard) = prompt_text(ask, model, messages)?;
            check(&text)?;
            let mut ids = match guard {
                None => model.tokenizer.encode(&text, Special::Parse),
                Some(guard) => model.tokenizer.encode_guarded(&text, guard),
            };
            // Some templates leave the beginning of the sequence to the tokeniser.
            model.tokenizer.begin(&mut ids);
            text.retain(|character| Some(character) != guard);
            Ok((ids, Some(text)))
        }
    }
}

/// The marks between which the model takes what stands around a gap.
pub(crate) fn marks(model: &TextModel) -> Result<&Marks, Error> {
    model.marks().ok_or_else(|| Error::NoMarks { model: model.name.clone() })
}

/// The text of a conversation, as the model's template writes it, and what guards the spellings of control tokens in it that
/// are text.
fn prompt_text(ask: &Ask, model: &TextModel, messages: &[Message]) -> Result<(String, Option<char>), Error> {
    if messages.is_empty() {
        let sentence = "messages is empty; give at least one message".to_owned();
        return Err(Error::Parameter { name: "messages", sentence });
    }
    for (name, found, most) in [("messages", messages.len(), MAX_MESSAGES), ("tools", ask.tools.len(), MAX_TOOLS)] {
        if found > most {
            let sentence = format!("{name} has {found} entries, but at most {most} are taken");
            return Err(Error::Parameter { name, sentence });
        }
    }
    let Some(template) = &model.template else { return Err(Error::NoTemplate { model: model.name.clone() }) };
    let (mut shown, mut tools, mut variables) = (messages.to_vec(), tools_for_template(ask), ask.variables.clone());
    let guard = guard_spelled(&model.tokenizer, &mut shown, &mut tools, &mut variables)?;
    let tools = shown_to_template(model, &mut shown, tools);
    let mut conversation = Conversation { tools, variables, ..Conversation::default() };
    conversation.add_generation_prompt = !ask.continue_last;
    let start = shown.last().map(|message| message.text.clone()).unwrap_or_default();
    let end = ask.continue_last.then(|| mark_end(&mut shown)).flatten();
    let text = rendered(template, conversation, &shown)?;
    let text = match end {
        None => text,
        Some(end) => continued(text, &start, &end)?,
    };
    Ok((text, guard))
}

/// Puts a mark at the end of the last message, and says which.
fn mark_end(messages: &mut [Message]) -> Option<String> {
    let is_said = |mark: &String| messages.iter().any(|message| message.text.contains(mark.as_str()));
    let mark = (0_u64..).map(|number| format!("{END_OF_START}{number}")).find(|mark| !is_said(mark))?;
    messages.last_mut()?.text.push_str(&mark);
    Some(mark)
}

/// The text of a conversation in the first shape of its calls that the template takes.
fn rendered(template: &ChatTemplate, mut conversation: Conversation, messages: &[Message]) -> Result<String, Error> {
    let empty_is_null = CONTENT_IS_NONE.iter().any(|test| template.source().contains(test));
    let has_calls = messages.iter().any(|message| !message.calls.is_empty());
    let mut first = None;
    for arguments in Arguments::ALL.into_iter().take(if has_calls { Arguments::ALL.len() } else { 1 }) {
        let shape = Shape { arguments, empty_is_null };
        conversation.messages = messages.iter().map(|message| message.for_template(shape)).collect();
        match template.render(&conversation) {
            Ok(text) => return Ok(text),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(Error::Template(first.unwrap_or(hefu_text::template::Error::Missing)))
}

/// A prompt that ends where its last message, `start`, does: what the template writes after the mark is cut off, and the mark
/// too. White space before the message is given back where the template trims.
fn continued(mut text: String, start: &str, mark: &str) -> Result<String, Error> {
    let Some(at) = text.rfind(mark) else {
        let sentence =
            "the last message cannot be continued, because the model's template changes or leaves out its text";
        return Err(Error::Parameter { name: "messages", sentence: sentence.to_owned() });
    };
    text.truncate(at);
    let trimmed = start.trim_start();
    if !text.ends_with(start) && text.ends_with(trimmed) {
        text.truncate(at - trimmed.len());
        text.push_str(start);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Role, ToolCall};
    use hefu_text::template::Specials;

    /// Text of two calls by a template, the second call being broken.
    fn calls(source: &str) -> Result<String, Error> {
        let call = |arguments: &str| ToolCall { id: "1".into(), name: "f".into(), arguments: arguments.into() };
        let mut message = Message::new(Role::Assistant, "");
        message.calls = vec![call("{\"a\": 1}"), call("{\"a\": ")];
        let template = ChatTemplate::new(source, Specials::default()).unwrap();
        rendered(&template, Conversation::default(), &[message])
    }

    fn each_call(body: &str) -> String {
        format!("{{% for c in messages[0].tool_calls %}}{{% set a = c.function.arguments %}}{body}{{% endfor %}}")
    }

    #[test]
    fn a_broken_call_spoils_no_template() {
        assert_eq!(calls(&each_call("{{ a | tojson }};")).unwrap(), r#"{"a": 1};"{\"a\": ";"#);
        assert_eq!(
            calls(&each_call("{% for k, v in a.items() %}{{ k }}={{ v }};{% endfor %}")).unwrap(),
            "a=1;arguments={\"a\": ;"
        );
        assert_eq!(calls(&each_call("{{ '<' + a + '>' }}")).unwrap(), r#"<{"a": 1}><{"a": >"#);
        let error = calls("{{ raise_exception('no calls') }}").unwrap_err();
        assert!(matches!(&error, Error::Template(_)) && error.to_string().contains("no calls"), "{error}");
    }

    /// Text of a last message that is to be continued, by a template.
    fn begun(source: &str, texts: &[&str]) -> Result<String, Error> {
        let mut messages: Vec<Message> = texts.iter().map(|text| Message::new(Role::Assistant, *text)).collect();
        let mark = mark_end(&mut messages).unwrap();
        let template = ChatTemplate::new(source, Specials::default()).unwrap();
        continued(rendered(&template, Conversation::default(), &messages)?, texts.last().unwrap(), &mark)
    }

    #[test]
    fn a_begun_answer_ends_where_its_own_text_does() {
        let plain = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
        for start in ["<", "|", ">", "im_end", "total = ", "def f():\n    ", "", "TheAnswerGoesOnHere0"] {
            let text = begun(plain, &["x", start]).unwrap();
            assert!(text.ends_with(&format!("x<|im_end|>\n<|im_start|>assistant\n{start}")), "{start:?}: {text:?}");
        }
        // White space at both ends is kept also where a template trims.
        let trimming = "{% for m in messages %}[{{ m.content | trim }}]{% endfor %}";
        assert_eq!(begun(trimming, &[" a ", "\n b "]).unwrap(), "[a][\n b ");
        assert_eq!(begun(trimming, &[" "]).unwrap(), "[ ");
        assert!(begun("{{ messages[0].role }}", &["a"]).unwrap_err().to_string().contains("cannot be continued"));
    }

    #[test]
    fn a_message_of_calls_alone_has_no_content_where_the_template_asks_for_that() {
        let asks = "{{ 'calls' if messages[0]['content'] is none else 'text' }}";
        assert_eq!(calls(asks).unwrap(), "calls");
        assert_eq!(calls("{{ messages[0].content ~ 'text' }}").unwrap(), "text");
    }
}
