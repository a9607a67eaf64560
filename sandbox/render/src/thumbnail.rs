//! The thumbnail: one frame, scaled down, as JPEG.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::colour::rgb_bytes;
use crate::error::RenderError;
use crate::frame::{Frame, Plane};

/// The long side in pixels, unless the frame is smaller than that.
const LONG_SIDE: usize = 640;
const QUALITY: u8 = 85;

/// Encodes a frame as a JPEG of at most 640 pixels on its long side.
pub(crate) fn jpeg(frame: &Frame) -> Result<Vec<u8>, RenderError> {
    let long = frame.width.max(frame.height);
    let scaled = |side: usize| (side * LONG_SIDE.min(long) / long).max(1);
    let (width, height) = (scaled(frame.width), scaled(frame.height));
    let [y, u, v] = [&frame.y, &frame.u, &frame.v].map(|plane| shrink(plane, width, height));
    let pixels: Vec<u8> = y.into_iter().zip(u).zip(v).flat_map(|((y, u), v)| rgb_bytes(y, u, v)).collect();
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .write_image(&pixels, width as u32, height as u32, ExtendedColorType::Rgb8)
        .map_err(|error| RenderError::Encode(error.to_string()))?;
    Ok(jpeg)
}

/// Scales a plane down: each new pixel is the mean of the old ones on it, or the nearest where there are fewer.
fn shrink(plane: &Plane, width: usize, height: usize) -> Vec<f32> {
    let rows = plane.data.len() / plane.width;
    let span = |index: usize, from: usize, to: usize| {
        let start = index * from / to;
        start..((index + 1) * from / to).max(start + 1)
    };
    let mut result = Vec::with_capacity(width * height);
    for y in 0..height {
        let lines = span(y, rows, height);
        for x in 0..width {
            let columns = span(x, plane.width, width);
            let sum: u32 = lines
                .clone()
                .flat_map(|line| &plane.data[line * plane.width..][columns.clone()])
                .map(|value| u32::from(*value))
                .sum();
            result.push(sum as f32 / (lines.len() * columns.len()) as f32);
        }
    }
    result
}
