//! A fast local server for the benchmarks, which says afterwards what it was asked, how often, and how much at once.
//!
//! It runs on one thread, so that what it counts happened in that order, and does as little a request as it can: the
//! benchmarks measure clients.
//!
//! | route | is |
//! | --- | --- |
//! | `GET /v1/video/jobs/{id}` | `status`, in the envelope |
//! | `POST /v1/video/generate` | a job that ends when the [plan] says |
//! | `GET /v1/videos/{id}`, `/v1/tasks/{id}`, … | a job in the shapes of other APIs: [shapes] |
//! | `GET /files/{bytes}.mp4` | that many bytes, with ranges: [files] |
//! | `GET /_bench/counts` | what was counted since the last plan: [counts] |
//! | `POST /_bench/plan?…` | forgets everything and sets a [plan] |

pub mod counts;
pub mod files;
pub mod http;
pub mod jobs;
pub mod plan;
pub mod routes;
pub mod shapes;
