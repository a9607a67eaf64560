//! One scenario being played: its listeners, its script, and the record of what came.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::expand::Names;
use crate::http::{Request, read_request};
use crate::load::Template;
use crate::reply::{answer, linger};
use crate::scenario::{Drop, Order, Origin, Reply, Scenario};

/// The key that clients use unless a scenario says otherwise.
pub const KEY: &str = "ifr_pk_proj_conformance0123456789abcdefABCDEF";

/// A request that came.
#[derive(Debug, Clone)]
pub struct Record {
    /// What it was; nothing for a connection dropped before reading.
    pub request: Request,
    /// Where it came.
    pub origin: Origin,
    /// The exchange that it was taken for.
    pub exchange: Option<usize>,
    /// When it was there.
    pub arrived: Instant,
    /// When its answer began.
    pub answering: Option<Instant>,
    /// When its answer was sent.
    pub answered: Option<Instant>,
}

#[derive(Debug, Default)]
struct Script {
    records: Vec<Record>,
    used: Vec<usize>,
    problems: Vec<String>,
    over: bool,
}

/// A scenario being played.
#[derive(Debug)]
pub struct Stage {
    /// The scenario, its addresses filled in.
    pub scenario: Scenario,
    /// What stands for the scenario's names.
    pub names: Names,
    /// The scenario's own folder.
    pub folder: TempDir,
    script: Mutex<Script>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Bound and not listening, so that nothing else gets the address that must refuse connections.
    _closed: TcpSocket,
}

impl Stage {
    /// Binds a scenario's addresses, writes its files and starts to serve it.
    pub async fn start(template: &Template) -> Result<Arc<Self>, String> {
        let io = |e: io::Error| e.to_string();
        let main = TcpListener::bind("127.0.0.1:0").await.map_err(io)?;
        let other = TcpListener::bind("127.0.0.1:0").await.map_err(io)?;
        let closed = TcpSocket::new_v4().map_err(io)?;
        closed.bind(([127, 0, 0, 1], 0).into()).map_err(io)?;
        let folder = tempfile::Builder::new().prefix("infrai-conformance-").tempdir().map_err(io)?;
        let port = |address: io::Result<std::net::SocketAddr>| address.map(|a| a.port()).map_err(io);
        let other_host = format!("localhost:{}", port(other.local_addr())?);
        let names: Names = [
            ("base_url", format!("http://127.0.0.1:{}", port(main.local_addr())?)),
            ("other_url", format!("http://{other_host}")),
            ("other_host", other_host),
            ("closed_url", format!("http://127.0.0.1:{}", port(closed.local_addr())?)),
            ("tmp", folder.path().display().to_string()),
            ("key", KEY.to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
        let scenario = template.fill(&names)?;
        for (name, text) in &scenario.files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(folder.path())).map_err(io)?;
            std::fs::write(path, text).map_err(io)?;
        }
        let script = Mutex::new(Script { used: vec![0; scenario.server.len()], ..Script::default() });
        let tasks = Mutex::default();
        let stage = Arc::new(Self { scenario, names, folder, script, tasks, _closed: closed });
        for (origin, listener) in [(Origin::Main, main), (Origin::Other, other)] {
            stage.spawn(listen(Arc::clone(&stage), origin, listener));
        }
        Ok(stage)
    }

    /// The settings of the runner's client: the defaults, changed by the scenario's.
    pub fn client(&self) -> Map<String, Value> {
        let mut client = json!({
            "api_key": KEY,
            "base_url": self.names["base_url"],
            "credentials_file": format!("{}/home/credentials", self.folder.path().display()),
            "timeout": 10.0, "attempt_timeout": 5.0, "connect_timeout": 2.0, "download_idle_timeout": 5.0,
            "max_retries": 2, "retry_base": 0.001, "retry_cap": 0.004,
            "polling": {"request_cost": 0.05, "min_interval": 0.005, "max_interval": 0.02, "expected_duration": 0.02,
                        "jitter": 0.1, "max_requests_per_second": 1000.0, "concurrency": 32},
        });
        merge(&mut client, &Value::Object(self.scenario.client.clone()));
        client.as_object().cloned().unwrap_or_default()
    }

    /// Ends the scenario: its connections close, its addresses refuse.
    pub fn stop(&self) {
        self.script().over = true;
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// What came so far, how often each exchange was used, and what went wrong while serving.
    pub fn account(&self) -> (Vec<Record>, Vec<usize>, Vec<String>) {
        let script = self.script();
        (script.records.clone(), script.used.clone(), script.problems.clone())
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(task);
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Whether the connection just accepted is to be reset; if so, it counts as an attempt.
    fn resets_at_once(&self, origin: Origin) -> bool {
        let mut script = self.script();
        let Some(index) = self.next(&script, |i| self.scenario.server[i].origin == origin) else {
            return false;
        };
        let drops = self.reply(index, script.used[index]).drop == Some(Drop::BeforeReading);
        if drops {
            let now = Instant::now();
            script.used[index] += 1;
            let request = Request::default();
            script.records.push(Record {
                request,
                origin,
                exchange: Some(index),
                arrived: now,
                answering: Some(now),
                answered: Some(now),
            });
        }
        drops
    }

    /// Takes a request for the exchange that it fits, and says what to answer.
    fn receive(&self, origin: Origin, request: &Request) -> (usize, Reply) {
        let mut script = self.script();
        let fits = |i: usize| {
            let exchange = &self.scenario.server[i];
            exchange.origin == origin && exchange.request == request.line()
        };
        let exchange = self.next(&script, |i| fits(i) && self.body_fits(i, request)).or_else(|| {
            // A body that fits no exchange is judged against the first one that takes its path.
            self.next(&script, fits)
        });
        let reply = if let Some(index) = exchange {
            script.used[index] += 1;
            self.reply(index, script.used[index] - 1)
        } else {
            let place = if origin == Origin::Main { "" } else { " at the other origin" };
            let expected = match self.next(&script, |_| true) {
                Some(i) => format!("expected {}", self.scenario.server[i].request),
                None => "expected nothing more".to_owned(),
            };
            let number = script.records.len() + 1;
            script.problems.push(format!("request {number}: {expected}, got {}{place}", request.line()));
            Reply { status: Some(418), text: Some("not in the script".to_owned()), ..Reply::default() }
        };
        let request = request.clone();
        let arrived = Instant::now();
        script.records.push(Record { request, origin, exchange, arrived, answering: None, answered: None });
        (script.records.len() - 1, reply)
    }

    /// The exchange that the next request goes to, if it fits.
    fn next(&self, script: &Script, fits: impl Fn(usize) -> bool) -> Option<usize> {
        for (index, exchange) in self.scenario.server.iter().enumerate() {
            let (least, most) = exchange.bounds();
            let used = script.used[index];
            if used < most && fits(index) {
                return Some(index);
            }
            if self.scenario.order == Order::Script && used < least {
                return None;
            }
        }
        None
    }

    /// Whether a body fits well enough to choose this exchange among several of one path.
    fn body_fits(&self, index: usize, request: &Request) -> bool {
        let Some(expected) = &self.scenario.server[index].body else { return true };
        let mut matcher = crate::matcher::Matcher::default();
        matcher.compare("body", expected, Some(&json!(String::from_utf8_lossy(&request.body))));
        matcher.differences.is_empty()
    }

    fn reply(&self, exchange: usize, nth: usize) -> Reply {
        let replies = self.scenario.server[exchange].all_replies();
        replies.get(nth).or(replies.last()).map_or_else(Reply::default, |reply| (*reply).clone())
    }

    fn answering(&self, record: usize) {
        self.script().records[record].answering = Some(Instant::now());
    }

    fn answered(&self, record: usize) {
        self.script().records[record].answered = Some(Instant::now());
    }
}

async fn listen(stage: Arc<Stage>, origin: Origin, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        if stage.resets_at_once(origin) {
            let _ = stream.set_zero_linger();
            continue;
        }
        stage.spawn(serve(Arc::clone(&stage), origin, stream));
    }
}

/// Serves one connection: one request and one answer, and more where an answer keeps it open.
async fn serve(stage: Arc<Stage>, origin: Origin, mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    let mut patience = Duration::from_secs(60);
    // A connection opened ahead of need, or given up by the caller, is no request.
    while let Ok(Ok(Some(request))) =
        tokio::time::timeout(patience, read_request(&mut stream, &mut buffer)).await
    {
        let (record, reply) = stage.receive(origin, &request);
        tokio::time::sleep(Duration::from_secs_f64(reply.delay)).await;
        stage.answering(record);
        let _ = answer(&reply, &request, &mut stream).await;
        stage.answered(record);
        match reply.keep_alive {
            Some(seconds) => patience = Duration::from_secs_f64(seconds),
            None if reply.drop.is_some() => return,
            None => return linger(&mut stream).await,
        }
    }
}

/// Ends a scenario that its runner never finishes.
pub async fn stop_at_limit(stage: Arc<Stage>) {
    tokio::time::sleep(Duration::from_secs_f64(stage.scenario.limit + 5.0)).await;
    stage.stop();
}

/// Overlays settings: objects member by member, `null` takes a setting away.
fn merge(settings: &mut Value, changes: &Value) {
    let (Some(settings), Some(changes)) = (settings.as_object_mut(), changes.as_object()) else { return };
    for (name, change) in changes {
        match settings.get_mut(name) {
            _ if change.is_null() => {
                settings.remove(name);
            }
            Some(setting) if name == "polling" => merge(setting, change),
            _ => {
                settings.insert(name.clone(), change.clone());
            }
        }
    }
}
