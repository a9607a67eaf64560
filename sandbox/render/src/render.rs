//! The rendering of a video and its thumbnail into two files.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::{
    caption::Captions,
    encode,
    error::RenderError,
    frame::Frame,
    mux::{Layout, Muxer},
    picture::Picture,
    spec::{FRAMES_PER_SECOND, RenderReport, RenderSpec},
    thumbnail,
};

/// Renders a video and its thumbnail (JPEG, at most 640 pixels on its long side). Blocks until both are done.
///
/// Calls `progress` with the finished share, from 0 to 1, and `cancelled` at least once per frame.
///
/// Each file has a temporary name beside its target (`.NAME.….part`) until it is complete; the thumbnail is renamed
/// first, so a video under its final name is complete and has its thumbnail. Only this user can read them (mode 0600).
///
/// # Errors
/// [`RenderError::Cancelled`] after `cancelled` returned true, [`RenderError::Io`] for a file that cannot be written,
/// [`RenderError::Encode`] for a specification out of range. After an error no file is left behind.
pub fn render(
    spec: &RenderSpec,
    video: &Path,
    thumbnail: &Path,
    progress: &mut dyn FnMut(f64),
    cancelled: &dyn Fn() -> bool,
) -> Result<RenderReport, RenderError> {
    let check = || if cancelled() { Err(RenderError::Cancelled) } else { Ok(()) };
    check()?;
    let frames = spec.frames()?;
    let size = (spec.width as usize, spec.height as usize);
    let picture = Picture::new(&spec.prompt, size.0, size.1);
    let captions = Captions::new(&spec.prompt, &spec.label, size.0, size.1);
    let draw = |number: u32, frame: &mut Frame| {
        picture.draw(number as f32 / FRAMES_PER_SECOND as f32, frame);
        captions.draw(number, frame);
    };
    progress(0.0);

    let mut still = unfinished(thumbnail)?;
    let mut frame = Frame::new(size.0, size.1);
    draw(frames / 3, &mut frame);
    still.write_all(&thumbnail::jpeg(&frame)?)?;
    drop(frame);

    let film = unfinished(video)?;
    let layout = Layout {
        width: spec.width as u16,
        height: spec.height as u16,
        frames,
        frames_per_second: FRAMES_PER_SECOND,
        group: encode::GROUP,
    };
    let mut muxer = Muxer::new(BufWriter::with_capacity(1 << 20, film.as_file()), layout);
    let frame_done = |done: u32| {
        progress(f64::from(done) / f64::from(frames));
        check()
    };
    encode::encode(size, frames, &draw, frame_done, |sample| muxer.write(&sample))?;
    let (writer, bytes) = muxer.finish()?;
    drop(writer);
    check()?;
    // Before the thumbnail gets its name: a full disk must leave neither.
    film.as_file().sync_all()?;
    finish(still, thumbnail)?;
    if let Err(error) = finish(film, video) {
        // A thumbnail without its video would be half a result.
        let _ = fs::remove_file(thumbnail);
        return Err(error.into());
    }
    Ok(RenderReport { frames, bytes, warnings: captions.warnings })
}

/// Creates a file under a temporary name beside its target. Dropping it removes it.
fn unfinished(target: &Path) -> io::Result<NamedTempFile> {
    let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the target is no file name"));
    };
    let prefix = format!(".{}.", name.to_string_lossy());
    tempfile::Builder::new().prefix(&prefix).suffix(".part").tempfile_in(folder)
}

/// Gives the file its final name once its bytes are safe on the disk.
fn finish(file: NamedTempFile, target: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(target)?;
    // Makes the rename last through a power cut, where folders can be synced at all.
    if let Some(folder) = target.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    Ok(())
}
