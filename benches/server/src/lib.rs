//! A fast local server for the benchmarks, with counts of its requests.
//!
//! It runs on one thread, so that it counts requests in their order, and does little work per request, because the
//! benchmarks measure clients.
//!
//! | route | answer |
//! | --- | --- |
//! | `GET /v1/video/jobs/{id}` | `status`, in the envelope |
//! | `POST /v1/video/generate` | a job whose length the [plan] sets |
//! | `GET /v1/videos/{id}`, `/v1/tasks/{id}`, … | a job as other APIs describe it: [shapes] |
//! | `GET /files/{bytes}.mp4` | that many bytes, with ranges: [files] |
//! | `GET /_bench/counts` | the [counts] since the last plan |
//! | `POST /_bench/plan?…` | resets the counts and sets a [plan] |

pub mod counts;
pub mod files;
pub mod http;
pub mod jobs;
pub mod plan;
pub mod routes;
pub mod shapes;
