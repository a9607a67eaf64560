//! The specification of a video and the report of its rendering.

use crate::error::RenderError;

/// Frame rate of every video.
pub const FRAMES_PER_SECOND: u32 = 24;
/// The longest video in seconds.
pub const MAX_SECONDS: f64 = 60.0;
/// The longer and the shorter side, in pixels, up to which the encoder works.
const MAX_SIDES: (u32, u32) = (3840, 2160);
/// The shortest side, in pixels, on which text can be read.
const MIN_SIDE: u32 = 64;

/// A video to render. The same specification gives the same bytes, as long as the embedded fonts cover its texts.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderSpec {
    /// Text in the middle and seed of the picture. Control characters become spaces, a long text is set smaller, and
    /// one that still does not fit ends with an ellipsis.
    pub prompt: String,
    /// Width in pixels: even, 64 to 3840.
    pub width: u32,
    /// Height in pixels: even, 64 to 3840, and at most 2160 if the width is more than that.
    pub height: u32,
    /// Length in seconds, up to 60; rounded to whole frames, at least one.
    pub duration_seconds: f64,
    /// A few words drawn small below the notice that this is a stand-in, such as `1080p · balanced`.
    pub label: String,
}

impl RenderSpec {
    /// Checks the sides and the duration, and returns the number of frames.
    pub(crate) fn frames(&self) -> Result<u32, RenderError> {
        let (width, height) = (self.width, self.height);
        let (long, short) = (width.max(height), width.min(height));
        let refuse = |reason: String| Err(RenderError::Encode(reason));
        if long > MAX_SIDES.0 || short > MAX_SIDES.1 || short < MIN_SIDE {
            return refuse(format!("{width}×{height} is outside 64×64 to 3840×2160 (or 2160×3840)"));
        }
        if long % 2 != 0 || short % 2 != 0 {
            return refuse(format!("{width}×{height}: both sides must be even"));
        }
        let seconds = self.duration_seconds;
        if !(seconds > 0.0 && seconds <= MAX_SECONDS) {
            return refuse(format!("{seconds} seconds is not more than 0 and at most {MAX_SECONDS}"));
        }
        Ok((seconds * f64::from(FRAMES_PER_SECOND)).round().max(1.0) as u32)
    }
}

/// Result of a rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderReport {
    /// Number of frames in the video.
    pub frames: u32,
    /// Length of the video file in bytes.
    pub bytes: u64,
    /// Sentences for people: one per script with characters that had to be drawn as boxes.
    pub warnings: Vec<String>,
}
