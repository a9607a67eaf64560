//! A sentence becomes a file.

use infrai::InfraiClient;

#[tokio::main]
async fn main() -> infrai::Result<()> {
    let client = InfraiClient::new()?;
    // Once per device: activate an anonymous account with a trial credit and store its key in ~/.infrai/credentials.
    client.activate().await?;

    let job = client.video().generate("a timelapse of a city skyline at dusk").resolution("1080p").await?;
    println!("job: {} | state: {}", job.job_id, job.state);

    let job = client.video().wait(&job).on_update(|job| println!("{}", job.state)).await?;
    let saved = client.video().download(&job, "skyline.mp4").overwrite(true).await?;
    println!("{} bytes at {}", saved.bytes, saved.path.display());
    Ok(())
}
