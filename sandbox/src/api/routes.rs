//! Every route in one table, from which the router is made and against which the `OpenAPI` document is tested.

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, MethodRouter, on},
};
use http::Method;

use super::{account, activate, admin, checkout, dashboard, files, health, openapi, video};
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

/// The table.
pub(super) fn all() -> Vec<Route> {
    vec![
        route(Method::GET, "/healthz", health::health),
        route(Method::GET, "/openapi.json", openapi::serve),
        route(Method::POST, "/v1/activate", activate::activate),
        route(Method::GET, "/v1/account/balance", account::balance),
        route(Method::POST, "/v1/account/topup", account::topup),
        route(Method::POST, "/v1/video/generate", video::generate),
        route(Method::GET, "/v1/video/jobs/{id}", video::status),
        route(Method::POST, "/v1/video/jobs/{id}/cancel", video::cancel),
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
    ]
}

/// What the page fetches: no part of the API, so no client need know of it and no document describes it.
pub(super) fn dashboard_routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/sandbox/page/state", dashboard::state),
        route(Method::GET, "/sandbox/page/files/{token}/video.mp4", files::video),
        route(Method::GET, "/sandbox/page/files/{token}/thumbnail.jpg", files::thumbnail),
        route(Method::GET, "/sandbox/page/{file}", dashboard::file),
    ]
}

/// The router of both tables; what neither has is the page's front, or nothing.
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
                "the route does not take this method; the Allow header says which it takes",
            )
        })
        .with_state(app)
}
