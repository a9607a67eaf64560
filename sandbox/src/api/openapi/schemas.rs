//! Schemas, errors and parameters that the operations share.

use serde_json::{Map, Value, json};

use crate::api::webhooks::{EVENTS, PATH_MARKS, TEXT_LIMIT};
use crate::catalog::{
    ASPECTS, DEFAULT_DURATION_MS, DURATION, LITE, MODELS, PREFERS, PROMPT_LIMIT, REGIONS, RESOLUTIONS,
    URL_LIMIT, VENDORS,
};

fn one_of(values: &[&str]) -> Value {
    json!({"type": "string", "enum": values, "default": values[0]})
}

/// Returns a pattern for texts that are not blank: of the same characters that validation trims.
fn not_blank() -> String {
    let blank: String = ('\0'..='\u{ffff}').filter(|character| character.is_whitespace()).collect();
    format!("[^{blank}]")
}

fn url() -> Value {
    json!({"type": "string", "format": "uri", "pattern": "^https?://", "maxLength": URL_LIMIT})
}

/// Returns `components.schemas`.
pub(super) fn schemas() -> Value {
    let mut schemas = Map::new();
    for group in [envelope(), account(), webhooks(), video(), discovery(), sandbox()] {
        if let Value::Object(group) = group {
            schemas.extend(group);
        }
    }
    Value::Object(schemas)
}

fn envelope() -> Value {
    json!({
        "Envelope": {
            "type": "object",
            "required": ["ok", "data", "error", "metadata"],
            "properties": {
                "ok": {"type": "boolean"},
                "data": {},
                "error": {"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/Error"}]},
                "metadata": {"$ref": "#/components/schemas/Metadata"},
            },
        },
        "Metadata": {
            "type": "object",
            "required": ["cost_usd", "latency_ms", "vendor", "cache_hit", "request_id"],
            "properties": {
                "cost_usd": {"type": "number", "description": "What the call cost: 0 but for generate. A kept answer repeats it."},
                "latency_ms": {"type": "integer"},
                "vendor": {"type": ["string", "null"]},
                "cache_hit": {"type": "boolean", "description": "True for an answer kept by an idempotency key."},
                "request_id": {"type": "string", "format": "uuid"},
            },
        },
        "Error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "Stable."},
                "message": {"type": "string"},
                "field": {"type": "string", "description": "The field or header that was refused."},
                "expected": {"type": "string", "description": "What it takes."},
                "checkout_url": {"type": "string", "format": "uri", "description": "With 402: where the wallet is topped up."},
                "cost_usd": {"type": "number", "description": "With 402."},
                "balance_usd": {"type": "number", "description": "With 402."},
            },
        },
    })
}

fn account() -> Value {
    json!({
        "ActivateRequest": {
            "type": "object",
            "additionalProperties": false,
            "required": ["device_fingerprint"],
            "properties": {
                "region": one_of(REGIONS),
                "device_kind": {"type": "string", "pattern": "^[a-z0-9_-]{1,32}$", "examples": ["cli"]},
                "device_fingerprint": {"type": "string", "pattern": "^[!-~]{8,255}$"},
            },
        },
        "Activation": {
            "type": "object",
            "required": ["account_id", "project_id", "primary_api_key", "trial_credit_usd", "checkout_url"],
            "properties": {
                "account_id": {"type": "string"},
                "project_id": {"type": "string"},
                "primary_api_key": {"type": "string", "pattern": "^ifr_pk_proj_[A-Za-z0-9]{32}$"},
                "trial_credit_usd": {"type": "number"},
                "checkout_url": {"type": "string", "format": "uri"},
            },
        },
        "Balance": {
            "type": "object",
            "required": ["balance_usd", "currency"],
            "properties": {"balance_usd": {"type": "number"}, "currency": {"const": "USD"}},
        },
        "TopupRequest": {
            "type": "object",
            "additionalProperties": false,
            "required": ["amount_usd"],
            "properties": {
                "amount_usd": {"type": "number", "minimum": 1, "maximum": 10000},
                "return_url": url(),
            },
        },
        "TopupRecord": {
            "type": "object",
            "required": ["topup_id", "amount_usd", "state"],
            "properties": {
                "topup_id": {"type": "string"},
                "amount_usd": {"type": "number"},
                "state": {"enum": ["pending", "succeeded"], "description": "Pending until a person has paid. A kept answer has the present state."},
                "next_action_url": {"type": "string", "format": "uri", "description": "Where a person pays."},
            },
        },
    })
}

fn webhooks() -> Value {
    let port = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]";
    let path = format!("(/([A-Za-z0-9{PATH_MARKS}]|%[0-9A-Fa-f]{{2}})*)?");
    let url = format!(r"^http://(localhost|127\.0\.0\.1|\[::1\])(:({port}))?{path}$");
    json!({
        "WebhookRequest": {
            "type": "object",
            "additionalProperties": false,
            "required": ["url", "events", "secret"],
            "properties": {
                "url": {"type": "string", "pattern": url, "maxLength": URL_LIMIT, "description": "A loopback URL."},
                "events": {"type": "array", "minItems": 1, "maxItems": EVENTS.len(), "items": {"type": "string", "enum": EVENTS}},
                "description": {"type": "string", "maxLength": TEXT_LIMIT},
                "secret": {"type": "string", "pattern": not_blank(), "maxLength": TEXT_LIMIT, "description": "Signs the deliveries. No answer shows it."},
            },
        },
        "Webhook": {
            "type": "object",
            "required": ["webhook_id", "url", "events", "created_at"],
            "properties": {
                "webhook_id": {"type": "string"},
                "url": {"type": "string"},
                "events": {"type": "array", "items": {"type": "string"}},
                "description": {"type": ["string", "null"]},
                "created_at": {"type": "string", "format": "date-time"},
            },
        },
        "WebhookEvent": {
            "type": "object",
            "required": ["id", "type", "created", "data"],
            "properties": {
                "id": {"type": "string", "description": "The same in each delivery of the event."},
                "type": {"enum": EVENTS[1..], "description": "Names of the sandbox: those of the API are not public."},
                "created": {"type": "string", "format": "date-time"},
                "data": {"$ref": "#/components/schemas/VideoJob"},
            },
        },
    })
}

fn video() -> Value {
    json!({
        "GenerateRequest": {
            "type": "object",
            "additionalProperties": false,
            "required": ["prompt"],
            // As `catalog::supports` says.
            "not": {
                "required": ["vendor", "resolution"],
                "properties": {"vendor": {"const": LITE}, "resolution": {"const": "4k"}},
            },
            "properties": {
                "prompt": {"type": "string", "pattern": not_blank(), "description": format!("Not blank; at most {PROMPT_LIMIT} bytes of UTF-8.")},
                "reference_image_url": with_note(url(), "Kept with the job; never fetched."),
                "duration_seconds": {
                    "type": "number", "minimum": DURATION.start(), "maximum": DURATION.end(),
                    "default": DEFAULT_DURATION_MS / 1000, "description": "Rounded to milliseconds.",
                },
                "aspect": one_of(ASPECTS),
                "resolution": one_of(RESOLUTIONS),
                "prefer": with_note(one_of(PREFERS), "Decides the price; the picture is the same."),
                "model": one_of(MODELS),
                "vendor": one_of(VENDORS),
            },
        },
        "VideoJob": {
            "type": "object",
            "required": ["job_id", "state"],
            "properties": {
                "job_id": {"type": "string"},
                "state": {"enum": ["queued", "running", "succeeded", "failed", "cancelled"]},
                "progress": {"type": "number", "minimum": 0, "maximum": 1, "description": "While running, and 1 once succeeded."},
                "video_url": {"type": "string", "format": "uri"},
                "thumbnail_url": {"type": "string", "format": "uri"},
                "error": {
                    "type": "object",
                    "properties": {"code": {"type": "string", "description": "SANDBOX_FAILURE, RENDER_FAILED, or the code of a fault (INJECTED_FAULT by default)."}, "message": {"type": "string"}},
                },
                "warnings": {"type": "array", "items": {"type": "string"}, "description": "Such as characters that no font has."},
                "created_at": {"type": "string", "format": "date-time"},
                "started_at": {"type": "string", "format": "date-time"},
                "ended_at": {"type": "string", "format": "date-time"},
                "prompt": {"type": "string"},
                "reference_image_url": {"type": "string"},
                "duration_seconds": {"type": "number"},
                "aspect": {"type": "string"},
                "resolution": {"type": "string"},
                "prefer": {"type": "string"},
                "model": {"type": "string"},
                "vendor": {"type": "string"},
                "cost_usd": {"type": "number", "description": "What it was charged, before any refund."},
                "refunded_usd": {"type": "number", "description": "What was given back after it failed or was cancelled."},
            },
        },
    })
}

fn discovery() -> Value {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    json!({
        "Capability": {
            "type": "object",
            "required": ["id", "method", "path", "summary", "available", "billing", "parameters"],
            "properties": {
                "id": {"type": "string", "examples": ["video.generate"]},
                "method": {"enum": ["GET", "POST", "PUT", "PATCH", "DELETE"]},
                "path": {"type": "string"},
                "summary": {"type": "string"},
                "available": {"type": "boolean"},
                "regions": texts,
                "vendors": texts,
                "billing": {
                    "type": "object",
                    "required": ["is_billable", "free"],
                    "properties": {
                        "is_billable": {"type": "boolean"},
                        "free": {"type": "boolean"},
                        "unit": {"type": "string"},
                        "price_usd": {"type": "number", "description": "Of the default resolution and preference."},
                        "currency": {"const": "USD"},
                        "prices": {"type": "array", "items": {"type": "object"}, "description": "Of each resolution and preference."},
                    },
                },
                "parameters": {"type": "object", "description": "JSON Schema."},
                "errors": {"type": "array", "items": {
                    "type": "object",
                    "required": ["code", "retryable"],
                    "properties": {"code": {"type": "string"}, "retryable": {"type": "boolean"}},
                }},
                "examples": {"type": "array", "items": {"type": "object"}},
            },
        },
    })
}

fn with_note(mut schema: Value, note: &str) -> Value {
    schema["description"] = json!(note);
    schema
}

fn sandbox() -> Value {
    json!({
        "FaultRequest": {
            "type": "object",
            "additionalProperties": false,
            "required": ["fault"],
            "properties": {"fault": {"type": "string", "examples": ["POST /v1/video/generate: status=503 retry-after=1 times=2"]}},
        },
        "CreditRequest": {
            "type": "object",
            "additionalProperties": false,
            "required": ["amount_usd"],
            "properties": {"amount_usd": {"type": "number", "minimum": 0.000_001, "maximum": 10000}},
        },
        "PaidTopup": {
            "type": "object",
            "required": ["topup_id", "amount_usd", "state", "balance_usd"],
            "properties": {
                "topup_id": {"type": "string"},
                "amount_usd": {"type": "number"},
                "state": {"const": "succeeded"},
                "balance_usd": {"type": "number", "description": "The balance after it."},
            },
        },
        "Fault": {
            "type": "object",
            "required": ["id", "fault", "hits", "remaining"],
            "properties": {
                "id": {"type": "integer", "description": "This fault's alone, for as long as the server runs."},
                "fault": {"type": "string"},
                "hits": {"type": "integer"},
                "remaining": {"type": ["integer", "null"]},
            },
        },
        "Request": {
            "type": "object",
            "properties": {
                "at": {"type": "string", "format": "date-time"},
                "method": {"type": "string"},
                "path": {"type": "string", "description": "Tokens of files and pages left out."},
                "status": {"type": ["integer", "null"], "description": "Null if a fault dropped the connection."},
                "latency_ms": {"type": "integer"},
                "request_id": {"type": "string"},
                "idempotency_key": {"type": ["string", "null"]},
                "fault": {"type": ["string", "null"]},
            },
        },
        "Ledger": {
            "type": "object",
            "properties": {
                "account_id": {"type": "string"},
                "count": {"type": "integer"},
                "sum_micros": {"type": "integer", "description": "The sum of all amounts: always the balance."},
                "balance_micros": {"type": "integer"},
                "balance_usd": {"type": "number"},
                "entries": {"type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "seq": {"type": "integer"},
                        "kind": {"enum": ["trial", "topup", "charge", "refund"]},
                        "reference": {"type": "string", "description": "The account, topup or job it is for."},
                        "amount_micros": {"type": "integer"},
                        "amount_usd": {"type": "number"},
                        "balance_micros": {"type": "integer"},
                        "created_at": {"type": "string", "format": "date-time"},
                    },
                }},
            },
        },
    })
}

/// Error codes by status.
const ERRORS: &[(&str, &str)] = &[
    (
        "400",
        "INVALID_REQUEST (a field, with `field` and `expected`), RESOLUTION_NOT_SUPPORTED (the vendor has none), IDEMPOTENCY_KEY_REQUIRED",
    ),
    ("401", "UNAUTHORIZED: no key, or one that is unknown here"),
    ("402", "INSUFFICIENT_CREDIT, with `checkout_url`"),
    ("403", "FILE_URL_EXPIRED (the job's status gives a fresh one), ADMIN_LOOPBACK_ONLY"),
    ("404", "NOT_FOUND: unknown, or another account's"),
    (
        "409",
        "IDEMPOTENCY_CONFLICT: the key came with another body before; WEBHOOK_LIMIT: the account has 10 webhooks",
    ),
    ("413", "PAYLOAD_TOO_LARGE: a body has at most 1 MiB"),
    ("415", "UNSUPPORTED_MEDIA_TYPE: a body is application/json"),
    ("416", "RANGE_NOT_SATISFIABLE: the range starts beyond the file"),
    ("429", "RATE_LIMIT_USER (the account), RATE_LIMIT_IP (without a known key), with Retry-After"),
];

/// Returns `components.responses`.
pub(super) fn responses() -> Value {
    let error = |description: &str| {
        json!({
            "description": description,
            "content": {"application/json": {"schema": {
                "allOf": [{"$ref": "#/components/schemas/Envelope"}, {"properties": {"ok": {"const": false}}}],
            }}},
        })
    };
    let mut responses: Map<String, Value> =
        ERRORS.iter().map(|(status, codes)| (format!("E{status}"), error(codes))).collect();
    responses["E429"]["headers"] =
        json!({"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}});
    let general = "What any request can meet: 400 INVALID_REQUEST (no single Host), 405 METHOD_NOT_ALLOWED, 408 \
REQUEST_TIMEOUT, 413 PAYLOAD_TOO_LARGE, 421 HOST_NOT_ALLOWED, 500 UNKNOWN_ERROR, 503 MAINTENANCE (stopping), or \
whatever a fault says";
    responses.insert("Default".to_owned(), error(general));
    Value::Object(responses)
}

/// Returns `components.parameters`.
pub(super) fn parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header",
            "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
            "description": "The same key with the same body gives the same result, charged once; with another body, 409. Belongs to the account and the route. activate and cancel take it and need none.",
        },
        "JobId": {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}},
        "Token": {"name": "token", "in": "path", "required": true, "schema": {"type": "string"}},
    })
}
