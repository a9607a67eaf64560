//! A test of one's own against the sandbox, which runs inside the test.

use infrai::InfraiClient;
use infrai_sandbox::Sandbox;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // docs: sandbox
    let sandbox = Sandbox::builder().fault("POST /v1/video/generate: status=503 times=2")?.start().await?;
    let client = InfraiClient::builder().base_url(sandbox.url()).build()?;
    client.activate().write_credentials(false).await?;
    let job = client.video().generate("a boat").duration_seconds(1.0).await?; // the third attempt
    assert!(client.video().wait(&job).await?.is_success());
    sandbox.stop().await;
    // docs: end
    Ok(())
}
