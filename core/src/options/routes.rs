//! Route family of a job's calls.

/// Routes of the calls for a job's status and cancel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VideoRoutes {
    /// `/v1/video/jobs/{id}`, and after a 404 the routes of [`Status`](Self::Status), until one of them has succeeded.
    #[default]
    Auto,
    /// `GET /v1/video/jobs/{id}` and `POST /v1/video/jobs/{id}/cancel`.
    Jobs,
    /// `GET /v1/video/status/{id}` and `POST /v1/video/cancel/{id}`.
    Status,
}
