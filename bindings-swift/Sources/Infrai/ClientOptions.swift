// Options of a client, and the events of its hooks.

import Foundation

/// Routes of the calls for a job's status and cancel.
public enum VideoRoutes: String, Sendable {
    /// `/v1/video/jobs/{id}`, and after a 404 the routes of ``status``, until one of them has succeeded.
    case auto
    /// `GET /v1/video/jobs/{id}` and `POST /v1/video/jobs/{id}/cancel`.
    case jobs
    /// `GET /v1/video/status/{id}` and `POST /v1/video/cancel/{id}`.
    case status
}

/// Options of an ``InfraiClient``. An option that is `nil` is the environment variable's, else the profile's, else the
/// default. An empty string counts as unset.
///
/// ```swift
/// var options = ClientOptions()
/// options.timeout = .seconds(30)
/// options.maxRetries = 4
/// let client = InfraiClient(apiKey: key, options: options)
/// ```
///
/// An invalid option is an ``InfraiError/configuration(_:)`` error of the client's first call.
public struct ClientOptions: Sendable {
    /// Profile of the credentials. Variable: `INFRAI_PROFILE`. Default: `default`.
    public var profile: String?
    /// The credentials file. Variable: `INFRAI_CREDENTIALS_FILE`. Default: `~/.infrai/credentials`. Ignored if there is a
    /// ``credentialStore``.
    public var credentialsFile: URL?
    /// Store that replaces the credentials file. Default: a `KeychainStore` on Apple platforms, unless ``credentialsFile`` is
    /// set; elsewhere none.
    public var credentialStore: (any CredentialStore)?
    /// Timeout of a call, including retries and the pauses between them. Default: 60 s.
    public var timeout: Duration?
    /// Timeout of one attempt, from connecting to the end of the response. Default: 20 s.
    public var attemptTimeout: Duration?
    /// Timeout of connecting within an attempt. Default: 10 s.
    public var connectTimeout: Duration?
    /// Longest time that a download may receive no byte. Default: 30 s.
    public var downloadIdleTimeout: Duration?
    /// Number of retries after a failed attempt. Default: 2, so that a call has at most three attempts.
    public var maxRetries: Int?
    /// Longest pause before the first retry. It doubles with each further retry. Default: 0.5 s.
    public var retryBase: Duration?
    /// Longest pause before a retry. A server's `Retry-After` may exceed it. Default: 8 s.
    public var retryCap: Duration?
    /// Connections in use at once. Further requests and downloads wait within their timeouts. Default: 256.
    public var maxConnections: Int?
    /// Options of polling.
    public var polling: PollingOptions
    /// Routes of `status` and `cancel`. Default: ``VideoRoutes/auto``, those that the server turns out to have.
    public var routes: VideoRoutes?
    /// Headers of every call to the API. Headers that the SDK sets itself are an error.
    public var defaultHeaders: [String: String]
    /// URL of an http or https proxy for all hosts except loopback hosts. Variables: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    public var proxy: String?
    /// PEM file of root certificates, which replace the platform's. Variables: `SSL_CERT_FILE`, `SSL_CERT_DIR`.
    public var caFile: URL?
    /// Suffix of the `User-Agent`, such as an application's name and version.
    public var userAgentSuffix: String?
    /// Whether plain `http` is allowed to hosts other than loopback, such as a development machine. Do not allow it over the
    /// internet: everyone on the network path can read the key. Variable: `INFRAI_ALLOW_HTTP=1`. Default: no.
    public var allowInsecureHTTP: Bool?
    /// Called before every attempt, in order, with the task-local values of the call's task. All hooks of a call have run when
    /// it returns. The event contains no body and no key.
    public var onRequest: (@Sendable (RequestEvent) -> Void)?
    /// Called after every attempt, as ``onRequest``. The event contains no body and no key.
    public var onResponse: (@Sendable (ResponseEvent) -> Void)?

    /// Creates options.
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
        maxConnections: Int? = nil,
        polling: PollingOptions = PollingOptions(),
        routes: VideoRoutes? = nil,
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
        self.maxConnections = maxConnections
        self.polling = polling
        self.routes = routes
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
    /// Without the values, which may be secrets.
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

/// An attempt that is about to be sent.
public struct RequestEvent: Sendable, Hashable {
    /// HTTP method: `GET`, `POST`, ….
    public let method: String
    /// Path without origin, query and keys.
    public let path: String
    /// Number of the attempt within the call, starting at 1.
    public let attempt: Int
}

/// An attempt that has a response or has failed.
public struct ResponseEvent: Sendable, Hashable {
    /// HTTP method: `GET`, `POST`, ….
    public let method: String
    /// Path without origin, query and keys.
    public let path: String
    /// Number of the attempt within the call, starting at 1.
    public let attempt: Int
    /// HTTP status. `nil` if the connection failed or the response did not arrive in time.
    public let status: Int?
    /// Time from the request to the end of the response.
    public let latency: Duration
    /// The API's id of the request.
    public let requestID: String?
}
