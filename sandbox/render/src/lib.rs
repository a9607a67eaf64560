//! Renders a stand-in video: the prompt over a moving picture, as an MP4 that any browser plays, and its thumbnail. No
//! model runs.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (video, thumbnail) = (folder.path().join("fox.mp4"), folder.path().join("fox.jpg"));
//! use infrai_render::{RenderSpec, render};
//!
//! let spec = RenderSpec {
//!     prompt: "a red fox".to_owned(),
//!     width: 128,
//!     height: 72,
//!     duration_seconds: 0.5,
//!     label: "720p".to_owned(),
//! };
//! let report = render(&spec, &video, &thumbnail, &mut |share| print!("{share} "), &|| false)?;
//! assert_eq!(report.frames, 12);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
// Pixel arithmetic: coordinates and colours are small, and rounding them is the point.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod caption;
mod colour;
mod encode;
mod error;
mod fonts;
mod frame;
mod mux;
mod overlay;
mod picture;
mod render;
mod spec;
#[cfg(test)]
mod tests;
mod text;
mod thumbnail;

pub use error::RenderError;
pub use render::render;
pub use spec::{FRAMES_PER_SECOND, MAX_SECONDS, RenderReport, RenderSpec};
