//! MP4 writer: the index before the samples, in one pass, without holding the samples.

// Boxes count in 32 bits; every number here is bounded by 60 seconds of video or checked.
#![allow(clippy::cast_possible_truncation)]

use std::io::{self, Seek, SeekFrom, Write};

use mp4_atom::{
    Avc1, Avcc, Codec, Colr, Dinf, Dref, DrefEntry, Encode, FourCC, Ftyp, Hdlr, Mdhd, Mdia, Minf, Moov, Mvhd,
    Stbl, Stco, Stsc, StscEntry, Stsd, Stss, Stsz, StszSamples, Stts, SttsEntry, Tkhd, Trak, Url, Visual,
    Vmhd,
};

use crate::error::RenderError;

/// Ticks per second of the movie's and the track's clock. A frame lasts a whole number of them.
const TIMESCALE: u32 = 24_000;
const MDAT_HEADER: u64 = 8;

/// An encoded picture, split into the parts that MP4 stores apart.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// The picture's NAL units, each behind its length in four bytes.
    pub(crate) data: Vec<u8>,
    /// Sequence and picture parameter set, which key frames carry.
    pub(crate) parameters: Option<Parameters>,
}

/// Decoder parameters, needed before the first picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) sps: Vec<u8>,
    pub(crate) pps: Vec<u8>,
}

/// The layout of the file, known before the first frame is encoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) frames: u32,
    pub(crate) frames_per_second: u32,
    /// Number of frames per group. Each group starts with a key frame and a new chunk.
    pub(crate) group: u32,
}

/// An MP4 being written.
///
/// The index has one entry per frame, so its length is known beforehand. Its room is reserved once the first frame
/// has the parameters, and filled in at the end.
#[derive(Debug)]
pub(crate) struct Muxer<W> {
    out: W,
    layout: Layout,
    parameters: Option<Parameters>,
    sizes: Vec<u32>,
    head: u64,
    body: u64,
}

impl<W: Write + Seek> Muxer<W> {
    pub(crate) fn new(out: W, layout: Layout) -> Self {
        let sizes = Vec::with_capacity(layout.frames as usize);
        Self { out, layout, parameters: None, sizes, head: 0, body: 0 }
    }

    /// Appends the next frame.
    pub(crate) fn write(&mut self, sample: &Sample) -> Result<(), RenderError> {
        let is_key = (self.sizes.len() as u32).is_multiple_of(self.layout.group);
        match (&sample.parameters, &self.parameters, is_key) {
            (Some(first), None, true) => {
                self.parameters = Some(first.clone());
                let head = self.header()?;
                self.head = head.len() as u64;
                self.out.write_all(&head)?;
            }
            (Some(new), Some(known), true) if new == known => {}
            (None, Some(_), false) => {}
            _ => {
                return Err(RenderError::Encode(
                    "a key frame is missing, or stands where none belongs".into(),
                ));
            }
        }
        self.out.write_all(&sample.data)?;
        self.sizes.push(sample.data.len() as u32);
        self.body += sample.data.len() as u64;
        if self.head + self.body > u64::from(u32::MAX) {
            return Err(RenderError::Encode("the file would pass 4 GiB".into()));
        }
        Ok(())
    }

    /// Fills in the index, and returns the file and its length in bytes.
    pub(crate) fn finish(mut self) -> Result<(W, u64), RenderError> {
        if self.sizes.len() != self.layout.frames as usize {
            return Err(RenderError::Encode(format!(
                "{} frames instead of {}",
                self.sizes.len(),
                self.layout.frames
            )));
        }
        let head = self.header()?;
        if head.len() as u64 != self.head {
            return Err(RenderError::Encode("the index does not fit the room left for it".into()));
        }
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&head)?;
        self.out.flush()?;
        Ok((self.out, self.head + self.body))
    }

    /// Returns the bytes before the samples. Their length depends on the layout and the parameters alone.
    fn header(&self) -> Result<Vec<u8>, RenderError> {
        let mut head = Vec::new();
        let file_type = Ftyp {
            major_brand: FourCC::new(b"isom"),
            minor_version: 0x200,
            compatible_brands: [b"isom", b"iso2", b"avc1", b"mp41"].map(FourCC::new).to_vec(),
        };
        file_type.encode(&mut head).map_err(unwritable)?;
        let before = head.len();
        self.movie(0).encode(&mut head).map_err(unwritable)?;
        let samples_at = head.len() as u64 + MDAT_HEADER;
        head.truncate(before);
        self.movie(samples_at).encode(&mut head).map_err(unwritable)?;
        head.extend_from_slice(&((self.body + MDAT_HEADER) as u32).to_be_bytes());
        head.extend_from_slice(b"mdat");
        Ok(head)
    }

    fn movie(&self, samples_at: u64) -> Moov {
        let duration = u64::from(self.layout.frames * self.frame_ticks());
        Moov {
            mvhd: Mvhd {
                timescale: TIMESCALE,
                duration,
                rate: 1.into(),
                volume: 1.into(),
                next_track_id: 2,
                ..Mvhd::default()
            },
            trak: vec![Trak {
                tkhd: Tkhd {
                    track_id: 1,
                    duration,
                    enabled: true,
                    in_movie: true,
                    width: self.layout.width.into(),
                    height: self.layout.height.into(),
                    ..Tkhd::default()
                },
                mdia: Mdia {
                    mdhd: Mdhd { timescale: TIMESCALE, duration, language: "und".into(), ..Mdhd::default() },
                    hdlr: Hdlr { handler: FourCC::new(b"vide"), name: "Infrai sandbox".into() },
                    minf: Minf {
                        vmhd: Some(Vmhd::default()),
                        dinf: Dinf {
                            dref: Dref { entries: vec![DrefEntry::Url(Url { location: String::new() })] },
                        },
                        stbl: self.sample_table(samples_at),
                        ..Minf::default()
                    },
                },
                ..Trak::default()
            }],
            ..Moov::default()
        }
    }

    fn sample_table(&self, samples_at: u64) -> Stbl {
        let Layout { frames, group, .. } = self.layout;
        let mut sizes = self.sizes.clone();
        sizes.resize(frames as usize, 0);
        let firsts = || (0..frames).step_by(group as usize);
        let mut offset = samples_at as u32;
        let chunks = sizes
            .chunks(group as usize)
            .map(|chunk| {
                let start = offset;
                offset = offset.wrapping_add(chunk.iter().sum());
                start
            })
            .collect();
        Stbl {
            stsd: Stsd { codecs: vec![Codec::Avc1(self.sample_entry())] },
            stts: Stts {
                entries: vec![SttsEntry { sample_count: frames, sample_delta: self.frame_ticks() }],
            },
            stss: Some(Stss { entries: firsts().map(|frame| frame + 1).collect() }),
            stsc: Stsc { entries: chunk_runs(frames, group) },
            stsz: Stsz { samples: StszSamples::Different { sizes } },
            stco: Some(Stco { entries: chunks }),
            ..Stbl::default()
        }
    }

    fn sample_entry(&self) -> Avc1 {
        let Parameters { sps, pps } = self.parameters.clone().unwrap_or_default();
        let byte = |index: usize| sps.get(index).copied().unwrap_or_default();
        Avc1 {
            visual: Visual {
                data_reference_index: 1,
                width: self.layout.width,
                height: self.layout.height,
                horizresolution: 72.into(),
                vertresolution: 72.into(),
                frame_count: 1,
                compressor: "OpenH264".into(),
                depth: 24,
            },
            avcc: Avcc {
                configuration_version: 1,
                avc_profile_indication: byte(1),
                profile_compatibility: byte(2),
                avc_level_indication: byte(3),
                length_size: 4,
                sequence_parameter_sets: vec![sps],
                picture_parameter_sets: vec![pps],
                ext: None,
            },
            // BT.709, as the pixels are.
            colr: Some(Colr::Nclx {
                colour_primaries: 1,
                transfer_characteristics: 1,
                matrix_coefficients: 1,
                full_range_flag: false,
            }),
            ..Avc1::default()
        }
    }

    fn frame_ticks(&self) -> u32 {
        TIMESCALE / self.layout.frames_per_second
    }
}

/// Returns the numbers of frames per chunk: all `group`, except for a shorter last one.
fn chunk_runs(frames: u32, group: u32) -> Vec<StscEntry> {
    let run = |first_chunk, samples_per_chunk| StscEntry {
        first_chunk,
        samples_per_chunk,
        sample_description_index: 1,
    };
    match (frames / group, frames % group) {
        (0, rest) => vec![run(1, rest)],
        (_, 0) => vec![run(1, group)],
        (whole, rest) => vec![run(1, group), run(whole + 1, rest)],
    }
}

fn unwritable(error: mp4_atom::Error) -> RenderError {
    RenderError::Io(io::Error::other(error))
}
