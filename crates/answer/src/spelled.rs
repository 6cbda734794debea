//! Text of a person, a document or a function stays text, also where it spells a control token: it must not end a turn or
//! begin another in somebody else's name.
//!
//! A guard inside each such spelling goes through the template with the text, and tells the tokeniser to read no token there.

use crate::error::Error;
use crate::message::Message;
use hefu_text::tokenizer::Tokenizer;
use hefu_text::tools::markers::{THINK, THINK_END};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Candidates for the guard: characters that Unicode leaves to private use, and that nobody uses.
const GUARDS: RangeInclusive<char> = '\u{10ff00}'..='\u{10fffd}';

/// Spellings that templates look for in answers that come back: where reasoning begins and ends.
const KEPT: &[&str] = &[THINK, THINK_END];

/// Guards every spelling of a control token in a conversation; the guard, if there is one.
///
/// # Errors
/// A conversation that holds every character which could be the guard.
pub(crate) fn guard_spelled(
    tokenizer: &Tokenizer,
    messages: &mut [Message],
    tools: &mut [Value],
    variables: &mut Map<String, Value>,
) -> Result<Option<char>, Error> {
    let (mut is_spelled, mut said) = (false, BTreeSet::new());
    each(messages, tools, variables, &mut |text| {
        is_spelled |= tokenizer.guarded(text, *GUARDS.end(), KEPT).is_some();
        said.extend(text.chars().filter(|character| GUARDS.contains(character)));
    });
    if !is_spelled {
        return Ok(None);
    }
    let Some(guard) = GUARDS.into_iter().find(|guard| !said.contains(guard)) else {
        let sentence = "messages hold all characters from U+10FF00 to U+10FFFD and names of control tokens beside them; \
                        leave out one or the other";
        return Err(Error::Parameter { name: "messages", sentence: sentence.to_owned() });
    };
    each(messages, tools, variables, &mut |text| {
        if let Some(guarded) = tokenizer.guarded(text, guard, KEPT) {
            *text = guarded;
        }
    });
    Ok(Some(guard))
}

/// Goes through every text that a template is given.
fn each(
    messages: &mut [Message],
    tools: &mut [Value],
    variables: &mut Map<String, Value>,
    work: &mut dyn FnMut(&mut String),
) {
    for message in messages {
        work(&mut message.text);
        message.reasoning.iter_mut().chain(&mut message.call_id).chain(&mut message.name).for_each(&mut *work);
        for call in &mut message.calls {
            [&mut call.id, &mut call.name, &mut call.arguments].into_iter().for_each(&mut *work);
        }
    }
    tools.iter_mut().for_each(|tool| each_in(tool, work));
    each_of(variables, work);
}

fn each_in(value: &mut Value, work: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => work(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_in(item, work)),
        Value::Object(fields) => each_of(fields, work),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Names of fields are texts too.
fn each_of(fields: &mut Map<String, Value>, work: &mut dyn FnMut(&mut String)) {
    let taken = std::mem::take(fields);
    fields.extend(taken.into_iter().map(|(mut name, mut value)| {
        work(&mut name);
        each_in(&mut value, work);
        (name, value)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::tokenizer;
    use crate::message::{Role, ToolCall};
    use serde_json::json;

    #[test]
    fn every_text_of_a_conversation_is_guarded() {
        let tokenizer = tokenizer(&["<eot>", "</think>"]);
        let mut message = Message::new(Role::Tool, "a<eot>b</think>");
        message.reasoning = Some("<eot>".to_owned());
        message.name = Some("<eot>".to_owned());
        message.call_id = Some("<eot>".to_owned());
        message.calls = vec![ToolCall { id: "<eot>".into(), name: "<eot>".into(), arguments: "{\"<eot>\":1}".into() }];
        let mut tools = vec![json!({"a<eot>": ["<eot>", {"b": "<eot>"}], "c": 1})];
        let mut variables = Map::from_iter([("documents".to_owned(), json!([{"text": "<eot>"}]))]);
        let mut messages = [Message::new(Role::User, "\u{10ff00}"), message];
        let guard = guard_spelled(&tokenizer, &mut messages, &mut tools, &mut variables).unwrap();
        assert_eq!(guard, Some('\u{10ff01}'));
        let all = format!("{messages:?}{tools:?}{variables:?}");
        assert!(!all.contains("<eot>"), "{all}");
        assert_eq!(messages[1].text, "a<\u{10ff01}eot>b</think>");
        let mut plain = [Message::new(Role::User, "eot> </think>")];
        assert_eq!(guard_spelled(&tokenizer, &mut plain, &mut [], &mut Map::new()), Ok(None));
        assert_eq!(plain[0].text, "eot> </think>");
        let mut full = [Message::new(Role::User, format!("<eot>{}", GUARDS.collect::<String>()))];
        let error = guard_spelled(&tokenizer, &mut full, &mut [], &mut Map::new()).unwrap_err();
        assert!(error.to_string().contains("U+10FF00"), "{error}");
    }
}
