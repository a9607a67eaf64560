//! The routes, a group a file.

mod account;
mod activate;
mod admin;
mod extract;
mod fields;
mod files;
mod meta;
mod openapi;
mod page;
mod pages;
mod range;
mod routes;
mod video;

pub(crate) use routes::router;
