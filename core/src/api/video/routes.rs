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
    /// Whether a poll has asked the other family since the last success.
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

    fn found_at(&self, family: Family) {
        *self.found() = Found { family: Some(family), rechecked: false };
    }

    /// Returns whether to try the other family after this failure, and notes that a poll does.
    ///
    /// Once the family is known, only a poll asks the other one, and once for all polls until the next success: its
    /// server may have changed in the middle of a wait.
    fn tries_other(&self, call: JobCall, error: &InfraiError) -> bool {
        if self.setting != VideoRoutes::Auto || error.status() != Some(404) {
            return false;
        }
        let mut found = self.found();
        if found.family.is_none() {
            return true;
        }
        let asks = matches!(call, JobCall::Poll) && !error.is_enveloped() && !found.rechecked;
        found.rechecked |= asks;
        asks
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
                self.found_at(family);
                return Ok(response);
            }
            Err(error) => error,
        };
        let left = timeout.unwrap_or_else(|| http.timeout()).saturating_sub(begun.elapsed());
        if left.is_zero() || !self.tries_other(call, &error) {
            return Err(error);
        }
        let other = match http.call(spec(family.other(), Some(left))).await {
            Ok(response) => {
                self.found_at(family.other());
                return Ok(response);
            }
            Err(other) => other,
        };
        match (error.is_enveloped(), other.status() == Some(404), other.is_enveloped()) {
            // The API's own 404 says that it has the route, but not the job.
            (true, true, false) => {
                self.found_at(family);
                Err(error)
            }
            (false, true, true) => {
                self.found_at(family.other());
                Err(other)
            }
            (false, false, _) => Err(other),
            _ => Err(error),
        }
    }
}
