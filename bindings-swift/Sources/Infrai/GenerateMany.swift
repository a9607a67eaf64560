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
    ///   - keyPrefix: Prefix of the items' keys. An item without a key of its own gets the idempotency key
    ///     `<keyPrefix>-<hash>-<n>`: the hash of its content, and the number of equal items before it. A rerun returns the
    ///     same jobs, charged once, even if the list has grown or changed its order. Default: the checkpoint's, else a new key
    ///     per item.
    ///   - options: Checkpoint, cost limit, output folder and callbacks.
    /// - Returns: A sequence that starts when it is read. It throws ``InfraiError/invalidRequest(_:)`` if an option is
    ///   invalid, and ``InfraiError/configuration(_:)`` with the code `CHECKPOINT_LOCKED`, `CHECKPOINT_INVALID`,
    ///   `CHECKPOINT_UNWRITABLE` or `FILE_ERROR` before anything is sent.
    public func generateMany(
        _ requests: [GenerateRequest], concurrency: Int? = nil, keyPrefix: String? = nil, options: BatchOptions = BatchOptions()
    ) -> GenerateManyResults {
        GenerateManyResults(
            client: client, requests: requests, concurrency: concurrency, keyPrefix: keyPrefix, timeout: .standard, batch: options)
    }

    /// Submits many jobs and waits at most this long for each (`nil`: without limit); see
    /// ``generateMany(_:concurrency:keyPrefix:options:)``.
    public func generateMany(
        _ requests: [GenerateRequest], concurrency: Int? = nil, keyPrefix: String? = nil, timeout: Duration?,
        options: BatchOptions = BatchOptions()
    ) -> GenerateManyResults {
        GenerateManyResults(
            client: client, requests: requests, concurrency: concurrency, keyPrefix: keyPrefix, timeout: .after(timeout), batch: options)
    }
}

/// Further options of a batch; see ``Video/generateMany(_:concurrency:keyPrefix:options:)``.
public struct BatchOptions: Sendable {
    /// File URL of the checkpoint, which keeps each item's job: JSON Lines, created if it does not exist. A rerun waits for the
    /// stored jobs, however old, and submits only items without one. Default: none.
    public var checkpoint: URL?
    /// Time for which the API remembers an idempotency key. Default: 24 hours.
    public var idempotencyWindow: Duration?
    /// Handling of an item whose submission, older than the window, may have been processed: `error`, the error
    /// `SUBMIT_AMBIGUOUS`, or `retry`, which may pay for it twice. Default: `error`.
    public var onAmbiguous: String?
    /// Submits items again whose jobs ended without a video in an earlier run, with the key `<key>-r1`, `<key>-r2` and so on.
    /// Without it, a job that failed under its key stays failed. Needs a checkpoint. Default: no.
    public var retryFailed = false
    /// Most that the batch may cost in US dollars, with the jobs of its checkpoint and without refunds. Items that would pass it
    /// at the last known price have the error `COST_LIMIT`. While no price is known, one job is submitted to learn it. Default:
    /// no limit.
    public var maxCostUSD: Double?
    /// File URL of the folder in which each video is saved as `<key>.mp4` when its job ends, created if it does not exist.
    /// Complete files are kept. Default: no downloads.
    public var outputDir: URL?
    /// Called with each job that the API accepted, by the reader of the sequence. Default: none.
    public var onSubmit: (@Sendable (GenerateManyUpdate) -> Void)?
    /// Called with each job's first state and every change, by the reader of the sequence. Default: none.
    public var onUpdate: (@Sendable (GenerateManyUpdate) -> Void)?

    /// Creates options with the defaults.
    public init() {}
}

/// A job of a batch and its item.
public struct GenerateManyUpdate: Sendable {
    /// Index of the request, from 0.
    public let index: Int
    /// Key of the item.
    public let key: String
    /// The job in its last known state.
    public let job: VideoJob
}

/// File of an item of a batch.
public struct SavedVideo: Sendable, Hashable {
    /// File URL of the video.
    public let file: URL
    /// Length of the file in bytes.
    public let bytes: Int64
    /// Whether this run downloaded it. `false` for a complete file of an earlier run.
    public let downloaded: Bool
}

/// Item of a batch: the index of its request, and its job or its error.
public struct GenerateManyItem: Sendable {
    /// Index of the request, from 0.
    public let index: Int
    /// Key of the item: the idempotency key of its first try. The key of retry `n` is `<key>-r<n>`.
    public let key: String
    /// The job with its video, or the error.
    public let result: Result<VideoJob, InfraiError>
    /// File of the video, with ``BatchOptions/outputDir``.
    public let file: SavedVideo?
}

/// Results of a batch, in the order in which the jobs end; see ``Video/generateMany(_:concurrency:keyPrefix:options:)``.
public struct GenerateManyResults: AsyncSequence, Sendable {
    public typealias Element = GenerateManyItem

    let client: InfraiClient
    let requests: [GenerateRequest]
    let concurrency: Int?
    let keyPrefix: String?
    let timeout: WaitTimeout
    let batch: BatchOptions

    public func makeAsyncIterator() -> Iterator {
        let opened = Result {
            let options = Options([
                "concurrency": concurrency,
                "key_prefix": keyPrefix,
                "timeout": timeout.option,
                "checkpoint": try batch.checkpoint.map { try filePath($0, "checkpoint") },
                "idempotency_window": batch.idempotencyWindow?.seconds,
                "on_ambiguous": batch.onAmbiguous,
                "retry_failed": batch.retryFailed,
                "max_cost_usd": batch.maxCostUSD,
                "output_dir": try batch.outputDir.map { try filePath($0, "output_dir") },
            ])
            return try client.streaming().generateMany(
                requests: requests.map { try $0.options.text() }, options: options.text(), submits: batch.onSubmit != nil,
                updates: batch.onUpdate != nil)
        }
        return Iterator(client: client, opened: opened, batch: batch)
    }

    /// Reads the items one by one. Dropping it stops the waits.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        let client: InfraiClient
        let opened: Result<GenerateManyStream, any Error>
        let batch: BatchOptions

        /// Returns the next item. `nil` after the last one.
        public mutating func next() async throws -> GenerateManyItem? {
            let many: GenerateManyStream
            do { many = try opened.get() } catch { throw publicError(error, of: client) }
            while true {
                let event = try await client.cancellable { cancellation in try await many.next(cancellation: cancellation) }
                guard let event else { return nil }
                let callback =
                    switch event.kind {
                    case .ended: return GenerateManyItem(event, of: client)
                    case .submitted: batch.onSubmit
                    case .updated: batch.onUpdate
                    }
                guard let job = event.job else { continue }
                callback?(GenerateManyUpdate(index: Int(event.index), key: event.key, job: VideoJob(native: job, client: client)))
            }
        }
    }
}
