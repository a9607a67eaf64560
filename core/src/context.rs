//! Call context: a caller's value that callbacks can read during its call.

use std::{any::Any, fmt, sync::Arc};

use tokio::task_local;

task_local! {
    static CURRENT: CallContext;
}

/// A caller's value that is current while the client works on one of its calls.
///
/// When several tenants share a client, its key function, its hooks and `on_update` find the current tenant with
/// [`current`](Self::current). A task-local variable of the application is not enough: a job that several waits share is
/// polled in a separate task, in the context of the oldest wait that is still active.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc.rs"));
/// # #[tokio::main]
/// # async fn main() -> infrai::Result<()> {
/// use infrai::CallContext;
///
/// struct Tenant(&'static str);
///
/// # let (client, _world) = sandboxed().await;
/// let generate = client.video().generate("a red kite");
/// let job = CallContext::new(Tenant("acme")).scope(generate.send()).await?;
/// // Meanwhile, in a key function or a hook:
/// let tenant = CallContext::current().and_then(|context| Some(context.downcast_ref::<Tenant>()?.0));
/// # assert_eq!(tenant, None, "outside of the call");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CallContext(Arc<dyn Any + Send + Sync>);

impl CallContext {
    /// Wraps a value.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Arc::new(value))
    }

    /// Returns the context of the current call, or `None` outside of a [`scope`](Self::scope).
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Returns the value, if it has this type.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    /// Runs a future in this context: a call, or one read of a stream.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Runs a function in this context.
    pub fn sync_scope<R>(self, function: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self, function)
    }
}

/// Runs a future in a context, if there is one.
pub(crate) async fn scoped<F: Future>(context: Option<CallContext>, future: F) -> F::Output {
    match context {
        Some(context) => context.scope(future).await,
        None => future.await,
    }
}

/// Runs a function in a context, if there is one.
pub(crate) fn sync_scoped<R>(context: Option<CallContext>, function: impl FnOnce() -> R) -> R {
    match context {
        Some(context) => context.sync_scope(function),
        None => function(),
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallContext(…)")
    }
}
