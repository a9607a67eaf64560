//! Checks of the settings, the credentials file, the network, the clock and the account.

use std::{
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use infrai::{ErrorKind, InfraiClient, KeySource, Setting, Settings};
use tokio::net::{TcpStream, lookup_host};

use super::report::{Line, Report};
use crate::{exit, output::dollars, session::Session};

/// Difference from the server's clock that is not yet a problem: the `Date` has whole seconds, and the response takes time.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

fn shown(setting: &Setting) -> String {
    format!("{} ({})", setting.value, setting.source)
}

/// Checks the settings and returns whether there is a key.
pub(super) fn settings(settings: &Settings, report: &mut Report) -> bool {
    report.push(Line::ok("profile", shown(&settings.profile)));
    report.push(match &settings.base_url {
        Ok(url) => Line::ok("base URL", shown(url)),
        Err(error) => Line::failed("base URL", error.clone()),
    });
    let mut has_key = false;
    report.push(match &settings.key {
        Ok((source, hint)) => {
            has_key = true;
            let source = match source {
                KeySource::Environment => "INFRAI_API_KEY",
                source => source.as_str(),
            };
            Line::ok("key", format!("{} ({source})", hint.as_deref().unwrap_or("from a function")))
        }
        Err(error) => Line::failed("key", error.clone()),
    });
    match &settings.credentials_file {
        Some(file) => {
            report.push(credentials(file));
            if let Some(line) = folder(Path::new(&file.value)) {
                report.push(line);
            }
        }
        None => report.push(Line::note("credentials", "no home folder, so no credentials file")),
    }
    report.push(match &settings.proxy {
        Ok(Some(proxy)) => Line::ok("proxy", shown(proxy)),
        Ok(None) if cfg!(any(target_os = "macos", windows)) => {
            Line::ok("proxy", "none in the environment; the system's settings apply")
        }
        Ok(None) => Line::ok("proxy", "none"),
        Err(error) => Line::failed("proxy", error.clone()),
    });
    report.push(match &settings.certificates {
        Ok(certificates) => Line::ok("certificates", shown(certificates)),
        Err(error) => Line::failed("certificates", error.clone()),
    });
    has_key
}

/// Checks who can read and change the credentials file.
fn credentials(file: &Setting) -> Line {
    const CHECK: &str = "credentials";
    match std::fs::metadata(&file.value) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Line::note(CHECK, format!("{} does not exist", shown(file)))
        }
        Err(error) => Line::problem(
            CHECK,
            exit::LOCAL,
            format!("{} cannot be read: {error}", shown(file)),
            "Correct its permissions, or name another file with INFRAI_CREDENTIALS_FILE.",
        ),
        Ok(metadata) => match exposed(&metadata, 0o077) {
            Some(mode) => Line::problem(
                CHECK,
                exit::LOCAL,
                format!("{} has the mode {mode:04o}: other users can use it", shown(file)),
                format!("Run: chmod 600 {}", crate::next_command::shell_quote(&file.value)),
            ),
            None => Line::ok(CHECK, shown(file)),
        },
    }
}

/// Checks that no other user can replace the file.
fn folder(file: &Path) -> Option<Line> {
    const STICKY: u32 = 0o1000;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty())?;
    let mode = exposed(&std::fs::metadata(folder).ok()?, 0o022).filter(|mode| mode & STICKY == 0)?;
    let folder = folder.to_string_lossy();
    Some(Line::problem(
        "credentials",
        exit::LOCAL,
        format!("the folder {folder} has the mode {mode:04o}: other users can replace the file"),
        format!("Run: chmod 700 {}", crate::next_command::shell_quote(&folder)),
    ))
}

/// Returns the mode if it gives other users one of these rights.
#[cfg(unix)]
fn exposed(metadata: &std::fs::Metadata, rights: u32) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o7777;
    (mode & rights != 0).then_some(mode)
}

#[cfg(not(unix))]
fn exposed(_metadata: &std::fs::Metadata, _rights: u32) -> Option<u32> {
    None
}

/// Checks name, connection, TLS, response and clock. Returns whether the server responded.
pub(super) async fn network(
    client: &InfraiClient,
    settings: &Settings,
    timeout: Duration,
    report: &mut Report,
) -> bool {
    let Some((host, port)) = &settings.target else {
        report.push(Line::note("network", "not checked: the address is not known"));
        return false;
    };
    let (host, port) = (host.as_str(), *port);
    let proxied = matches!(settings.proxy, Ok(Some(_)));
    if host.parse::<std::net::IpAddr>().is_err() {
        match tokio::time::timeout(timeout, lookup_host((host, port))).await {
            Ok(Ok(found)) => {
                let mut addresses: Vec<_> = found.map(|address| address.ip().to_string()).collect();
                addresses.dedup();
                report.push(Line::ok("DNS", format!("{host} is {}", addresses.join(", "))));
            }
            failure => {
                let reason = match failure {
                    Ok(Err(error)) => error.to_string(),
                    _ => format!("no answer within {timeout:?}"),
                };
                report.push(Line::problem(
                    "DNS",
                    exit::NETWORK,
                    format!("{host} has no address: {reason}"),
                    if proxied {
                        "Check the proxy's name and the network."
                    } else {
                        "Check the base URL, the network and the name server. Behind a proxy, set HTTPS_PROXY."
                    },
                ));
                return false;
            }
        }
    }
    match tokio::time::timeout(timeout, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => {
            report.push(Line::ok("connection", format!("{host} accepts connections to port {port}")));
        }
        failure => {
            let reason = match failure {
                Ok(Err(error)) => error.to_string(),
                _ => format!("no answer within {timeout:?}"),
            };
            report.push(Line::problem(
                "connection",
                exit::NETWORK,
                format!("no connection to {host}, port {port}: {reason}"),
                "Check the address, the network and the firewall. Behind a proxy, set HTTPS_PROXY.",
            ));
            return false;
        }
    }
    let begun = Instant::now();
    match client.probe().await {
        Ok(probe) => {
            if settings.tls {
                report.push(Line::ok("TLS", "the server's certificate is accepted"));
            } else {
                report.push(Line::note("TLS", "not used: the base URL is plain http"));
            }
            let took = begun.elapsed().as_millis();
            report.push(Line::ok("response", format!("HTTP {} within {took} ms", probe.status)));
            report.push(clock(probe.date));
            true
        }
        Err(error) => {
            let tls = settings.tls && error.kind() == ErrorKind::Connection;
            let dated = tls
                && ["expired", "not valid yet", "NotValidYet"]
                    .iter()
                    .any(|word| error.message().contains(word));
            let mut line = Line::failed(if tls { "TLS" } else { "response" }, error);
            if dated {
                line = line.with_remedy(
                    "If the certificate is current, correct this machine's clock. Else the server, or a proxy in between, needs a new certificate.",
                );
            }
            report.push(line);
            false
        }
    }
}

/// Compares this machine's clock with the server's.
fn clock(server: Option<SystemTime>) -> Line {
    let Some(server) = server else {
        return Line::note("clock", "not compared: the response has no Date");
    };
    let now = SystemTime::now();
    let (difference, direction) = match now.duration_since(server) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    if difference <= CLOCK_TOLERANCE {
        return Line::ok("clock", "agrees with the server's");
    }
    Line::problem(
        "clock",
        exit::LOCAL,
        format!("{} s {direction} the server's", difference.as_secs()),
        "Set this machine's clock, or switch on its synchronisation. Certificates depend on it.",
    )
}

/// Checks the key by fetching the balance.
pub(super) async fn account(
    session: &Session,
    client: &InfraiClient,
    has_key: bool,
    reached: bool,
    report: &mut Report,
) {
    if !has_key || !reached {
        let reason = if has_key { "the server does not respond" } else { "there is no key that can be used" };
        report.push(Line::note("balance", format!("not fetched: {reason}")));
        return;
    }
    report.push(match client.account().balance().await {
        Ok(balance) if balance.balance_usd > 0.0 => Line::ok("balance", dollars(balance.balance_usd)),
        Ok(balance) => Line::problem(
            "balance",
            exit::ACCOUNT,
            dollars(balance.balance_usd),
            "Add credit with `infrai account topup`.",
        ),
        Err(error) => Line::failed("balance", session.add_hint(error)),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_a_problem_with_its_direction() {
        let now = SystemTime::now();
        let said = |date| format!("{:?}", clock(Some(date)));
        assert!(said(now + Duration::from_secs(3)).contains("agrees"));
        assert!(said(now + Duration::from_secs(4000)).contains("s behind the server's"));
        assert!(said(now - Duration::from_secs(4000)).contains("s ahead of the server's"));
        assert!(format!("{:?}", clock(None)).contains("not compared"));
    }
}
