// A sentence becomes a file.

import Foundation
import Infrai

func quickstart() async throws {
    let client = InfraiClient()
    // Once per device: an anonymous account with a trial credit.
    try await client.activate()
    let job = try await client.video.generate(
        prompt: "a timelapse of a city skyline at dusk", resolution: .p1080)
    let done = try await client.video.wait(job, onUpdate: { print($0.state) })
    let file = URL(fileURLWithPath: "skyline.mp4")
    let saved = try await client.video.download(done, to: file, overwrite: true)
    print(saved.bytes, "bytes at", saved.file.path)
}
