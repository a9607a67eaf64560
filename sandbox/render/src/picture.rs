//! The moving picture: a sky with drifting light over ridges, a skyline or waves, chosen by the prompt.

use std::f32::consts::TAU;

use sha2::{Digest, Sha256};

use crate::colour::{PALETTES, Palette, Rgb};
use crate::frame::{Frame, Plane};

/// Distance in pixels between computed points of the sky; values in between are interpolated.
const GRID: usize = 16;
const RIDGES: usize = 4;

/// A scene that several threads can draw at any frame.
#[derive(Debug)]
pub(crate) struct Picture {
    width: usize,
    height: usize,
    palette: Palette,
    clouds: Vec<Cloud>,
    stars: Vec<(f32, f32, f32)>,
    sun: (f32, f32),
    ridges: Vec<Ridge>,
}

/// A soft patch of light on a closed path. Lengths are in short sides of the picture.
#[derive(Debug)]
struct Cloud {
    centre: (f32, f32),
    swing: (f32, f32),
    speed: (f32, f32),
    phase: f32,
    radius: f32,
    strength: f32,
    colour: Rgb,
}

#[derive(Debug)]
struct Ridge {
    shape: Shape,
    /// Height of its middle from the top, relative to the picture's height.
    base: f32,
    /// Speed to the left, in short sides per second.
    speed: f32,
    upper: [u8; 3],
    lower: [u8; 3],
}

#[derive(Debug)]
enum Shape {
    /// A sum of waves (length, height, phase, own speed).
    Waves(Vec<(f32, f32, f32, f32)>),
    /// Houses of one width and different heights; the windows' light, if they are visible.
    Houses { width: f32, rise: f32, seed: u64, window: Option<[u8; 3]> },
}

impl Picture {
    /// Creates the scene of a prompt, always the same one.
    pub(crate) fn new(prompt: &str, width: usize, height: usize) -> Self {
        let digest = Sha256::digest(prompt.as_bytes());
        let seed = digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        let mut dice = fastrand::Rng::with_seed(seed);
        let palette = PALETTES[dice.usize(..PALETTES.len())];
        let kind = dice.u8(..3);
        let short = width.min(height) as f32;
        let (wide, tall) = (width as f32 / short, height as f32 / short);
        let mut between = |low: f32, high: f32| low + dice.f32() * (high - low);

        let clouds = (0..5)
            .map(|index| Cloud {
                centre: (between(0.0, wide), between(0.0, tall * 0.65)),
                swing: (between(0.15, 0.45), between(0.05, 0.2)),
                speed: (between(-0.11, 0.11), between(-0.13, 0.13)),
                phase: between(0.0, TAU),
                radius: between(0.22, 0.5),
                strength: between(0.3, 0.6),
                colour: palette.glow[index % 2],
            })
            .collect();
        let sun = (between(0.15, 0.85) * wide, between(0.12, 0.38) * tall);
        let stars = if palette.stars { 70 } else { 0 };
        let stars =
            (0..stars).map(|_| (between(0.0, wide), between(0.0, tall * 0.5), between(0.0, TAU))).collect();
        let ridges = (0..RIDGES)
            .map(|index| {
                let near = index as f32 / (RIDGES - 1) as f32;
                let colour = palette.far.mix(palette.near, near);
                let haze = palette.sky[2].mix(palette.far, 0.4);
                Ridge {
                    shape: shape(kind, near, &mut between, palette.sun),
                    base: 0.60 + 0.105 * index as f32,
                    speed: 0.012 + 0.05 * near * near,
                    upper: colour.yuv_bytes(),
                    lower: colour.mix(haze, 0.35 * (1.0 - near * 0.8)).yuv_bytes(),
                }
            })
            .collect();
        Self { width, height, palette, clouds, stars, sun, ridges }
    }

    fn short(&self) -> f32 {
        self.width.min(self.height) as f32
    }

    /// Draws the scene `seconds` after the start over the frame.
    pub(crate) fn draw(&self, seconds: f32, frame: &mut Frame) {
        let short = self.short();
        let sun = (self.sun.0 + 0.008 * seconds, self.sun.1 + 0.02 * (seconds * 0.12).sin());
        self.draw_sky(seconds, sun, frame);
        for &(x, y, phase) in &self.stars {
            let glow = 0.35 + 0.3 * (seconds * 1.3 + phase).sin();
            let radius = short * (0.0009 + 0.0007 * (phase / TAU));
            frame.fill_disc((x * short, y * short), radius, self.palette.sun.yuv_bytes(), glow);
        }
        let centre = (sun.0 * short, sun.1 * short);
        frame.fill_disc(centre, short * 0.075, self.palette.sun.yuv_bytes(), 0.92);
        let mut tops = vec![0.0; self.width];
        for ridge in &self.ridges {
            ridge.trace(seconds, short, self.height as f32, &mut tops);
            frame.fill_below(&tops, ridge.upper, ridge.lower);
            ridge.light_windows(seconds, short, frame);
        }
    }

    fn draw_sky(&self, seconds: f32, sun: (f32, f32), frame: &mut Frame) {
        let (columns, rows) = (self.width.div_ceil(GRID) + 1, self.height.div_ceil(GRID) + 1);
        let step = GRID as f32 / self.short();
        let tall = self.height as f32 / self.short();
        let lights: Vec<_> = self
            .clouds
            .iter()
            .map(|cloud| {
                let x = cloud.centre.0 + cloud.swing.0 * (seconds * cloud.speed.0 * TAU + cloud.phase).sin();
                let y = cloud.centre.1 + cloud.swing.1 * (seconds * cloud.speed.1 * TAU + cloud.phase).cos();
                (x, y, cloud.radius, cloud.strength, cloud.colour)
            })
            .chain([(sun.0, sun.1, 0.2, 0.5, self.palette.sun)])
            .collect();
        let mut grid = [const { Vec::new() }; 3];
        for row in 0..rows {
            let y = row as f32 * step;
            let [top, middle, horizon] = self.palette.sky;
            let depth = (y / tall / 0.7).min(1.0) * 2.0;
            let base = if depth < 1.0 { top.mix(middle, depth) } else { middle.mix(horizon, depth - 1.0) };
            for column in 0..columns {
                let x = column as f32 * step;
                let colour = lights.iter().fold(base, |under, &(cx, cy, radius, strength, colour)| {
                    let distance = ((x - cx).powi(2) + (y - cy).powi(2)) / (radius * radius);
                    under.mix(colour, strength * (-distance).exp())
                });
                for (values, part) in grid.iter_mut().zip(colour.yuv()) {
                    values.push((part * 256.0) as i32);
                }
            }
        }
        let [y, u, v] = &grid;
        stretch(y, columns, GRID, &mut frame.y);
        stretch(u, columns, GRID / 2, &mut frame.u);
        stretch(v, columns, GRID / 2, &mut frame.v);
    }
}

/// Draws a grid of values (in 256ths) over a plane, interpolated between the grid's points.
fn stretch(grid: &[i32], columns: usize, step: usize, plane: &mut Plane) {
    let mut line = vec![0; columns];
    let shift = step.trailing_zeros();
    let (width, rows) = (plane.width, plane.data.len() / plane.width);
    for row in 0..rows {
        let (upper, lower) = (row / step * columns, (row / step + 1) * columns);
        let share = (row % step) as i32;
        for (column, value) in line.iter_mut().enumerate() {
            let (above, below) = (grid[upper + column], grid[lower + column]);
            *value = above + (((below - above) * share) >> shift);
        }
        let pixels = plane.row(row);
        for (cell, part) in pixels[..width].chunks_mut(step).enumerate() {
            let (left, right) = (line[cell], line[cell + 1]);
            for (index, pixel) in part.iter_mut().enumerate() {
                *pixel = ((left + (((right - left) * index as i32) >> shift)) >> 8) as u8;
            }
        }
    }
}

fn shape(kind: u8, near: f32, between: &mut impl FnMut(f32, f32) -> f32, light: Rgb) -> Shape {
    if kind == 1 {
        return Shape::Houses {
            width: 0.045 + 0.045 * near,
            rise: 0.10 + 0.05 * near,
            seed: u64::from(between(0.0, 1.0).to_bits()),
            window: (near > 0.5).then(|| light.yuv_bytes()),
        };
    }
    let (scale, travel) = if kind == 2 { (0.35, 0.09) } else { (1.0, 0.0) };
    let waves = (0..5).map(|octave| {
        let length = between(0.8, 1.25) * 1.1 / 1.9_f32.powi(octave);
        let height = between(0.6, 1.0) * 0.055 * scale / 1.75_f32.powi(octave);
        (length, height, between(0.0, TAU), travel * between(0.4, 1.0) * (1.0 - 0.3 * octave as f32))
    });
    Shape::Waves(waves.collect())
}

impl Ridge {
    /// Writes its height at every column, in pixels from the top.
    fn trace(&self, seconds: f32, short: f32, tall: f32, tops: &mut [f32]) {
        let base = self.base * tall;
        match &self.shape {
            Shape::Waves(waves) => {
                tops.fill(base);
                for &(length, height, phase, travel) in waves {
                    let start = phase + (seconds * (self.speed + travel)) * TAU / length;
                    let turn = TAU / (length * short);
                    for (column, top) in tops.iter_mut().enumerate() {
                        *top -= short * height * (start + column as f32 * turn).sin();
                    }
                }
            }
            Shape::Houses { width, rise, seed, .. } => {
                for (column, top) in tops.iter_mut().enumerate() {
                    // A column that straddles a wall takes its share of both roofs.
                    let place = |offset: f32| (column as f32 + offset) / short + seconds * self.speed;
                    let roof = |at: f32| house(*seed, (at / width).floor()) * rise;
                    *top = base - short * (roof(place(0.25)) + roof(place(0.75))) / 2.0;
                }
            }
        }
    }

    fn light_windows(&self, seconds: f32, short: f32, frame: &mut Frame) {
        let Shape::Houses { width, rise, seed, window: Some(colour) } = self.shape else { return };
        let moved = seconds * self.speed;
        let last = (moved + frame.width as f32 / short) / width;
        let (across, floor) = (width / 6.0, short * width / 4.0);
        let mut number = (moved / width).floor();
        while number <= last {
            let roof = self.base * frame.height as f32 - short * house(seed, number) * rise;
            for index in 0..10 {
                let lit = mix(seed ^ mix(u64::from(number.to_bits()) << 8 | index));
                let (column, row) = ((index % 2) as f32, (index / 2) as f32);
                let x = (number * width + across * (1.1 + 2.4 * column) - moved) * short;
                let y = roof + floor * (0.45 + row);
                if lit % 5 < 2 && y + floor < frame.height as f32 {
                    let rows = y as usize..(y + floor * 0.45) as usize;
                    frame.fill_rectangle(x..x + across * 1.4 * short, rows, colour, 0.75);
                }
            }
            number += 1.0;
        }
    }
}

/// Returns the height of a house, from 0 to 1.
fn house(seed: u64, number: f32) -> f32 {
    (mix(seed ^ mix(u64::from(number.to_bits()))) >> 40) as f32 / (1 << 24) as f32
}

/// Spreads a number over all bits (`SplitMix64`'s finaliser).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
