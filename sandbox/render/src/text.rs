//! Typesetting: cleans text, fits it into a box, draws it, and records characters without a glyph.

use std::collections::{BTreeMap, BTreeSet};

use cosmic_text::{
    Align, Attrs, Buffer, Ellipsize, EllipsizeHeightLimit, Family, FontSystem, LayoutGlyph, Metrics, Shaping,
    SwashCache, SwashContent, Wrap,
};
use unicode_script::{Script, UnicodeScript};
use unicode_segmentation::UnicodeSegmentation;

use crate::fonts;
use crate::overlay::Canvas;

/// Line height in font sizes: room for the tallest embedded script.
const LEADING: f32 = 1.42;
/// More characters than any frame can show at the smallest size; the rest is ignored.
const MOST_CHARACTERS: usize = 5000;
/// Number of missing characters that a warning names.
const NAMED: usize = 5;
const BOX: char = '□';
pub(crate) const WHITE: [u8; 3] = [255; 3];

/// Turns control characters and line ends into spaces, runs of white space into one, and cuts the text at a grapheme
/// boundary.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::new();
    let mut characters = 0;
    for cluster in text.graphemes(true) {
        let space = |character: char| character.is_control() || character.is_whitespace();
        if cluster.chars().all(space) {
            if !clean.is_empty() && !clean.ends_with(' ') {
                clean.push(' ');
                characters += 1;
            }
            continue;
        }
        for character in cluster.chars() {
            if characters >= MOST_CHARACTERS {
                clean.truncate(clean.trim_end().len());
                clean.push('…');
                return clean;
            }
            clean.push(if space(character) { ' ' } else { character });
            characters += 1;
        }
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// Constraints on the setting of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// Largest and smallest font size in pixels. At the smallest, an ellipsis ends the text.
    pub(crate) largest: f32,
    pub(crate) smallest: f32,
    pub(crate) align: Align,
}

/// A set text.
#[derive(Debug)]
pub(crate) struct Block {
    buffer: Buffer,
    left: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// Sets and draws the texts of one video.
pub(crate) struct Typesetter {
    fonts: FontSystem,
    glyphs: SwashCache,
    /// Characters without a glyph in any font.
    lacking: BTreeSet<char>,
    /// Characters drawn as boxes, by script.
    missing: BTreeMap<String, BTreeSet<char>>,
}

impl Typesetter {
    /// Creates a typesetter with fonts for all these texts.
    pub(crate) fn new(texts: &[&str]) -> Self {
        let (fonts, lacking) = fonts::for_text(&texts.concat());
        Self { fonts, glyphs: SwashCache::new(), lacking, missing: BTreeMap::new() }
    }

    /// Sets a cleaned text as large as it fits.
    pub(crate) fn set(&mut self, text: &str, fit: Fit) -> Block {
        let text = self.drawable(text);
        let metrics = |size: f32| Metrics::new(size, size * LEADING);
        let mut buffer = Buffer::new(&mut self.fonts, metrics(fit.largest));
        buffer.set_wrap(Wrap::WordOrGlyph);
        buffer.set_size(Some(fit.width), None);
        let attributes = Attrs::new().family(Family::Name(fonts::FAMILY));
        buffer.set_text(&text, &attributes, Shaping::Advanced, Some(fit.align));
        let mut size = fit.largest;
        loop {
            buffer.shape_until_scroll(&mut self.fonts, false);
            let block = Self::measure(&buffer);
            if block.1 <= fit.height || size <= fit.smallest {
                break;
            }
            size = (size * 0.92).max(fit.smallest);
            buffer.set_metrics(metrics(size));
        }
        if Self::measure(&buffer).1 > fit.height {
            // Counted in lines: the library's own count from a height forgets the leading.
            let lines = (fit.height / buffer.metrics().line_height).max(1.0) as usize;
            buffer.set_ellipsize(Ellipsize::End(EllipsizeHeightLimit::Lines(lines)));
            buffer.shape_until_scroll(&mut self.fonts, false);
        }
        let ((left, right), height) = Self::measure(&buffer);
        Block { buffer, left, width: right - left, height }
    }

    /// Replaces each character without a glyph by a box, so that the library does not search for it.
    fn drawable(&mut self, text: &str) -> String {
        let known = |character| if self.lacking.contains(&character) { BOX } else { character };
        let drawable = text.chars().map(known).collect();
        for character in text.chars().filter(|character| self.lacking.contains(character)) {
            self.missing.entry(script(character)).or_default().insert(character);
        }
        drawable
    }

    /// Returns the horizontal extent of the ink, and the height of the lines together.
    fn measure(buffer: &Buffer) -> ((f32, f32), f32) {
        let (mut left, mut right, mut height) = (f32::MAX, 0.0_f32, 0.0_f32);
        for run in buffer.layout_runs() {
            height = height.max(run.line_top + run.line_height);
            for glyph in run.glyphs {
                left = left.min(glyph.x);
                right = right.max(glyph.x + glyph.w);
            }
        }
        ((left.min(right), right), height)
    }

    /// Draws a block with its upper left corner at this point of the canvas.
    pub(crate) fn draw(&mut self, block: &Block, canvas: &mut Canvas, x: f32, y: f32, colour: [u8; 3]) {
        for run in block.buffer.layout_runs() {
            for glyph in run.glyphs {
                let origin = (x - block.left, y + run.line_y);
                if glyph.glyph_id == 0 {
                    self.draw_missing(run.text, glyph, canvas, origin, colour);
                } else {
                    self.draw_glyph(glyph, canvas, origin, colour);
                }
            }
        }
    }

    fn draw_glyph(&mut self, glyph: &LayoutGlyph, canvas: &mut Canvas, origin: (f32, f32), colour: [u8; 3]) {
        let place = glyph.physical(origin, 1.0);
        let Some(image) = self.glyphs.get_image(&mut self.fonts, place.cache_key) else { return };
        let (left, top) = (place.x + image.placement.left, place.y - image.placement.top);
        let width = (image.placement.width as usize).max(1);
        let at = |index: usize| (left + (index % width) as i32, top + (index / width) as i32);
        match image.content {
            SwashContent::Mask => {
                for (index, opacity) in image.data.iter().enumerate() {
                    let (x, y) = at(index);
                    canvas.put(x, y, colour, *opacity);
                }
            }
            SwashContent::Color | SwashContent::SubpixelMask => {
                for (index, pixel) in image.data.chunks_exact(4).enumerate() {
                    let (x, y) = at(index);
                    canvas.put(x, y, [pixel[0], pixel[1], pixel[2]], pixel[3]);
                }
            }
        }
    }

    /// Draws a box if the chosen font lacks the character after all.
    fn draw_missing(
        &mut self,
        text: &str,
        glyph: &LayoutGlyph,
        canvas: &mut Canvas,
        origin: (f32, f32),
        colour: [u8; 3],
    ) {
        let cluster = text.get(glyph.start..glyph.end).unwrap_or_default();
        let font = self.fonts.get_font(glyph.font_id, glyph.font_weight);
        let known = |character: &char| font.as_ref().is_some_and(|font| fonts::has_glyph(font, *character));
        let lacking: Vec<char> = cluster
            .chars()
            .filter(|character| !fonts::is_invisible(*character) && !known(character))
            .collect();
        if lacking.is_empty() {
            return;
        }
        for character in lacking {
            self.missing.entry(script(character)).or_default().insert(character);
        }
        let size = glyph.font_size;
        let (width, height) = (glyph.w.max(size * 0.5) * 0.84, size * 0.78);
        let left = origin.0 + glyph.x + glyph.w * 0.08;
        let line = (size * 0.06).max(1.0);
        let [left, top, width, height, line] =
            [left, origin.1 - height, width, height, line].map(|length| length.round() as i32);
        canvas.outline(left, top, width, height, line, colour);
    }

    /// Returns one sentence per script with characters that could not be drawn.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.missing.iter().map(|(script, characters)| warning(script, characters)).collect()
    }
}

/// Returns a script's name for use in a sentence.
fn script(character: char) -> String {
    match character.script() {
        Script::Common | Script::Inherited | Script::Unknown => "other".into(),
        script => script.full_name().replace('_', " "),
    }
}

fn warning(script: &str, characters: &BTreeSet<char>) -> String {
    let named: Vec<String> = characters
        .iter()
        .take(NAMED)
        .map(|character| format!("{character} (U+{:04X})", u32::from(*character)))
        .collect();
    let more = match characters.len().saturating_sub(NAMED) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    format!(
        "{script} characters drawn as boxes, for want of a font that has them: {}{more}",
        named.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIT: Fit = Fit { width: 400.0, height: 200.0, largest: 40.0, smallest: 16.0, align: Align::Center };

    fn set(text: &str) -> Block {
        Typesetter::new(&[text]).set(&clean(text), FIT)
    }

    fn size(block: &Block) -> f32 {
        block.buffer.metrics().font_size
    }

    /// Returns true if the last line ends before the text does.
    fn is_cut(text: &str) -> bool {
        let (block, text) = (set(text), clean(text));
        let glyphs = block.buffer.layout_runs().flat_map(|run| run.glyphs);
        glyphs.map(|glyph| glyph.end).max().unwrap_or_default() < text.len()
    }

    #[test]
    fn control_characters_and_line_ends_become_single_spaces() {
        assert_eq!(clean("\0 one\r\n\ttwo\u{2028}\u{7F}three\u{85} "), "one two three");
        assert_eq!(clean("\u{1}\n \t"), "");
        assert_eq!(clean("e\u{301} 👩‍👧"), "e\u{301} 👩‍👧");
    }

    #[test]
    fn a_text_beyond_any_frame_is_cut_first() {
        let clean = clean(&"ab ".repeat(50_000));
        assert_eq!(clean.chars().count(), MOST_CHARACTERS + 1);
        assert!(clean.ends_with('…'));
    }

    #[test]
    fn a_short_text_is_set_large_and_a_longer_one_smaller() {
        assert!((size(&set("A fox")) - FIT.largest).abs() < 0.01);
        let longer = size(&set(&"A fox in the snow. ".repeat(8)));
        assert!(longer < FIT.largest && longer > FIT.smallest, "{longer}");
        assert!(!is_cut(&"A fox in the snow. ".repeat(8)));
    }

    #[test]
    fn a_text_that_does_not_fit_at_the_smallest_size_is_cut_with_an_ellipsis() {
        for text in ["word ".repeat(500), "x".repeat(3000), "汉字".repeat(1000), "Слово ".repeat(400)]
        {
            let block = set(&text);
            assert!((size(&block) - FIT.smallest).abs() < 0.01);
            assert!(is_cut(&text), "{text:.20}");
        }
    }

    #[test]
    fn every_text_stays_inside_its_box() {
        for text in
            ["fox", "W".repeat(900).as_str(), "fox ".repeat(900).as_str(), "狐狸，".repeat(900).as_str()]
        {
            let block = set(text);
            assert!(block.width <= FIT.width + 1.0, "{} wide: {text:.20}", block.width);
            assert!(block.height <= FIT.height, "{} high: {text:.20}", block.height);
        }
    }

    #[test]
    fn a_warning_names_the_script_and_a_few_characters() {
        let characters = ('\u{10FFF0}'..='\u{10FFF6}').collect();
        let warning = warning(&script('\u{10FFF0}'), &characters);
        assert!(warning.starts_with("other characters drawn as boxes"), "{warning}");
        assert!(warning.contains("U+10FFF4") && warning.ends_with("and 2 more"), "{warning}");
    }
}
