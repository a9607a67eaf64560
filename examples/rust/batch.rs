//! Many prompts, a few at once, charged once however often the program is run.

use infrai::{GenerateRequest, InfraiClient};

#[tokio::main]
async fn main() -> infrai::Result<()> {
    let client = InfraiClient::new()?;
    client.activate().await?;

    let prompts = ["a red kite", "a blue kite", "a green kite"];
    let requests = prompts.map(|prompt| GenerateRequest::new(prompt).duration_seconds(2.0).aspect("9:16"));
    // Item i gets the idempotency key kites-2026-i: a rerun after a crash gets the same jobs.
    let mut many = client.video().generate_many(requests).concurrency(2).key_prefix("kites-2026");
    while let Some((index, result)) = many.next().await {
        match result {
            Ok(job) => {
                let path = format!("kite-{index}.mp4");
                client.video().download(&job, &path).overwrite(true).await?;
                println!("{}: {path}", prompts[index]);
            }
            Err(error) => println!("{}: {error}; {}", prompts[index], error.hint()),
        }
    }
    Ok(())
}
