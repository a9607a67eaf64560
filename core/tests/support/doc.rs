// Included by the documentation's examples, which run against a sandbox in a temporary folder.

/// Returns a client with an account in a new sandbox, and the values that keep the sandbox running.
async fn sandboxed() -> (infrai::InfraiClient, (infrai_sandbox::Sandbox, tempfile::TempDir)) {
    let folder = tempfile::tempdir().unwrap();
    std::env::set_current_dir(&folder).unwrap();
    let sandbox = infrai_sandbox::Sandbox::builder().start().await.unwrap();
    let client = infrai::InfraiClient::builder()
        .base_url(sandbox.url())
        .credentials_file(folder.path().join("credentials"))
        .build()
        .unwrap();
    client.activate().await.unwrap();
    (client, (sandbox, folder))
}
