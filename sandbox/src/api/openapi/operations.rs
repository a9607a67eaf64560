//! The operations of the `OpenAPI` document, route by route.

use serde_json::{Map, Value, json};

use crate::{
    Fault,
    api::{admin::LAST_SEQ, webhooks::delivery::ATTEMPTS},
};

/// Returns the notation of faults.
pub(super) fn faults() -> String {
    let effects = Fault::EFFECTS.map(|(word, effect)| format!("| `{word}` | {effect} |\n")).concat();
    format!(
        "## Faults\n\n`[METHOD] PATH: EFFECT…`; `*` in the path stands for any characters. The first fault in force \
that applies to a request is used. None applies to `/sandbox/…`.\n\n| word | effect |\n| --- | --- |\n{effects}"
    )
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// Returns the description of a JSON response: the envelope around `schema`.
fn enveloped(description: &str, schema: &Value) -> Value {
    json!({
        "description": description,
        "content": {"application/json": {"schema": {
            "allOf": [reference("schemas", "Envelope"), {"properties": {"ok": {"const": true}, "data": schema}}],
        }}},
    })
}

fn html(description: &str) -> Value {
    json!({"description": description, "content": {"text/html": {"schema": {"type": "string"}}}})
}

fn body(schema: &str) -> Value {
    json!({"required": true, "content": {"application/json": {"schema": reference("schemas", schema)}}})
}

/// Returns an operation with its errors by status; `default` covers the errors of every route.
fn operation(tag: &str, id: &str, summary: &str, success: (&str, Value), errors: &[&str]) -> Value {
    let mut responses = Map::new();
    responses.insert(success.0.to_owned(), success.1);
    for status in errors {
        responses.insert((*status).to_owned(), reference("responses", &format!("E{status}")));
    }
    responses.insert("default".to_owned(), reference("responses", "Default"));
    json!({"tags": [tag], "operationId": id, "summary": summary, "responses": responses})
}

/// Adds members to an operation.
fn with(mut operation: Value, members: &Value) -> Value {
    if let (Some(operation), Some(members)) = (operation.as_object_mut(), members.as_object()) {
        operation.extend(members.clone());
    }
    operation
}

/// Returns the document's `paths`.
pub(super) fn paths() -> Value {
    let mut paths = Map::new();
    for group in [account(), video(), discovery(), files(), pages(), meta(), sandbox()] {
        if let Value::Object(group) = group {
            paths.extend(group);
        }
    }
    Value::Object(paths)
}

fn account() -> Value {
    let key = reference("parameters", "IdempotencyKey");
    let mut required_key = json!({"name": "Idempotency-Key", "in": "header", "required": true});
    required_key["schema"] = json!({"type": "string", "pattern": "^[!-~]{1,255}$"});
    required_key["description"] = json!("The same key with the same body is the same topup.");
    let activate = operation(
        "account",
        "activate",
        "An anonymous account with a trial credit of $2.00, and a key. The same fingerprint is the same account; each call gives out a further key.",
        ("200", enveloped("The account and the key.", &reference("schemas", "Activation"))),
        &["400", "413", "415", "429"],
    );
    let topup = operation(
        "account",
        "topup",
        "A pending topup; the page at next_action_url completes it.",
        ("200", enveloped("The record.", &reference("schemas", "TopupRecord"))),
        &["400", "401", "409", "413", "415", "429"],
    );
    let register = operation(
        "account",
        "account.webhooks.register",
        "Registers a webhook for the states of the account's jobs. The same URL again replaces its settings.",
        ("200", enveloped("The webhook, without its secret.", &reference("schemas", "Webhook"))),
        &["400", "401", "403", "409", "413", "415", "429"],
    );
    json!({
        "/v1/account/webhooks/register": {"post": with(register, &json!({
            "parameters": [key], "requestBody": body("WebhookRequest"), "callbacks": webhook_callbacks(),
        }))},
        "/v1/activate": {"post": with(activate, &json!({
            "security": [], "parameters": [key], "requestBody": body("ActivateRequest"),
        }))},
        "/v1/account/balance": {"get": operation(
            "account", "balance", "What the wallet holds.",
            ("200", enveloped("The balance.", &reference("schemas", "Balance"))), &["401", "429"],
        )},
        "/v1/account/topup": {"post": with(topup, &json!({
            "parameters": [required_key], "requestBody": body("TopupRequest"),
        }))},
    })
}

/// Returns the request that the sandbox sends to a webhook.
fn webhook_callbacks() -> Value {
    let signature = "64 hexadecimal digits: HMAC-SHA256 of the raw body with the webhook's secret.";
    let deliver = json!({
        "summary": format!("An event, at least once, in any order. Any answer but a 2xx within 10 seconds is followed by another attempt, up to {ATTEMPTS}."),
        "security": [],
        "parameters": [{"name": "X-Infrai-Signature", "in": "header", "required": true, "description": signature, "schema": {"type": "string"}}],
        "requestBody": body("WebhookEvent"),
        "responses": {"2XX": {"description": "The event is accepted."}},
    });
    json!({"event": {"{$request.body#/url}": {"post": deliver}}})
}

fn video() -> Value {
    let key = reference("parameters", "IdempotencyKey");
    let id = reference("parameters", "JobId");
    let job = reference("schemas", "VideoJob");
    let generate = operation(
        "video",
        "video.generate",
        "Charges the wallet and queues a job.",
        ("200", enveloped("The job, queued.", &job)),
        &["400", "401", "402", "409", "413", "415", "429"],
    );
    let status = operation(
        "video",
        "video.status",
        "A job as it stands. May carry Retry-After, in seconds, while the job has not ended.",
        ("200", enveloped("The job.", &job)),
        &["401", "404", "429"],
    );
    let cancelled = json!({"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}});
    let cancel = operation(
        "video",
        "video.cancel",
        "Cancels a job and gives its charge back: ok is true if the job is cancelled by this call or was before, false if it had ended otherwise.",
        ("200", enveloped("Whether the job is cancelled.", &cancelled)),
        &["400", "401", "404", "429"],
    );
    json!({
        "/v1/video/generate": {"post": with(generate, &json!({
            "parameters": [key], "requestBody": body("GenerateRequest"),
        }))},
        "/v1/video/jobs/{id}": {"get": with(status, &json!({"parameters": [id]}))},
        "/v1/video/jobs/{id}/cancel": {"post": with(cancel, &json!({"parameters": [id, key]}))},
    })
}

fn discovery() -> Value {
    let capability = reference("schemas", "Capability");
    let list = json!({"type": "object", "required": ["capabilities"], "properties": {
        "capabilities": {"type": "array", "items": capability},
    }});
    let all = operation(
        "meta",
        "discovery",
        "The capabilities of this API, with their routes and prices.",
        ("200", enveloped("The capabilities.", &list)),
        &[],
    );
    let one = operation(
        "meta",
        "discovery.one",
        "One capability.",
        ("200", enveloped("The capability.", &capability)),
        &["404"],
    );
    let id = json!([{"name": "capability", "in": "path", "required": true, "schema": {"type": "string"}, "example": "video.generate"}]);
    json!({
        "/v1/discovery": {"get": with(all, &json!({"security": []}))},
        "/v1/discovery/{capability}": {"get": with(one, &json!({"security": [], "parameters": id}))},
    })
}

fn files() -> Value {
    let mut paths = Map::new();
    for (path, id, what, media) in [
        ("/files/{token}/video.mp4", "files.video", "A finished job's video.", "video/mp4"),
        ("/files/{token}/thumbnail.jpg", "files.thumbnail", "A finished job's thumbnail.", "image/jpeg"),
    ] {
        let whole = json!({
            "description": what,
            "headers": {
                "ETag": {"schema": {"type": "string"}},
                "Accept-Ranges": {"schema": {"const": "bytes"}},
            },
            "content": {media: {}},
        });
        let mut get = operation("video", id, what, ("200", whole), &["403", "404", "416"]);
        get["security"] = json!([]);
        get["description"] = json!("The URL carries its own authorization, for a limited time.");
        get["parameters"] = json!([
            reference("parameters", "Token"),
            {"name": "Range", "in": "header", "schema": {"type": "string"}, "description": "One range; several get the whole file."},
            {"name": "If-Range", "in": "header", "schema": {"type": "string"}, "description": "The ETag of the part that is there already."},
            {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}},
        ]);
        get["responses"]["206"] = json!({"description": "The range.", "content": {media: {}}});
        get["responses"]["304"] = json!({"description": "The file is the one that If-None-Match names."});
        paths.insert(path.to_owned(), json!({"get": get}));
    }
    Value::Object(paths)
}

fn pages() -> Value {
    let form = json!({"required": true, "content": {"application/x-www-form-urlencoded": {"schema": {
        "type": "object", "required": ["amount_usd"],
        "properties": {"amount_usd": {"type": "number", "minimum": 1, "maximum": 10000}},
    }}}});
    let onward = json!({"description": "On to the topup's page.", "headers": {"Location": {"schema": {"type": "string"}}}});
    let open = json!({"security": [], "parameters": [reference("parameters", "Token")]});
    let page =
        |id, summary, success, errors: &[&str]| with(operation("pages", id, summary, success, errors), &open);
    json!({
        "/topup/{token}": {
            "get": page("pages.topup", "What is to be paid, and the button that pays it; afterwards a link to return_url.", ("200", html("The page.")), &["404"]),
            "post": page("pages.topup.complete", "Completes the topup, once.", ("303", onward.clone()), &["404"]),
        },
        "/checkout/{token}": {
            "get": page("pages.checkout", "The balance, and an amount to add.", ("200", html("The page.")), &["404"]),
            "post": with(
                page("pages.checkout.start", "Makes a topup.", ("303", onward), &["400", "404"]),
                &json!({"requestBody": form}),
            ),
        },
    })
}

fn meta() -> Value {
    let healthy =
        json!({"type": "object", "properties": {"status": {"const": "ok"}, "version": {"type": "string"}}});
    let document = json!({"description": "This document.", "content": {"application/json": {"schema": {"type": "object"}}}});
    let open = json!({"security": []});
    json!({
        "/healthz": {"get": with(
            operation("meta", "health", "Whether the server works.", ("200", enveloped("It does.", &healthy)), &[]), &open,
        )},
        "/openapi.json": {"get": with(operation("meta", "openapi", "This document.", ("200", document), &[]), &open)},
    })
}

fn sandbox() -> Value {
    let list = |name: &str, item: &str| json!({"type": "object", "required": [name], "properties": {name: {"type": "array", "items": reference("schemas", item)}}});
    let open = json!({"security": []});
    let removed = json!({"type": "object", "properties": {"removed": {"type": "integer"}}});
    let act = |id, summary, description, schema: &Value, errors: &[&str]| {
        operation("sandbox", id, summary, ("200", enveloped(description, schema)), errors)
    };
    let mut add = act(
        "faults.add",
        "Puts a fault in force.",
        "The fault.",
        &reference("schemas", "Fault"),
        &["400", "403", "413", "415"],
    );
    add["requestBody"] = body("FaultRequest");
    add["description"] = json!(faults());
    let mut ledger = act(
        "ledger",
        "A page of the account's ledger, up to 1000 entries, and the sum of all of it.",
        "The ledger.",
        &reference("schemas", "Ledger"),
        &["400", "401", "403", "429"],
    );
    ledger["parameters"] = json!([{
        "name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": LAST_SEQ, "default": 0},
        "description": "Only entries after the one of this seq.",
    }]);
    let mut credit = act(
        "credit",
        "Adds credit to the account, as a completed top-up.",
        "The top-up.",
        &reference("schemas", "PaidTopup"),
        &["400", "401", "403", "413", "415", "429"],
    );
    credit["requestBody"] = body("CreditRequest");
    let mut pay = act(
        "topups.pay",
        "Completes a top-up of the account, as its page does.",
        "The top-up.",
        &reference("schemas", "PaidTopup"),
        &["401", "403", "404", "429"],
    );
    pay["parameters"] = json!([{
        "name": "id", "in": "path", "required": true, "schema": {"type": "string"},
        "description": "The top-up's `topup_id`.",
    }]);
    json!({
        "/sandbox/faults": {
            "get": with(act("faults.list", "The faults in force, in order.", "The faults.", &list("faults", "Fault"), &["403"]), &open),
            "post": with(add, &open),
            "delete": with(act("faults.clear", "Ends every fault.", "How many there were.", &removed, &["403"]), &open),
        },
        "/sandbox/faults/{id}": {"delete": with(
            act("faults.remove", "Ends one fault.", "It is gone.", &removed, &["403", "404"]),
            &json!({"security": [], "parameters": [{
                "name": "id", "in": "path", "required": true, "schema": {"type": "integer"},
                "description": "The fault's id, as the list has it.",
            }]}),
        )},
        "/sandbox/requests": {"get": with(
            act("requests", "The last 1000 requests, oldest first; what the page at / asks is none of them.", "The requests.", &list("requests", "Request"), &["403"]), &open,
        )},
        "/sandbox/ledger": {"get": ledger},
        "/sandbox/credit": {"post": credit},
        "/sandbox/topups/{id}/pay": {"post": pay},
    })
}
