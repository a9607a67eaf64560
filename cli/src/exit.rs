//! Exit codes, as listed in `--help` and in docs/cli.md.

use infrai::ErrorKind;

/// Success.
pub(crate) const OK: u8 = 0;
/// The job failed or was cancelled, or a cancel came too late.
pub(crate) const JOB: u8 = 1;
/// The command or the request was wrong.
pub(crate) const USAGE: u8 = 2;
/// The key, its rights or the credit do not suffice.
pub(crate) const ACCOUNT: u8 = 3;
/// The network or the API failed, or took too long.
pub(crate) const NETWORK: u8 = 4;
/// Something on this machine: a file, the credentials, a setting, the sandbox's folder.
pub(crate) const LOCAL: u8 = 5;
/// The wait timed out; the job continues.
pub(crate) const WAIT: u8 = 6;
/// A bug of the command.
pub(crate) const INTERNAL: u8 = 70;
/// Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;
/// SIGTERM.
pub(crate) const TERMINATED: u8 = 143;

/// Text below `infrai --help`.
pub(crate) const AFTER_HELP: &str = "\
Exit codes:
    0  success
    1  the job failed or was cancelled, or a cancel came too late
    2  the command or the request was wrong: usage, a refused argument, an unknown id, a conflict
    3  no key or a refused one, a missing right, not enough credit
    4  the network or the API failed or took too long
    5  this machine: a file, the credentials, a setting, the sandbox's folder
    6  the wait timed out; the job continues
   70  a bug of this command
  130  Ctrl-C (143: SIGTERM); a submitted job continues

Keys:
  No option takes the key, because other users of the machine can read command lines. The key comes from
  INFRAI_API_KEY, or from the profile that `infrai activate` stored in ~/.infrai/credentials.

Environment:
  INFRAI_API_KEY, INFRAI_BASE_URL, INFRAI_PROFILE, INFRAI_CREDENTIALS_FILE, INFRAI_ALLOW_HTTP,
  INFRAI_SANDBOX_DIR, INFRAI_MCP_TOKEN, NO_COLOR";

/// Returns the exit code of an error.
pub(crate) fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::JobFailed | ErrorKind::JobCancelled => JOB,
        ErrorKind::InvalidRequest | ErrorKind::NotFound | ErrorKind::Conflict => USAGE,
        ErrorKind::Authentication | ErrorKind::Permission | ErrorKind::PaymentRequired => ACCOUNT,
        ErrorKind::RateLimit
        | ErrorKind::Server
        | ErrorKind::Connection
        | ErrorKind::Timeout
        | ErrorKind::UnexpectedResponse => NETWORK,
        ErrorKind::Credentials | ErrorKind::Configuration => LOCAL,
        ErrorKind::WaitTimeout => WAIT,
        ErrorKind::Aborted => INTERRUPTED,
        // A later version may add kinds.
        ErrorKind::Internal | _ => INTERNAL,
    }
}
