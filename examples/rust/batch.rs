//! Many prompts, a few at once, charged once however often the program is run.

use infrai::{GenerateRequest, InfraiClient};

#[tokio::main]
async fn main() -> infrai::Result<()> {
    let client = InfraiClient::new()?;
    client.activate().await?;

    let prompts = ["a red kite", "a blue kite", "a green kite"];
    let requests = prompts.map(|prompt| GenerateRequest::new(prompt).duration_seconds(2.0).aspect("9:16"));
    // A rerun after a crash goes on where the checkpoint ends, and pays for no video twice.
    let batch = client.video().generate_many(requests).concurrency(2).key_prefix("kites");
    let mut many = batch.checkpoint("kites.jsonl").output_dir("kites");
    while let Some(item) = many.next().await.transpose()? {
        match (item.result, item.file) {
            (Ok(_), file) => println!("{}: {:?}", prompts[item.index], file.map(|file| file.path)),
            (Err(error), _) => println!("{}: {error}; {}", prompts[item.index], error.hint()),
        }
    }
    Ok(())
}
