// The client: options, connections, and the calls without a group.

import Foundation
internal import InfraiNative

/// A client of the Infrai API. Create one and keep it: its calls share connections, a retry budget, and one scheduler for
/// the polls of all waits.
///
/// ```swift
/// // In an app: a token from your own backend. Each call requests one, and another after a 401.
/// let client = InfraiClient(apiKey: { try await backend.infraiToken() })
///
/// let job = try await client.video.generate(prompt: "a timelapse of a city skyline at dusk")
/// let done = try await client.video.wait(job)
/// try await client.video.download(done, to: file)
/// ```
///
/// The initializers read no file and send no request. A missing key or an invalid option is an error of the first call.
public final class InfraiClient: Sendable {
    let native: Result<Client, InfraiError>
    let callbacks: ClientCallbacks

    /// Creates a client with a key, or with the key of the environment or the profile.
    ///
    /// - Parameters:
    ///   - apiKey: The project key. The client sends it only to the origin of the base URL. Variable: `INFRAI_API_KEY`.
    ///     Default: the profile's. Do not ship a project key in an app: its users can extract it.
    ///   - baseURL: The base URL of the API, which may have a path. Variable: `INFRAI_BASE_URL`. Default: the profile's, else
    ///     `https://api.infrai.cc`.
    ///   - options: All other options.
    public convenience init(apiKey: String? = nil, baseURL: String? = nil, options: ClientOptions = ClientOptions()) {
        self.init(key: apiKey, provider: nil, baseURL: baseURL, options: options)
    }

    /// Creates a client with a key function, such as a request to the application's backend.
    ///
    /// - Parameters:
    ///   - apiKey: Returns the key. Each call runs it once, and once more after a 401, with the task-local values of the call's
    ///     task. Its error is the
    ///     ``ErrorDetails/underlyingError`` of the call's ``InfraiError/configuration(_:)``.
    ///   - baseURL: The base URL of the API. Variable: `INFRAI_BASE_URL`. Default: `https://api.infrai.cc`.
    ///   - options: All other options.
    public convenience init(
        apiKey: @escaping @Sendable () async throws -> String, baseURL: String? = nil, options: ClientOptions = ClientOptions()
    ) {
        self.init(key: nil, provider: apiKey, baseURL: baseURL, options: options)
    }

    private init(key: String?, provider: (@Sendable () async throws -> String)?, baseURL: String?, options: ClientOptions) {
        let callbacks = ClientCallbacks(key: provider, onRequest: options.onRequest, onResponse: options.onResponse)
        self.callbacks = callbacks
        native = Result { try Client.make(key: key, callbacks: callbacks, baseURL: baseURL, options: options) }
            .mapError { configurationError($0) }
    }

    private init(native: Result<Client, InfraiError>, callbacks: ClientCallbacks) {
        self.native = native
        self.callbacks = callbacks
    }

    /// Methods for videos: generate, status, cancel, wait, watch, download.
    public var video: Video { Video(client: self) }

    /// Methods of the account: balance and top-up.
    public var account: Account { Account(client: self) }

    /// Sum of what the client's jobs cost, in US dollars: the known costs of jobs that it submitted, less refunds.
    ///
    /// A job that a repeated idempotency key returned again counts once. Clients of
    /// ``withOptions(timeout:maxRetries:headers:)`` share the sum.
    public var spentUSD: Double { (try? native.get().spentUsd()) ?? 0 }

    /// Returns the same client with other options for its calls.
    ///
    /// ```swift
    /// let balance = try await client.withOptions(timeout: .seconds(5), maxRetries: 0).account.balance()
    /// ```
    ///
    /// - Parameters:
    ///   - timeout: Timeout of a call, including retries. `nil`: the client's.
    ///   - maxRetries: Number of retries after a failed attempt. `nil`: the client's.
    ///   - headers: Additional headers. Each replaces the client's header of the same name.
    public func withOptions(timeout: Duration? = nil, maxRetries: Int? = nil, headers: [String: String] = [:]) -> InfraiClient {
        InfraiClient(
            native: native.flatMap { native in
                Result {
                    let options = Options(["timeout": timeout?.seconds, "max_retries": maxRetries, "headers": headers])
                    return try native.withOptions(options: options.text())
                }
                .mapError { configurationError($0) }
            },
            callbacks: callbacks)
    }

    /// Returns a new idempotency key, for an application that stores it before the call.
    ///
    /// - Throws: ``InfraiError/internal(_:)`` if the operating system has no randomness.
    public static func newIdempotencyKey() throws -> String {
        do { return try InfraiNative.newIdempotencyKey(language: .swift) } catch { throw publicError(error, of: nil) }
    }

    /// Creates an anonymous account with a trial credit for this device, and stores its key: `POST /v1/activate`. If the
    /// profile already has a key for this base URL, the call returns that key and sends nothing.
    ///
    /// ```swift
    /// let account = try await InfraiClient().activate()
    /// print(account.trialCreditUSD ?? 0)
    /// ```
    ///
    /// - Parameters:
    ///   - region: `auto` (default), `western` or `china`.
    ///   - deviceKind: Kind of this device. Default: `cli`.
    ///   - profile: Profile that stores the key. Default: the client's, else `INFRAI_PROFILE`, else `default`.
    ///   - force: Whether to request a key even if the profile has one. The old profile is kept under another name.
    ///   - writeCredentials: Whether to store the key: in the Keychain on Apple platforms, in the credentials file elsewhere.
    /// - Throws: ``InfraiError/configuration(_:)`` if the profile belongs to another origin.
    ///   ``InfraiError/credentials(_:)``, before any request, if the key cannot be stored.
    @discardableResult
    public func activate(
        region: String? = nil, deviceKind: String? = nil, profile: String? = nil, force: Bool = false, writeCredentials: Bool = true
    ) async throws -> ActivateResult {
        try await call { native, cancellation in
            let options = Options([
                "region": region, "device_kind": deviceKind, "profile": profile, "force": force, "write_credentials": writeCredentials,
            ])
            return ActivateResult(try await native.activate(options: try options.text(), cancellation: cancellation))
        }
    }

    /// Returns the API's capabilities with their routes, prices and parameters: `GET /v1/discovery`. The call sends no key
    /// and needs none.
    ///
    /// - Throws: ``InfraiError/notFound(_:)`` if the server has no discovery.
    public func discover() async throws -> Discovery {
        try await call { native, cancellation in Discovery(try await native.discover(cancellation: cancellation)) }
    }

    /// Returns one capability: `GET /v1/discovery/{capability}`. The call sends no key and needs none.
    ///
    /// ```swift
    /// let generate = try await client.discover(capability: "video.generate")
    /// print(generate.billing?.priceUSD ?? 0)
    /// ```
    ///
    /// - Parameter capability: Id of the capability.
    /// - Throws: ``InfraiError/notFound(_:)`` if the server does not have the capability, or no discovery.
    public func discover(capability: String) async throws -> Capability {
        try await call { native, cancellation in
            Capability(try await native.discoverCapability(capability: capability, cancellation: cancellation))
        }
    }

    /// Calls any other route of the API, with the same key, retries, envelope and errors.
    ///
    /// ```swift
    /// let answer = try await client.request("GET", "/v1/models", query: [("kind", "video")])
    /// let models = try answer.decode([Model].self)
    /// ```
    ///
    /// - Parameters:
    ///   - method: `GET`, `POST`, ….
    ///   - path: Path below the base URL. It starts with exactly one `/`.
    ///   - query: Names and values, in this order. The SDK encodes them.
    ///   - body: Body of the request, sent as canonical JSON.
    ///   - idempotencyKey: 1 to 255 visible ASCII characters. Default: a new one per call; none for `GET` and `HEAD`.
    /// - Throws: ``InfraiError/invalidRequest(_:)`` before any request if the method, path or body is invalid.
    public func request(
        _ method: String, _ path: String, query: [(String, String)] = [], body: (any Encodable & Sendable)? = nil,
        idempotencyKey: String? = nil
    ) async throws -> APIResponse {
        let text: String?
        do {
            text = try body.map { try JSON.text(of: $0) }
        } catch {
            throw InfraiError.refusal(field: "body", got: "\(error)", expected: "a value that JSON can write")
        }
        return try await call { native, cancellation in
            let options = Options(["query": query.map { [$0.0, $0.1] }, "idempotency_key": idempotencyKey])
            return APIResponse(
                try await native.request(
                    method: method, path: path, body: text, options: try options.text(), cancellation: cancellation))
        }
    }
}

extension InfraiClient: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "InfraiClient" }
    public var debugDescription: String { description }
    /// Without the options, which may be secrets.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Response to a request.
public struct APIResponse: Sendable, Hashable {
    /// HTTP status.
    public let status: Int
    /// Data of the envelope, or the whole body if there is no envelope, as JSON text.
    public let json: String
    /// Metadata of the envelope.
    public let metadata: Metadata

    /// Decodes the data.
    ///
    /// - Throws: `DecodingError` if the data has another form than the type.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self, using decoder: JSONDecoder = JSONDecoder()) throws -> Value {
        try decoder.decode(type, from: Data(json.utf8))
    }
}
