// Strings of the API whose list stays open: a job's state, and what `generate` takes.

/// Where a job stands.
///
/// The API's states are no closed list: one that is not named here is kept as it came, and counts as still going.
///
/// ```swift
/// switch job.state {
/// case .queued, .running: showSpinner()
/// case .succeeded: play(job)
/// default: show(job.state.rawValue)
/// }
/// ```
public struct VideoState: RawRepresentable, Hashable, Sendable, Codable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The state as the API wrote it.
    public let rawValue: String

    /// A state by its name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// A state by its name.
    public init(stringLiteral value: String) { rawValue = value }

    /// Accepted, not begun.
    public static let queued: Self = "queued"
    /// Being made.
    public static let running: Self = "running"
    /// Made: success.
    public static let succeeded: Self = "succeeded"
    /// Made: success.
    public static let completed: Self = "completed"
    /// Made: success.
    public static let done: Self = "done"
    /// Ended without a video.
    public static let failed: Self = "failed"
    /// Ended without a video.
    public static let error: Self = "error"
    /// Ended without a video: too old.
    public static let expired: Self = "expired"
    /// Cancelled.
    public static let cancelled: Self = "cancelled"
    /// Cancelled, as the API may spell it too.
    public static let canceled: Self = "canceled"

    public var description: String { rawValue }
}

/// A video's aspect ratio. Any other string is sent as it is: what is possible is for the API to say.
public struct Aspect: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The ratio as it is sent.
    public let rawValue: String

    /// A ratio by its name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// A ratio by its name.
    public init(stringLiteral value: String) { rawValue = value }

    /// 16:9.
    public static let landscape: Self = "16:9"
    /// 9:16.
    public static let portrait: Self = "9:16"
    /// 1:1.
    public static let square: Self = "1:1"

    public var description: String { rawValue }
}

/// A video's resolution. Any other string is sent as it is: what a vendor can do is for the API to say.
public struct Resolution: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The resolution as it is sent.
    public let rawValue: String

    /// A resolution by its name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// A resolution by its name.
    public init(stringLiteral value: String) { rawValue = value }

    /// 720p.
    public static let p720: Self = "720p"
    /// 1080p.
    public static let p1080: Self = "1080p"
    /// 4k.
    public static let uhd4K: Self = "4k"

    public var description: String { rawValue }
}

/// What to optimise for. Any other string is sent as it is.
public struct Preference: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The preference as it is sent.
    public let rawValue: String

    /// A preference by its name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// A preference by its name.
    public init(stringLiteral value: String) { rawValue = value }

    /// The best value.
    public static let balanced: Self = "balanced"
    /// The lowest price.
    public static let cheapest: Self = "cheapest"
    /// The best result.
    public static let smartest: Self = "smartest"

    public var description: String { rawValue }
}
