//! `/api/generate`.

use super::super::fields::Fields;
use super::answer::{no_images, respond};
use super::load::load;
use super::options::{pass_over, shared};
use super::output::Shape;
use crate::error::ApiError;
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use hefu_answer::Gap;
use hefu_answer::{Ask, Message, Prompt, Role};
use serde_json::json;
use std::sync::Arc;

/// Answers a prompt, by the model's template unless it is said to be raw or there is none; without a prompt, brings
/// the model to memory.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub async fn generate(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model = super::model(&mut fields, &service.registry)?;
    let has_template = service.registry.card(model.as_deref())?.template.is_some();
    let (mut ask, is_streaming, text) = read(fields, has_template)?;
    ask.model = model;
    if text.is_empty() {
        return load(&service, &caller, ask, Shape::Generate).await;
    }
    respond(service.answer(&caller, ask).await?, Shape::Generate, is_streaming).await
}

fn read(mut fields: Fields, has_template: bool) -> Result<(Ask, bool, String), ApiError> {
    let text: String = fields.take("prompt")?.unwrap_or_default();
    let system: Option<String> = fields.take("system")?;
    let is_raw = fields.take("raw")?.unwrap_or(false) || !has_template;
    let (mut ask, is_streaming) = shared(&mut fields)?;
    no_images(&mut fields, "")?;
    let suffix: String = fields.take("suffix")?.unwrap_or_default();
    fields.only("template", &[json!("")])?;
    fields.only("context", &[json!([])])?;
    pass_over(fields);
    ask.prompt = if !suffix.is_empty() {
        Prompt::Gap(Gap { prefix: text.clone(), suffix, ..Gap::default() })
    } else if is_raw {
        Prompt::Text(text.clone())
    } else {
        let system = system.filter(|system| !system.is_empty()).map(|system| Message::new(Role::System, system));
        Prompt::Messages(system.into_iter().chain([Message::new(Role::User, &text)]).collect())
    };
    Ok((ask, is_streaming, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn of(value: Value, has_template: bool) -> Result<(Ask, bool, String), ApiError> {
        read(Fields::parse(value.to_string().as_bytes())?, has_template)
    }

    #[test]
    fn a_prompt_goes_through_the_template_unless_it_is_raw() {
        let body = json!({"prompt": "hi", "system": "brief"});
        let (ask, _, _) = of(body.clone(), true).unwrap();
        let Prompt::Messages(messages) = ask.prompt else { panic!() };
        assert_eq!(messages.len(), 2);
        let (ask, _, _) = of(json!({"prompt": "a", "suffix": "b", "whatever": 1}), true).unwrap();
        assert_eq!(ask.prompt, Prompt::Gap(Gap { prefix: "a".into(), suffix: "b".into(), ..Gap::default() }));
        assert_eq!(of(body, false).unwrap().0.prompt, Prompt::Text("hi".to_owned()));
        assert_eq!(of(json!({"prompt": "hi", "raw": true}), true).unwrap().0.prompt, Prompt::Text("hi".to_owned()));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (name, value) in [("template", json!("x")), ("context", json!([1])), ("images", json!(["x"]))] {
            let error = of(json!({"prompt": "hi", name: value}), true).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(name));
        }
    }
}
