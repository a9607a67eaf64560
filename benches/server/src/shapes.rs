//! A running job as several APIs describe it, for their own clients.

/// Returns a running job with the id in the path, as the path's API describes it:
///
/// | path | API |
/// | --- | --- |
/// | `/v1/videos/{id}` | `OpenAI` |
/// | `/v1/tasks/{id}` | Runway |
/// | `/v1/predictions/{id}` | Replicate |
/// | `/{owner}/{app}/requests/{id}/status` | fal |
/// | `/v1/models/{model}/operations/{id}`, `/v1beta/…` | Google |
/// | `/dream-machine/v1/generations/{id}` | Luma |
pub fn answer(path: &str) -> Option<String> {
    let mut segments = path.strip_prefix('/')?.split('/');
    let mut next = || segments.next().unwrap_or_default();
    let shape = [next(), next(), next(), next(), next(), next()];
    Some(match shape {
        ["v1", "videos", id, "", ..] => openai(id),
        ["v1", "tasks", id, "", ..] => runway(id),
        ["v1", "predictions", id, "", ..] => replicate(id),
        [_, _, "requests", id, "status", ""] => fal(id),
        ["v1" | "v1beta", "models", _, "operations", id, ""] => google(id),
        ["dream-machine", "v1", "generations", id, "", ..] => luma(id),
        _ => return None,
    })
}

/// Returns the `status` of a running job, as the Infrai API describes it.
pub fn infrai(id: &str) -> String {
    format!(
        r#"{{"ok":true,"data":{{"job_id":"{id}","state":"running","progress":0.42,"created_at":"2026-01-01T00:00:00Z","resolution":"720p","duration_seconds":8,"model":"sandbox/standard"}},"error":null,"metadata":{{"cost_usd":0.16,"latency_ms":12,"vendor":"sandbox","cache_hit":false,"request_id":"0190b3c4-5d6e-7f80-9a1b-2c3d4e5f6071"}}}}"#
    )
}

fn openai(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"video","created_at":1767225600,"status":"in_progress","model":"sora-2","progress":42,"prompt":"a paper boat on a pond, early morning light","seconds":"8","size":"1280x720","completed_at":null,"expires_at":null,"error":null,"remixed_from_video_id":null}}"#
    )
}

fn runway(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","status":"RUNNING","createdAt":"2026-01-01T00:00:00.000Z","progress":0.42,"estimatedCost":{{"credits":40}}}}"#
    )
}

fn replicate(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","model":"someone/video","version":"hidden","status":"processing","input":{{"prompt":"a paper boat on a pond"}},"output":null,"error":null,"logs":"","metrics":{{}},"created_at":"2026-01-01T00:00:00.000Z","started_at":"2026-01-01T00:00:01.000Z","completed_at":null,"urls":{{"get":"http://127.0.0.1/v1/predictions/{id}","cancel":"http://127.0.0.1/v1/predictions/{id}/cancel"}}}}"#
    )
}

fn fal(id: &str) -> String {
    format!(
        r#"{{"status":"IN_PROGRESS","request_id":"{id}","response_url":"http://127.0.0.1/owner/app/requests/{id}","status_url":"http://127.0.0.1/owner/app/requests/{id}/status","cancel_url":"http://127.0.0.1/owner/app/requests/{id}/cancel","logs":[],"metrics":{{}}}}"#
    )
}

fn google(id: &str) -> String {
    format!(
        r#"{{"name":"models/video/operations/{id}","done":false,"metadata":{{"@type":"type.googleapis.com/google.protobuf.Empty"}}}}"#
    )
}

fn luma(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","generation_type":"video","state":"dreaming","failure_reason":null,"created_at":"2026-01-01T00:00:00.000Z","assets":null,"model":"ray-2","request":{{"generation_type":"video","prompt":"a paper boat on a pond","model":"ray-2","resolution":"720p","duration":"5s"}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_json_with_the_id() {
        for path in [
            "/v1/videos/video_7",
            "/v1/tasks/video_7",
            "/v1/predictions/video_7",
            "/owner/app/requests/video_7/status",
            "/v1/models/video/operations/video_7",
            "/v1beta/models/video/operations/video_7",
            "/dream-machine/v1/generations/video_7",
        ] {
            let body = answer(path).unwrap_or_else(|| panic!("no answer to {path}"));
            serde_json::from_str::<serde_json::Value>(&body)
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(body.contains("video_7"), "{path}: {body}");
        }
        assert!(serde_json::from_str::<serde_json::Value>(&infrai("video_7")).is_ok());
        assert_eq!(answer("/v1/elsewhere/video_7"), None);
    }
}
