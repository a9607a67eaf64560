//! The routes, one file per group.

mod account;
mod activate;
mod admin;
mod checkout;
mod dashboard;
mod discovery;
mod extract;
mod fields;
mod files;
mod health;
mod openapi;
mod range;
mod routes;
mod video;
mod webhooks;

pub(crate) use self::{routes::router, webhooks::delivery::deliver as deliver_webhooks};
