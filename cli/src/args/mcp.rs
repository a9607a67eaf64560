//! Arguments of `infrai mcp`.

use std::path::PathBuf;

use clap::Args;

use super::values;

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// Folder that videos are saved to, created if it does not exist [default: the working folder]
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub(crate) output_dir: PathBuf,
    /// Most that this server may spend; a video beyond it is refused before anything is sent [default: no limit]
    #[arg(long, value_name = "USD", value_parser = values::amount)]
    pub(crate) max_cost_usd: Option<f64>,
    /// Price of one video above which the user has to agree first [default: no limit]
    #[arg(long, value_name = "USD", value_parser = values::amount)]
    pub(crate) confirm_above_usd: Option<f64>,
    /// Serve HTTP at this address instead of standard input and output; port 0 lets the system choose
    ///
    /// Requests need a token: that of INFRAI_MCP_TOKEN, else a new one, printed on standard error. Requests of web pages
    /// of other machines are refused.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) http: Option<String>,
    /// Accept this Host besides loopback; can be repeated
    #[arg(long, value_name = "HOST[:PORT]", requires = "http")]
    pub(crate) allow_host: Vec<String>,
    /// Accept requests without a token; loopback addresses only
    #[arg(long, requires = "http")]
    pub(crate) no_token: bool,
}
