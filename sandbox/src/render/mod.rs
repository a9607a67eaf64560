//! Renders a stand-in video: the prompt over a moving picture, as an MP4 that any browser plays, and its
//! thumbnail. No model runs.

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
mod fonts;
mod frame;
mod mux;
mod overlay;
mod picture;
#[cfg(test)]
mod tests;
mod text;
mod thumbnail;

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use caption::Captions;
use frame::Frame;
use mux::{Layout, Muxer};
use picture::Picture;

use crate::private;

/// Frames a second of every video.
pub const FRAMES_PER_SECOND: u32 = 24;
/// The longest video in seconds.
pub const LONGEST_SECONDS: f64 = 60.0;
/// The longest and the shorter side, in pixels, that the encoder takes.
const LARGEST: (u32, u32) = (3840, 2160);
/// Below this no text could be read.
const SMALLEST: u32 = 64;

/// What to render. The same specification gives the same bytes, as long as the embedded fonts cover its texts.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderSpec {
    /// Shown in the middle, and the seed of the picture. Any text: control characters become spaces, a long
    /// one is set smaller, and one that still does not fit ends with an ellipsis.
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

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderReport {
    /// Frames in the video; there are 24 a second.
    pub frames: u32,
    /// Length of the video file in bytes.
    pub bytes: u64,
    /// For people: one sentence for each script of which characters had to be drawn as boxes.
    pub warnings: Vec<String>,
}

/// Why there is no video.
#[derive(Debug)]
pub enum RenderError {
    /// The caller wanted it no longer.
    Cancelled,
    /// A file could not be written.
    Io(io::Error),
    /// The specification cannot be rendered, or the encoder failed.
    Encode(String),
}

impl fmt::Display for RenderError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => out.write_str("the rendering was cancelled"),
            Self::Io(error) => write!(out, "the video could not be written: {error}"),
            Self::Encode(reason) => write!(out, "the video could not be rendered: {reason}"),
        }
    }
}

impl std::error::Error for RenderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Cancelled | Self::Encode(_) => None,
        }
    }
}

impl From<io::Error> for RenderError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Renders a video and its thumbnail (JPEG, at most 640 pixels on its long side). Blocks until both are done.
///
/// `progress` hears the share that is done, from 0 to 1, and `cancelled` is asked, at least once a frame.
/// Both files are written under other names beside their targets and renamed when whole, the thumbnail first:
/// a video under its final name is complete and has its thumbnail. Both are for their user alone (mode 0600). After an
/// error nothing is left behind.
pub fn render(
    spec: &RenderSpec,
    video: &Path,
    thumbnail: &Path,
    progress: &mut dyn FnMut(f64),
    cancelled: &dyn Fn() -> bool,
) -> Result<RenderReport, RenderError> {
    let check = || if cancelled() { Err(RenderError::Cancelled) } else { Ok(()) };
    check()?;
    let layout = layout(spec)?;
    let size = (spec.width as usize, spec.height as usize);
    let picture = Picture::new(&spec.prompt, size.0, size.1);
    let captions = Captions::new(&spec.prompt, &spec.label, size.0, size.1);
    let draw = |number: u32, frame: &mut Frame| {
        picture.draw(number as f32 / FRAMES_PER_SECOND as f32, frame);
        captions.draw(number, frame);
    };
    progress(0.0);

    let mut still = Pending::create(thumbnail)?;
    let mut frame = Frame::new(size.0, size.1);
    draw(layout.frames / 3, &mut frame);
    still.file.write_all(&thumbnail::jpeg(&frame)?)?;
    drop(frame);

    let film = Pending::create(video)?;
    let mut muxer = Muxer::new(BufWriter::with_capacity(1 << 20, &film.file), layout);
    let frame_done = |done: u32| {
        progress(f64::from(done) / f64::from(layout.frames));
        check()
    };
    encode::encode(size, layout.frames, &draw, frame_done, |sample| muxer.write(&sample))?;
    let (writer, bytes) = muxer.finish()?;
    drop(writer);
    check()?;
    film.file.sync_all()?;
    still.keep()?;
    if let Err(error) = film.keep() {
        // A thumbnail without its video would be half a result.
        let _ = fs::remove_file(thumbnail);
        return Err(error);
    }
    Ok(RenderReport { frames: layout.frames, bytes, warnings: captions.warnings })
}

/// Checks the specification and counts the frames.
fn layout(spec: &RenderSpec) -> Result<Layout, RenderError> {
    let (long, short) = (spec.width.max(spec.height), spec.width.min(spec.height));
    let refuse = |reason: String| Err(RenderError::Encode(reason));
    if long > LARGEST.0 || short > LARGEST.1 || short < SMALLEST {
        let (width, height) = (spec.width, spec.height);
        return refuse(format!("{width}×{height} is outside 64×64 to 3840×2160 (or 2160×3840)"));
    }
    if long % 2 != 0 || short % 2 != 0 {
        return refuse(format!("{}×{}: both sides must be even", spec.width, spec.height));
    }
    let seconds = spec.duration_seconds;
    if !(seconds > 0.0 && seconds <= LONGEST_SECONDS) {
        return refuse(format!("{seconds} seconds is not more than 0 and at most {LONGEST_SECONDS}"));
    }
    let frames = (seconds * f64::from(FRAMES_PER_SECOND)).round().max(1.0) as u32;
    Ok(Layout {
        width: spec.width as u16,
        height: spec.height as u16,
        frames,
        frames_per_second: FRAMES_PER_SECOND,
        group: encode::GROUP,
    })
}

/// A file under a temporary name beside its target; removed unless kept.
struct Pending {
    file: File,
    path: Option<PathBuf>,
    target: PathBuf,
}

impl Pending {
    fn create(target: &Path) -> io::Result<Self> {
        let Some(name) = target.file_name() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the target is no file name"));
        };
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{:016x}.part", fastrand::u64(..)));
        let path = target.with_file_name(hidden);
        let file = private::options().write(true).create_new(true).open(&path)?;
        Ok(Self { file, path: Some(path), target: target.to_owned() })
    }

    /// Gives the file its final name once its bytes are safe on the disk.
    fn keep(mut self) -> Result<(), RenderError> {
        self.file.flush()?;
        self.file.sync_all()?;
        if let Some(path) = &self.path {
            fs::rename(path, &self.target)?;
            self.path = None;
        }
        sync_folder(&self.target);
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // Nothing more can be done about a file that cannot be removed.
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes a rename last through a power cut, where folders can be synced at all.
fn sync_folder(file: &Path) {
    if let Some(folder) = file.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
}
