//! `/healthz`.

use std::sync::Arc;

use axum::extract::State;
use serde_json::json;

use crate::{app::App, envelope::ApiSuccess, error::ApiError};

/// `GET /healthz`: succeeds if the database responds.
pub(super) async fn health(State(app): State<Arc<App>>) -> Result<ApiSuccess, ApiError> {
    app.db.read(|connection| Ok(connection.query_row("SELECT 1", [], |_| Ok(()))?)).await?;
    Ok(ApiSuccess::new(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})))
}
