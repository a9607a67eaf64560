//! The Infrai SDK: turn a sentence into a video.
