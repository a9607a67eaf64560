//! Conversion of values between Python and the core.

pub(crate) mod to_python;

mod from_python;

pub(crate) use self::{
    from_python::{array, as_dict, json, number, options, path, prompt, query, text, type_name},
    to_python::{job, object, progress, value},
};
