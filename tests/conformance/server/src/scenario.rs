//! The shape of a scenario.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// One promise: a client's settings, what the server answers, the calls, and what must come of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Unique over all files, and readable as a promise.
    pub name: String,
    /// Settings that differ from the defaults; `null` takes a default away.
    #[serde(default)]
    pub client: Map<String, Value>,
    /// Variables that the runner's process must have, and no other `INFRAI_…` or proxy variable.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Files put into `${tmp}` before the first call.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Whether requests come in the script's order.
    #[serde(default)]
    pub order: Order,
    /// What is asked and answered.
    pub server: Vec<Exchange>,
    /// What the runner does.
    pub calls: Vec<Step>,
    /// The greatest number of requests that were being answered at the same time.
    pub at_once: Option<Bounds>,
    /// What `${tmp}` must hold at the end; the name `*` stands for every file not named.
    #[serde(default)]
    pub files_after: BTreeMap<String, Option<FileExpect>>,
    /// Seconds to listen for stray requests once the outcome is reported.
    #[serde(default = "default_quiet")]
    pub quiet: f64,
    /// Seconds after which the scenario is over whatever happens.
    #[serde(default = "default_limit")]
    pub limit: f64,
    /// Languages that cannot run this, each with its reason.
    #[serde(default)]
    pub exempt: BTreeMap<String, String>,
}

fn default_quiet() -> f64 {
    0.03
}

fn default_limit() -> f64 {
    15.0
}

/// How requests find their exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// One exchange after the other.
    #[default]
    Script,
    /// The first exchange that fits and is not used up.
    Any,
}

/// Which of the scenario's two origins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The one behind `${base_url}`.
    #[default]
    Main,
    /// The one behind `${other_url}`: another host and port.
    Other,
}

/// What kind of request is expected, which decides the headers it must and must not carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A call of the API: carries the key, the SDK's user agent, an idempotency key where due.
    Api,
    /// A file's download: carries nothing of ours.
    File,
}

/// A request that is expected, and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// `METHOD /path`, the path as it stands on the request line.
    pub request: String,
    /// Where it arrives.
    #[serde(default)]
    pub origin: Origin,
    /// Without it: `api` at the main origin, `file` at the other.
    pub kind: Option<Kind>,
    /// Headers that must match; these take precedence over what the kind demands.
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    /// The exact body, or a matcher for it.
    pub body: Option<Value>,
    /// How often; without it, once for each reply.
    pub times: Option<Times>,
    /// Seconds since the previous answer.
    pub gap: Option<Gap>,
    /// The answer.
    pub reply: Option<Reply>,
    /// The answers in turn; the last one is repeated.
    #[serde(default)]
    pub replies: Vec<Reply>,
}

impl Exchange {
    /// The answers in turn.
    pub fn all_replies(&self) -> Vec<&Reply> {
        self.reply.iter().chain(&self.replies).collect()
    }

    /// The fewest and the most requests that this exchange takes.
    pub fn bounds(&self) -> (usize, usize) {
        match self.times {
            Some(Times::Exactly(n)) => (n, n),
            Some(Times::Between(bounds)) => (bounds.least, bounds.most),
            None => {
                let n = self.all_replies().len();
                (n, n)
            }
        }
    }

    /// The kind, written or implied.
    pub fn effective_kind(&self) -> Kind {
        self.kind.unwrap_or(match self.origin {
            Origin::Main => Kind::Api,
            Origin::Other => Kind::File,
        })
    }
}

/// How often a request is expected.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub enum Times {
    /// This often.
    Exactly(usize),
    /// Within these bounds.
    Between(Bounds),
}

/// Bounds on a number of requests.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The fewest.
    pub least: usize,
    /// The most.
    pub most: usize,
}

/// Bounds in seconds on the time since the previous answer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// The least.
    pub least: Option<f64>,
    /// The most.
    pub most: Option<f64>,
}

/// What the server does with a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// 200 if not said.
    pub status: Option<u16>,
    /// Headers besides `Content-Length` and `Connection`; `null` takes a default away, a list repeats one.
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    /// Body: an envelope with this as its `data`.
    #[serde(default, deserialize_with = "present")]
    pub ok: Option<Value>,
    /// Body: a failed envelope with this as its `error`.
    #[serde(default, deserialize_with = "present")]
    pub fail: Option<Value>,
    /// The envelope's `metadata`, for `ok` and `fail`.
    pub metadata: Option<Value>,
    /// Body: this JSON and no envelope.
    #[serde(default, deserialize_with = "present")]
    pub json: Option<Value>,
    /// Body: this text.
    pub text: Option<String>,
    /// Body: these bytes.
    pub base64: Option<String>,
    /// Body: a generated file, served with `Range`, `If-Range` and `ETag`.
    pub file: Option<FileReply>,
    /// Seconds before the answer starts.
    #[serde(default)]
    pub delay: f64,
    /// Compress the body, with a `Content-Encoding` header.
    #[serde(default)]
    pub gzip: bool,
    /// Send the body chunked, this many bytes a chunk.
    pub chunked: Option<usize>,
    /// Close the connection after this many bytes of the body.
    pub cut_after: Option<usize>,
    /// Send nothing more after this many bytes of the body, and leave the connection open.
    pub stall_after: Option<usize>,
    /// Send the body slowly.
    pub drip: Option<Drip>,
    /// Give no answer.
    pub drop: Option<Drop>,
    /// Keep the connection open for this many seconds after the answer, and then close it unannounced.
    pub keep_alive: Option<f64>,
}

/// A generated file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileReply {
    /// Its length.
    pub bytes: usize,
    /// What its content is generated from.
    #[serde(default)]
    pub seed: u64,
    /// Its `ETag`, quotes included.
    pub etag: Option<String>,
    /// Whether a `Range` is honoured.
    #[serde(default = "yes")]
    pub ranges: bool,
}

fn yes() -> bool {
    true
}

/// A slow body.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drip {
    /// Bytes at a time.
    pub bytes: usize,
    /// Seconds between them.
    pub every: f64,
}

/// How a connection ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drop {
    /// Reset as soon as it is accepted.
    BeforeReading,
    /// Closed once the request was read.
    AfterReading,
    /// Reset once the request was read.
    ResetAfterReading,
}

/// One thing the runner does, or several at once.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// Calls made concurrently.
    Together {
        /// The calls.
        together: Vec<Call>,
    },
    /// One call.
    Single(Call),
}

/// One call in the neutral vocabulary.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Its name, such as `video.generate`.
    pub call: String,
    /// Its arguments.
    #[serde(default)]
    pub args: Map<String, Value>,
    /// What `with_options` takes: `timeout`, `max_retries`, `headers`.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// Whether the runner makes a new client of the same settings first.
    #[serde(default)]
    pub new_client: bool,
    /// How often the runner makes it, one after the other; each has the same outcome.
    #[serde(default = "once")]
    pub repeat: usize,
    /// Seconds that the runner lets pass first.
    #[serde(default)]
    pub after: f64,
    /// Seconds after which the runner abandons the call in its language's way.
    pub abort_after: Option<f64>,
    /// Value of the runner's context variable during the call.
    pub context: Option<String>,
    /// What must come of it.
    pub outcome: Map<String, Value>,
}

fn once() -> usize {
    1
}

/// What a file must be at the end.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileExpect {
    /// The generated file of this length.
    pub bytes: Option<usize>,
    /// The generated file's seed.
    #[serde(default)]
    pub seed: u64,
    /// A matcher for its text.
    pub text: Option<Value>,
    /// Its permission bits in octal, checked where there are any.
    pub mode: Option<String>,
}

/// Keeps `null` apart from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
