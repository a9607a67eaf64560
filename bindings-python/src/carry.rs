//! Makes a call, blocking or awaited: the one place that knows the difference.

use std::sync::Arc;

use infrai::InfraiClient;
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::{
    answer::Work,
    blocking::{self, Company, Place, Updates},
    channel::Channel,
    engine, errors,
    mailbox::Mailbox,
    video::Teller,
};

/// A call's target: a core client, and who is told of its hooks and key questions.
pub(crate) struct Target {
    pub(crate) client: InfraiClient,
    pub(crate) mailbox: Option<Arc<Mailbox>>,
}

/// Makes a call: awaited through the channel, whose number for it is returned, or else here and now.
pub(crate) fn carry(
    py: Python<'_>,
    mailbox: Option<&Arc<Mailbox>>,
    channel: Option<&Bound<'_, Channel>>,
    place: Place,
    work: Work,
) -> PyResult<Py<PyAny>> {
    match channel {
        Some(channel) => {
            let number = channel.get().shared().number();
            begin(py, mailbox, channel, number, work)
        }
        None => {
            blocking::run(py, place, Company { client: mailbox, ..Company::default() }, work)?.into_python(py)
        }
    }
}

fn begin(
    py: Python<'_>,
    mailbox: Option<&Arc<Mailbox>>,
    channel: &Bound<'_, Channel>,
    number: u64,
    work: Work,
) -> PyResult<Py<PyAny>> {
    let engine = engine::engine(py)?;
    engine.journal.look_at_level(py);
    let shared = channel.get().shared();
    if let Some(mailbox) = mailbox {
        mailbox.join(shared);
    }
    shared.begin(engine, number, work).map_err(|error| errors::raise(py, &error))?;
    Ok(number.into_pyobject(py)?.into_any().unbind())
}

/// Makes a call that tells what happens: to the callable, or, where a channel is given, through it.
pub(crate) fn carry_telling(
    py: Python<'_>,
    target: Target,
    channel: Option<&Bound<'_, Channel>>,
    told: Option<Py<PyAny>>,
    abort: Option<oneshot::Sender<()>>,
    make: impl FnOnce(InfraiClient, Option<Teller>) -> PyResult<Work>,
) -> PyResult<Py<PyAny>> {
    let mailbox = target.mailbox.clone();
    let Some(channel) = channel else {
        let updates = told.map(|callback| Updates { mailbox: Arc::default(), callback: Arc::new(callback) });
        let teller = updates.as_ref().map(|updates| Teller::Mailbox(Arc::clone(&updates.mailbox)));
        let work = make(target.client, teller)?;
        let company = Company { client: mailbox.as_ref(), updates: updates.as_ref(), abort };
        return blocking::run(py, Place::Foreground, company, work)?.into_python(py);
    };
    let shared = channel.get().shared();
    let number = shared.number();
    let teller = told.map(|_| Teller::Channel(Arc::clone(shared), number));
    if let Some(abort) = abort {
        shared.note_abort(number, abort);
    }
    let work = make(target.client, teller)?;
    begin(py, mailbox.as_ref(), channel, number, work)
}
