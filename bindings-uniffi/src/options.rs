//! The options of calls as records.

use std::{fmt, time::Duration};

use infrai::{GenerateRequest, InfraiError, options};

/// What to generate; what is none is left to the core.
#[derive(Debug, Clone, uniffi::Record)]
pub struct NativeGenerate {
    /// What the video shows.
    pub prompt: String,
    /// An image to go by: an http(s) URL.
    #[uniffi(default = None)]
    pub reference_image_url: Option<String>,
    /// How long the video should be, in seconds.
    #[uniffi(default = None)]
    pub duration_seconds: Option<f64>,
    /// `16:9`, `9:16` or `1:1`.
    #[uniffi(default = None)]
    pub aspect: Option<String>,
    /// `720p`, `1080p` or `4k`.
    #[uniffi(default = None)]
    pub resolution: Option<String>,
    /// `balanced`, `cheapest` or `smartest`.
    #[uniffi(default = None)]
    pub prefer: Option<String>,
    /// A model by name.
    #[uniffi(default = None)]
    pub model: Option<String>,
    /// A vendor by name.
    #[uniffi(default = None)]
    pub vendor: Option<String>,
    /// 1 to 255 visible ASCII characters.
    #[uniffi(default = None)]
    pub idempotency_key: Option<String>,
}

/// A name and a value.
#[derive(Clone, uniffi::Record)]
pub struct NativePair {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl fmt::Debug for NativePair {
    /// By its name: a header's value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativePair").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How long to wait.
#[derive(Debug, Clone, Copy, uniffi::Enum)]
pub enum NativePatience {
    /// As long as the core's default.
    Standard,
    /// For ever.
    Forever,
    /// This long.
    Seconds {
        /// Seconds.
        seconds: f64,
    },
}

/// The same, checked.
pub(crate) enum Patience {
    Standard,
    Forever,
    Limited(Duration),
}

impl TryFrom<NativePatience> for Patience {
    type Error = InfraiError;

    fn try_from(patience: NativePatience) -> Result<Self, InfraiError> {
        Ok(match patience {
            NativePatience::Standard => Self::Standard,
            NativePatience::Forever => Self::Forever,
            NativePatience::Seconds { seconds } => Self::Limited(options::seconds("timeout", seconds)?),
        })
    }
}

impl From<NativeGenerate> for GenerateRequest {
    fn from(given: NativeGenerate) -> Self {
        type Set = fn(GenerateRequest, String) -> GenerateRequest;
        let texts: [(Option<String>, Set); 7] = [
            (given.reference_image_url, Self::reference_image_url),
            (given.aspect, Self::aspect),
            (given.resolution, Self::resolution),
            (given.prefer, Self::prefer),
            (given.model, Self::model),
            (given.vendor, Self::vendor),
            (given.idempotency_key, Self::idempotency_key),
        ];
        let mut request = Self::new(given.prompt);
        for (text, set) in texts {
            if let Some(text) = text {
                request = set(request, text);
            }
        }
        match given.duration_seconds {
            Some(seconds) => request.duration_seconds(seconds),
            None => request,
        }
    }
}
