// Batches: many jobs, a limited number of them at once.

import Foundation
internal import InfraiNative

extension Video {
    /// Submits many jobs, a limited number at once, waits at most 30 minutes for each, and returns each as it ends.
    ///
    /// ```swift
    /// let kites: [GenerateRequest] = ["a red kite", "a blue kite"]
    /// for try await item in client.video.generateMany(kites, keyPrefix: "kites-1") {
    ///     print(item.index, try item.result.get().videoURL as Any)
    /// }
    /// ```
    ///
    /// The error of an item does not end the sequence. After the first 401 or 402 the client submits nothing more, and the
    /// remaining items have that error. Leaving the loop or cancelling the task stops the waits and cancels no job.
    ///
    /// - Parameters:
    ///   - requests: Options of each video.
    ///   - concurrency: Most jobs in progress at once. Default: 8.
    ///   - keyPrefix: Item `i` without a key of its own gets the idempotency key `<keyPrefix>-<i>`, so that a rerun after a
    ///     crash returns the same jobs, charged once.
    /// - Returns: A sequence that starts when it is read. It throws ``InfraiError/invalidRequest(_:)`` if an option is
    ///   invalid.
    public func generateMany(
        _ requests: [GenerateRequest], concurrency: Int? = nil, keyPrefix: String? = nil
    ) -> GenerateManyResults {
        GenerateManyResults(client: client, requests: requests, concurrency: concurrency, keyPrefix: keyPrefix, timeout: .standard)
    }

    /// Submits many jobs and waits at most this long for each (`nil`: without limit); see
    /// ``generateMany(_:concurrency:keyPrefix:)``.
    public func generateMany(
        _ requests: [GenerateRequest], concurrency: Int? = nil, keyPrefix: String? = nil, timeout: Duration?
    ) -> GenerateManyResults {
        GenerateManyResults(
            client: client, requests: requests, concurrency: concurrency, keyPrefix: keyPrefix, timeout: .after(timeout))
    }
}

/// Item of a batch: the index of its request, and its job or its error.
public struct GenerateManyItem: Sendable {
    /// Index of the request, from 0.
    public let index: Int
    /// The job with its video, or the error.
    public let result: Result<VideoJob, InfraiError>
}

/// Results of a batch, in the order in which the jobs end; see ``Video/generateMany(_:concurrency:keyPrefix:)``.
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
            return try client.streaming().generateMany(requests: requests.map { try $0.options.text() }, options: options.text())
        }
        return Iterator(client: client, opened: opened)
    }

    /// Reads the items one by one. Dropping it stops the waits.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        let client: InfraiClient
        let opened: Result<GenerateManyStream, any Error>

        /// Returns the next item. `nil` after the last one.
        public mutating func next() async throws -> GenerateManyItem? {
            let many: GenerateManyStream
            do { many = try opened.get() } catch { throw publicError(error, of: client) }
            return try await client.cancellable { [client] cancellation in
                try await many.next(cancellation: cancellation).map { GenerateManyItem($0, of: client) }
            }
        }
    }
}
