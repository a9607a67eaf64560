//! Captions: the prompt, the stand-in notice, and the running time code.

use cosmic_text::Align;

use crate::frame::Frame;
use crate::overlay::{Canvas, Layer};
use crate::spec::FRAMES_PER_SECOND;
use crate::text::{Fit, Typesetter, WHITE, clean};

const NOTICE: &str = "Infrai sandbox · no model ran";
const BACKING: [u8; 3] = [10, 12, 20];

/// All texts of a video, drawn and positioned.
#[derive(Debug)]
pub(crate) struct Captions {
    still: Vec<(Layer, usize, usize)>,
    digits: Vec<Layer>,
    /// Position of the time code's first digit.
    clock: (usize, usize),
    /// One sentence per script with characters that could not be drawn.
    pub(crate) warnings: Vec<String>,
}

impl Captions {
    pub(crate) fn new(prompt: &str, label: &str, width: usize, height: usize) -> Self {
        let (prompt, label) = (clean(prompt), clean(label));
        let mut setter = Typesetter::new(&[&prompt, &label, NOTICE]);
        let (wide, tall, short) = (width as f32, height as f32, width.min(height) as f32);
        let small = short * 0.03;
        let margin = short * 0.035;
        let mut still = Vec::new();

        if !prompt.is_empty() {
            let fit = Fit {
                width: wide * 0.80,
                height: tall * 0.60,
                largest: short * 0.085,
                smallest: short * 0.03,
                align: Align::Center,
            };
            let panel = panel(&mut setter, &[(&prompt, fit)], short * 0.05, 0.62);
            let middle = |side: usize, length: usize| side.saturating_sub(length) / 4 * 2;
            let (left, top) = (middle(width, panel.width), middle(height - height / 16, panel.height));
            still.push((panel, left, top));
        }

        let digits = digits(&mut setter, small);
        let length: usize = time_code(0).bytes().map(|symbol| digits[place(symbol)].width).sum();
        let pad = even(small * 0.5);
        let mut clock = Canvas::new(length + 2 * pad, digits[0].height + pad);
        clock.backing(small * 0.5, BACKING, 0.64);
        let clock = Layer::from(&clock);
        let bottom =
            |layer: &Layer| (height.saturating_sub(layer.height)).saturating_sub(even(margin)) / 2 * 2;
        let (left, top) = (width.saturating_sub(clock.width + even(margin)) / 2 * 2, bottom(&clock));
        let room = left as f32 - 3.0 * margin;
        let start = (left + pad, top + pad / 4 * 2);
        still.push((clock, left, top));

        let line = Fit {
            width: room,
            height: small * 2.0,
            largest: small,
            smallest: small * 0.5,
            align: Align::Left,
        };
        let lines = [(NOTICE, line), (label.as_str(), line)];
        let lines = if label.is_empty() { &lines[..1] } else { &lines[..] };
        let note = panel(&mut setter, lines, small * 0.5, 0.64);
        let top = bottom(&note);
        still.push((note, even(margin), top));

        Self { still, digits, clock: start, warnings: setter.warnings() }
    }

    /// Draws the texts on a frame.
    pub(crate) fn draw(&self, number: u32, frame: &mut Frame) {
        for (layer, left, top) in &self.still {
            layer.blend(frame, *left, *top);
        }
        let mut left = self.clock.0;
        for symbol in time_code(number).bytes() {
            let layer = &self.digits[place(symbol)];
            layer.blend(frame, left, self.clock.1);
            left += layer.width;
        }
    }
}

/// Formats the position of a frame as hours, minutes, seconds and frames.
fn time_code(frame: u32) -> String {
    let seconds = frame / FRAMES_PER_SECOND;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}:{:02}", seconds % 60, frame % FRAMES_PER_SECOND)
}

/// Draws lines of text, one below the other, on a backing that fits them.
fn panel(setter: &mut Typesetter, lines: &[(&str, Fit)], pad: f32, opacity: f32) -> Layer {
    let blocks: Vec<_> = lines.iter().map(|(text, fit)| setter.set(text, *fit)).collect();
    let width = blocks.iter().map(|block| block.width).fold(0.0, f32::max);
    let height: f32 = blocks.iter().map(|block| block.height).sum();
    // The lines include room above and below.
    let above = pad * 0.6;
    let mut canvas = Canvas::new((width + 2.0 * pad).ceil() as usize, (height + 2.0 * above).ceil() as usize);
    canvas.backing(pad * 0.8, BACKING, opacity);
    let mut top = above;
    for block in &blocks {
        setter.draw(block, &mut canvas, pad, top, WHITE);
        top += block.height;
    }
    Layer::from(&canvas)
}

/// Draws `0` to `9`, all of one size, and the colon, which follows `9` in ASCII.
fn digits(setter: &mut Typesetter, size: f32) -> Vec<Layer> {
    let fit =
        Fit { width: size * 4.0, height: size * 4.0, largest: size, smallest: size, align: Align::Left };
    let blocks: Vec<_> =
        (b'0'..=b':').map(|symbol| setter.set(&char::from(symbol).to_string(), fit)).collect();
    let widest = blocks.iter().map(|block| block.width).fold(0.0, f32::max);
    let layers = blocks.iter().enumerate().map(|(index, block)| {
        let width = even(if index == place(b':') { block.width * 1.2 } else { widest });
        let mut canvas = Canvas::new(width, even(block.height));
        setter.draw(block, &mut canvas, (width as f32 - block.width) / 2.0, 0.0, WHITE);
        Layer::from(&canvas)
    });
    layers.collect()
}

/// Returns the index of a time code's symbol among the digits.
fn place(symbol: u8) -> usize {
    usize::from(symbol - b'0')
}

/// Rounds up to an even number of pixels.
fn even(length: f32) -> usize {
    (length.ceil().max(0.0) as usize).next_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::time_code;

    #[test]
    fn the_time_code_counts_frames_seconds_and_minutes() {
        assert_eq!(time_code(0), "00:00:00:00");
        assert_eq!(time_code(23), "00:00:00:23");
        assert_eq!(time_code(24 * 59 + 7), "00:00:59:07");
        assert_eq!(time_code(24 * 60), "00:01:00:00");
    }
}
