// A sentence becomes a file.

import Foundation
import Infrai

func quickstart() async throws {
    let client = InfraiClient()  // the key: INFRAI_API_KEY, else what activate() stored
    try await client.activate()  // once a device: an anonymous account with a trial credit
    let job = try await client.video.generate(prompt: "a timelapse of a city skyline at dusk", resolution: .p1080)
    let done = try await client.video.wait(job, onUpdate: { print($0.state) })
    let saved = try await client.video.download(done, to: URL(fileURLWithPath: "skyline.mp4"), overwrite: true)
    print(saved.bytes, "bytes at", saved.file.path)
}
