//! Tools described in words, for templates that know nothing of them.

use super::ToolFormat;
use serde_json::Value;

/// A system message that describes the tools (in the OpenAI shape) and how to call them, for a model whose template
/// leaves them out. Where there is a system message already, it goes before it.
pub fn instructions(format: ToolFormat, tools: &[Value]) -> String {
    let mut text = String::from("You can call these functions, each given as JSON:\n");
    for tool in tools {
        let function = tool.get("function").unwrap_or(tool);
        text.push_str(&function.to_string());
        text.push('\n');
    }
    text.push_str(match format {
        ToolFormat::Gemma => {
            "To call one, answer with nothing but a block of this form:\n\
             ```tool_code\n{\"name\": \"the function's name\", \"parameters\": {its arguments}}\n```\n"
        }
        _ => {
            "To call one, answer with nothing but JSON of this form:\n\
             {\"name\": \"the function's name\", \"arguments\": {its arguments}}\n"
        }
    });
    text.push_str("If no function is needed, answer in plain text.");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_function_is_described_without_its_wrapping() {
        let tools = [json!({"type": "function", "function": {"name": "now"}}), json!({"name": "bare"})];
        let text = instructions(ToolFormat::Json, &tools);
        assert!(text.contains("{\"name\":\"now\"}\n{\"name\":\"bare\"}\n") && text.contains("\"arguments\""));
        assert!(instructions(ToolFormat::Gemma, &tools).contains("```tool_code\n"));
    }
}
