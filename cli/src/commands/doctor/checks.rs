//! Checks of the settings, the credentials file, the network, the clock and the account.

use std::{
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use infrai::{ErrorKind, InfraiClient, InfraiError, KeySource, Setting, Settings};
use tokio::net::{TcpStream, lookup_host};

use super::report::{Line, Report};
use crate::{exit, output::dollars, session::Session};

/// Difference from the server's clock that is not yet a problem: the `Date` has whole seconds, and the response takes time.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// End of the error's text when a proxy refuses a tunnel. Its type is private to hyper-util.
const NO_TUNNEL: &str = "tunnel error: unsuccessful";
/// Addresses of a host that are shown.
const SHOWN_ADDRESSES: usize = 2;

fn shown(setting: &Setting) -> String {
    format!("{} ({})", setting.value, setting.source)
}

/// Checks the settings and returns whether there is a key.
pub(super) fn settings(settings: &Settings, report: &mut Report) -> bool {
    // The error of the file is also that of what it decides, and the error of the base URL that of the key.
    let errors = [settings.base_url.as_ref().err(), settings.key.as_ref().err()];
    let unreadable = errors.into_iter().flatten().find(|error| error.kind() == ErrorKind::Credentials);
    let unknown = |check| Line::note(check, "not known: the credentials file cannot be used");
    report.push(Line::ok("profile", shown(&settings.profile)));
    report.push(match &settings.base_url {
        Ok(url) => Line::ok("base URL", shown(url)),
        Err(error) if error.kind() == ErrorKind::Credentials => unknown("base URL"),
        Err(error) => Line::failed("base URL", error.clone()),
    });
    report.push(plain_http(settings));
    report.push(match &settings.key {
        Ok((source, hint)) => {
            let source = match source {
                KeySource::Environment => "INFRAI_API_KEY",
                source => source.as_str(),
            };
            Line::ok("key", format!("{} ({source})", hint.as_deref().unwrap_or("from a function")))
        }
        Err(error) if error.kind() == ErrorKind::Credentials => unknown("key"),
        Err(error) => match &settings.base_url {
            Err(same) if same.message() == error.message() => {
                Line::note("key", "not checked: the base URL cannot be used")
            }
            _ => Line::failed("key", error.clone()),
        },
    });
    match (&settings.credentials_file, unreadable) {
        (_, Some(error)) => report.push(Line::failed("credentials", error.clone())),
        (Some(file), None) => {
            report.push(credentials(file));
            if let Some(line) = folder(Path::new(&file.value)) {
                report.push(line);
            }
        }
        (None, None) => report.push(Line::note("credentials", "no home folder, so no credentials file")),
    }
    report.push(Line::ok("job routes", shown(&settings.routes)));
    report.push(Line::ok("timeouts", timeouts(settings)));
    report.push(match &settings.proxy {
        Ok(Some(proxy)) => Line::ok("proxy", shown(proxy)),
        Ok(None) if settings.loopback => Line::ok("proxy", "none: requests to this machine never use one"),
        Ok(None) if cfg!(any(target_os = "macos", windows)) => {
            Line::ok("proxy", "none in the environment; the system's settings apply")
        }
        Ok(None) => Line::ok("proxy", "none"),
        Err(error) => Line::failed("proxy", error.clone()),
    });
    report.push(match settings.no_proxy {
        Some((true, source)) => Line::ok("NO_PROXY", format!("holds for {} ({source})", settings.host)),
        Some((false, source)) => {
            Line::ok("NO_PROXY", format!("does not hold for {} ({source})", settings.host))
        }
        None if settings.base_url.is_err() => Line::note("NO_PROXY", "not checked: the host is not known"),
        None => Line::ok("NO_PROXY", "not set"),
    });
    report.push(match &settings.certificates {
        Ok(certificates) => Line::ok("certificates", shown(certificates)),
        Err(error) => Line::failed("certificates", error.clone()),
    });
    settings.key.is_ok()
}

/// Describes whether plain http is allowed to other machines.
fn plain_http(settings: &Settings) -> Line {
    const CHECK: &str = "plain http";
    match settings.allow_insecure_http {
        (true, source) if settings.base_url.is_ok() && !settings.tls && !settings.loopback => {
            Line::note(CHECK, format!("in use ({source}): others on the network can read the key"))
        }
        (true, source) => Line::ok(CHECK, format!("allowed ({source})")),
        (false, "default") => Line::ok(CHECK, "refused, except to this machine (default)"),
        (false, source) => Line::note(CHECK, format!("refused: only {source}=1 allows it")),
    }
}

/// Returns the timeouts, and the source of those that share one behind the last of them.
fn timeouts(settings: &Settings) -> String {
    let mut groups: Vec<(String, &str)> = Vec::new();
    for (name, time, source) in settings.timeouts {
        let text = format!("{name} {time:?}");
        match groups.last_mut().filter(|(_, last)| *last == source) {
            Some((group, _)) => *group = format!("{group}, {text}"),
            None => groups.push((text, source)),
        }
    }
    let groups: Vec<_> = groups.into_iter().map(|(group, source)| format!("{group} ({source})")).collect();
    groups.join(", ")
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

/// Checks name, connection, TLS, response and clock. Returns whether the API responded.
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
                let more = match addresses.len().saturating_sub(SHOWN_ADDRESSES) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                addresses.truncate(SHOWN_ADDRESSES);
                report.push(Line::ok("DNS", format!("{host} is {}{more}", addresses.join(", "))));
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
                if proxied {
                    "Check the proxy's address and port, and that it runs."
                } else {
                    "Check the address, the network and the firewall. Behind a proxy, set HTTPS_PROXY."
                },
            ));
            return false;
        }
    }
    response(client, settings, proxied, report).await
}

/// Checks TLS, response and clock. Returns whether the API responded.
async fn response(client: &InfraiClient, settings: &Settings, proxied: bool, report: &mut Report) -> bool {
    let begun = Instant::now();
    match client.probe().await {
        Ok(probe) => {
            if settings.tls {
                report.push(Line::ok("TLS", "the server's certificate is accepted"));
            } else {
                report.push(Line::note("TLS", "not used: the base URL is plain http"));
            }
            let Some(failure) = probe.failure else {
                let (status, took) = (probe.status, begun.elapsed().as_millis());
                // The probe sends no key.
                let why = if status == 401 { ", right for a request without a key" } else { "" };
                report.push(Line::ok("response", format!("HTTP {status} within {took} ms{why}")));
                report.push(clock(probe.date));
                return true;
            };
            report.push(foreign(probe.status, probe.is_page, &failure));
            false
        }
        Err(error) => {
            let tls = settings.tls && error.kind() == ErrorKind::Connection;
            if proxied && tls && error.message().ends_with(NO_TUNNEL) {
                report.push(Line::problem(
                    "proxy",
                    exit::NETWORK,
                    format!("it opens no connection to {}", settings.host),
                    "Use another proxy, have its owner allow the host, or add the host to NO_PROXY.",
                ));
                return false;
            }
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

/// Returns the problem of a response that is not the API's.
fn foreign(status: u16, is_page: bool, failure: &InfraiError) -> Line {
    const SIGN_IN: &str =
        "Sign in to this network if it has a login page. Else check the base URL and the proxy.";
    let (what, remedy) = match status {
        300..400 => {
            let target = failure.details().and_then(|details| details["target_origin"].as_str());
            let remedy = "Sign in to this network if it has a login page. Else use that address as base URL, if you trust it.";
            (format!("redirects to {}", target.unwrap_or("an invalid URL")), remedy)
        }
        404 => (
            "without the API's envelope".to_owned(),
            "Check the base URL: it ends before /v1, and includes a gateway's path prefix, if there is one.",
        ),
        429 | 500.. => (
            "without the API's envelope".to_owned(),
            "Try again later. If it persists, check the base URL and the proxy.",
        ),
        _ if is_page => ("is a web page, not the API's JSON".to_owned(), SIGN_IN),
        _ => ("without the API's envelope".to_owned(), SIGN_IN),
    };
    Line::problem("response", exit::NETWORK, format!("HTTP {status} {what}"), remedy)
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
        let reason = if reached { "there is no key that can be used" } else { "the API was not reached" };
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
        Err(error) if error.kind() == ErrorKind::NotFound => Line::problem(
            "balance",
            exit::NETWORK,
            "the server has no GET /v1/account/balance (404), so the key is not checked",
            "Check the base URL. The console, https://infrai.cc, shows the balance.",
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
