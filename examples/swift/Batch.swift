// Many at once: a rerun after a crash gets the same jobs and is charged once.

import Infrai

func batch() async throws {
    let client = InfraiClient()
    let kites: [GenerateRequest] = ["a red kite", "a blue kite", GenerateRequest(prompt: "a green kite", aspect: .portrait)]
    for try await item in client.video.generateMany(kites, concurrency: 2, keyPrefix: "kites-1") {
        switch item.result {
        case .success(let job): print(item.index, job.videoURL?.absoluteString ?? "")
        case .failure(let error): print(item.index, error.message)
        }
    }
}
