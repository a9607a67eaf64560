//! `infrai mcp`: a server of the Model Context Protocol, over standard input and output or over HTTP.

mod account;
mod app;
mod budget;
mod download;
mod folder;
mod generate;
mod http;
mod jobs;
mod journal;
mod prices;
mod progress;
mod prompts;
mod resources;
mod result;
mod schema;
mod server;
mod tasks;
mod tools;
mod wait;

use std::{sync::Arc, time::Duration};

use infrai::{InfraiError, Result};
use rmcp::{ServiceExt as _, service::ServerInitializeError, transport::stdio_pipes};

use self::{app::App, budget::Budget, folder::OutputFolder, journal::Journal, server::Server};
use crate::{
    args::{GlobalArgs, McpArgs},
    error, exit,
    interrupt::{InterruptNotice, Signal},
    session::Session,
};

/// Time for submissions to finish after the end of the connection, so that their jobs are recorded.
const FINISH_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until the client closes standard input, or until a signal. Standard output carries the protocol alone.
pub(crate) async fn serve(args: &McpArgs, global: &GlobalArgs) -> Result<u8> {
    let session = Session::open(global, &InterruptNotice::default()).await?;
    let result = match run(args, &session).await {
        Ok(()) => Ok(exit::OK),
        Err(error) => Err(session.add_hint(error)),
    };
    session.close().await;
    result
}

async fn run(args: &McpArgs, session: &Session) -> Result<()> {
    session.print_sandbox_notice();
    if session.lacks_sandbox_account() {
        session.activate_in_sandbox().await?;
    }
    let folder = OutputFolder::create(&args.output_dir)?;
    let origin = match &session.sandbox {
        Some(_) => "sandbox".to_owned(),
        None => session.client.base_url()?,
    };
    let journal = Journal::open(folder.path(), origin)?;
    let budget = Budget::new(args.max_cost_usd, args.confirm_above_usd);
    let app = Arc::new(App::new(session.client.clone(), folder, journal, budget));
    let server = Server::new(app.clone());
    let result = match &args.http {
        Some(address) => http::serve(args, address, server).await,
        None => stdio(server).await,
    };
    let _ = tokio::time::timeout(FINISH_TIMEOUT, app.submissions.write()).await;
    result
}

async fn stdio(server: Server) -> Result<()> {
    let protocol = async {
        match server.serve(stdio_pipes()).await {
            Ok(service) => match service.waiting().await {
                Ok(_) => Ok(()),
                Err(error) => Err(InfraiError::internal(format!("the server ended in a panic: {error}"))),
            },
            // The client went away before it said anything.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(error::usage(format!("standard input is no MCP client: {error}"))
                .with_hint("Start `infrai mcp` from an MCP client, as its configuration says.")),
        }
    };
    tokio::select! {
        biased;
        _ = Signal::next() => Ok(()),
        result = protocol => result,
    }
}
