//! Renders one video without the API: `cargo run --release -p infrai-render --example render -- "a red fox"
//! --resolution 1080p --aspect 16:9 --seconds 5 --out fox.mp4`.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use infrai_render::{RenderSpec, render};

fn main() -> Result<(), Box<dyn Error>> {
    let mut prompt = String::from("A red fox runs through fresh snow at dawn");
    let (mut resolution, mut aspect) = (String::from("720p"), String::from("16:9"));
    let (mut seconds, mut out) = (5.0, PathBuf::from("out.mp4"));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--resolution" => resolution = value()?,
            "--aspect" => aspect = value()?,
            "--seconds" => seconds = value()?.parse()?,
            "--out" => out = value()?.into(),
            _ => prompt = argument,
        }
    }
    let (long, short) = match resolution.as_str() {
        "720p" => (1280, 720),
        "1080p" => (1920, 1080),
        "4k" => (3840, 2160),
        other => return Err(format!("{other}: 720p, 1080p or 4k").into()),
    };
    let (width, height) = match aspect.as_str() {
        "16:9" => (long, short),
        "9:16" => (short, long),
        "1:1" => (short, short),
        other => return Err(format!("{other}: 16:9, 9:16 or 1:1").into()),
    };
    let label = format!("{resolution} · balanced");
    let spec = RenderSpec { prompt, width, height, duration_seconds: seconds, label };
    let start = Instant::now();
    let report = render(
        &spec,
        &out,
        &out.with_extension("jpg"),
        &mut |share| eprint!("\r{:3.0} %", share * 100.0),
        &|| false,
    )?;
    let took = start.elapsed().as_secs_f64();
    println!("\r{}: {} frames, {} bytes, {took:.2} s", out.display(), report.frames, report.bytes);
    for warning in report.warnings {
        println!("warning: {warning}");
    }
    Ok(())
}
