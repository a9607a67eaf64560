// The settings of a client and of some of its calls: their meaning, their units, their defaults.

import Foundation

/// Settings of an ``InfraiClient``. One that is `nil` comes from the environment, where it has a variable, then from the
/// profile, then from the default; an empty string counts as not given.
///
/// ```swift
/// var options = ClientOptions()
/// options.timeout = .seconds(30)
/// options.maxRetries = 4
/// let client = InfraiClient(apiKey: key, options: options)
/// ```
///
/// A setting that cannot work is an ``InfraiError/configuration(_:)`` error of the client's first call.
public struct ClientOptions: Sendable {
    /// The table of the credentials to use. Variable: `INFRAI_PROFILE`. Default: `default`.
    public var profile: String?
    /// The credentials file. Variable: `INFRAI_CREDENTIALS_FILE`. Default: `~/.infrai/credentials`. Where a
    /// ``credentialStore`` is used, this is not.
    public var credentialsFile: URL?
    /// What takes the credentials file's place. Default: on Apple platforms a `KeychainStore`, unless ``credentialsFile``
    /// is given; elsewhere none.
    public var credentialStore: (any CredentialStore)?
    /// How long a call may take in all, retries and the pauses between them included. Default: 60 s.
    public var timeout: Duration?
    /// How long one attempt may take to be answered in full. Default: 20 s.
    public var attemptTimeout: Duration?
    /// How much of an attempt may go into connecting. Default: 10 s.
    public var connectTimeout: Duration?
    /// How long a download may go without a byte. Default: 30 s.
    public var downloadIdleTimeout: Duration?
    /// How many times a failed attempt may be made again. Default: 2, which makes three attempts.
    public var maxRetries: Int?
    /// The first retry comes after at most this long, each further one after at most twice as long. Default: 0.5 s.
    public var retryBase: Duration?
    /// No retry waits longer than this, unless the server asks for it. Default: 8 s.
    public var retryCap: Duration?
    /// How waits poll.
    public var polling: PollingOptions
    /// Headers for every call to the API. Those that the SDK sets itself are refused.
    public var defaultHeaders: [String: String]
    /// A proxy for everything but loopback hosts. Variables: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    public var proxy: String?
    /// A PEM file of certificate authorities to trust instead of the platform's. Variables: `SSL_CERT_FILE`, `SSL_CERT_DIR`.
    public var caFile: URL?
    /// Words to put at the end of the `User-Agent`, such as your application's name and version.
    public var userAgentSuffix: String?
    /// Allows plain `http` to hosts other than loopback: for a development machine in the same network, never for the
    /// internet, where everyone on the way reads the key. Variable: `INFRAI_ALLOW_HTTP=1`. Default: no.
    public var allowInsecureHTTP: Bool?
    /// Called before every attempt; it sees no body and no key.
    public var onRequest: (@Sendable (RequestEvent) -> Void)?
    /// Called after every attempt; it sees no body and no key.
    public var onResponse: (@Sendable (ResponseEvent) -> Void)?

    /// Settings of which each is looked up or has its default, unless it is given.
    public init(
        profile: String? = nil,
        credentialsFile: URL? = nil,
        credentialStore: (any CredentialStore)? = nil,
        timeout: Duration? = nil,
        attemptTimeout: Duration? = nil,
        connectTimeout: Duration? = nil,
        downloadIdleTimeout: Duration? = nil,
        maxRetries: Int? = nil,
        retryBase: Duration? = nil,
        retryCap: Duration? = nil,
        polling: PollingOptions = PollingOptions(),
        defaultHeaders: [String: String] = [:],
        proxy: String? = nil,
        caFile: URL? = nil,
        userAgentSuffix: String? = nil,
        allowInsecureHTTP: Bool? = nil,
        onRequest: (@Sendable (RequestEvent) -> Void)? = nil,
        onResponse: (@Sendable (ResponseEvent) -> Void)? = nil
    ) {
        self.profile = profile
        self.credentialsFile = credentialsFile
        self.credentialStore = credentialStore
        self.timeout = timeout
        self.attemptTimeout = attemptTimeout
        self.connectTimeout = connectTimeout
        self.downloadIdleTimeout = downloadIdleTimeout
        self.maxRetries = maxRetries
        self.retryBase = retryBase
        self.retryCap = retryCap
        self.polling = polling
        self.defaultHeaders = defaultHeaders
        self.proxy = proxy
        self.caFile = caFile
        self.userAgentSuffix = userAgentSuffix
        self.allowInsecureHTTP = allowInsecureHTTP
        self.onRequest = onRequest
        self.onResponse = onResponse
    }
}

extension ClientOptions: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "ClientOptions" }
    public var debugDescription: String { description }
    /// Headers and the proxy's address may hold passwords: none of them is shown.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Options of polling. All waits of a client share one scheduler. An option that is `nil` has its default.
public struct PollingOptions: Sendable, Hashable {
    /// Seconds of detection delay that one request is worth. A lower cost polls more often. Default: 0.05.
    public var requestCost: Double?
    /// Shortest pause between two polls of a job. Default: 0.25 s.
    public var minInterval: Duration?
    /// Longest pause between two polls of a job. Default: 30 s.
    public var maxInterval: Duration?
    /// Usual duration of a job, while none has been observed. Default: 30 s.
    public var expectedDuration: Duration?
    /// Longest pause between two polls of a job whose progress is observed, by `onUpdate` or `watch`. A value above
    /// `maxInterval` has no effect. Default: 3 s.
    public var refresh: Duration?
    /// Share by which a pause is lengthened or shortened at random. Default: 0.1.
    public var jitter: Double?
    /// Most polls per second, over all waits of the client. Default: 20.
    public var maxRequestsPerSecond: Double?
    /// Most polls in flight, over all waits of the client. Default: 32.
    public var concurrency: Int?

    /// Creates options of polling.
    public init(
        requestCost: Double? = nil,
        minInterval: Duration? = nil,
        maxInterval: Duration? = nil,
        expectedDuration: Duration? = nil,
        refresh: Duration? = nil,
        jitter: Double? = nil,
        maxRequestsPerSecond: Double? = nil,
        concurrency: Int? = nil
    ) {
        self.requestCost = requestCost
        self.minInterval = minInterval
        self.maxInterval = maxInterval
        self.expectedDuration = expectedDuration
        self.refresh = refresh
        self.jitter = jitter
        self.maxRequestsPerSecond = maxRequestsPerSecond
        self.concurrency = concurrency
    }
}

/// An attempt about to be sent.
public struct RequestEvent: Sendable, Hashable {
    /// `GET`, `POST`, ….
    public let method: String
    /// The path, without origin and query.
    public let path: String
    /// 1 for the first attempt of the call.
    public let attempt: Int
}

/// An attempt that has been answered, or has failed.
public struct ResponseEvent: Sendable, Hashable {
    /// `GET`, `POST`, ….
    public let method: String
    /// The path, without origin and query.
    public let path: String
    /// 1 for the first attempt of the call.
    public let attempt: Int
    /// The HTTP status; `nil` when the connection failed or no answer came in time.
    public let status: Int?
    /// From the request to the end of the answer.
    public let latency: Duration
    /// The API's id of the request.
    public let requestID: String?
}
