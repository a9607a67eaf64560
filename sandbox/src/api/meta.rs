//! `/healthz` and `/openapi.json`.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, header};
use serde_json::json;

use super::openapi as document;
use crate::{
    app::{App, Facts},
    envelope::Answer,
    error::ApiError,
};

/// `GET /healthz`: the database answers.
pub(super) async fn health(State(app): State<Arc<App>>) -> Result<Answer, ApiError> {
    app.db.read(|connection| Ok(connection.query_row("SELECT 1", [], |_| Ok(()))?)).await?;
    Ok(Answer::new(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})))
}

/// `GET /openapi.json`: as it is, without an envelope, for tools.
pub(super) async fn openapi(facts: Facts) -> Response {
    let document = document::document(&facts.host.url(""));
    let mut response = Response::new(Body::from(document.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
