// Strings of the API with open lists of values: states of jobs and options of `generate`.

/// State of a job.
///
/// The API may add states. An unknown state keeps its text and is not terminal.
///
/// ```swift
/// switch job.state {
/// case .queued, .running: showSpinner()
/// case .succeeded: play(job)
/// default: show(job.state.rawValue)
/// }
/// ```
public struct VideoState: RawRepresentable, Hashable, Sendable, Codable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The state as the API spelled it.
    public let rawValue: String

    /// Creates a state from its text.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Creates a state from its text.
    public init(stringLiteral value: String) { rawValue = value }

    /// Accepted but not started.
    public static let queued: Self = "queued"
    /// In progress.
    public static let running: Self = "running"
    /// Success: the video exists.
    public static let succeeded: Self = "succeeded"
    /// Success, in another spelling of the API.
    public static let completed: Self = "completed"
    /// Success, in another spelling of the API.
    public static let done: Self = "done"
    /// Failed without a video.
    public static let failed: Self = "failed"
    /// Failed, in another spelling of the API.
    public static let error: Self = "error"
    /// Failed because the job became too old.
    public static let expired: Self = "expired"
    /// Cancelled.
    public static let cancelled: Self = "cancelled"
    /// Cancelled, in another spelling of the API.
    public static let canceled: Self = "canceled"

    public var description: String { rawValue }
}

/// Aspect ratio of a video. The SDK sends any other string unchanged.
public struct Aspect: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The text that is sent.
    public let rawValue: String

    /// Creates a ratio from its text.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Creates a ratio from its text.
    public init(stringLiteral value: String) { rawValue = value }

    /// 16:9.
    public static let landscape: Self = "16:9"
    /// 9:16.
    public static let portrait: Self = "9:16"
    /// 1:1.
    public static let square: Self = "1:1"

    public var description: String { rawValue }
}

/// Resolution of a video. The SDK sends any other string unchanged.
public struct Resolution: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The text that is sent.
    public let rawValue: String

    /// Creates a resolution from its text.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Creates a resolution from its text.
    public init(stringLiteral value: String) { rawValue = value }

    /// 720p.
    public static let p720: Self = "720p"
    /// 1080p.
    public static let p1080: Self = "1080p"
    /// 4k.
    public static let uhd4K: Self = "4k"

    public var description: String { rawValue }
}

/// Preference between vendors. The SDK sends any other string unchanged.
public struct Preference: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The text that is sent.
    public let rawValue: String

    /// Creates a preference from its text.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Creates a preference from its text.
    public init(stringLiteral value: String) { rawValue = value }

    /// Balance between price and result.
    public static let balanced: Self = "balanced"
    /// The lowest price.
    public static let cheapest: Self = "cheapest"
    /// The best result.
    public static let smartest: Self = "smartest"

    public var description: String { rawValue }
}
