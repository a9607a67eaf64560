//! Colours, and their conversion to the BT.709 studio range of the video.

// Written as elsewhere: 0xRRGGBB.
#![allow(clippy::unreadable_literal)]

/// Red, green and blue from 0 to 1, as displayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rgb(pub(crate) f32, pub(crate) f32, pub(crate) f32);

impl Rgb {
    /// Parses `0xRRGGBB`.
    pub(crate) const fn hex(value: u32) -> Self {
        const fn part(value: u32, shift: u32) -> f32 {
            ((value >> shift) & 0xFF) as u8 as f32 / 255.0
        }
        Self(part(value, 16), part(value, 8), part(value, 0))
    }

    /// Mixes in `share` (0 to 1) of another colour.
    pub(crate) fn mix(self, other: Self, share: f32) -> Self {
        let part = |from: f32, to: f32| from + (to - from) * share;
        Self(part(self.0, other.0), part(self.1, other.1), part(self.2, other.2))
    }

    /// Returns luma and both chroma values from 0 to 255, in the studio range.
    pub(crate) fn yuv(self) -> [f32; 3] {
        let Self(r, g, b) = self;
        [
            16.0 + 46.559 * r + 156.629 * g + 15.812 * b,
            128.0 - 25.664 * r - 86.336 * g + 112.0 * b,
            128.0 + 112.0 * r - 101.730 * g - 10.270 * b,
        ]
    }

    /// Returns them rounded to bytes.
    pub(crate) fn yuv_bytes(self) -> [u8; 3] {
        self.yuv().map(|part| (part + 0.5) as u8)
    }
}

/// Returns the red, green and blue bytes of a pixel in the studio range.
pub(crate) fn rgb_bytes(y: f32, u: f32, v: f32) -> [u8; 3] {
    let (y, u, v) = ((y - 16.0) * 1.164_384, u - 128.0, v - 128.0);
    [y + 1.792_741 * v, y - 0.213_249 * u - 0.532_909 * v, y + 2.112_402 * u]
        .map(|part| part.round().clamp(0.0, 255.0) as u8)
}

/// The colours of one scene.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    /// The sky from the top to the horizon.
    pub(crate) sky: [Rgb; 3],
    /// Clouds of light that drift over it.
    pub(crate) glow: [Rgb; 2],
    pub(crate) sun: Rgb,
    /// The ridge farthest away, and the nearest one.
    pub(crate) far: Rgb,
    pub(crate) near: Rgb,
    pub(crate) stars: bool,
}

const fn palette(colours: [u32; 8], stars: bool) -> Palette {
    let [top, middle, horizon, first, second, sun, far, near] = colours;
    Palette {
        sky: [Rgb::hex(top), Rgb::hex(middle), Rgb::hex(horizon)],
        glow: [Rgb::hex(first), Rgb::hex(second)],
        sun: Rgb::hex(sun),
        far: Rgb::hex(far),
        near: Rgb::hex(near),
        stars,
    }
}

pub(crate) const PALETTES: [Palette; 8] = [
    // Dawn
    palette([0x2B3A67, 0xC06C84, 0xF8B195, 0xF67280, 0xFFD8A8, 0xFFF1D0, 0xA0607D, 0x2A1F3D], false),
    // Noon
    palette([0x3A7BD5, 0x7FB8EA, 0xDFF1FF, 0xFFFFFF, 0xA5D8FF, 0xFFFDF0, 0x8FB3C9, 0x24506B], false),
    // Dusk
    palette([0x1B1B3A, 0x693668, 0xF28F5C, 0xFF6F61, 0xA64CA6, 0xFFE0A3, 0x5B3A66, 0x140F26], true),
    // Forest
    palette([0x0F4C5C, 0x5FA8A0, 0xE8F5D8, 0xB8E0A0, 0xFFF3B0, 0xFFFBE0, 0x6FA58C, 0x12332B], false),
    // Night
    palette([0x070B1F, 0x152852, 0x3D5A80, 0x4EA8DE, 0x7B5EA7, 0xF4F1DE, 0x24375F, 0x050814], true),
    // Desert
    palette([0x4A6FA5, 0xE8C39E, 0xFFE8CC, 0xFFB87A, 0xFFF0D9, 0xFFFAF0, 0xD39A6A, 0x6B3A26], false),
    // Arctic
    palette([0x0B2545, 0x3A8FA8, 0xBFE9E0, 0x64DFB5, 0x9D8DF1, 0xFFFFFF, 0x7FB7BE, 0x13315C], true),
    // Ember
    palette([0x2D142C, 0x801336, 0xEE8B60, 0xFF7B54, 0xFFD56B, 0xFFE9C9, 0x6B1D3C, 0x1C0A18], true),
];
