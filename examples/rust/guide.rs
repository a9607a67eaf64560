//! The guide's snippets, in the order in which they stand there. Run, it runs them all.

use std::time::Duration;

use infrai::{
    ApiKey, CallOptions, ErrorKind, GenerateRequest, InfraiClient, KeyProvider, PollingOptions, Result,
};

async fn key(vault: Vault) -> Result<()> {
    // docs: key
    let keys = KeyProvider::new(move || {
        let vault = vault.clone();
        async move { ApiKey::new(vault.read("infrai").await) }
    });
    // Called once per call, and again after a 401
    let client = InfraiClient::builder().api_key_provider(keys).build()?;
    println!("{}", client.account().balance().await?.balance_usd);
    // docs: end
    Ok(())
}

async fn profile() -> Result<()> {
    // docs: profile
    // The table [work] of ~/.infrai/credentials
    let work = InfraiClient::builder().profile("work").build()?;
    work.activate().await?;
    println!("{}", work.account().balance().await?.balance_usd);
    // docs: end
    Ok(())
}

async fn wait(client: InfraiClient) -> Result<()> {
    // docs: wait
    let job = client.video().generate("a red kite").await?;
    let waited = client
        .video()
        .wait(&job)
        .timeout(Duration::from_secs(600))
        .on_update(|job| println!("{}", job.state));
    let job = match waited.await {
        // The job goes on, and so can the wait.
        Err(error) if error.kind() == ErrorKind::WaitTimeout => {
            client.video().wait(&job).no_timeout().await?
        }
        other => other?,
    };
    // docs: end
    assert!(job.is_success());
    Ok(())
}

async fn watch(client: InfraiClient) -> Result<()> {
    // docs: watch
    let job = client.video().generate("a red kite").duration_seconds(1.0).await?;
    let mut states = client.video().watch(&job);
    while let Some(job) = states.next().await.transpose()? {
        println!("{} {:?}", job.state, job.progress);
    }
    // docs: end
    Ok(())
}

async fn polling() -> Result<()> {
    // docs: polling
    let mut polling = PollingOptions::default();
    // Seconds of delay that one poll is worth: fewer polls
    polling.request_cost = 0.5;
    polling.expected_duration = 120.0; // seconds: jobs of two minutes
    let client = InfraiClient::builder().polling(polling).build()?;
    let job = client.video().generate("a red kite").duration_seconds(1.0).await?;
    println!("{}", client.video().wait(&job).await?.state);
    // docs: end
    Ok(())
}

async fn stop(client: InfraiClient) -> Result<()> {
    // docs: stop
    let job = client.video().generate("a slow river").model("sandbox/slow").await?;
    let enough = tokio::time::sleep(Duration::from_millis(200));
    // Dropping the future ends polling too; `cancel_on_abort` cancels the job as well.
    let stopped = client.video().wait(&job).abort_when(enough).cancel_on_abort(true).await;
    if stopped.is_err_and(|error| error.kind() == ErrorKind::Aborted) {
        println!("stopped: {}", client.video().status(&job).await?.state);
    }
    // docs: end
    Ok(())
}

async fn errors(client: InfraiClient) -> Result<()> {
    // docs: errors
    match client.video().generate("a paper boat").await {
        Ok(job) => println!("{}", job.job_id),
        Err(error) => match error.kind() {
            ErrorKind::PaymentRequired => println!("add credit at {:?}", error.checkout_url()),
            ErrorKind::RateLimit => println!("slow down for {:?}", error.retry_after()),
            _ => println!("{error} - {} {:?}", error.hint(), error.request_id()),
        },
    }
    // docs: end
    Ok(())
}

async fn repeat(client: InfraiClient) -> Result<()> {
    let order = 4711;
    // docs: repeat
    // Written down with the order, before the call
    let key = format!("order-{order}");
    let job = client.video().generate("a paper boat").idempotency_key(&key).await?;
    // After a crash, or a second click
    let again = client.video().generate("a paper boat").idempotency_key(&key).await?;
    assert_eq!(again.job_id, job.job_id); // one job, charged once
    // docs: end
    Ok(())
}

async fn unsure(client: InfraiClient) -> Result<()> {
    // docs: unsure
    let job = match client.video().generate("a paper boat").await {
        Err(error) if error.may_have_been_processed() => {
            let key = error.idempotency_key().unwrap_or_default();
            client.video().generate("a paper boat").idempotency_key(key).await?
        }
        other => other?,
    };
    // docs: end
    println!("{}", job.job_id);
    Ok(())
}

async fn quick(client: InfraiClient) -> Result<()> {
    // docs: with-options
    let options = CallOptions::new().timeout(Duration::from_secs(5)).max_retries(0);
    // The same connections, a shorter timeout
    let quick = client.with_options(options)?;
    println!("{}", quick.account().balance().await?.balance_usd);
    // docs: end
    Ok(())
}

async fn many(client: InfraiClient) -> Result<()> {
    // docs: many
    let requests = [GenerateRequest::new("a red kite"), GenerateRequest::new("a blue kite").aspect("1:1")];
    let mut many = client.video().generate_many(requests).concurrency(4).key_prefix("kites-1");
    while let Some(item) = many.next().await.transpose()? {
        match item.result {
            Ok(job) => {
                client.video().download(&job, format!("kite-{}.mp4", item.index)).overwrite(true).await?;
            }
            Err(error) => println!("{} failed: {error}", item.index),
        }
    }
    // docs: end
    Ok(())
}

async fn request(client: InfraiClient) -> Result<()> {
    // docs: request
    let answer = client.request("GET", "/v1/account/balance").await?;
    println!("{} {} {:?}", answer.status, answer.data["balance_usd"], answer.metadata.request_id());
    // docs: end
    Ok(())
}

/// Stands for wherever keys are kept.
#[derive(Clone)]
struct Vault(String);

impl Vault {
    async fn read(&self, _name: &str) -> &str {
        std::future::ready(&self.0).await
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let client = InfraiClient::new()?;
    let account = client.activate().await?;
    key(Vault(account.primary_api_key.expose().to_owned())).await?;
    profile().await?;
    wait(client.clone()).await?;
    watch(client.clone()).await?;
    polling().await?;
    stop(client.clone()).await?;
    errors(client.clone()).await?;
    repeat(client.clone()).await?;
    unsure(client.clone()).await?;
    quick(client.clone()).await?;
    many(client.clone()).await?;
    request(client).await
}
