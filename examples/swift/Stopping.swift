// Cancelling a task stops what the SDK does for it.

import Infrai

func stopping() async throws {
    let client = InfraiClient()
    let job = try await client.video.generate(prompt: "a slow river", model: "sandbox/slow")
    let waiting = Task {
        try await client.video.wait(job, cancelOnAbort: true)  // without cancelOnAbort the job goes on
    }
    waiting.cancel()
    do {
        _ = try await waiting.value
    } catch is CancellationError {
        print("stopped:", try await client.video.status(job).state)
    }
}
