//! Route families of a job's calls: finds the one that the server has.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::Method;

use crate::{
    error::{InfraiError, Result},
    http::{call::RequestSpec, client::HttpClient},
    job::JobId,
    options::VideoRoutes,
    runtime::Instant,
    wire::{envelope::Response, path},
};

/// Paths under which a server has the calls of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// `/v1/video/jobs/{id}`, as documented.
    Jobs,
    /// `/v1/video/status/{id}` and `/v1/video/cancel/{id}`.
    Status,
}

/// Call of a job.
#[derive(Debug, Clone, Copy)]
pub(super) enum JobCall {
    /// Fetches the state.
    Status,
    /// Fetches the state for a wait, which schedules the next poll itself.
    Poll,
    /// Cancels the job.
    Cancel,
}

/// Route families of one client. A client has one origin, so it has one family.
pub(crate) struct JobRoutes {
    setting: VideoRoutes,
    found: Mutex<Found>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Found {
    /// Family that the server has. `None` until a response has shown it.
    family: Option<Family>,
    /// Whether a success has shown it, and not a 404 of the API's alone.
    confirmed: bool,
    /// Number of 404s that may mean another family, since the last success.
    misses: u32,
    /// Whether a call has asked the other family since the last success.
    rechecked: bool,
}

impl Family {
    fn other(self) -> Self {
        match self {
            Self::Jobs => Self::Status,
            Self::Status => Self::Jobs,
        }
    }

    /// Returns the request of a call.
    fn spec(self, call: JobCall, id: &str) -> RequestSpec {
        let (route, path) = match (self, call) {
            (Self::Jobs, JobCall::Cancel) => {
                ("/v1/video/jobs/{id}/cancel", format!("/v1/video/jobs/{id}/cancel"))
            }
            (Self::Status, JobCall::Cancel) => ("/v1/video/cancel/{id}", format!("/v1/video/cancel/{id}")),
            (Self::Jobs, _) => ("/v1/video/jobs/{id}", format!("/v1/video/jobs/{id}")),
            (Self::Status, _) => ("/v1/video/status/{id}", format!("/v1/video/status/{id}")),
        };
        let cancel = matches!(call, JobCall::Cancel);
        RequestSpec {
            method: if cancel { Method::POST } else { Method::GET },
            route,
            path,
            requires_ok: cancel,
            no_retry: matches!(call, JobCall::Poll),
            ..RequestSpec::default()
        }
    }
}

impl JobRoutes {
    pub(crate) fn new(setting: VideoRoutes) -> Self {
        Self { setting, found: Mutex::default() }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the family that a call tries first.
    fn first(&self) -> Family {
        match self.setting {
            VideoRoutes::Auto => self.found().family.unwrap_or(Family::Jobs),
            VideoRoutes::Jobs => Family::Jobs,
            VideoRoutes::Status => Family::Status,
        }
    }

    fn succeeded(&self, family: Family) {
        *self.found() = Found { family: Some(family), confirmed: true, ..Found::default() };
    }

    /// Returns whether to make a call in the other family too, after it failed in the `tried` one.
    ///
    /// A family that only the API's own 404 has shown is in doubt: every second further one asks the other family too.
    ///
    /// After a success the family is known. Then a 404 without the API's envelope may mean that the server has changed: a
    /// poll asks the other family after the first, another call after the second, and only one of them until the next
    /// success.
    fn tries_other(&self, tried: Family, call: JobCall, error: &InfraiError) -> bool {
        if self.setting != VideoRoutes::Auto || error.status() != Some(404) {
            return false;
        }
        let mut found = self.found();
        if found.family != Some(tried) {
            // It is unknown, or another call has found it meanwhile.
            return true;
        }
        if found.confirmed && error.is_enveloped() {
            return false;
        }
        found.misses += 1;
        if !found.confirmed {
            return !error.is_enveloped() || found.misses.is_multiple_of(2);
        }
        let asks = !found.rechecked && (matches!(call, JobCall::Poll) || found.misses > 1);
        found.rechecked |= asks;
        asks
    }

    /// Returns the error of a call that failed in both families, and notes a family that a 404 of the API's own shows.
    /// No 404 replaces a family that a success has shown.
    fn choose(&self, tried: Family, error: InfraiError, other: InfraiError) -> InfraiError {
        let mut found = self.found();
        if found.family == Some(tried.other()) {
            return other;
        }
        if found.confirmed {
            return error;
        }
        let both_404 = other.status() == Some(404);
        match (error.is_enveloped(), other.is_enveloped()) {
            (true, false) if both_404 => {
                found.family = Some(tried);
                error
            }
            (false, true) if both_404 => {
                found.family = Some(tried.other());
                other
            }
            _ if both_404 => error,
            // A refusal that is not the API's says less than the API's own 404.
            (true, false) if !other.is_retryable() && other.status().is_some_and(|status| status < 500) => {
                error
            }
            _ => other,
        }
    }

    /// Makes a call in the family that the server has. After a 404, makes it in the other one.
    ///
    /// `common` has what the request takes besides its route: the key and the timeout.
    pub(super) async fn call(
        &self,
        http: &HttpClient,
        call: JobCall,
        id: &JobId,
        common: RequestSpec,
    ) -> Result<Response> {
        let id = path::segment("id", id.as_str())?;
        let RequestSpec { key, timeout, .. } = common;
        let key = match key {
            // One call asks the key function once, even if it tries both families.
            None if self.setting == VideoRoutes::Auto && self.found().family.is_none() => {
                http.provided_key().await?
            }
            key => key,
        };
        let begun = Instant::now();
        let family = self.first();
        let spec = |family: Family, timeout: Option<Duration>| RequestSpec {
            key: key.clone(),
            timeout,
            ..family.spec(call, &id)
        };
        let error = match http.call(spec(family, timeout)).await {
            Ok(response) => {
                self.succeeded(family);
                return Ok(response);
            }
            Err(error) => error,
        };
        let left = timeout.unwrap_or_else(|| http.timeout()).saturating_sub(begun.elapsed());
        if left.is_zero() || !self.tries_other(family, call, &error) {
            return Err(error);
        }
        match http.call(spec(family.other(), Some(left))).await {
            Ok(response) => {
                self.succeeded(family.other());
                Ok(response)
            }
            Err(other) => Err(self.choose(family, error, other)),
        }
    }
}
