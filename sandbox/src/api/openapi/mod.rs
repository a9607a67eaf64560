//! The `OpenAPI` 3.1 document, built from the same tables as validation and pricing.

mod operations;
mod schemas;

use axum::{body::Body, response::Response};
use http::{HeaderValue, header};
use serde_json::{Value, json};

use crate::{app::RequestContext, pricing::PRICES};

/// `GET /openapi.json`, without an envelope.
pub(super) async fn serve(context: RequestContext) -> Response {
    let document = document(&context.host.url(""));
    let mut response = Response::new(Body::from(document.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Returns the document for a server at `origin`.
pub(super) fn document(origin: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Infrai sandbox",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": description(),
        },
        "servers": [{"url": origin}],
        "security": [{"projectKey": []}],
        "tags": [
            {"name": "account", "description": "Activation, balance, topups."},
            {"name": "video", "description": "Jobs that render a video, and their files."},
            {"name": "pages", "description": "Pages for people, behind unguessable URLs."},
            {"name": "meta", "description": "The server itself."},
            {"name": "sandbox", "description": "Controls that a real server does not have: faults, requests, ledger, credit. For this machine only, under a loopback host."},
        ],
        "paths": operations::paths(),
        "components": {
            "securitySchemes": {
                "projectKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A project key, `ifr_pk_proj_…`, from POST /v1/activate.",
                },
            },
            "schemas": schemas::schemas(),
            "responses": schemas::responses(),
            "parameters": schemas::parameters(),
        },
        "x-prices": PRICES.iter().map(|price| json!({
            "resolution": price.resolution,
            "prefer": price.prefer,
            "usd_per_second": crate::pricing::dollars(price.micros_per_second),
        })).collect::<Vec<_>>(),
    })
}

fn description() -> String {
    let prices = PRICES.map(|price| {
        let usd = crate::pricing::dollars(price.micros_per_second);
        format!("| {} | {} | ${usd:.2} |\n", price.resolution, price.prefer)
    });
    let prices = prices.concat();
    format!(
        "The Infrai API on one machine. It is a stand-in: no model runs, no real money moves; videos are real MP4 \
files that show their prompt.\n\nEvery API answer is an envelope `{{ok, data, error, metadata}}`; files, pages \
and this document are not. A `Host` other than loopback must be allowed when the sandbox is started (421). \
To a browser `/` is a page that shows what happens here; it and `/sandbox/page/…` are no part of the API.\n\n\
## Prices\n\nCharged by `generate`, given back when a job fails or is cancelled. A job costs its seconds times \
this, rounded up to a whole millionth of a dollar:\n\n| resolution | prefer | a second |\n| --- | --- | --- |\n\
{prices}\n## Models\n\n`sandbox/default` renders. `sandbox/fail` fails. `sandbox/slow` takes some seconds (30 \
unless set) before it renders. `sandbox/stuck` runs until it is cancelled.\n\n## Vendors\n\n`sandbox` renders \
every resolution, `sandbox-lite` has no 4k.\n\n{}",
        operations::faults()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::routes;

    #[test]
    fn the_document_and_the_router_have_the_same_routes() {
        let document = document("http://localhost");
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for method in item.as_object().expect("a path item").keys().filter(|key| *key != "parameters") {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        let served: BTreeSet<_> =
            routes::all().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(described, served);
    }

    #[test]
    fn what_is_not_described_is_the_pages() {
        for route in routes::dashboard_routes() {
            assert!(route.path.starts_with("/sandbox/page/"), "{}", route.path);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, root: &Value) {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(target)) = object.get("$ref") {
                        let pointer = target.strip_prefix('#').expect("a local reference");
                        assert!(root.pointer(pointer).is_some(), "{target}");
                    }
                    object.values().for_each(|member| walk(member, root));
                }
                Value::Array(items) => items.iter().for_each(|item| walk(item, root)),
                _ => {}
            }
        }
        let document = document("http://localhost");
        walk(&document, &document);
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_and_says_how_it_fails() {
        let document = document("http://localhost");
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("a path item") {
                if method == "parameters" {
                    continue;
                }
                let id = operation["operationId"].as_str().expect("an operationId").to_owned();
                assert!(ids.insert(id), "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path}");
                assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            }
        }
    }
}
