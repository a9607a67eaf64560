//! Promises of a rendered file, read back from the file.

use std::cell::Cell;
use std::fs;

use mp4_atom::{Any, Avc1, Codec, Decode, Mdat, Moov, StszSamples};
use openh264::decoder::Decoder;
use openh264::formats::YUVSource;

use crate::{RenderError, RenderReport, RenderSpec, render};

fn spec(prompt: &str) -> RenderSpec {
    RenderSpec {
        prompt: prompt.into(),
        width: 128,
        height: 72,
        duration_seconds: 0.25,
        label: "720p · balanced".into(),
    }
}

struct Rendered {
    report: RenderReport,
    video: Vec<u8>,
    thumbnail: Vec<u8>,
}

fn try_render(spec: &RenderSpec) -> Result<Rendered, RenderError> {
    let folder = tempfile::tempdir()?;
    let (video, thumbnail) = (folder.path().join("job.mp4"), folder.path().join("job.jpg"));
    let report = render(spec, &video, &thumbnail, &mut |_| {}, &|| false)?;
    assert_eq!(fs::read_dir(folder.path())?.count(), 2, "nothing else is left in the folder");
    Ok(Rendered { report, video: fs::read(video)?, thumbnail: fs::read(thumbnail)? })
}

fn rendered(spec: &RenderSpec) -> Rendered {
    try_render(spec).expect("it can be rendered")
}

/// Returns the top-level boxes of a file.
fn boxes(mut file: &[u8]) -> Vec<Any> {
    let mut boxes = Vec::new();
    while !file.is_empty() {
        boxes.push(Any::decode(&mut file).expect("a whole box"));
    }
    boxes
}

fn movie(file: &[u8]) -> Moov {
    let found = boxes(file).into_iter().find_map(|part| match part {
        Any::Moov(movie) => Some(movie),
        _ => None,
    });
    found.expect("a moov box")
}

fn sample_entry(movie: &Moov) -> &Avc1 {
    match &movie.trak[0].mdia.minf.stbl.stsd.codecs[..] {
        [Codec::Avc1(entry)] => entry,
        other => panic!("one avc1 entry, not {other:?}"),
    }
}

/// Returns each sample's bytes, found as a player does: through chunks, offsets and sizes.
fn samples(file: &[u8]) -> Vec<Vec<u8>> {
    let movie = movie(file);
    let table = &movie.trak[0].mdia.minf.stbl;
    let StszSamples::Different { sizes } = &table.stsz.samples else { panic!("a size for each sample") };
    let mut sizes = sizes.iter();
    let mut samples = Vec::new();
    let offsets = &table.stco.as_ref().expect("chunk offsets").entries;
    for (index, offset) in offsets.iter().enumerate() {
        let run = table.stsc.entries.iter().rev().find(|run| run.first_chunk as usize <= index + 1);
        let mut at = *offset as usize;
        for _ in 0..run.expect("a run for each chunk").samples_per_chunk {
            let size = *sizes.next().expect("as many sizes as samples") as usize;
            samples.push(file[at..at + size].to_vec());
            at += size;
        }
    }
    assert_eq!(sizes.next(), None, "every size belongs to a sample");
    samples
}

/// Decodes all frames, and returns the luma of each one.
fn decoded(file: &[u8]) -> Vec<Vec<u8>> {
    let movie = movie(file);
    let avcc = &sample_entry(&movie).avcc;
    let mut decoder = Decoder::new().expect("a decoder");
    let mut frames = Vec::new();
    for sample in samples(file) {
        let mut stream = Vec::new();
        for set in avcc.sequence_parameter_sets.iter().chain(&avcc.picture_parameter_sets) {
            stream.extend_from_slice(&[0, 0, 0, 1]);
            stream.extend_from_slice(set);
        }
        let mut rest = &sample[..];
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let (unit, tail) = tail.split_at(u32::from_be_bytes(*length) as usize);
            stream.extend_from_slice(&[0, 0, 0, 1]);
            stream.extend_from_slice(unit);
            rest = tail;
        }
        let picture = decoder.decode(&stream).expect("a valid picture").expect("a picture for each sample");
        let (width, height) = picture.dimensions();
        let luma = picture.y().chunks(picture.strides().0).take(height).flat_map(|row| &row[..width]);
        frames.push(luma.copied().collect());
    }
    frames
}

#[test]
fn the_index_stands_before_the_samples() {
    let file = rendered(&spec("order")).video;
    let kinds: Vec<_> = boxes(&file)
        .iter()
        .map(|part| match part {
            Any::Ftyp(kind) => {
                assert!(kind.compatible_brands.contains(&b"avc1".into()));
                "ftyp"
            }
            Any::Moov(_) => "moov",
            Any::Mdat(Mdat { data }) => {
                assert!(!data.is_empty());
                "mdat"
            }
            other => panic!("unexpected {other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["ftyp", "moov", "mdat"]);
}

#[test]
fn the_index_tells_codec_size_and_duration() {
    let result = rendered(&RenderSpec { duration_seconds: 2.5, ..spec("index") });
    assert_eq!(result.report.frames, 60);
    assert_eq!(result.report.bytes, result.video.len() as u64);
    let movie = movie(&result.video);
    let track = &movie.trak[0];
    assert_eq!(movie.mvhd.duration * 2, 5 * u64::from(movie.mvhd.timescale));
    assert_eq!(track.mdia.mdhd.duration * 2, 5 * u64::from(track.mdia.mdhd.timescale));
    assert_eq!((track.tkhd.width.integer(), track.tkhd.height.integer()), (128, 72));
    let entry = sample_entry(&movie);
    assert_eq!((entry.visual.width, entry.visual.height), (128, 72));
    assert_eq!(entry.avcc.avc_profile_indication, entry.avcc.sequence_parameter_sets[0][1]);
    let table = &track.mdia.minf.stbl;
    assert_eq!(table.stts.entries.len(), 1, "a constant frame rate");
    assert_eq!(table.stts.entries[0].sample_count, 60);
    assert_eq!(table.stts.entries[0].sample_delta * 24, track.mdia.mdhd.timescale);
    assert_eq!(table.stss.as_ref().expect("key frames").entries, [1, 25, 49]);
    assert_eq!(samples(&result.video).len(), 60);
}

#[test]
fn every_frame_decodes_and_the_picture_moves() {
    let frames = decoded(&rendered(&RenderSpec { duration_seconds: 1.25, ..spec("moving") }).video);
    assert_eq!(frames.len(), 30);
    for luma in &frames {
        assert_eq!(luma.len(), 128 * 72);
        let (low, high) = (luma.iter().min().unwrap(), luma.iter().max().unwrap());
        assert!(high - low > 60, "a picture with contrast, not {low} to {high}");
    }
    let changed = |a: &[u8], b: &[u8]| a.iter().zip(b).filter(|(a, b)| a.abs_diff(**b) > 4).count();
    assert!(changed(&frames[0], &frames[29]) > 100);
}

#[test]
fn the_prompt_is_drawn() {
    let blank = decoded(&rendered(&RenderSpec { label: String::new(), ..spec(" ") }).video);
    let centre = |luma: &[u8]| luma.iter().filter(|value| **value > 200).count();
    let text = decoded(&rendered(&spec("WWWWWW WWWWWW WWWWWW")).video);
    let palest = |frames: &[Vec<u8>]| frames.iter().map(|luma| centre(luma)).max().unwrap_or(0);
    // Other prompts have other pictures, so only a panel's mark is looked for: letters in pure white.
    assert!(palest(&text) > 50, "{} bright pixels, {} without a prompt", palest(&text), palest(&blank));
}

#[test]
fn the_same_specification_gives_the_same_bytes() {
    let spec = RenderSpec { duration_seconds: 2.1, ..spec("same") };
    let (first, second) = (rendered(&spec), rendered(&spec));
    assert!(first.video == second.video && first.thumbnail == second.thumbnail);
}

#[test]
fn another_prompt_gives_another_picture() {
    assert!(rendered(&spec("one")).video != rendered(&spec("two")).video);
}

#[test]
fn odd_durations_become_whole_frames() {
    for (seconds, frames) in [(0.001, 1), (1.0 / 24.0, 1), (0.99, 24), (1.04, 25), (1.0, 24), (2.02, 48)] {
        let result = rendered(&RenderSpec { duration_seconds: seconds, ..spec("odd") });
        assert_eq!(result.report.frames, frames, "{seconds} s");
        assert_eq!(samples(&result.video).len(), frames as usize, "{seconds} s");
    }
}

#[test]
fn every_size_is_rendered_as_asked() {
    for (width, height) in [
        (1280, 720),
        (1920, 1080),
        (3840, 2160),
        (720, 1280),
        (1080, 1920),
        (2160, 3840),
        (720, 720),
        (1080, 1080),
        (2160, 2160),
    ] {
        let result = rendered(&RenderSpec { width, height, duration_seconds: 0.05, ..spec("size") });
        let movie = movie(&result.video);
        let entry = sample_entry(&movie);
        assert_eq!((u32::from(entry.visual.width), u32::from(entry.visual.height)), (width, height));
        assert_eq!(decoded(&result.video)[0].len(), (width * height) as usize);
        let thumbnail = image::load_from_memory(&result.thumbnail).expect("a JPEG");
        assert_eq!(thumbnail.width().max(thumbnail.height()), 640);
        let ratio = |width: u32, height: u32| f64::from(width) / f64::from(height);
        assert!((ratio(thumbnail.width(), thumbnail.height()) - ratio(width, height)).abs() < 0.01);
    }
}

#[test]
fn what_cannot_be_rendered_is_refused() {
    let odd = RenderSpec { width: 127, ..spec("") };
    let huge = RenderSpec { width: 3840, height: 2400, ..spec("") };
    let nothing = RenderSpec { height: 0, ..spec("") };
    let durations = [0.0, -1.0, 60.1, f64::NAN, f64::INFINITY];
    let durations = durations.map(|seconds| RenderSpec { duration_seconds: seconds, ..spec("") });
    for wrong in [odd, huge, nothing].iter().chain(&durations) {
        assert!(matches!(try_render(wrong), Err(RenderError::Encode(_))), "{wrong:?}");
    }
}

#[test]
fn progress_rises_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut heard = Vec::new();
    let (video, thumbnail) = (folder.path().join("a.mp4"), folder.path().join("a.jpg"));
    render(&spec("progress"), &video, &thumbnail, &mut |share| heard.push(share), &|| false).unwrap();
    assert!(heard.is_sorted());
    assert_eq!((heard.first(), heard.last()), (Some(&0.0), Some(&1.0)));
}

#[test]
fn a_cancelled_rendering_leaves_no_file() {
    for after in [0, 1, 5, 40] {
        let folder = tempfile::tempdir().unwrap();
        let asked = Cell::new(0);
        let cancelled = || {
            asked.set(asked.get() + 1);
            asked.get() > after
        };
        let (video, thumbnail) = (folder.path().join("a.mp4"), folder.path().join("a.jpg"));
        let spec = RenderSpec { duration_seconds: 2.0, ..spec("cancelled") };
        let result = render(&spec, &video, &thumbnail, &mut |_| {}, &cancelled);
        assert!(matches!(result, Err(RenderError::Cancelled)), "{result:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (video, thumbnail) = (folder.path().join("no/a.mp4"), folder.path().join("a.jpg"));
    let result = render(&spec("lost"), &video, &thumbnail, &mut |_| {}, &|| false);
    assert!(matches!(result, Err(RenderError::Io(_))), "{result:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn embedded_scripts_need_no_other_font() {
    for prompt in
        ["A fox, façade, Žižkov", "Лиса їжак ґ", "Ένας ήλιος ᾧ", "夕阳下的长城，“远山”。", "ＡＢＣ！"]
    {
        assert_eq!(rendered(&spec(prompt)).report.warnings, Vec::<String>::new(), "{prompt}");
    }
}

#[test]
fn a_missing_glyph_is_a_warning_that_names_it() {
    // Private use: no font should have these, and no two fonts mean the same by them.
    let report = rendered(&spec("before \u{10FFF0}\u{10FFF1} after")).report;
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
    assert!(report.warnings[0].contains("U+10FFF0") && report.warnings[0].contains("U+10FFF1"));
}

#[test]
fn no_prompt_is_too_strange() {
    let mut dice = fastrand::Rng::with_seed(7);
    let mut random = |length| (0..length).map(|_| dice.char(..)).collect::<String>();
    let prompts = [
        String::new(),
        "\0\u{1}\u{7F}\r\n\t\u{85}\u{2028}".into(),
        "x".repeat(100_000),
        "word ".repeat(20_000),
        "汉".repeat(30_000),
        "\u{301}\u{302}\u{30B}".into(),
        format!("a{}", "\u{301}".repeat(50_000)),
        "שלום עולם \u{202E}abc\u{202C} مرحبا".into(),
        "\u{202E}\u{2066}\u{2067}\u{202A}".into(),
        "👩‍👩‍👧‍👦🏳️‍🌈\u{FE0F}\u{200D}".into(),
        "\u{FFFF}\u{FDD0}\u{E000}".into(),
        "กำลังวิ่ง हिन्दी 한국어".into(),
        random(30),
        random(3000),
    ];
    for prompt in prompts {
        let label = prompt.clone();
        let result = rendered(&RenderSpec { duration_seconds: 0.01, label, ..spec(&prompt) });
        assert_eq!(result.report.frames, 1, "{:.40}", prompt.escape_debug().to_string());
    }
}
