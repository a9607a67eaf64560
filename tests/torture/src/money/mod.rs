//! Money: many calls by several processes, three answers in ten spoilt, a server that is killed again and again, a client
//! that is killed too. Then the books are opened.

mod books;
mod plan;
pub(crate) mod server;
mod tally;
pub(crate) mod worker;
mod workers;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    io,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use infrai::InfraiClient;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use self::{
    books::{Account, Ledger},
    plan::Planned,
    server::{ATTEMPT, FAULTS, Served},
    tally::Tally,
    worker::{Made, Spec},
    workers::Kind,
};
use crate::{
    Run,
    report::{Checks, Report},
    wire::{Chaos, Fault, Stage},
};

type Anything<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How often a call that failed is made again before that counts as a failure itself.
const AGAIN: u32 = 60;

pub(crate) async fn run(run: &Run, checks: &Checks) -> io::Result<()> {
    let begun = Instant::now();
    let (calls, kills) = if run.long { (10_000, 20) } else { (480, 3) };
    let mut tally = Tally::default();
    let mut seed = run.seed;
    let kinds = workers::kinds(run);
    loop {
        round(seed, calls, kills, &kinds, checks, &mut tally).await.map_err(io::Error::other)?;
        tally.rounds += 1;
        let taken = begun.elapsed();
        // Another round only if it fits.
        if run.short || taken + taken / tally.rounds > Duration::from_secs(run.seconds) {
            break;
        }
        seed = seed.wrapping_add(1);
    }
    tally.coverage(checks);
    let mut report = Report::default();
    tally.write(&kinds, &mut report);
    if checks.failed() > 0 {
        report.text(format!("**{} checks failed.**", checks.failed()));
    }
    report.print();
    Ok(())
}

/// A worker's account, and all that is known of its calls.
struct Book {
    number: usize,
    kind: Kind,
    client: InfraiClient,
    spec: Spec,
    made: BTreeMap<usize, Made>,
    told: BTreeMap<usize, String>,
    topups: Vec<i64>,
}

async fn round(
    seed: u64,
    calls: usize,
    kills: usize,
    kinds: &[Kind],
    checks: &Checks,
    tally: &mut Tally,
) -> Anything<()> {
    let folder = tempfile::tempdir()?;
    let mut served = Served::start(&folder.path().join("data"), seed).await?;
    let chances = std::sync::Mutex::new(fastrand::Rng::with_seed(seed));
    let chaos = Chaos::start(served.addr, move |_| {
        let mut chances = chances.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let faults =
            [Fault::Reset, Fault::Close, Fault::SlowClose, Fault::Slices, Fault::Latency, Fault::Silence];
        let strike = (Stage::ALL[chances.usize(..Stage::ALL.len())], faults[chances.usize(..faults.len())]);
        chances.bool().then_some(strike)
    })?;
    let mut books = Vec::new();
    let calls = calls / kinds.len();
    for (number, kind) in kinds.iter().enumerate() {
        let (client, key) = open(&served, folder.path(), number).await?;
        let url = if kind.chaos { format!("http://{}", chaos.addr) } else { served.url() };
        let planned: Vec<_> = (0..calls).map(|call| plan::call(seed, number, call, kind.killed)).collect();
        let need: i64 = planned.iter().map(Planned::cost_micros).sum();
        let spec = Spec { url, key, retries: kind.retries, attempt_ms: ATTEMPT.as_millis(), planned };
        let (made, told, topups) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut book = Book { number, kind: kind.clone(), client, spec, made, told, topups };
        topup(&mut book, &served, if kind.poor { need / 3 } else { need }).await?;
        books.push(book);
    }

    served.kill_and_start(&FAULTS).await?;
    workers::play(&mut books, &mut served, kills, seed, checks, tally).await?;

    // Killed once more, so that nothing is under way any more: what is charged now was charged by those calls.
    served.kill_and_start(&[]).await?;
    let mut charged = Vec::new();
    for book in &mut books {
        charged.push(settle(book, checks, tally).await?);
    }
    served.kill_and_start(&FAULTS).await?;
    for (book, charged) in books.iter_mut().zip(&charged) {
        if book.kind.poor {
            let need: i64 = book.spec.planned.iter().map(Planned::cost_micros).sum();
            topup_through_faults(book, &served, need).await?;
        }
        again(book, charged, checks, tally).await?;
    }
    served.kill_and_start(&[]).await?;
    for book in &books {
        until_ended(book).await?;
        let Book { number, client, spec, made, told, topups, .. } = book;
        let account = Account { worker: *number, planned: &spec.planned, made, told, topups };
        tally.add(books::audit(client, &account, checks).await?);
    }
    Ok(())
}

/// An account of its own, with a client that meets no broken network.
async fn open(served: &Served, folder: &std::path::Path, number: usize) -> Anything<(InfraiClient, String)> {
    let place = folder.join(format!("account-{number}"));
    std::fs::create_dir_all(&place)?;
    let nobody =
        InfraiClient::builder().base_url(served.url()).credentials_file(place.join("credentials")).build()?;
    let key = nobody.activate().write_credentials(false).await?.primary_api_key.expose().to_owned();
    Ok((InfraiClient::builder().base_url(served.url()).api_key(&key).build()?, key))
}

/// Puts whole dollars into a wallet: a record, and the page on which it is paid.
async fn topup(book: &mut Book, served: &Served, micros: i64) -> Anything<()> {
    let dollars = u32::try_from(micros / 1_000_000)?.max(1);
    let record = book.client.account().topup(f64::from(dollars)).send().await?;
    let page = record.next_action_url.ok_or("a topup without a page")?;
    let path = url::Url::parse(&page)?.path().to_owned();
    let mut stream = TcpStream::connect(served.addr).await?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        served.addr
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if !answer.starts_with("HTTP/1.1 303") {
        return Err(format!("a topup that was not paid: {answer}").into());
    }
    book.topups.push(i64::from(dollars) * 1_000_000);
    Ok(())
}

/// The same where answers are spoilt: a topup whose page is never opened moves no money.
async fn topup_through_faults(book: &mut Book, served: &Served, micros: i64) -> Anything<()> {
    let mut last = None;
    for _ in 0..AGAIN {
        match topup(book, served, micros).await {
            Ok(()) => return Ok(()),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| "never tried".into()))
}

/// What each call had come to when all had ended: the calls that were charged, with their jobs.
async fn settle(book: &mut Book, checks: &Checks, tally: &mut Tally) -> Anything<BTreeMap<usize, String>> {
    let worker = book.number;
    let ids = Ledger::read(&book.client).await?.charged();
    let distinct: BTreeSet<_> = ids.iter().collect();
    checks.equal(
        format!("worker {worker}: jobs that were charged more than once"),
        &(ids.len() - distinct.len()),
        &0,
    );
    let jobs = books::jobs(&book.client, ids).await?;
    let mut charged = BTreeMap::new();
    for (id, job) in jobs {
        let call = books::call_of(&job).filter(|(of, _)| *of == worker);
        let Some((_, number)) = call else {
            checks.check(false, || format!("worker {worker}: {id} is nobody's job"));
            continue;
        };
        let other = charged.insert(number, id.clone());
        checks.check(other.is_none(), || {
            format!("worker {worker}, call {number}: charged twice, {other:?} and {id}")
        });
    }
    for (number, made) in &book.made {
        let name = || format!("worker {worker}, call {number}: {:?}", made.error);
        let job = charged.get(number);
        if let Some(told) = &made.job {
            checks.check(job == Some(told), || {
                format!("{}: told of {told}, and the books have {job:?}", name())
            });
        }
        if let Some(failure) = &made.error {
            // An error speaks of its own call, and a killed client may have made this one before.
            let earlier = book.kind.killed && job.is_some() && !failure.may_have_been_processed;
            checks.check(earlier || job.is_none() || failure.may_have_been_processed, || {
                format!("{}: charged for {job:?}, and the error denies it", name())
            });
            checks.check(failure.key.is_some(), || format!("{}: no key to make it again with", name()));
            if earlier {
                tally.earlier += 1;
            } else {
                tally.failed(failure, job.is_some());
            }
        }
    }
    Ok(charged)
}

/// Makes each call that failed again, with the key that its error names, until it has its job.
async fn again(
    book: &mut Book,
    charged: &BTreeMap<usize, String>,
    checks: &Checks,
    tally: &mut Tally,
) -> Anything<()> {
    let worker = book.number;
    let client = worker::client(&book.spec.url, &book.spec.key, 2)?;
    let failed: Vec<_> = book
        .made
        .values()
        .filter_map(|made| Some((made.number, made.error.as_ref()?.key.clone()?)))
        .collect();
    let planned = &book.spec.planned;
    let mut made = stream::iter(failed)
        .map(async |(number, key)| {
            for calls in 1..=AGAIN {
                if let Ok(job) = planned[number].make(&client, Some(&key)).await {
                    return (number, Some(job.job_id.as_str().to_owned()), calls);
                }
            }
            (number, None, AGAIN)
        })
        .buffer_unordered(8);
    while let Some((number, job, calls)) = made.next().await {
        tally.again += u64::from(calls);
        let before = charged.get(&number);
        checks.check(job.is_some() && before.is_none_or(|before| Some(before) == job.as_ref()), || {
            format!(
                "worker {worker}, call {number}: charged for {before:?} before, and {job:?} when made again"
            )
        });
        tally.same += u64::from(before.is_some());
        if let Some(job) = job {
            let told = book.told.insert(number, job.clone());
            checks.check(told.as_ref().is_none_or(|told| *told == job), || {
                format!("worker {worker}, call {number}: {told:?} at first, and {job} when made again")
            });
        }
    }
    Ok(())
}

/// Waits until every job that ends by itself has ended.
async fn until_ended(book: &Book) -> Anything<()> {
    let ends: Vec<_> = book
        .told
        .iter()
        .filter(|(number, _)| book.spec.planned[**number].model != plan::STUCK)
        .map(|(_, id)| id.clone())
        .collect();
    for id in ends {
        match book.client.video().wait(id.as_str()).timeout(Duration::from_secs(600)).await {
            Ok(_) => {}
            Err(error) if error.kind() == infrai::ErrorKind::JobFailed => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
