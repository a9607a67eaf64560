// Included by the documentation's examples: they run against a sandbox, in a folder of their own.

/// A client of a fresh sandbox, with an account; what keeps it alive.
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
