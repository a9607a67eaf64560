//! The HTTP server: accepts connections until it is stopped.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::{JoinHandle, JoinSet},
};

use tokio_io_timeout::TimeoutStream;

use crate::{api, app::App, data_dir::DataDir, host::Host, middleware, tokens};

/// Time for requests in flight to end after a stop.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits on the resources of clients.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) connections: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) send_timeout: Duration,
}

/// A running sandbox. It serves until it is stopped or dropped.
#[derive(Debug)]
pub struct Sandbox {
    addr: SocketAddr,
    app: Arc<App>,
    folder: Arc<DataDir>,
    stop: watch::Sender<bool>,
    serving: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Returns the base URL for clients on this machine, without a trailing slash.
    pub fn url(&self) -> String {
        local(self.addr).url("")
    }

    /// Returns the URL of the dashboard for a browser on this machine. Its fragment, after `#`, opens the accounts'
    /// jobs and wallets to the dashboard: do not share it.
    pub fn page_url(&self) -> String {
        format!("{}/#{}", self.url(), tokens::page_token(&self.app.file_signing_key))
    }

    /// Returns the address it listens on, with the actual port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the data folder.
    pub fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// Stops serving. Requests in flight get five seconds to end, renderings stop and start over next time, and the
    /// data folder is free when this returns.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            let _ = serving.await;
        }
    }
}

impl Drop for Sandbox {
    /// Stops serving without waiting for the end.
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.app.runner.signal_stop();
    }
}

/// Returns the host under which clients on this machine reach an address.
fn local(addr: SocketAddr) -> Host {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Host::of(SocketAddr::new(ip, addr.port()))
}

/// Serves `app` on `listener`, on the current runtime.
pub(crate) fn serve(
    app: Arc<App>,
    folder: DataDir,
    listener: TcpListener,
    limits: &Limits,
) -> std::io::Result<Sandbox> {
    let addr = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let folder = Arc::new(folder);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header_timeout).max_buf_size(64 * 1024);
    let server = Server {
        router: api::router(app.clone()),
        app: app.clone(),
        http,
        slots: Arc::new(Semaphore::new(limits.connections)),
        send_timeout: limits.send_timeout,
    };
    tokio::spawn(api::deliver_webhooks(app.clone(), local(addr), stopped.clone()));
    let held = folder.clone();
    let serving = tokio::spawn(async move {
        let app = server.app.clone();
        server.run(listener, stopped).await;
        // Blocks: renderers end between two frames, the database after its last write.
        let _ = tokio::task::spawn_blocking(move || {
            app.runner.signal_stop();
            app.runner.join();
            app.db.close();
            drop(held);
        })
        .await;
    });
    tracing::info!(%addr, "serving");
    if !addr.ip().to_canonical().is_loopback() {
        tracing::warn!(
            "the sandbox listens on {addr}, beyond this machine: everyone who reaches that address can use its API"
        );
    }
    Ok(Sandbox { addr, app, folder, stop, serving: Some(serving) })
}

struct Server {
    app: Arc<App>,
    router: Router,
    http: http1::Builder,
    slots: Arc<Semaphore>,
    send_timeout: Duration,
}

impl Server {
    async fn run(self, listener: TcpListener, mut stopped: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                // The sender lives as long as the handle, so its loss is a stop too.
                _ = stopped.wait_for(|stop| *stop) => break,
                Some(_) = connections.join_next() => {}
                (stream, peer, slot) = accept(&listener, &self.slots) => {
                    connections.spawn(self.serve(stream, peer, slot, graceful.watcher()));
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests in flight were aborted");
        }
        connections.shutdown().await;
    }

    fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        slot: OwnedSemaphorePermit,
        watcher: Watcher,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (app, router) = (self.app.clone(), self.router.clone());
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (app, router) = (app.clone(), router.clone());
            async move { middleware::handle_request(&app, router, peer, request).await }
        });
        // Without it, a client that stops reading would hold its slot and an open file indefinitely.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.send_timeout));
        let connection = watcher.watch(self.http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        async move {
            // Clients that leave, time out or are dropped by a fault are expected.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(slot);
        }
    }
}

/// Accepts the next connection once there is a slot for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return std::future::pending().await };
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Responses are small, and each follows a request.
                let _ = stream.set_nodelay(true);
                return (stream, peer, slot);
            }
            Err(error) => {
                // Most likely out of file descriptors: waiting frees some.
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
