//! Calls written as Python: `name(city="Köln", days=[1, 2])`, one to a line.

use super::call::Call;
use serde_json::{Map, Number, Value};

/// Deepest nesting of a literal.
const MAX_NESTING: usize = 32;

/// The calls of a block of code; none if anything in it is not a call with named literals.
pub(super) fn calls(code: &str) -> Option<Vec<Call>> {
    let mut reader = Reader { rest: code };
    let mut calls = Vec::new();
    loop {
        reader.skip_space();
        if reader.rest.is_empty() {
            return Some(calls).filter(|calls| !calls.is_empty());
        }
        // Models like to show the result.
        let printed = reader.take("print(");
        calls.push(reader.call()?);
        if printed {
            reader.skip_space();
            reader.expect(")")?;
        }
        reader.take(";");
    }
}

/// The calls of a list, `[name(key="value"), …]`; none if anything in it is not a call with named literals.
pub(super) fn list(code: &str) -> Option<Vec<Call>> {
    let mut reader = Reader { rest: code };
    let mut calls = Vec::new();
    reader.skip_space();
    reader.expect("[")?;
    reader.list("]", |reader| {
        calls.push(reader.call()?);
        Some(())
    })?;
    reader.skip_space();
    Some(calls).filter(|calls| !calls.is_empty() && reader.rest.is_empty())
}

struct Reader<'t> {
    rest: &'t str,
}

impl<'t> Reader<'t> {
    fn call(&mut self) -> Option<Call> {
        let name = self.word(|character| character.is_alphanumeric() || matches!(character, '_' | '.' | '-'))?;
        self.expect("(")?;
        let mut arguments = Map::new();
        self.list(")", |reader| {
            let key = reader.word(|character| character.is_alphanumeric() || character == '_')?;
            reader.skip_space();
            reader.expect("=")?;
            let value = reader.literal(0)?;
            arguments.insert(key.to_owned(), value).is_none().then_some(())
        })?;
        Call::new(name, &Value::Object(arguments).to_string())
    }

    fn literal(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_NESTING {
            return None;
        }
        self.skip_space();
        match self.rest.chars().next()? {
            quote @ ('"' | '\'') => self.text(quote).map(Value::String),
            '[' => self.items("[", "]", depth),
            '(' => self.items("(", ")", depth),
            '{' => {
                self.expect("{")?;
                let mut fields = Map::new();
                self.list("}", |reader| {
                    let quote = reader.rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
                    let key = reader.text(quote)?;
                    reader.skip_space();
                    reader.expect(":")?;
                    let value = reader.literal(depth + 1)?;
                    fields.insert(key, value).is_none().then_some(())
                })?;
                Some(Value::Object(fields))
            }
            _ => word(self.word(|character| character.is_alphanumeric() || matches!(character, '+' | '-' | '.'))?),
        }
    }

    fn items(&mut self, open: &str, close: &str, depth: usize) -> Option<Value> {
        self.expect(open)?;
        let mut items = Vec::new();
        self.list(close, |reader| {
            items.push(reader.literal(depth + 1)?);
            Some(())
        })?;
        Some(Value::Array(items))
    }

    /// Items with commas between and perhaps behind them, up to `close`.
    fn list(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        loop {
            self.skip_space();
            if self.take(close) {
                return Some(());
            }
            item(self)?;
            self.skip_space();
            if !self.take(",") {
                return self.expect(close);
            }
        }
    }

    fn text(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.rest = self.rest.get(at + quote.len_utf8()..)?;
                    return Some(text);
                }
                '\n' => return None,
                '\\' => match characters.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    plain @ ('\\' | '\'' | '"') => text.push(plain),
                    _ => return None,
                },
                _ => text.push(character),
            }
        }
        None
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> Option<&'t str> {
        let end = self.rest.find(|character| !belongs(character)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(word).filter(|word| !word.is_empty())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, text: &str) -> bool {
        let after = self.rest.strip_prefix(text);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expect(&mut self, text: &str) -> Option<()> {
        self.take(text).then_some(())
    }
}

/// A literal that is no text and no list.
fn word(word: &str) -> Option<Value> {
    match word {
        "True" | "true" => Some(Value::Bool(true)),
        "False" | "false" => Some(Value::Bool(false)),
        "None" | "null" => Some(Value::Null),
        _ => match word.parse::<i64>() {
            Ok(whole) => Some(whole.into()),
            Err(_) if word.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) => {
                Number::from_f64(word.parse().ok()?).map(Value::Number)
            }
            Err(_) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: &str) -> Option<Vec<(String, String)>> {
        calls(code).map(|calls| calls.into_iter().map(|call| (call.name, call.arguments)).collect())
    }

    #[test]
    fn named_literals_become_arguments() {
        let expected = r#"{"city":"K\"ö\n","days":[1,-2.5,true,null],"more":{"a":"b"}}"#;
        let code = "weather(city='K\"ö\\n', days=(1, -2.5, True, None,), more={\"a\": 'b'})";
        assert_eq!(read(code), Some(vec![("weather".into(), expected.into())]));
        assert_eq!(read("print(f())\ng(x=1)").map(|calls| calls.len()), Some(2));
    }

    #[test]
    fn other_code_is_no_call() {
        for code in [
            "",
            "x = f()",
            "f(1)",
            "f(a=g())",
            "f(a=1",
            "f(a=1) + 1",
            "f(a='x)",
            "import os",
            "f(a=1, a=2)",
            "f(a=inf)",
        ] {
            assert_eq!(read(code), None, "{code}");
        }
        assert_eq!(read(&format!("f(a={}{})", "[".repeat(100), "]".repeat(100))), None);
    }
}
