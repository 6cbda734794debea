//! Templates over the fields of a sample.

use crate::Error;
use crate::data::Row;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, UndefinedBehavior};
use std::collections::BTreeMap;

/// Steps that a template may take: a few for each piece of it, so that none runs forever.
const FUEL: u64 = 1_000_000;

/// Fields by name, as a template sees them.
#[derive(Debug, Clone)]
pub(crate) struct Fields(BTreeMap<String, Value>);

impl Fields {
    /// Those of a row.
    pub(crate) fn of(row: &Row) -> Self {
        Self(row.iter().map(|(name, field)| (name.clone(), value(field))).collect())
    }

    /// The same with one more, which hides a field of this name.
    pub(crate) fn with(&self, name: &str, text: &str) -> Self {
        let mut all = self.0.clone();
        all.insert(name.to_owned(), Value::from(text));
        Self(all)
    }

    /// A template's text.
    ///
    /// # Errors
    /// A template that is none, or that names what is not there.
    pub(crate) fn render(&self, template: &str, name: &str) -> Result<String, Error> {
        let mut environment = Environment::empty();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // A line break at the end of a template is part of the prompt.
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        environment.set_fuel(Some(FUEL));
        filters(&mut environment);
        environment.render_str(template, Value::from(self.0.clone())).map_err(|error| {
            let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            Error(format!("the template {name} fails: {detail}"))
        })
    }
}

/// Filters of the library that templates of tasks may use.
fn filters(environment: &mut Environment<'_>) {
    use minijinja::filters;
    environment.add_filter("trim", filters::trim);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("join", filters::join);
    environment.add_filter("replace", filters::replace);
    environment.add_filter("length", filters::length);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_filter("default", filters::default);
    environment.add_function("range", minijinja::functions::range);
}

fn value(field: &serde_json::Value) -> Value {
    match field {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::from(whole),
            (_, Some(whole)) => Value::from(whole),
            _ => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from(items.iter().map(value).collect::<Vec<Value>>()),
        serde_json::Value::Object(fields) => {
            Value::from(fields.iter().map(|(name, field)| (name.clone(), value(field))).collect::<BTreeMap<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(template: &str) -> Result<String, String> {
        let row = json!({"q": "一", "n": 3, "list": ["a", "b"], "o": {"x": 1.5}, "none": null});
        let fields = Fields::of(row.as_object().unwrap()).with("choice", "c");
        fields.render(template, "prompt").map_err(|error| error.to_string())
    }

    #[test]
    fn templates_see_the_fields_of_a_row_and_nothing_else() {
        assert_eq!(render("{{ q }}{{ n }} {{ choice }}\n"), Ok("一3 c\n".to_owned()));
        assert_eq!(render("{% for x in list %}{{ loop.index }}{{ x | upper }}{% endfor %}"), Ok("1A2B".to_owned()));
        assert_eq!(render("{{ list | join(', ') }} {{ o.x }} {{ list[0] }}"), Ok("a, b 1.5 a".to_owned()));
        for wrong in [
            "{{ other }}",
            "{{ q",
            "{% include 'x' %}",
            "{% for i in range(100000) %}{% for j in range(100000) %}{{ i }}{% endfor %}{% endfor %}",
        ] {
            let error = render(wrong).unwrap_err();
            assert!(error.starts_with("the template prompt fails: ") && !error.contains('\n'), "{error}");
        }
    }
}
