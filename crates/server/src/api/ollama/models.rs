//! `/api/tags`, `/api/show`, `/api/ps`, `/api/version`.

use super::super::fields::Fields;
use crate::catalog::ModelCard;
use crate::error::{ApiError, json_response};
use crate::registry::Standing;
use crate::service::Service;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a model stays that stays for ever, for clients that must be told a moment: about a century.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The version of Ollama's API that is spoken here. Applications compare it with the oldest that they work with, so the
/// program's own version would mislead them.
const API_VERSION: &str = "0.12.0";

/// Every model.
pub async fn tags(State(service): State<Arc<Service>>) -> Response {
    let entry = |standing: &Standing| {
        let mut entry = entry(&standing.card);
        entry["modified_at"] = json!(moment(UNIX_EPOCH + Duration::from_secs(standing.card.created)));
        entry
    };
    let models: Vec<Value> = service.registry.standings().iter().map(entry).collect();
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

/// What is known of one model.
///
/// # Errors
/// A name that no model has.
pub async fn show(State(service): State<Arc<Service>>, mut fields: Fields) -> Result<Response, ApiError> {
    let name = super::model(&mut fields, &service.registry)?;
    fields.ignore(&["verbose", "system", "template", "options"]);
    fields.finish()?;
    let name = name.ok_or_else(|| ApiError::parameter("model", "model is missing; it must be a model's name"))?;
    let card = service.registry.card(Some(&name))?;
    let mut capabilities = vec!["completion"];
    if card.template.as_ref().is_some_and(|template| template.contains("tools")) {
        capabilities.push("tools");
    }
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
        },
        "capabilities": capabilities,
        "modified_at": moment(UNIX_EPOCH + Duration::from_secs(card.created)),
    });
    Ok(json_response(StatusCode::OK, &body))
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
