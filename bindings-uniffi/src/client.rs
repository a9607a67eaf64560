//! The client: a method for each of the core's calls.

use std::sync::Arc;

use infrai::{InfraiClient, options, video::JobRef, wire::json};

use crate::{
    account::{
        NativeActivateOptions, NativeActivation, NativeBalance, NativeResponse, NativeTopup, activation,
    },
    call::Call,
    callbacks::{NativeHooks, NativeKeyFunction, NativeProgressListener, NativeUpdateListener},
    cancellation::NativeCancellation,
    error::NativeError,
    job::{NativeCancelResult, NativeJob, NativeJobRef},
    listener::{Closable, ListenerHandle},
    options::{NativeGenerate, NativePair},
    panic::catch_panic,
    runtime::{ACTIVATION_PLACES, DOWNLOAD_PLACES},
    settings::{self, NativeCallOptions, NativeCaller, NativeSettings},
    store::NativeStore,
    streams::{NativeMany, NativeWatch},
    video::{self, NativeDownload, NativeManyOptions, NativeWaitOptions},
};

/// A client of the core's.
#[derive(uniffi::Object)]
pub struct NativeClient {
    client: InfraiClient,
}

type Cancel = Option<Arc<NativeCancellation>>;

fn closing<L: Send + 'static>(listener: Option<&Arc<ListenerHandle<L>>>) -> Option<Arc<dyn Closable>> {
    listener.map(|listener| Arc::clone(listener) as Arc<dyn Closable>)
}

#[uniffi::export]
impl NativeClient {
    /// Makes a client. Nothing is read and nothing is sent yet: a missing key is an error of the first call.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` for a setting that can never work.
    #[uniffi::constructor]
    pub fn new(
        settings: NativeSettings,
        caller: NativeCaller,
        key: Option<Arc<dyn NativeKeyFunction>>,
        hooks: Option<Arc<dyn NativeHooks>>,
        store: Option<Arc<dyn NativeStore>>,
    ) -> Result<Arc<Self>, NativeError> {
        catch_panic(|| {
            let client = settings::client(settings, &caller, key, hooks, store)?;
            Ok(Arc::new(Self { client }))
        })
    }

    /// The same client with other settings for its calls.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a time or a number that cannot be; `CONFIGURATION_INVALID` for a header that cannot be sent.
    pub fn with_options(&self, options: NativeCallOptions) -> Result<Arc<Self>, NativeError> {
        catch_panic(|| Ok(Arc::new(Self { client: self.client.with_options(options.try_into()?)? })))
    }

    /// The base URL that calls go to.
    ///
    /// # Errors
    /// As the first call.
    pub fn base_url(&self) -> Result<String, NativeError> {
        catch_panic(|| self.client.base_url())
    }

    /// The key's form that may be shown, if there is a key.
    ///
    /// # Errors
    /// As the first call.
    pub fn key_hint(&self) -> Result<Option<String>, NativeError> {
        catch_panic(|| self.client.key_hint())
    }

    /// Starts a job: `POST /v1/video/generate`.
    pub async fn generate(
        &self,
        request: NativeGenerate,
        cancellation: Cancel,
    ) -> Result<NativeJob, NativeError> {
        let call = self.client.video().generate_from(request.into());
        Ok(Call::with(cancellation).run(call.send()).await?.into())
    }

    /// Looks at a job once: `GET /v1/video/jobs/{id}`.
    pub async fn status(&self, job: NativeJobRef, cancellation: Cancel) -> Result<NativeJob, NativeError> {
        let (client, job) = (self.client.clone(), catch_panic(|| JobRef::try_from(job))?);
        let work = async move { client.video().status(job).await };
        Ok(Call::with(cancellation).run(work).await?.into())
    }

    /// Cancels a job: `POST /v1/video/jobs/{id}/cancel`.
    pub async fn cancel(
        &self,
        job: NativeJobRef,
        cancellation: Cancel,
    ) -> Result<NativeCancelResult, NativeError> {
        let (client, job) = (self.client.clone(), catch_panic(|| JobRef::try_from(job))?);
        let work = async move { client.video().cancel(job).await };
        Ok(Call::with(cancellation).run(work).await?.into())
    }

    /// Waits until a job has ended.
    pub async fn wait(
        &self,
        job: NativeJobRef,
        options: NativeWaitOptions,
        listener: Option<Arc<dyn NativeUpdateListener>>,
        cancellation: Cancel,
    ) -> Result<NativeJob, NativeError> {
        let updates = listener.map(|listener| Arc::new(ListenerHandle::new(listener)));
        let listener = closing(updates.as_ref());
        let (wait, graceful) =
            catch_panic(|| video::wait(&self.client, JobRef::try_from(job)?, &options, updates))?;
        Ok(Call::with(cancellation).listener(listener).graceful(graceful).run(wait.send()).await?.into())
    }

    /// A job's states, as they change.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for what is no job.
    pub fn watch(&self, job: NativeJobRef) -> Result<Arc<NativeWatch>, NativeError> {
        catch_panic(|| Ok(Arc::new(NativeWatch::new(self.client.video().watch(JobRef::try_from(job)?)))))
    }

    /// Saves a job's video to a file: whole, or not at all. `timeout` is in seconds.
    pub async fn download(
        &self,
        job: NativeJobRef,
        path: String,
        overwrite: bool,
        timeout: Option<f64>,
        listener: Option<Arc<dyn NativeProgressListener>>,
        cancellation: Cancel,
    ) -> Result<NativeDownload, NativeError> {
        let job = catch_panic(|| JobRef::try_from(job))?;
        let mut download = self.client.video().download(job, path).overwrite(overwrite);
        if let Some(seconds) = timeout {
            download = download.timeout(catch_panic(|| options::seconds("timeout", seconds))?);
        }
        let progress = listener.map(|listener| Arc::new(ListenerHandle::new(listener)));
        let listener = closing(progress.as_ref());
        if let Some(listener) = progress {
            download = download.on_progress(move |progress| {
                listener.invoke(|listener| listener.on_progress(progress.into()));
            });
        }
        Ok(Call::with(cancellation)
            .listener(listener)
            .on_blocking_pool(&DOWNLOAD_PLACES)
            .run(download.send())
            .await?
            .into())
    }

    /// Starts many jobs, some at once, and waits for each.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a number or a time that cannot be.
    pub fn generate_many(
        &self,
        items: Vec<NativeGenerate>,
        options: NativeManyOptions,
    ) -> Result<Arc<NativeMany>, NativeError> {
        catch_panic(|| Ok(Arc::new(NativeMany::new(video::many(&self.client, items, options)?))))
    }

    /// What is left on the account: `GET /v1/account/balance`.
    pub async fn balance(&self, cancellation: Cancel) -> Result<NativeBalance, NativeError> {
        let client = self.client.clone();
        let work = async move { client.account().balance().await };
        Ok(Call::with(cancellation).run(work).await?.into())
    }

    /// Adds to the account: `POST /v1/account/topup`.
    pub async fn topup(
        &self,
        amount_usd: f64,
        return_url: Option<String>,
        idempotency_key: Option<String>,
        cancellation: Cancel,
    ) -> Result<NativeTopup, NativeError> {
        let mut topup = self.client.account().topup(amount_usd);
        if let Some(url) = return_url {
            topup = topup.return_url(url);
        }
        if let Some(key) = idempotency_key {
            topup = topup.idempotency_key(key);
        }
        Ok(Call::with(cancellation).run(topup.send()).await?.into())
    }

    /// Makes this device an anonymous account with a trial credit: `POST /v1/activate`.
    pub async fn activate(
        &self,
        options: NativeActivateOptions,
        cancellation: Cancel,
    ) -> Result<NativeActivation, NativeError> {
        let activate = activation(&self.client, options);
        Ok(Call::with(cancellation).on_blocking_pool(&ACTIVATION_PLACES).run(activate.send()).await?.into())
    }

    /// Any other route of the API. The body is JSON text.
    pub async fn request(
        &self,
        method: String,
        path: String,
        query: Vec<NativePair>,
        body_json: Option<String>,
        idempotency_key: Option<String>,
        cancellation: Cancel,
    ) -> Result<NativeResponse, NativeError> {
        let query = query.into_iter().map(|NativePair { name, value }| (name, value));
        let mut request = self.client.request(method, path).query(query);
        if let Some(text) = body_json {
            request = request.body(catch_panic(|| json::parse_body("body", &text))?);
        }
        if let Some(key) = idempotency_key {
            request = request.idempotency_key(key);
        }
        Ok(Call::with(cancellation).run(request.send()).await?.into())
    }
}

/// For the packages' tests: a call that panics, so that each sees what its callers would.
///
/// # Errors
/// Always: `INTERNAL`.
#[uniffi::export]
pub async fn native_panic() -> Result<(), NativeError> {
    Call::default().run(async { panic!("asked for by a test") }).await
}
