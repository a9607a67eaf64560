//! Comparison of the server's discovery with the calls of this version.

use infrai::{Capability, ErrorKind, InfraiClient, Setting};

use super::report::{Line, Report};
use crate::exit;

/// Calls of this version: name, method, paths, and whether a video needs it.
const CALLS: [(&str, &str, &[&str], bool); 6] = [
    ("video.generate", "POST", &["/v1/video/generate"], true),
    ("video.status", "GET", &["/v1/video/jobs/{id}", "/v1/video/status/{id}"], true),
    ("video.cancel", "POST", &["/v1/video/jobs/{id}/cancel", "/v1/video/cancel/{id}"], true),
    ("account.balance", "GET", &["/v1/account/balance"], false),
    ("account.topup", "POST", &["/v1/account/topup"], false),
    ("activate", "POST", &["/v1/activate"], false),
];

/// Fetches the discovery and compares it.
pub(super) async fn check(client: &InfraiClient, routes: &Setting, report: &mut Report) {
    let capabilities = match client.discover().await {
        Ok(discovery) => discovery.capabilities,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            report.push(Line::note("routes", "not compared: the server has no /v1/discovery (404)"));
            return;
        }
        Err(error) => {
            report.push(Line::failed("routes", error));
            return;
        }
    };
    compare(&capabilities, &routes.value, report);
    let listed = capabilities.iter().find(|capability| capability.id == "video.generate");
    let parameters = match listed {
        Some(Capability { parameters: Some(parameters), .. }) => Some(parameters.clone()),
        // The list may leave the schemas out.
        Some(_) => client.discover_capability("video.generate").await.ok().and_then(|one| one.parameters),
        None => None,
    };
    if let Some(line) = parameters.as_ref().and_then(aspect) {
        report.push(line);
    }
}

/// Compares the capabilities with the calls, in the family of a job's calls that the setting `routes` names.
fn compare(capabilities: &[Capability], routes: &str, report: &mut Report) {
    if capabilities.iter().all(|capability| capability.path.is_none()) {
        report.push(Line::note("routes", "not compared: the server's discovery names no paths"));
        return;
    }
    let (mut found, mut jobs) = (0, "");
    for (call, method, paths, needed) in CALLS {
        let paths = match (routes, paths) {
            ("jobs", [jobs, _]) => std::slice::from_ref(jobs),
            ("status", [_, status]) => std::slice::from_ref(status),
            _ => paths,
        };
        let route = capabilities.iter().find_map(|capability| {
            let same = capability.method.as_deref().is_none_or(|given| given.eq_ignore_ascii_case(method));
            let path = capability.path.as_deref().filter(|_| same)?;
            let path = paths.iter().find(|known| template(known) == template(path))?;
            Some((*path, capability.available))
        });
        match route {
            Some((path, available)) => {
                found += 1;
                if call == "video.status" {
                    jobs = path;
                }
                if available == Some(false) {
                    report
                        .push(Line::note("routes", format!("{call}: declared as not available at present")));
                }
            }
            None if call == "activate" => report.push(Line::note(
                "routes",
                "the server has no POST /v1/activate: keys come from the console, https://infrai.cc",
            )),
            None => {
                let other = capabilities.iter().find(|capability| capability.id == call);
                let other = other.and_then(|capability| capability.path.as_deref());
                let other = other.map(|path| format!("; it declares {path}")).unwrap_or_default();
                let message =
                    format!("{call}: the server declares no {method} {}{other}", paths.join(" or "));
                report.push(if needed {
                    let remedy = match routes {
                        "auto" => "Update the SDK and this command, or check the base URL.",
                        _ => "Leave out --routes: the default finds the routes that the server has.",
                    };
                    Line::problem("routes", exit::NETWORK, message, remedy)
                } else {
                    Line::note("routes", message)
                });
            }
        }
    }
    let jobs = if jobs.is_empty() { String::new() } else { format!(", jobs at {jobs}") };
    report.push(Line::ok("routes", format!("{found} of {} calls{jobs}", CALLS.len())));
}

/// Returns the path with one name for all parameters.
fn template(path: &str) -> Vec<&str> {
    let segments = path.trim_matches('/').split('/');
    segments.map(|segment| if segment.starts_with(['{', ':', '<']) { "{}" } else { segment }).collect()
}

/// Checks the name of the aspect ratio in the schema of `video.generate`.
fn aspect(parameters: &serde_json::Value) -> Option<Line> {
    let properties = parameters.get("properties")?.as_object()?;
    if properties.contains_key("aspect") {
        return Some(Line::ok("aspect", "`aspect`, as documented"));
    }
    let other = properties.keys().find(|name| name.contains("aspect"))?;
    Some(Line::problem(
        "aspect",
        exit::NETWORK,
        format!("the server calls the aspect ratio `{other}`, and the SDK sends `aspect`"),
        format!(
            r#"If the aspect ratio matters, submit with: infrai request POST /v1/video/generate --body '{{"prompt": "…", "{}": "16:9"}}'"#,
            other.replace(['"', '\'', '\\'], "?")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_a_path_may_have_any_name_and_notation() {
        assert_eq!(template("/v1/video/jobs/{id}"), template("/v1/video/jobs/{job_id}"));
        assert_eq!(template("/v1/video/jobs/{id}/cancel"), template("v1/video/jobs/:id/cancel/"));
        assert_ne!(template("/v1/video/jobs/{id}"), template("/v1/video/status/{id}"));
    }

    #[test]
    fn another_name_of_the_aspect_is_a_problem() {
        let line = |name: &str| aspect(&serde_json::json!({"properties": {name: {}}}));
        assert!(format!("{:?}", line("aspect")).contains("Ok"));
        let other = format!("{:?}", line("aspect_ratio"));
        assert!(other.contains("Problem") && other.contains("aspect_ratio"), "{other}");
        assert!(line("prompt").is_none());
    }
}
