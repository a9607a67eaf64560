//! Server of the scale test: jobs that end after their lengths, and counts of the requests.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::jobs::{Job, Lengths, Progress};

/// Delay of an answer.
const LATENCY: Duration = Duration::from_millis(10);

/// Jobs and counts of the server.
struct Account {
    jobs: Vec<Job>,
    /// Time of the first poll, at which all jobs begin.
    begun: Option<Instant>,
    polled: Vec<Option<Instant>>,
    random: fastrand::Rng,
    within: VecDeque<Instant>,
    requests: usize,
    at_once: usize,
    most_at_once: usize,
    most_in_a_second: usize,
    longest_gap: Duration,
}

impl Account {
    fn poll(&mut self, number: usize) -> Value {
        let now = Instant::now();
        self.requests += 1;
        self.at_once += 1;
        self.most_at_once = self.most_at_once.max(self.at_once);
        self.within.push_back(now);
        while self.within.front().is_some_and(|first| now - *first >= Duration::from_secs(1)) {
            self.within.pop_front();
        }
        self.most_in_a_second = self.most_in_a_second.max(self.within.len());
        let begun = *self.begun.get_or_insert(now);
        let last = self.polled[number].replace(now).unwrap_or(begun);
        self.longest_gap = self.longest_gap.max(now - last);
        let (job, age) = (self.jobs[number], (now - begun).as_secs_f64());
        let state = if age < job.length { "running" } else { "succeeded" };
        let progress = job.progress(age, &mut self.random);
        json!({"job_id": number.to_string(), "state": state, "progress": progress})
    }

    fn seen(&self) -> Value {
        json!({
            "requests": self.requests,
            "polled": self.polled.iter().flatten().count(),
            "most_at_once": self.most_at_once,
            "most_in_a_second": self.most_in_a_second,
            "longest_gap": self.longest_gap.as_secs_f64(),
        })
    }
}

/// Prints the server's address and serves jobs whose lengths have this median, until standard input ends.
pub(crate) fn serve(jobs: usize, median: f64) -> std::io::Result<()> {
    let mut random = fastrand::Rng::with_seed(7);
    let lengths = Lengths::LogNormal { median, sigma: 0.3 };
    let account = Arc::new(Mutex::new(Account {
        jobs: (0..jobs).map(|_| Job::draw(lengths, Progress::Usual, &mut random)).collect(),
        begun: None,
        polled: vec![None; jobs],
        random,
        within: VecDeque::new(),
        requests: 0,
        at_once: 0,
        most_at_once: 0,
        most_in_a_second: 0,
        longest_gap: Duration::ZERO,
    }));
    // The parent may be killed at any time, and this process must not outlive it.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let account = Arc::clone(&account);
            let service = service_fn(move |request| answer(Arc::clone(&account), request));
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
            );
        }
    })
}

async fn answer(
    account: Arc<Mutex<Account>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let lock = || account.lock().unwrap_or_else(PoisonError::into_inner);
    let last = request.uri().path().rsplit('/').next().unwrap_or_default();
    let known = last.parse().ok().filter(|number| *number < lock().jobs.len());
    let data = match known {
        Some(number) => {
            let data = lock().poll(number);
            tokio::time::sleep(LATENCY).await;
            lock().at_once -= 1;
            data
        }
        None => lock().seen(),
    };
    let envelope = json!({"ok": true, "data": data, "error": null, "metadata": {"request_id": "bench"}});
    let body = Full::new(Bytes::from(envelope.to_string()));
    Ok(Response::builder().header("content-type", "application/json").body(body).unwrap_or_default())
}
