//! `/api/tags`, `/api/show`, `/api/ps`, `/api/version`.

use super::super::fields::Fields;
use super::options::pass_over;
use crate::catalog::ModelCard;
use crate::error::{ApiError, Kind, json_response};
use crate::service::Service;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Stay of a model that stays for ever, for clients that must be told a moment: about a century.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The version of Ollama's API that is spoken here. Applications compare it with the oldest that they work with, so the
/// program's own version would mislead them.
const API_VERSION: &str = "0.13.5";

/// Every model.
pub async fn tags(State(service): State<Arc<Service>>) -> Response {
    let entry = |card: &ModelCard, name: &String| {
        let mut entry = entry(card);
        (entry["name"], entry["model"]) = (json!(name), json!(name));
        entry["modified_at"] = json!(moment(UNIX_EPOCH + Duration::from_secs(card.created)));
        entry
    };
    let standings = service.registry.standings();
    let models = standings
        .iter()
        .map(|standing| &standing.card)
        .flat_map(|card| std::iter::once(&card.name).chain(&card.aliases).map(move |name| entry(card, name)));
    let models: Vec<Value> = models.collect();
    json_response(StatusCode::OK, &json!({"models": models}))
}

/// The models in memory.
pub async fn ps(State(service): State<Arc<Service>>) -> Response {
    let standings = service.registry.standings();
    let loaded = standings.iter().filter(|standing| standing.worker.is_some()).map(|standing| {
        let mut entry = entry(&standing.card);
        entry["size"] = json!(standing.card.memory_bytes);
        // Nothing of it is in a graphics card's memory.
        entry["size_vram"] = json!(0);
        entry["context_length"] = json!(standing.card.context);
        let stays = standing.expires_in.unwrap_or(FOREVER).min(FOREVER);
        entry["expires_at"] = json!(moment(SystemTime::now().checked_add(stays).unwrap_or(UNIX_EPOCH)));
        entry
    });
    json_response(StatusCode::OK, &json!({"models": loaded.collect::<Vec<_>>()}))
}

/// Description of one model.
///
/// # Errors
/// A name that no model has.
pub async fn show(State(service): State<Arc<Service>>, mut fields: Fields) -> Result<Response, ApiError> {
    let name = super::model(&mut fields, &service.registry)?;
    fields.ignore(&["verbose", "system", "template", "options"]);
    pass_over(fields);
    let name = name.ok_or_else(|| ApiError::parameter("model", "model is missing; it must be a model's name"))?;
    let card = service.registry.card(Some(&name))?;
    let says = |word: &str| card.template.as_ref().is_some_and(|template| template.contains(word));
    let mut capabilities = if card.writes { vec!["completion", "embedding"] } else { vec!["embedding"] };
    let further = [("tools", says("tools")), ("insert", card.fills_gaps), ("thinking", says("enable_thinking"))];
    capabilities.extend(further.into_iter().filter(|(_, has)| *has).map(|(name, _)| name));
    let family = &card.family;
    let body = json!({
        "modelfile": format!("FROM {}\n", card.name),
        "parameters": format!("num_ctx {}", card.context),
        "template": card.template.clone().unwrap_or_default(),
        "details": details(&card),
        "model_info": {
            "general.architecture": family,
            "general.basename": card.name,
            "general.parameter_count": card.parameters,
            format!("{family}.context_length"): card.context,
            format!("{family}.embedding_length"): card.width,
            format!("{family}.block_count"): card.layers,
        },
        "capabilities": capabilities,
        "modified_at": moment(UNIX_EPOCH + Duration::from_secs(card.created)),
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// A model that is here already; nothing is fetched for a request.
///
/// # Errors
/// A name that no model has.
pub async fn pull(State(service): State<Arc<Service>>, mut fields: Fields) -> Result<Response, ApiError> {
    let name = super::model(&mut fields, &service.registry)?.unwrap_or_default();
    let is_streaming = fields.take("stream")?.unwrap_or(true);
    fields.ignore(&["insecure"]);
    pass_over(fields);
    if service.registry.card(Some(&name)).is_err() || name.is_empty() {
        let sentence = format!("{name:?} is not served here, and a request fetches nothing; use hefu pull and --model");
        return Err(ApiError::new(Kind::NotFound, sentence).code("model_not_found"));
    }
    let done = json!({"status": "success"});
    Ok(if is_streaming { super::one_line(&done) } else { json_response(StatusCode::OK, &done) })
}

/// The version of the API, and the program's own.
pub async fn version() -> Response {
    json_response(StatusCode::OK, &json!({"version": API_VERSION, "hefu": env!("CARGO_PKG_VERSION")}))
}

fn entry(card: &ModelCard) -> Value {
    json!({
        "name": card.name,
        "model": card.name,
        "size": card.file_bytes,
        "digest": card.digest.clone().unwrap_or_default(),
        "details": details(card),
    })
}

fn details(card: &ModelCard) -> Value {
    json!({
        "parent_model": "",
        "format": "gguf",
        "family": card.family,
        "families": [card.family],
        "parameter_size": size(card.parameters),
        "quantization_level": card.quantization,
    })
}

/// A number of parameters as people say it: 630.17M, 7.6B.
fn size(parameters: u64) -> String {
    match parameters as f64 {
        billions if billions >= 1e9 => format!("{:.1}B", billions / 1e9),
        millions => format!("{:.2}M", millions / 1e6),
    }
}

fn moment(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_as_people_say_them() {
        assert_eq!(size(630_167_424), "630.17M");
        assert_eq!(size(7_615_616_512), "7.6B");
    }
}
