//! Python's values as the core's, and back.

mod from_python;
mod to_python;

pub(crate) use self::{
    from_python::{
        array, count, flag, json, json_object, number, optional_text, path, query, required_text, seconds,
        text,
    },
    to_python::{job, object, progress, value},
};
