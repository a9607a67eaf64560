//! Prints everything that the Rust client can show of itself: logs at the highest level, `Debug` forms, errors in each form.
//!
//! The section that runs it looks for the key in what was printed, and at what went where.

use std::{error::Error as _, fmt, path::Path, process::ExitCode, time::Duration};

use infrai::{ApiKey, CallOptions, InfraiClient, InfraiError, KeyProvider, Profile, Result};
use serde_json::json;

use crate::Given;

pub(crate) fn run(folder: &str, given: &Given) -> ExitCode {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE).init();
    crate::runtime().block_on(all(Path::new(folder), given));
    ExitCode::SUCCESS
}

fn show(what: &impl fmt::Debug) {
    println!("{what:?}\n{what:#?}");
}

/// Every form of a result. Whether it is a value or an error is not the question here.
fn told<T: fmt::Debug>(result: &Result<T>) {
    match result {
        Ok(value) => show(value),
        Err(error) => error_told(error),
    }
}

fn error_told(error: &InfraiError) {
    show(error);
    println!("{error}\n{}\n{}\n{}", error.message(), error.hint(), error.to_json());
    let mut source = error.source();
    while let Some(cause) = source {
        println!("{cause}\n{cause:?}");
        source = cause.source();
    }
    if let Some(job) = error.job() {
        println!("{}", job.to_json());
    }
}

async fn all(folder: &Path, given: &Given) {
    let builder = || {
        InfraiClient::builder().api_key(&given.key).base_url(&given.url).retry_base(Duration::from_millis(1))
    };
    show(&builder().proxy(format!("http://{}@127.0.0.1:1", given.key)));
    let client = builder().build().expect("settings");
    show(&client);
    told(&client.identity());
    told(&client.key_hint());
    show(&client.request("GET", "/v1/x"));
    show(&CallOptions::new().header("X-Own", given.key.as_str()));
    told(&client.with_options(CallOptions::new().header("Authorization", given.key.as_str())));
    told(&client.with_options(CallOptions::new().header("X-\n", given.key.as_str())));
    told(&ApiKey::new(format!("{}\n", given.key)));
    told(&builder().api_key(format!("{}\u{7f}", given.key)).build());
    told(&builder().base_url(format!("http://{}@127.0.0.1:9", given.key)).build());
    told(&builder().default_header("authorization", &given.key).build());

    told(&client.account().balance().await);
    told(&client.account().topup(5.0).await);
    for id in ["redirect", "unauthorized", "html", "cut", "fine", "nonsense", "failed"] {
        told(&client.video().status(id).await);
        told(&client.video().wait(id).timeout(Duration::from_millis(50)).await);
    }
    for id in ["quoted", "repeated", "broken"] {
        told(&client.video().status(id).await);
    }
    // Their values are what the server sent, the key included: only their errors are shown.
    for name in ["id", "state", "error", "code", "prefix", "extra", "type", "list", "file", "host", "none"] {
        let id = format!("echo-{name}");
        told(&client.video().wait(&id).timeout(Duration::from_millis(50)).await.map(drop));
        told(&client.video().download(&id, folder.join(name)).await.map(drop));
    }
    told(&client.video().cancel("fine").await);
    told(&client.video().download("file", folder.join("file")).await);
    told(&client.video().download("moved", folder.join("moved")).await);
    told(&client.video().download("refused", folder.join("refused")).await);
    told(&client.video().generate("a cat").await);
    let mut many = client.video().generate_many(["one", "two"]);
    while let Some(item) = many.next().await {
        let result = item.and_then(|item| item.result);
        told(&result);
    }
    told(&client.request("POST", "/v1/echo").body(json!({ "own": "text" })).query([("q", "1")]).await);
    told(&client.request("GET", "//elsewhere/v1").await);

    let key = ApiKey::new(&given.key).expect("a key");
    show(&key);
    println!("{key}");
    let asked = KeyProvider::new(move || std::future::ready(Ok(key.clone())));
    show(&asked);
    let functional = builder().api_key_provider(asked).build().expect("settings");
    show(&functional);
    told(&functional.video().status("unauthorized").await);

    let file = folder.join("credentials");
    let profile = Profile {
        api_key: ApiKey::new(&given.key).ok(),
        base_url: Some(given.url.clone()),
        ..Profile::default()
    };
    show(&profile);
    told(&profile.store(&file, "default").await);
    let filed = InfraiClient::builder().credentials_file(&file).build().expect("settings");
    told(&filed.account().balance().await);
    let elsewhere = InfraiClient::builder().credentials_file(&file).base_url("http://localhost:9").build();
    told(&elsewhere.expect("settings").account().balance().await);
    let activation =
        InfraiClient::builder().credentials_file(folder.join("new")).base_url(&given.url).build();
    let activation = activation.expect("settings");
    show(&activation.activate());
    told(&activation.activate().await);
    std::fs::write(&file, format!("[default]\napi_key = {}\n", given.key)).expect("a file");
    told(&Profile::read(&file, "default"));
    println!("the end");
}
