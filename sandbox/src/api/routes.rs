//! The table of routes. The router is built from it, and the `OpenAPI` document is tested against it.

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};
use http::Method;

use super::{
    account, activate, admin, checkout, dashboard, discovery, files, health, openapi, video, webhooks,
};
use crate::{app::App, error::ApiError};

/// A route of the table.
pub(super) struct Route {
    #[cfg_attr(not(test), expect(dead_code, reason = "the OpenAPI document is tested against it"))]
    pub(super) method: Method,
    pub(super) path: &'static str,
    handler: MethodRouter<Arc<App>>,
}

fn route<H, T>(method: Method, path: &'static str, handler: H) -> Route
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
    Route { method, path, handler: on(filter, handler) }
}

/// Returns the routes of the API and of `/sandbox/…`.
pub(super) fn all() -> Vec<Route> {
    vec![
        route(Method::GET, "/healthz", health::health),
        route(Method::GET, "/openapi.json", openapi::serve),
        route(Method::POST, "/v1/activate", activate::activate),
        route(Method::GET, "/v1/account/balance", account::balance),
        route(Method::POST, "/v1/account/topup", account::topup),
        route(Method::POST, "/v1/account/webhooks/register", webhooks::register),
        route(Method::POST, "/v1/video/generate", video::generate),
        route(Method::GET, "/v1/video/jobs/{id}", video::status),
        route(Method::POST, "/v1/video/jobs/{id}/cancel", video::cancel),
        route(Method::GET, "/v1/discovery", discovery::list),
        route(Method::GET, "/v1/discovery/{capability}", discovery::one),
        route(Method::GET, "/files/{token}/video.mp4", files::video),
        route(Method::GET, "/files/{token}/thumbnail.jpg", files::thumbnail),
        route(Method::GET, "/topup/{token}", checkout::topup),
        route(Method::POST, "/topup/{token}", checkout::complete_topup),
        route(Method::GET, "/checkout/{token}", checkout::checkout),
        route(Method::POST, "/checkout/{token}", checkout::start_topup),
        route(Method::GET, "/sandbox/faults", admin::list_faults),
        route(Method::POST, "/sandbox/faults", admin::add_fault),
        route(Method::DELETE, "/sandbox/faults", admin::clear_faults),
        route(Method::DELETE, "/sandbox/faults/{id}", admin::remove_fault),
        route(Method::GET, "/sandbox/requests", admin::requests),
        route(Method::GET, "/sandbox/ledger", admin::ledger),
        route(Method::POST, "/sandbox/credit", admin::add_credit),
        route(Method::POST, "/sandbox/topups/{id}/pay", admin::pay_topup),
    ]
}

/// Returns the routes of the dashboard. They are not part of the API, and the document does not describe them.
pub(super) fn dashboard_routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/sandbox/page/state", dashboard::state),
        route(Method::POST, "/sandbox/page/key", dashboard::new_key),
        route(Method::GET, "/sandbox/page/files/{token}/video.mp4", files::video),
        route(Method::GET, "/sandbox/page/files/{token}/thumbnail.jpg", files::thumbnail),
        route(Method::GET, "/sandbox/page/{file}", dashboard::file),
    ]
}

/// Builds the router. `/` and unknown paths go to the dashboard's fallback.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for Route { path, handler, .. } in all().into_iter().chain(dashboard_routes()) {
        router = router.route(path, handler);
    }
    router
        .fallback(dashboard::front)
        .method_not_allowed_fallback(async || {
            ApiError::new(
                http::StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "this route does not support the method: see the Allow header",
            )
        })
        .with_state(app)
}
