// A SwiftUI view that makes a video of what is typed, shows how far it is, and plays it.

#if canImport(SwiftUI) && canImport(AVKit)
    import AVKit
    import Infrai
    import SwiftUI

    struct VideoView: View {
        let client: InfraiClient
        @State private var prompt = ""
        @State private var job: VideoJob?
        @State private var problem: String?
        @State private var making: Task<Void, Never>?
        @State private var run = 0

        var body: some View {
            VStack(spacing: 16) {
                if let url = job?.videoURL {
                    VideoPlayer(player: AVPlayer(url: url))
                } else if let job {
                    ProgressView(value: job.progress ?? 0) { Text(job.state.rawValue) }
                }
                if let problem { Text(problem).foregroundStyle(.red) }
                TextField("What shall it show?", text: $prompt).onSubmit(make)
                if making != nil { Button("Stop", role: .cancel) { making?.cancel() } }
            }
            .padding()
            .onDisappear { making?.cancel() }
        }

        private func make() {
            making?.cancel()
            problem = nil
            job = nil
            run += 1
            let own = run
            making = Task {
                // One that was begun meanwhile keeps its Stop button.
                defer { if own == run { making = nil } }
                do {
                    let started = try await client.video.generate(prompt: prompt, aspect: .portrait)
                    for try await state in client.video.watch(started) where own == run { job = state }
                    if job?.isSuccess != true { problem = job?.error?.message ?? "There is no video." }
                } catch is CancellationError {
                } catch let error as InfraiError {
                    problem = [error.localizedDescription, error.recoverySuggestion].compactMap { $0 }.joined(separator: " ")
                } catch {
                    problem = error.localizedDescription
                }
            }
        }
    }
#endif
