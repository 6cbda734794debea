//! Begun answers, and files with several templates.

use hefu_text::template::{ChatTemplate, Conversation, Message, Specials};
use serde_json::json;

const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
    {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

fn begun(source: &str, last: Message) -> String {
    let template = ChatTemplate::new(source, Specials::default()).unwrap();
    template.render_begun(&Conversation::new(vec![Message::user("hi"), last])).unwrap()
}

#[test]
fn a_begun_answer_ends_where_its_text_ends() {
    let before = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n";
    for text in ["The", "The ", "  The\n\n", "", "i", "hi", "<|im_end|>"] {
        assert_eq!(begun(CHATML, Message::assistant(text)), format!("{before}{text}"));
        let trimming = CHATML.replace("m.content", "m.content | trim");
        assert_eq!(begun(&trimming, Message::assistant(text)), format!("{before}{text}"));
    }
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b "}]);
    assert_eq!(begun(CHATML, Message::assistant("").with("content", parts)), format!("{before}a\nb "));
    assert_eq!(begun(CHATML, Message::assistant("").with("content", json!(null))), before);
}

#[test]
fn a_template_that_hides_the_last_message_is_followed_by_it() {
    let hiding = "{% for m in messages if m.role == 'user' %}<u>{{ m.content }}{% endfor %}\
        {% if add_generation_prompt %}<a>{% endif %}";
    assert_eq!(begun(hiding, Message::assistant("The ")), "<u>hi<a>The ");
}

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
