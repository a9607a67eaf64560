// Many jobs, some at once, each told of as it ends.

import Foundation
internal import InfraiNative

extension Video {
    /// Starts many jobs, some at once, waits 30 minutes at most for each, and gives each as it ends, in that order.
    ///
    /// ```swift
    /// let kites: [GenerateRequest] = ["a red kite", "a blue kite"]
    /// for try await item in client.video.generateMany(kites, keyPrefix: "kites-1") {
    ///     print(item.index, try item.result.get().videoURL as Any)
    /// }
    /// ```
    ///
    /// No item's error ends it. After the first 401 or 402 nothing further is submitted, and the items that were not are
    /// told of with that error. Leaving the loop, or cancelling the task, ends the waiting and cancels no job.
    ///
    /// - Parameters:
    ///   - requests: What to generate.
    ///   - concurrency: How many jobs are under way at once, submitted and waited for. Default: 8.
    ///   - keyPrefix: Item `i` without a key of its own gets the idempotency key `<keyPrefix>-<i>`, so that a rerun after a
    ///     crash gets the same jobs and is charged once.
    /// - Returns: A sequence that begins when it is read. It throws ``InfraiError/invalidRequest(_:)`` for a `concurrency` below 1.
    public func generateMany(
        _ requests: [GenerateRequest], concurrency: Int? = nil, keyPrefix: String? = nil
    ) -> GenerateManyResults {
        GenerateManyResults(client: client, requests: requests, concurrency: concurrency, keyPrefix: keyPrefix, timeout: .standard)
    }

    /// Starts many jobs, some at once, waits this long at most for each (`nil`: for ever), and gives each as it ends; see
    /// ``generateMany(_:concurrency:keyPrefix:)``.
    public func generateMany(
        _ requests: [GenerateRequest], concurrency: Int? = nil, keyPrefix: String? = nil, timeout: Duration?
    ) -> GenerateManyResults {
        GenerateManyResults(
            client: client, requests: requests, concurrency: concurrency, keyPrefix: keyPrefix, timeout: .after(timeout))
    }
}

/// One of many: its place in the list, and its job or its error.
public struct GenerateManyItem: Sendable {
    /// Its place, from 0.
    public let index: Int
    /// The job with its video, or why there is none.
    public let result: Result<VideoJob, InfraiError>
}

/// Many jobs, each as it ends; see ``Video/generateMany(_:concurrency:keyPrefix:)``.
public struct GenerateManyResults: AsyncSequence, Sendable {
    public typealias Element = GenerateManyItem

    let client: InfraiClient
    let requests: [GenerateRequest]
    let concurrency: Int?
    let keyPrefix: String?
    let timeout: WaitTimeout

    public func makeAsyncIterator() -> Iterator {
        let opened = Result {
            let options = Options(["concurrency": concurrency, "key_prefix": keyPrefix, "timeout": timeout.option])
            return try client.native.get().generateMany(requests: requests.map { try $0.options.text() }, options: options.text())
        }
        return Iterator(client: client, opened: opened)
    }

    /// Reads the items one by one. Dropping it ends the waiting.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        let client: InfraiClient
        let opened: Result<GenerateManyStream, any Error>

        /// The next item; `nil` after the last.
        public mutating func next() async throws -> GenerateManyItem? {
            let many: GenerateManyStream
            do { many = try opened.get() } catch { throw publicError(error, of: client) }
            return try await client.cancellable { [client] cancellation in
                try await many.next(cancellation: cancellation).map { GenerateManyItem($0, of: client) }
            }
        }
    }
}
