//! The processes that make the calls, and the kills that they and their server meet.

use std::{io, path::PathBuf, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
    sync::mpsc,
};

use super::{
    Anything, Book,
    server::{FAULTS, Served},
    tally::Tally,
    worker::Made,
};
use crate::{Run, report::Checks};

/// What a worker makes its calls with.
#[derive(Debug, Clone)]
pub(super) enum Language {
    Rust,
    /// With this interpreter.
    Python(PathBuf),
    /// In this folder.
    Node(PathBuf),
}

impl Language {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python(_) => "Python",
            Self::Node(_) => "Node.js",
        }
    }

    fn command(&self) -> io::Result<Command> {
        let program = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("workers").join(name);
        let mut command = match self {
            Self::Rust => Command::new(std::env::current_exe()?),
            Self::Python(python) => Command::new(python),
            Self::Node(_) => Command::new("node"),
        };
        match self {
            Self::Rust => command.arg("worker"),
            Self::Python(_) => command.arg(program("worker.py")),
            Self::Node(folder) => command.arg(program("worker.mjs")).current_dir(folder),
        };
        Ok(command)
    }
}

/// A worker: how often it tries again, whether its connections go over a network that breaks, whether it is killed and
/// starts over, and whether it runs out of money.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) language: Language,
    pub(super) retries: u32,
    pub(super) chaos: bool,
    pub(super) killed: bool,
    pub(super) poor: bool,
}

/// Four workers of the Rust client, and one of each other language whose package is at hand.
pub(super) fn kinds(run: &Run) -> Vec<Kind> {
    let kind = |retries, chaos| Kind { language: Language::Rust, retries, chaos, killed: false, poor: false };
    let mut kinds = vec![
        Kind { killed: true, ..kind(2, false) },
        kind(0, true),
        kind(1, false),
        Kind { poor: true, ..kind(2, true) },
    ];
    let others = [run.python.clone().map(Language::Python), run.node.clone().map(Language::Node)];
    kinds.extend(others.into_iter().flatten().map(|language| Kind { language, ..kind(1, true) }));
    kinds
}

enum News {
    Made(usize, Made),
    Gone(usize, bool),
}

fn start(book: &Book, news: &mpsc::UnboundedSender<News>) -> Anything<Child> {
    let mut command = book.kind.language.command()?;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (Some(mut input), Some(output)) = (input, output) else {
        return Err("a worker without pipes".into());
    };
    let (text, number, calls, news) =
        (serde_json::to_vec(&book.spec)?, book.number, book.spec.planned.len(), news.clone());
    tokio::spawn(async move {
        let _ = input.write_all(&text).await;
        drop(input);
        let mut lines = BufReader::new(output).lines();
        let mut count = 0;
        while let Ok(Some(line)) = lines.next_line().await {
            // A killed worker's last line may be half.
            if let Ok(made) = serde_json::from_str(&line) {
                count += 1;
                let _ = news.send(News::Made(number, made));
            }
        }
        let _ = news.send(News::Gone(number, count == calls));
    });
    Ok(child)
}

/// Lets all workers make their calls, and kills the server, and a worker, so many times on the way.
pub(super) async fn play(
    books: &mut [Book],
    served: &mut Served,
    kills: usize,
    seed: u64,
    checks: &Checks,
    tally: &mut Tally,
) -> Anything<()> {
    let (sender, mut news) = mpsc::unbounded_channel();
    let mut children = Vec::new();
    for book in &*books {
        children.push(Some(start(book, &sender)?));
    }
    let total: usize = books.iter().map(|book| book.spec.planned.len()).sum();
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut done, mut killed) = (0, 0);
    while children.iter().any(Option::is_some) {
        match news.recv().await.ok_or("no worker is left")? {
            News::Made(worker, made) => {
                tally.made(&made);
                let book = &mut books[worker];
                if let Some(id) = &made.job {
                    let before = book.told.insert(made.number, id.clone());
                    checks.check(before.as_ref().is_none_or(|before| before == id), || {
                        format!("worker {worker}, call {}: first {before:?}, then {id}", made.number)
                    });
                }
                done += usize::from(book.made.insert(made.number, made).is_none());
            }
            News::Gone(worker, whole) => {
                if let Some(mut child) = children[worker].take() {
                    let status = child.wait().await?;
                    checks
                        .check(whole && status.success(), || format!("worker {worker} ended with {status}"));
                }
            }
        }
        if killed < kills && done * (kills + 2) > total * (killed + 1) {
            // At any point of what is under way.
            tokio::time::sleep(Duration::from_micros(random.u64(..20_000))).await;
            served.kill_and_start(&FAULTS).await?;
            killed += 1;
            for worker in 0..books.len() {
                let Some(mut child) = children[worker].take_if(|_| books[worker].kind.killed) else {
                    continue;
                };
                child.kill().await?;
                // What it said before is heard; then it starts over, with the keys that it wrote down.
                while let Some(said) = news.recv().await {
                    match said {
                        News::Gone(gone, _) if gone == worker => break,
                        News::Gone(gone, whole) => {
                            sender.send(News::Gone(gone, whole))?;
                            tokio::task::yield_now().await;
                        }
                        News::Made(of, made) => {
                            tally.made(&made);
                            let book = &mut books[of];
                            if let Some(id) = &made.job {
                                book.told.insert(made.number, id.clone());
                            }
                            done += usize::from(book.made.insert(made.number, made).is_none());
                        }
                    }
                }
                children[worker] = Some(start(&books[worker], &sender)?);
                tally.workers_killed += 1;
            }
        }
    }
    checks.equal("the server was killed so many times", &killed, &kills);
    tally.kills += killed;
    Ok(())
}
