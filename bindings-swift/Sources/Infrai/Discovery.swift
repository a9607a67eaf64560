// Discovery: the capabilities that the API declares.

/// The capabilities of the API.
public struct Discovery: Sendable, Hashable {
    /// The capabilities, in the API's order.
    public let capabilities: [Capability]
    /// Metadata of the response.
    public let metadata: Metadata
    /// All fields that the API sent, as JSON text.
    public let json: String
}

/// A capability of the API. A field that the API omits, or sends with another type, is absent.
public struct Capability: Sendable, Hashable {
    /// Id, such as `video.generate`. Empty if the API sent none.
    public let id: String
    /// HTTP method of its route.
    public let method: String?
    /// Path of its route, with `{…}` for each parameter.
    public let path: String?
    /// Description in one line.
    public let summary: String?
    /// Whether it can be called at present.
    public let available: Bool?
    /// Regions that have it.
    public let regions: [String]
    /// Vendors behind it.
    public let vendors: [String]
    /// Price.
    public let billing: Billing?
    /// JSON Schema of its parameters.
    public let parameters: JSON?
    /// Errors that it may return.
    public let errors: [CapabilityError]
    /// Examples, in the API's form.
    public let examples: [JSON]
    /// Metadata of the response. Empty in a ``Discovery``, which has its own.
    public let metadata: Metadata
    /// All fields that the API sent, as JSON text.
    public let json: String
}

/// Price of a ``Capability``.
public struct Billing: Sendable, Hashable {
    /// Whether calls are charged.
    public let isBillable: Bool?
    /// Whether calls are free.
    public let free: Bool?
    /// Unit of the price, such as `second`.
    public let unit: String?
    /// Price per unit, in US dollars.
    public let priceUSD: Double?
    /// Currency of the price.
    public let currency: String?
}

/// Error that a ``Capability`` may return.
public struct CapabilityError: Sendable, Hashable {
    /// Stable code.
    public let code: String
    /// Whether the same call may succeed later.
    public let retryable: Bool?
}
