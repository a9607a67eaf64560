//! A picture in the encoder's format (planar YUV 4:2:0), and the shapes drawn into it.

use std::ops::Range;

/// A picture of even width and height; each chroma value covers two by two pixels.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) y: Plane,
    pub(crate) u: Plane,
    pub(crate) v: Plane,
}

/// One channel, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) data: Vec<u8>,
}

impl Plane {
    fn new(width: usize, height: usize, value: u8) -> Self {
        Self { width, data: vec![value; width * height] }
    }

    pub(crate) fn row(&mut self, y: usize) -> &mut [u8] {
        &mut self.data[y * self.width..(y + 1) * self.width]
    }

    fn height(&self) -> usize {
        self.data.len() / self.width
    }

    /// Fills the area below a ridge line, with a smooth edge. `tops` has one height per column, in 256ths of a row
    /// from the top; the fill goes from `upper` to `lower` row by row.
    fn fill_below(&mut self, tops: &[i32], upper: u8, lower: u8) {
        let rows = self.height();
        let highest = tops.iter().copied().min().unwrap_or(0).max(0) >> 8;
        let lowest = (tops.iter().copied().max().unwrap_or(0).max(0) >> 8) + 1;
        let (first, solid) = ((highest as usize).min(rows), (lowest as usize).min(rows));
        let shade = |row: usize| {
            let share = ((row - first) * 256 / (rows - first).max(1)) as i32;
            (i32::from(upper) + (((i32::from(lower) - i32::from(upper)) * share) >> 8)) as u8
        };
        for row in first..solid {
            let (colour, bottom) = (i32::from(shade(row)), (row as i32 + 1) << 8);
            for (pixel, top) in self.row(row).iter_mut().zip(tops) {
                let cover = (bottom - top).clamp(0, 256);
                let under = i32::from(*pixel);
                *pixel = (under + (((colour - under) * cover) >> 8)) as u8;
            }
        }
        for row in solid..rows {
            let colour = shade(row);
            self.row(row).fill(colour);
        }
    }

    /// Blends a rectangle whose left and right edges may lie between pixels.
    fn fill_rectangle(&mut self, x: Range<f32>, y: Range<usize>, colour: u8, opacity: f32) {
        let left = x.start.max(0.0);
        let right = x.end.min(self.width as f32);
        if right <= left {
            return;
        }
        let rows = y.start.min(self.height())..y.end.min(self.height());
        for column in left as usize..(right.ceil() as usize).min(self.width) {
            let cover = (right.min(column as f32 + 1.0) - left.max(column as f32)).max(0.0);
            for row in rows.clone() {
                let pixel = &mut self.data[row * self.width + column];
                *pixel = blend(*pixel, colour, cover * opacity);
            }
        }
    }

    fn fill_disc(&mut self, centre: (f32, f32), radius: f32, colour: u8, opacity: f32) {
        let span = |middle: f32, limit: usize| {
            let from = (middle - radius - 1.0).max(0.0) as usize;
            from..((middle + radius + 2.0).max(0.0) as usize).min(limit)
        };
        let (columns, rows) = (span(centre.0, self.width), span(centre.1, self.height()));
        for row in rows {
            let dy = row as f32 + 0.5 - centre.1;
            for column in columns.clone() {
                let dx = column as f32 + 0.5 - centre.0;
                let cover = (radius + 0.5 - (dx * dx + dy * dy).sqrt()).clamp(0.0, 1.0);
                let pixel = &mut self.data[row * self.width + column];
                *pixel = blend(*pixel, colour, cover * opacity);
            }
        }
    }
}

fn blend(under: u8, over: u8, share: f32) -> u8 {
    (f32::from(under) + (f32::from(over) - f32::from(under)) * share + 0.5) as u8
}

impl Frame {
    /// Creates a black picture. Both sides must be even.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        debug_assert!(width.is_multiple_of(2) && height.is_multiple_of(2));
        let chroma = || Plane::new(width / 2, height / 2, 128);
        Self { width, height, y: Plane::new(width, height, 16), u: chroma(), v: chroma() }
    }

    /// Fills the area below a ridge line with one height per column, in pixels from the top.
    pub(crate) fn fill_below(&mut self, tops: &[f32], upper: [u8; 3], lower: [u8; 3]) {
        let luma: Vec<i32> = tops.iter().map(|top| (top * 256.0) as i32).collect();
        let chroma: Vec<i32> = luma.chunks_exact(2).map(|pair| (pair[0] + pair[1]) / 4).collect();
        self.y.fill_below(&luma, upper[0], lower[0]);
        self.u.fill_below(&chroma, upper[1], lower[1]);
        self.v.fill_below(&chroma, upper[2], lower[2]);
    }

    pub(crate) fn fill_rectangle(&mut self, x: Range<f32>, y: Range<usize>, colour: [u8; 3], opacity: f32) {
        let half = x.start / 2.0..x.end / 2.0;
        let rows = y.start / 2..y.end.div_ceil(2);
        self.y.fill_rectangle(x, y, colour[0], opacity);
        self.u.fill_rectangle(half.clone(), rows.clone(), colour[1], opacity);
        self.v.fill_rectangle(half, rows, colour[2], opacity);
    }

    pub(crate) fn fill_disc(&mut self, centre: (f32, f32), radius: f32, colour: [u8; 3], opacity: f32) {
        let half = (centre.0 / 2.0, centre.1 / 2.0);
        self.y.fill_disc(centre, radius, colour[0], opacity);
        self.u.fill_disc(half, radius / 2.0, colour[1], opacity);
        self.v.fill_disc(half, radius / 2.0, colour[2], opacity);
    }
}
