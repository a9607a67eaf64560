// Verification of webhook deliveries, for servers in Swift.

import Foundation
internal import InfraiNative

/// Verification of webhook deliveries. It sends nothing and needs no key.
public enum Webhooks {
    /// Verifies the signature of a delivery and returns its event. Compares in constant time.
    ///
    /// ```swift
    /// let event = try Webhooks.verify(body, header: request.headers["X-Infrai-Signature"], secret: secret)
    /// if let id = event.id, seen.add(id) { handle(event) }
    /// ```
    ///
    /// - Parameters:
    ///   - body: The body as it was received, byte for byte. A parsed and rewritten body has another signature.
    ///   - header: Value of the header `X-Infrai-Signature`: 64 hexadecimal digits in any case, with or without `sha256=`
    ///     before them. `nil` if the request has none.
    ///   - secret: Secret of the webhook's registration.
    /// - Throws: ``InfraiError/webhookVerification(_:)`` if the secret is empty, the signature is missing, malformed or of
    ///   another body or secret, or the body is no JSON object. ``ErrorDetails/facts`` names the `reason`. It contains neither
    ///   secret nor signature.
    public static func verify(_ body: Data, header: String?, secret: String) throws -> WebhookEvent {
        do {
            return WebhookEvent(try verifyWebhook(body: body, header: header, secret: secret, language: .swift))
        } catch {
            throw publicError(error, of: nil)
        }
    }
}

/// An event of a webhook. The API does not document the fields of events: one that is absent or has another type is `nil`,
/// and ``raw`` has all of them.
public struct WebhookEvent: Sendable, Hashable {
    /// Id of the event, the same in each of its deliveries.
    public let id: String?
    /// Name of the event.
    public let type: String?
    /// Time of the event in the API's spelling.
    public let created: String?
    /// Content of the event.
    public let data: JSON?
    /// The job, if the content or its member `job` is one. It has no client: pass it to the methods of ``InfraiClient/video``.
    public let job: VideoJob?
    /// All fields of the body.
    public let raw: JSON
}

extension WebhookEvent {
    init(_ native: InfraiNative.WebhookEvent) {
        self.init(
            id: native.id, type: native.eventType, created: native.created, data: native.data.map(json),
            job: native.job.map { VideoJob(native: $0, client: nil) }, raw: json(native.raw))
    }
}

/// A memory of event ids, bounded in size and time, so that a receiver handles each event once.
///
/// The API delivers an event at least once, and an attacker may repeat a recorded delivery: the signature covers no time. The
/// memory belongs to the process. Several processes, or a restart, need a shared store, such as a unique column of a database.
///
/// ```swift
/// let seen = try SeenEvents()
/// if seen.add("evt_1") { print("new") }
/// ```
public final class SeenEvents: Sendable {
    private let native: SeenEventIds

    /// Creates a memory.
    ///
    /// - Parameters:
    ///   - capacity: Number of ids; a full memory forgets the oldest one. Default: 10 000, about 1.2 MB.
    ///   - ttl: Time for which it remembers an id. Default: a day.
    /// - Throws: ``InfraiError/invalidRequest(_:)`` if the capacity is less than 1 or the time is not positive.
    public init(capacity: Int? = nil, ttl: Duration? = nil) throws {
        do {
            native = try SeenEventIds(capacity: capacity.map(Double.init), ttl: ttl?.seconds, language: .swift)
        } catch {
            throw publicError(error, of: nil)
        }
    }

    /// Adds an id and returns whether it is new. Of several tasks that add the same id, one gets `true`.
    ///
    /// - Parameter id: Id of the event. For an event without one: the body as text.
    public func add(_ id: String) -> Bool { native.add(id: id) }

    /// Forgets an id, so that the next delivery of its event counts as new. For an event whose handling failed.
    ///
    /// - Parameter id: Id of the event.
    public func remove(_ id: String) { native.remove(id: id) }
}
