//! Parallel drawing and encoding: one group of frames per thread, samples in order.
//!
//! A group begins with a key frame and refers to nothing outside itself, so groups can be encoded in parallel. The
//! number of threads does not change the output.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use openh264::OpenH264API;
use openh264::Timestamp;
use openh264::encoder::{
    BitRate, Complexity, EncodedBitStream, Encoder, EncoderConfig, FrameRate, IntraFramePeriod, QpRange,
    RateControlMode, UsageType, VuiConfig,
};
use openh264::formats::YUVSlices;

use crate::frame::Frame;
use crate::mux::{Parameters, Sample};
use crate::{error::RenderError, spec::FRAMES_PER_SECOND};

/// Frames per group and between two key frames: one second, for quick seeking.
pub(crate) const GROUP: u32 = FRAMES_PER_SECOND;
/// Groups encoded at once. More would help on larger machines, at 100 MB each at 4k.
const MOST_THREADS: usize = 4;
/// Quantiser, from 0 (no loss) to 51. The picture is smooth and shows artefacts early.
const QUANTISER: u8 = 20;

/// Encodes all frames. `draw` fills a frame by its number. On the calling thread, `each` takes the samples in order,
/// and `frame_done` takes the number of encoded frames and may end the work.
pub(crate) fn encode(
    (width, height): (usize, usize),
    frames: u32,
    draw: &(dyn Fn(u32, &mut Frame) + Sync),
    mut frame_done: impl FnMut(u32) -> Result<(), RenderError>,
    mut each: impl FnMut(Sample) -> Result<(), RenderError>,
) -> Result<(), RenderError> {
    let groups = frames.div_ceil(GROUP);
    let threads =
        thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS).min(groups as usize);
    let next = AtomicU32::new(0);
    let stop = AtomicBool::new(false);
    let (send, receive) = sync_channel(2 * threads);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| Worker { width, height, frames, draw, next: &next, stop: &stop, send: send.clone() })
            .map(|worker| scope.spawn(move || worker.run()))
            .collect();
        drop(send);
        let result = collect(&receive, frames, &mut frame_done, &mut each);
        stop.store(true, Ordering::Relaxed);
        // A worker that waits to send must see that the receiver is gone.
        drop(receive);
        for worker in workers {
            // A worker that panicked sent too few frames, which is an error already.
            let _ = worker.join();
        }
        result
    })
}

type Encoded = Result<(u32, Sample), RenderError>;

/// Hands on the samples in order.
fn collect(
    receive: &Receiver<Encoded>,
    frames: u32,
    frame_done: &mut dyn FnMut(u32) -> Result<(), RenderError>,
    each: &mut dyn FnMut(Sample) -> Result<(), RenderError>,
) -> Result<(), RenderError> {
    let mut waiting = BTreeMap::new();
    let mut wanted = 0;
    for done in 1..=frames {
        let lost = || RenderError::Encode("an encoding thread ended early".into());
        let (number, sample) = receive.recv().map_err(|_| lost())??;
        frame_done(done)?;
        waiting.insert(number, sample);
        while let Some(sample) = waiting.remove(&wanted) {
            each(sample)?;
            wanted += 1;
        }
    }
    Ok(())
}

/// A thread that encodes one group after the other.
struct Worker<'a> {
    width: usize,
    height: usize,
    frames: u32,
    draw: &'a (dyn Fn(u32, &mut Frame) + Sync),
    next: &'a AtomicU32,
    stop: &'a AtomicBool,
    send: SyncSender<Encoded>,
}

impl Worker<'_> {
    fn run(&self) {
        let mut frame = Frame::new(self.width, self.height);
        loop {
            let first = self.next.fetch_add(1, Ordering::Relaxed).saturating_mul(GROUP);
            if first >= self.frames {
                return;
            }
            if let Err(error) = self.encode_group(first..(first + GROUP).min(self.frames), &mut frame) {
                // After a cancellation the receiver is gone, and the error is not needed.
                let _ = self.send.send(Err(error));
                return;
            }
        }
    }

    fn encode_group(&self, numbers: Range<u32>, frame: &mut Frame) -> Result<(), RenderError> {
        let mut encoder =
            Encoder::with_api_config(OpenH264API::from_source(), config(self.width, self.height))
                .map_err(failed)?;
        let first = numbers.start;
        for number in numbers {
            if self.stop.load(Ordering::Relaxed) {
                return Err(RenderError::Cancelled);
            }
            (self.draw)(number, frame);
            let source = YUVSlices::new(
                (&frame.y.data, &frame.u.data, &frame.v.data),
                (frame.width, frame.height),
                (frame.y.width, frame.u.width, frame.v.width),
            );
            let milliseconds = u64::from(number - first) * 1000 / u64::from(FRAMES_PER_SECOND);
            let bits = encoder.encode_at(&source, Timestamp::from_millis(milliseconds)).map_err(failed)?;
            if self.send.send(Ok((number, sample(&bits)?))).is_err() {
                return Err(RenderError::Cancelled);
            }
        }
        Ok(())
    }
}

fn config(width: usize, height: usize) -> EncoderConfig {
    // Quality is fixed; the rate only tells the encoder which level's buffers to declare.
    let rate = BitRate::from_bps((width * height * 5) as u32);
    // With one quantiser allowed, this mode uses just that; the others print warnings about lost control.
    EncoderConfig::new()
        .usage_type(UsageType::CameraVideoRealTime)
        .complexity(Complexity::Low)
        .max_frame_rate(FrameRate::from_hz(FRAMES_PER_SECOND as f32))
        .intra_frame_period(IntraFramePeriod::from_num_frames(GROUP))
        .rate_control_mode(RateControlMode::Bufferbased)
        .qp(QpRange::new(QUANTISER, QUANTISER))
        .bitrate(rate)
        .skip_frames(false)
        .scene_change_detect(false)
        .adaptive_quantization(false)
        .background_detection(false)
        .num_threads(1)
        .vui(VuiConfig::bt709())
}

/// Splits a picture's NAL units for MP4.
fn sample(bits: &EncodedBitStream<'_>) -> Result<Sample, RenderError> {
    const SPS: u8 = 7;
    const PPS: u8 = 8;
    let mut sample = Sample::default();
    let (mut sps, mut pps) = (None, None);
    for layer in (0..bits.num_layers()).filter_map(|index| bits.layer(index)) {
        for unit in (0..layer.nal_count()).filter_map(|index| layer.nal_unit(index)) {
            let unit = without_start_code(unit);
            match unit.first().map(|header| header & 0x1F) {
                None => {}
                Some(SPS) => sps = Some(unit.to_vec()),
                Some(PPS) => pps = Some(unit.to_vec()),
                Some(_) => {
                    let length = u32::try_from(unit.len()).map_err(|_| empty())?;
                    sample.data.extend_from_slice(&length.to_be_bytes());
                    sample.data.extend_from_slice(unit);
                }
            }
        }
    }
    if sample.data.is_empty() {
        return Err(empty());
    }
    sample.parameters = sps.zip(pps).map(|(sps, pps)| Parameters { sps, pps });
    Ok(sample)
}

fn without_start_code(unit: &[u8]) -> &[u8] {
    unit.strip_prefix(&[0, 0, 0, 1]).or_else(|| unit.strip_prefix(&[0, 0, 1])).unwrap_or(unit)
}

fn empty() -> RenderError {
    RenderError::Encode("the encoder gave no picture for a frame".into())
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that `map_err` calls")]
fn failed(error: openh264::Error) -> RenderError {
    RenderError::Encode(error.to_string())
}
