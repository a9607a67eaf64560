//! A sentence becomes a file.

use infrai::InfraiClient;

#[tokio::main]
async fn main() -> infrai::Result<()> {
    let client = InfraiClient::new()?;
    // Once per device: an anonymous account with a trial credit.
    client.activate().await?;

    let prompt = "a timelapse of a city skyline at dusk";
    let job = client.video().generate(prompt).resolution("1080p").await?;
    println!("job: {} | state: {}", job.job_id, job.state);

    let job = client.video().wait(&job).on_update(|job| println!("{}", job.state)).await?;
    let saved = client.video().download(&job, "skyline.mp4").overwrite(true).await?;
    println!("{} bytes at {}", saved.bytes, saved.path.display());
    Ok(())
}
