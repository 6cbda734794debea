//! Markdown as HTML. What is HTML already becomes text: a lesson has no scripts of its own. A code block marked `widget NAME`
//! becomes a place for that widget, with what stands in it (TOML) as its settings.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// A text as HTML.
pub(crate) fn rendered(text: &str) -> String {
    let mut out = String::new();
    let mut events = Vec::new();
    let mut widget: Option<(String, String)> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(kind))) if kind.starts_with("widget ") => {
                widget = Some((kind["widget ".len()..].trim().to_owned(), String::new()));
            }
            Event::Text(text) if widget.is_some() => {
                if let Some((_, settings)) = &mut widget {
                    settings.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) if widget.is_some() => {
                if let Some((name, settings)) = widget.take() {
                    events.push(Event::Html(place_of(&name, &settings).into()));
                }
            }
            Event::Html(text) | Event::InlineHtml(text) => events.push(Event::Text(text)),
            // A wide table scrolls by itself, not with the page.
            Event::Start(Tag::Table(columns)) => {
                events.push(Event::Html(CowStr::Borrowed("<div class=\"table\" tabindex=\"0\">")));
                events.push(Event::Start(Tag::Table(columns)));
            }
            Event::End(TagEnd::Table) => {
                events.push(Event::End(TagEnd::Table));
                events.push(Event::Html(CowStr::Borrowed("</div>")));
            }
            other => events.push(other),
        }
    }
    html::push_html(&mut out, events.into_iter());
    // Code scrolls by itself too, and whoever has no mouse must reach it. (In text such a mark would be written out.)
    out.replace("<pre><code", "<pre tabindex=\"0\"><code")
}

/// Where a widget will be; each of its settings is an attribute.
fn place_of(name: &str, settings: &str) -> String {
    let mut place = format!("<div class=\"widget\" data-widget=\"{}\"", escaped(name));
    for (key, value) in settings.parse::<toml::Table>().unwrap_or_default() {
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            _ => continue,
        };
        if key.bytes().all(|byte| byte.is_ascii_lowercase()) {
            place += &format!(" data-{key}=\"{}\"", escaped(&value));
        }
    }
    place + "></div>\n"
}

/// A text as part of HTML, in an attribute too.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A short text in which code stands between backquotes, as HTML.
pub(crate) fn line(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts
        .map(|(at, part)| if at % 2 == 1 { format!("<code>{}</code>", escaped(part)) } else { escaped(part) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_and_scripts_become_text() {
        let html = rendered("a <b>c</b>\n\n<script>x</script>\n");
        assert!(!html.contains("<b>") && !html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
    }

    #[test]
    fn widgets_have_their_settings_as_attributes() {
        let html = rendered("x\n\n```widget next\nprompt = \"a \\\"b\\\" <c>\"\ncount = 5\n```\n");
        assert!(html.contains("<div class=\"widget\" data-widget=\"next\" "), "{html}");
        assert!(
            html.contains("data-prompt=\"a &quot;b&quot; &lt;c&gt;\"") && html.contains("data-count=\"5\""),
            "{html}"
        );
        assert!(rendered("```widget \"x\nno toml\n```").contains("data-widget=\"&quot;x\"></div>"));
        assert!(rendered("```sh\n<a>\n```").contains("&lt;a&gt;"));
        assert!(rendered("    a\n").starts_with("<pre tabindex=\"0\"><code>"));
    }

    #[test]
    fn code_stands_between_backquotes() {
        assert_eq!(line("a `<b>` & c"), "a <code>&lt;b&gt;</code> &amp; c");
    }
}
