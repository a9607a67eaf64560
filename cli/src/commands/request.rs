//! `infrai request`: any route of the API.

use std::path::Path;

use infrai::{Result, escape_json, new_idempotency_key, wire::json::parse_body};
use serde_json::json;

use super::input;
use crate::{args::RequestArgs, exit, session::Session};

pub(super) async fn run(session: &Session, args: RequestArgs) -> Result<u8> {
    let mut request = session.client.request(&args.method, args.path).query(args.query);
    if let Some(body) = &args.body {
        let text = match (body.as_str(), body.strip_prefix('@')) {
            ("-", _) => input::standard_input("body").await?,
            (_, Some(file)) => input::file("body", Path::new(file)).await?,
            (text, None) => text.to_owned(),
        };
        request = request.body(parse_body("body", &text)?);
    }
    if !["GET", "HEAD"].iter().any(|method| args.method.eq_ignore_ascii_case(method)) {
        let key = match args.idempotency_key {
            Some(key) => key,
            None => new_idempotency_key()?,
        };
        session.notice.set_submitting(&key);
        request = request.idempotency_key(key);
    }
    let response = request.await.map_err(|error| session.add_retry_hint(error))?;
    let data = format!("{:#}", response.data);
    let lines: Vec<_> = escape_json(&data).lines().map(str::to_owned).collect();
    let json = json!({
        "status": response.status,
        "data": response.data,
        "metadata": response.metadata.as_map(),
    });
    session.out.result(&json, &lines)?;
    Ok(exit::OK)
}
