//! Still overlays: drawn once in colour, then blended into every frame.

use crate::colour::Rgb;
use crate::frame::Frame;

/// A small transparent picture to draw on; its colours are multiplied by their opacity.
#[derive(Debug)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pixels: Vec<[u8; 4]>,
}

impl Canvas {
    /// Creates an empty canvas; an odd side grows by one.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width.next_multiple_of(2), height.next_multiple_of(2));
        Self { width, height, pixels: vec![[0; 4]; width * height] }
    }

    /// Draws a colour with this opacity over a pixel. Outside the canvas it does nothing.
    pub(crate) fn put(&mut self, x: i32, y: i32, colour: [u8; 3], opacity: u8) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= self.width || y >= self.height || opacity == 0 {
            return;
        }
        let pixel = &mut self.pixels[y * self.width + x];
        let rest = 255 - u32::from(opacity);
        for (part, over) in pixel.iter_mut().zip([colour[0], colour[1], colour[2], 255]) {
            let sum = u32::from(over) * u32::from(opacity) + u32::from(*part) * rest;
            *part = by_255(sum) as u8;
        }
    }

    /// Draws the outline of a rectangle, for characters without a glyph.
    pub(crate) fn outline(
        &mut self,
        left: i32,
        top: i32,
        width: i32,
        height: i32,
        line: i32,
        colour: [u8; 3],
    ) {
        for y in top..top + height {
            for x in left..left + width {
                let edge = (x - left).min(left + width - 1 - x).min(y - top).min(top + height - 1 - y);
                if edge < line {
                    self.put(x, y, colour, 235);
                }
            }
        }
    }

    /// Covers the whole canvas, its corners rounded.
    pub(crate) fn backing(&mut self, radius: f32, colour: [u8; 3], opacity: f32) {
        let (width, height) = (self.width as f32, self.height as f32);
        for y in 0..self.height {
            for x in 0..self.width {
                let outside = |at: f32, side: f32| (radius - at).max(at - (side - radius)).max(0.0);
                let (dx, dy) = (outside(x as f32 + 0.5, width), outside(y as f32 + 0.5, height));
                let cover = (radius + 0.5 - (dx * dx + dy * dy).sqrt()).clamp(0.0, 1.0);
                self.put(x as i32, y as i32, colour, (cover * opacity * 255.0) as u8);
            }
        }
    }
}

/// A canvas ready to be blended into frames.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) width: usize,
    pub(crate) height: usize,
    luma: Vec<Ink>,
    chroma: Vec<(Ink, Ink)>,
}

/// A value multiplied by its opacity, and the remaining share of the value below, in 255ths.
#[derive(Debug, Clone, Copy)]
struct Ink {
    value: u8,
    rest: u8,
}

impl Ink {
    fn new(value: f32, opacity: u32) -> Self {
        Self { value: (value + 0.5) as u8, rest: (255 - opacity) as u8 }
    }

    fn over(self, under: u8) -> u8 {
        // The two rounded parts may pass 255 by one.
        u8::try_from(u32::from(self.value) + by_255(u32::from(under) * u32::from(self.rest))).unwrap_or(255)
    }
}

impl From<&Canvas> for Layer {
    fn from(canvas: &Canvas) -> Self {
        // `Rgb::yuv` is linear except for its constant part, which counts with the pixel's opacity.
        let yuv = |[r, g, b, a]: [f32; 4]| {
            let black = Rgb(0.0, 0.0, 0.0).yuv();
            let mut parts = Rgb(r / 255.0, g / 255.0, b / 255.0).yuv();
            for (part, constant) in parts.iter_mut().zip(black) {
                *part += constant * (a / 255.0 - 1.0);
            }
            parts
        };
        let luma = canvas
            .pixels
            .iter()
            .map(|pixel| Ink::new(yuv(pixel.map(f32::from))[0], u32::from(pixel[3])))
            .collect();
        let mut chroma = Vec::with_capacity(canvas.pixels.len() / 4);
        for y in (0..canvas.height).step_by(2) {
            for x in (0..canvas.width).step_by(2) {
                let at = y * canvas.width + x;
                let four = [at, at + 1, at + canvas.width, at + canvas.width + 1];
                let sum =
                    four.map(|index| canvas.pixels[index]).into_iter().fold([0_u32; 4], |sum, pixel| {
                        std::array::from_fn(|part| sum[part] + u32::from(pixel[part]))
                    });
                let [_, u, v] = yuv(sum.map(|part| part as f32 / 4.0));
                let opacity = (sum[3] + 2) / 4;
                chroma.push((Ink::new(u, opacity), Ink::new(v, opacity)));
            }
        }
        Self { width: canvas.width, height: canvas.height, luma, chroma }
    }
}

impl Layer {
    /// Blends it into the frame with its upper left corner at a point of even coordinates, clipped to the frame.
    pub(crate) fn blend(&self, frame: &mut Frame, left: usize, top: usize) {
        debug_assert!(left.is_multiple_of(2) && top.is_multiple_of(2));
        let width = self.width.min(frame.width.saturating_sub(left));
        for (row, inks) in self.luma.chunks_exact(self.width).enumerate() {
            if top + row >= frame.height || width == 0 {
                break;
            }
            let pixels = &mut frame.y.row(top + row)[left..left + width];
            for (pixel, ink) in pixels.iter_mut().zip(inks) {
                *pixel = ink.over(*pixel);
            }
        }
        let (left, top, width) = (left / 2, top / 2, width / 2);
        for (row, inks) in self.chroma.chunks_exact(self.width / 2).enumerate() {
            if top + row >= frame.height / 2 || width == 0 {
                break;
            }
            let u = &mut frame.u.row(top + row)[left..left + width];
            let v = &mut frame.v.row(top + row)[left..left + width];
            for ((u, v), (over_u, over_v)) in u.iter_mut().zip(v).zip(inks) {
                *u = over_u.over(*u);
                *v = over_v.over(*v);
            }
        }
    }
}

/// Divides by 255, rounding, for values up to 255 times 255.
fn by_255(value: u32) -> u32 {
    let value = value + 128;
    (value + (value >> 8)) >> 8
}
