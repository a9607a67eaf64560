//! The prompt template: from an idea to a good prompt for a video.

use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role};
use serde_json::Value;

const NAME: &str = "video_prompt";

pub(super) fn all() -> Vec<Prompt> {
    let argument = |name: &str, text: &str, required| {
        PromptArgument::new(name).with_description(text).with_required(required)
    };
    let prompt = Prompt::new(
        NAME,
        Some("Writes a prompt for a video from an idea, and generates the video once the user agrees"),
        Some(vec![
            argument("idea", "The idea in a few words", true),
            argument("style", "Look of the video, such as film, animation, timelapse", false),
            argument("duration_seconds", "Duration of the video in seconds", false),
        ]),
    );
    vec![prompt.with_title("Write a video prompt")]
}

/// Returns the message of the prompt. `None` if there is no such prompt, or its idea is missing.
pub(super) fn get(name: &str, arguments: Option<&JsonObject>) -> Option<GetPromptResult> {
    let text = |name: &str| {
        let text = arguments?.get(name).and_then(Value::as_str).map(str::trim)?;
        Some(text).filter(|text| !text.is_empty())
    };
    let idea = text("idea").filter(|_| name == NAME)?;
    let style = text("style").map(|style| format!(" Style: {style}.")).unwrap_or_default();
    let duration =
        text("duration_seconds").map(|seconds| format!(" Duration: {seconds} seconds.")).unwrap_or_default();
    let message = format!(
        "Write a prompt for a short generated video of this idea: {idea}.{style}{duration}\n\n\
         One paragraph of 40 to 90 words, in the present tense: first the subject with two or three visible details, then one \
         action that fits the duration, the place and the time of day, the light, the camera (shot, angle, one movement), and the \
         mood. Describe only what can be seen. No text in the picture, no cuts, no negations, no names of living people.\n\n\
         Show me the prompt with the price from video_options. When I agree, call generate_video, then wait_for_video and \
         download_video."
    );
    Some(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, message)]))
}
