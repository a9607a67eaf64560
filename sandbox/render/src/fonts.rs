//! Fonts: two embedded ones, and the system's for other characters.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use cosmic_text::fontdb::{Database, FaceInfo, Source, Weight};
use cosmic_text::{Fallback, Font, FontSystem, PlatformFallback};
use unicode_script::Script;

const LATIN: &[u8] = include_bytes!("../assets/infrai-sandbox-latin.ttf");
const HAN: &[u8] = include_bytes!("../assets/infrai-sandbox-han.otf");
const HAN_FAMILY: &str = "Infrai Sandbox Han";
/// The default family of text.
pub(crate) const FAMILY: &str = "Infrai Sandbox Latin";
/// Locale for the shapes of hanzi outside the embedded font. It is fixed, so that the machine's settings do not
/// change a picture.
const LOCALE: &str = "zh-CN";

/// Returns a font system for the text, and the characters that no font covers.
///
/// Loads the system's fonts only if the embedded ones do not cover the text, so that a covered text looks the same on
/// every machine.
pub(crate) fn for_text(text: &str) -> (FontSystem, BTreeSet<char>) {
    static ALL: OnceLock<Database> = OnceLock::new();

    let mut fonts = system(embedded_only());
    let missing = uncovered(&mut fonts, text);
    if missing.is_empty() {
        return (fonts, missing);
    }
    let all = ALL.get_or_init(|| {
        let mut fonts = embedded_only();
        fonts.load_system_fonts();
        fonts
    });
    let mut fonts = system(all.clone());
    let missing = uncovered(&mut fonts, text);
    (fonts, missing)
}

/// Returns the characters of a text without a glyph in the fonts of normal weight, the only ones that text falls back
/// to.
fn uncovered(fonts: &mut FontSystem, text: &str) -> BTreeSet<char> {
    let mut missing: BTreeSet<char> = text.chars().filter(|character| !is_invisible(*character)).collect();
    let normal = |face: &&FaceInfo| face.weight == Weight::NORMAL;
    let faces: Vec<_> = fonts.db().faces().filter(normal).map(|face| face.id).collect();
    for id in faces {
        if missing.is_empty() {
            break;
        }
        if let Some(font) = fonts.get_font(id, Weight::NORMAL) {
            missing.retain(|character| !has_glyph(&font, *character));
        }
    }
    missing
}

/// Returns true if a font has a glyph for this character.
pub(crate) fn has_glyph(font: &Font, character: char) -> bool {
    font.as_swash().charmap().map(character) != 0
}

fn embedded_only() -> Database {
    let mut fonts = Database::new();
    for data in [LATIN, HAN] {
        fonts.load_font_source(Source::Binary(Arc::new(data)));
    }
    fonts.set_sans_serif_family(FAMILY);
    fonts
}

fn system(fonts: Database) -> FontSystem {
    FontSystem::new_with_locale_and_db_and_fallback(LOCALE.into(), fonts, EmbeddedFirst::new())
}

/// Returns true for characters that need no glyph: white space and Unicode's default ignorables.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || matches!(u32::from(character),
            0xAD | 0x34F | 0x61C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF
            | 0xFFA0 | 0xFFF0..=0xFFF8 | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

/// Font fallback: the embedded fonts first, then the platform's.
struct EmbeddedFirst {
    common: Vec<&'static str>,
    east_asian: Vec<&'static str>,
}

impl EmbeddedFirst {
    fn new() -> Self {
        let common = [HAN_FAMILY].into_iter().chain(PlatformFallback.common_fallback().iter().copied());
        let han = PlatformFallback.script_fallback(Script::Han, LOCALE);
        Self {
            common: common.collect(),
            east_asian: [HAN_FAMILY].into_iter().chain(han.iter().copied()).collect(),
        }
    }
}

impl Fallback for EmbeddedFirst {
    fn common_fallback(&self) -> &[&'static str] {
        &self.common
    }

    fn forbidden_fallback(&self) -> &[&'static str] {
        PlatformFallback.forbidden_fallback()
    }

    fn script_fallback(&self, script: Script, locale: &str) -> &[&'static str] {
        match script {
            Script::Han | Script::Bopomofo | Script::Hiragana | Script::Katakana => &self.east_asian,
            _ => PlatformFallback.script_fallback(script, locale),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{embedded_only, system, uncovered};

    fn missing(text: &str) -> String {
        uncovered(&mut system(embedded_only()), text).into_iter().collect()
    }

    #[test]
    fn every_hanzi_of_gb_2312_has_a_glyph() {
        let hanzi = include_str!("../assets/gb2312-hanzi.txt");
        assert_eq!(hanzi.chars().filter(|character| !character.is_whitespace()).count(), 6763);
        assert_eq!(missing(hanzi), "");
    }

    #[test]
    fn punctuation_kana_greek_and_full_width_forms_have_glyphs() {
        let ranges = ['、'..='〕', 'ぁ'..='ん', 'ァ'..='ヶ', 'ㄅ'..='ㄩ', '！'..='～', 'Α'..='Ρ', 'а'..='я'];
        assert_eq!(missing(&ranges.into_iter().flatten().collect::<String>()), "");
        assert_eq!(missing("—…‘’“”·￥￠￡￣×÷±∞≈≠≤≥℃→←↑↓①⑩⒈⑴㈠ⅠⅫāáǎàēňñÅżőşğ€₴"), "");
    }

    #[test]
    fn what_is_not_embedded_is_known_to_be_missing() {
        assert_eq!(missing("a \u{5E9}\u{200B}\u{10FFF0}\t汉"), "\u{5E9}\u{10FFF0}");
    }
}
