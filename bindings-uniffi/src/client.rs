//! The client: one method per call of the core.

use std::sync::Arc;

use infrai::{
    ActivateResult, ApiResponse, Balance, CallContext, Capability, Discovery, InfraiClient, InfraiError,
    Language, TopupRecord, VideoJob,
    options::{GenerateRequest, WaitOptions},
    video::{self, CancelResult, Download, WantedEvents},
    wire::json,
};
use infrai_bindings::abort_signal;

use crate::{
    call::Call,
    callbacks::{CallbackKinds, Callbacks, ProgressListener, UpdateListener, context, with_callbacks},
    cancellation::Cancellation,
    error::{NativeError, catch},
    listener::ListenerHandle,
    options::parse,
    runtime::{ACTIVATION_PERMITS, DOWNLOAD_PERMITS},
    store::{CredentialStore, ForeignStore},
    streams::{Batch, GenerateManyStream, StreamHandle, WatchStream},
};

/// A client of the core. The options of its methods are JSON objects, which `infrai::options` describes.
#[derive(uniffi::Object)]
pub struct Client {
    core: InfraiClient,
    language: Language,
    /// Context of its calls, if the client has callbacks.
    context: Option<CallContext>,
}

/// Reference to a job.
#[derive(Debug, Clone, uniffi::Enum)]
pub enum JobRef {
    /// Its id.
    Id {
        /// The id.
        id: String,
    },
    /// The job in its last known state.
    Known {
        /// The job.
        job: VideoJob,
    },
}

impl From<JobRef> for video::JobRef {
    fn from(job: JobRef) -> Self {
        match job {
            JobRef::Id { id } => id.into(),
            JobRef::Known { job } => job.into(),
        }
    }
}

type Cancel = Option<Arc<Cancellation>>;

impl Client {
    fn call(&self, cancellation: Cancel) -> Call {
        Call::new(self.language, self.context.clone(), cancellation)
    }

    fn catch<T>(&self, body: impl FnOnce() -> Result<T, InfraiError>) -> Result<T, NativeError> {
        catch(self.language, body)
    }
}

#[uniffi::export]
impl Client {
    /// Creates a client. It reads no file and sends no request yet.
    ///
    /// # Errors
    /// `CONFIGURATION_INVALID` if an option is invalid.
    #[uniffi::constructor]
    pub fn new(
        options: &str,
        language: Language,
        runtime: &str,
        callbacks: CallbackKinds,
        store: Option<Arc<dyn CredentialStore>>,
    ) -> Result<Arc<Self>, NativeError> {
        catch(language, || {
            let name = format!("{language:?}").to_lowercase();
            let options = parse(options).map_err(InfraiError::into_configuration_error)?;
            let mut builder = InfraiClient::builder().options(options).client_info(
                &name,
                env!("CARGO_PKG_VERSION"),
                runtime,
            );
            builder = with_callbacks(builder, callbacks);
            if let Some(store) = store {
                builder = builder.credential_store(ForeignStore(store));
            }
            Ok(Arc::new(Self { core: builder.build()?, language, context: None }))
        })
    }

    /// Returns the same client with other options for its calls.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` or `CONFIGURATION_INVALID` if an option is invalid.
    pub fn with_options(&self, options: &str) -> Result<Arc<Self>, NativeError> {
        self.catch(|| {
            let core = self.core.with_options(parse(options)?)?;
            Ok(Arc::new(Self { core, language: self.language, context: self.context.clone() }))
        })
    }

    /// Returns the same client for one call or stream, with the callbacks that belong to its caller.
    pub fn in_context(&self, callbacks: Arc<dyn Callbacks>) -> Arc<Self> {
        let context = Some(context(callbacks));
        Arc::new(Self { core: self.core.clone(), language: self.language, context })
    }

    /// Returns the base URL.
    ///
    /// # Errors
    /// Those of the first call.
    pub fn base_url(&self) -> Result<String, NativeError> {
        self.catch(|| self.core.base_url())
    }

    /// Returns the key's redacted form.
    ///
    /// # Errors
    /// Those of the first call.
    pub fn key_hint(&self) -> Result<Option<String>, NativeError> {
        self.catch(|| self.core.key_hint())
    }

    /// Returns what the client's jobs cost so far, in US dollars.
    pub fn spent_usd(&self) -> f64 {
        self.core.spent_usd()
    }

    /// Submits a job: `POST /v1/video/generate`.
    pub async fn generate(&self, request: &str, cancellation: Cancel) -> Result<VideoJob, NativeError> {
        let request = self.catch(|| parse(request))?;
        self.call(cancellation).run(self.core.video().generate_from(request).send()).await
    }

    /// Fetches the job's current state: `GET /v1/video/jobs/{id}`.
    pub async fn status(&self, job: JobRef, cancellation: Cancel) -> Result<VideoJob, NativeError> {
        let client = self.core.clone();
        self.call(cancellation).run(async move { client.video().status(job).await }).await
    }

    /// Cancels a job: `POST /v1/video/jobs/{id}/cancel`.
    pub async fn cancel(&self, job: JobRef, cancellation: Cancel) -> Result<CancelResult, NativeError> {
        let client = self.core.clone();
        self.call(cancellation).run(async move { client.video().cancel(job).await }).await
    }

    /// Waits for the end of a job.
    pub async fn wait(
        &self,
        job: JobRef,
        options: &str,
        listener: Option<Arc<dyn UpdateListener>>,
        cancellation: Cancel,
    ) -> Result<VideoJob, NativeError> {
        let options: WaitOptions = self.catch(|| parse(options))?;
        let graceful = options.cancel_on_abort;
        let mut wait = self.core.video().wait(job).options(options);
        let updates = listener.map(ListenerHandle::new);
        let call = self.call(cancellation).listener(updates.as_ref());
        if let Some(updates) = updates {
            wait = wait.on_update(move |job: &VideoJob| {
                updates.invoke(|listener| listener.on_update(job.clone()));
            });
        }
        let mut signal = None;
        if graceful {
            let (sender, aborted) = abort_signal();
            wait = wait.abort_when(aborted);
            signal = Some(sender);
        }
        call.graceful(signal).run(wait.send()).await
    }

    /// Returns the states of a job as they change.
    pub fn watch(&self, job: JobRef) -> Result<Arc<WatchStream>, NativeError> {
        self.catch(|| {
            let stream = StreamHandle::new(self.core.video().watch(job), self.language, self.context.clone());
            Ok(Arc::new(WatchStream(stream)))
        })
    }

    /// Downloads a job's video to a file.
    pub async fn download(
        &self,
        job: JobRef,
        path: String,
        options: &str,
        listener: Option<Arc<dyn ProgressListener>>,
        cancellation: Cancel,
    ) -> Result<Download, NativeError> {
        let options = self.catch(|| parse(options))?;
        let mut download = self.core.video().download(job, path).options(options);
        let updates = listener.map(ListenerHandle::new);
        let call = self.call(cancellation).listener(updates.as_ref()).on_blocking_pool(&DOWNLOAD_PERMITS);
        if let Some(updates) = updates {
            download = download.on_progress(move |progress| {
                updates.invoke(|listener| listener.on_progress(progress));
            });
        }
        call.run(download.send()).await
    }

    /// Submits many jobs and waits for each. `submits` and `updates` ask for these events.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if an option is invalid.
    pub fn generate_many(
        &self,
        requests: Vec<String>,
        options: &str,
        submits: bool,
        updates: bool,
    ) -> Result<Arc<GenerateManyStream>, NativeError> {
        self.catch(|| {
            let requests = requests.iter().map(|request| parse(request));
            let requests = requests.collect::<Result<Vec<GenerateRequest>, _>>()?;
            let many = self.core.video().generate_many(requests).options(parse(options)?);
            let batch = Batch { many, wanted: WantedEvents { submits, updates } };
            let stream = StreamHandle::new(batch, self.language, self.context.clone());
            Ok(Arc::new(GenerateManyStream(stream)))
        })
    }

    /// Returns the balance: `GET /v1/account/balance`.
    pub async fn balance(&self, cancellation: Cancel) -> Result<Balance, NativeError> {
        let client = self.core.clone();
        self.call(cancellation).run(async move { client.account().balance().await }).await
    }

    /// Starts a payment that adds credit: `POST /v1/account/topup`.
    pub async fn topup(
        &self,
        amount_usd: f64,
        options: &str,
        cancellation: Cancel,
    ) -> Result<TopupRecord, NativeError> {
        let options = self.catch(|| parse(options))?;
        self.call(cancellation).run(self.core.account().topup(amount_usd).options(options).send()).await
    }

    /// Waits until the balance is at least this many US dollars.
    pub async fn wait_for_credit(
        &self,
        min_usd: f64,
        options: &str,
        cancellation: Cancel,
    ) -> Result<Balance, NativeError> {
        let options = self.catch(|| parse(options))?;
        let wait = self.core.account().wait_for_credit(min_usd).options(options);
        self.call(cancellation).run(wait.send()).await
    }

    /// Activates this device: `POST /v1/activate`.
    pub async fn activate(&self, options: &str, cancellation: Cancel) -> Result<ActivateResult, NativeError> {
        let options = self.catch(|| parse(options))?;
        let call = self.call(cancellation).on_blocking_pool(&ACTIVATION_PERMITS);
        call.run(self.core.activate().options(options).send()).await
    }

    /// Returns the capabilities of the API: `GET /v1/discovery`.
    pub async fn discover(&self, cancellation: Cancel) -> Result<Discovery, NativeError> {
        let client = self.core.clone();
        self.call(cancellation).run(async move { client.discover().await }).await
    }

    /// Returns one capability: `GET /v1/discovery/{capability}`.
    pub async fn discover_capability(
        &self,
        capability: String,
        cancellation: Cancel,
    ) -> Result<Capability, NativeError> {
        let client = self.core.clone();
        self.call(cancellation).run(async move { client.discover_capability(capability).await }).await
    }

    /// Calls any other route. The body is JSON text of its own, so that its numbers keep every digit.
    pub async fn request(
        &self,
        method: String,
        path: String,
        body: Option<String>,
        options: &str,
        cancellation: Cancel,
    ) -> Result<ApiResponse, NativeError> {
        let request = self.catch(|| {
            let request = self.core.request(method, path).options(parse(options)?);
            Ok(match body {
                Some(text) => request.body(json::parse_body("body", &text)?),
                None => request,
            })
        })?;
        self.call(cancellation).run(request.send()).await
    }
}
