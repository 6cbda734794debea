//! Files with several templates.

use hefu_text::template::{ChatTemplate, Conversation, Message, Specials};
use serde_json::json;

#[test]
fn conversations_with_tools_take_the_template_for_them() {
    let template = ChatTemplate::new("plain", Specials::default()).unwrap();
    let template = template.with_tool_use("{{ 'tools ' ~ tools | length }}").unwrap();
    let mut conversation = Conversation::new(vec![Message::user("hi")]);
    assert_eq!(template.render(&conversation).unwrap(), "plain");
    conversation.tools = Some(Vec::new());
    assert_eq!(template.render(&conversation).unwrap(), "plain");
    conversation.tools = Some(vec![json!({"type": "function"})]);
    assert_eq!(template.render(&conversation).unwrap(), "tools 1");
    assert!(ChatTemplate::new("x", Specials::default()).unwrap().with_tool_use("{% if %}").is_err());
}
