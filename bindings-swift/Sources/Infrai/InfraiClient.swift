// The client: settings, connections, and the calls that belong to no group.

import Foundation
internal import InfraiNative

/// A client of the Infrai API. Make one and keep it: its calls share connections, a retry budget, and one scheduler that
/// polls for all who wait.
///
/// ```swift
/// // In an app: a token from your own backend, asked for once a call and once more after a 401.
/// let client = InfraiClient(apiKey: { try await backend.infraiToken() })
///
/// let job = try await client.video.generate(prompt: "a timelapse of a city skyline at dusk")
/// let done = try await client.video.wait(job)
/// try await client.video.download(done, to: file)
/// ```
///
/// Nothing is read and nothing is sent by making one: a missing key, or a setting that cannot work, is an error of the first call.
public final class InfraiClient: Sendable {
    let native: Result<Client, InfraiError>

    /// A client with a key, or with what is found on the machine.
    ///
    /// - Parameters:
    ///   - apiKey: The project key; it goes to the base URL that is given or the default, never to another origin.
    ///     Variable: `INFRAI_API_KEY`. Default: the profile's. Do not ship a project key in an app: whoever has the app has it.
    ///   - baseURL: The API's address; it may carry a path of its own. Variable: `INFRAI_BASE_URL`. Default: the profile's,
    ///     else `https://api.infrai.cc`.
    ///   - options: All other settings.
    public convenience init(apiKey: String? = nil, baseURL: String? = nil, options: ClientOptions = ClientOptions()) {
        self.init(key: apiKey, provider: nil, baseURL: baseURL, options: options)
    }

    /// A client whose key comes from a function: a token that your own backend hands out.
    ///
    /// - Parameters:
    ///   - apiKey: Gives the key; asked once a call, and once more after a 401. What it throws is the
    ///     ``ErrorDetails/underlyingError`` of the call's ``InfraiError/configuration(_:)``.
    ///   - baseURL: The API's address. Variable: `INFRAI_BASE_URL`. Default: `https://api.infrai.cc`.
    ///   - options: All other settings.
    public convenience init(
        apiKey: @escaping @Sendable () async throws -> String, baseURL: String? = nil, options: ClientOptions = ClientOptions()
    ) {
        self.init(key: nil, provider: apiKey, baseURL: baseURL, options: options)
    }

    private init(key: String?, provider: (@Sendable () async throws -> String)?, baseURL: String?, options: ClientOptions) {
        native = Result { try Client.make(key: key, provider: provider, baseURL: baseURL, options: options) }
            .mapError { configurationError($0) }
    }

    private init(native: Result<Client, InfraiError>) { self.native = native }

    /// Videos: generate, status, cancel, wait, watch, download.
    public var video: Video { Video(client: self) }

    /// The account: balance and top-up.
    public var account: Account { Account(client: self) }

    /// The same client with other settings for the calls made through what this returns.
    ///
    /// ```swift
    /// let balance = try await client.withOptions(timeout: .seconds(5), maxRetries: 0).account.balance()
    /// ```
    ///
    /// - Parameters:
    ///   - timeout: How long a call may take in all. `nil`: the client's.
    ///   - maxRetries: How many times a failed attempt may be made again. `nil`: the client's.
    ///   - headers: Headers to send beside, or instead of, the client's own of the same name.
    public func withOptions(timeout: Duration? = nil, maxRetries: Int? = nil, headers: [String: String] = [:]) -> InfraiClient {
        InfraiClient(
            native: native.flatMap { native in
                Result {
                    let options = Options(["timeout": timeout?.seconds, "max_retries": maxRetries, "headers": headers])
                    return try native.withOptions(options: options.text())
                }
                .mapError { configurationError($0) }
            })
    }

    /// A fresh idempotency key, to be written down before the call that it is for.
    ///
    /// - Throws: ``InfraiError/internal(_:)`` where the operating system gives no randomness.
    public static func newIdempotencyKey() throws -> String {
        do { return try InfraiNative.newIdempotencyKey(language: .swift) } catch { throw publicError(error, of: nil) }
    }

    /// Makes this device an anonymous account with a trial credit, and stores its key: `POST /v1/activate`. Where the
    /// profile has a key for this base URL already, that is returned and nothing is sent.
    ///
    /// - Parameters:
    ///   - region: `auto` (default), `western` or `china`.
    ///   - deviceKind: What kind of device this is. Default: `cli`.
    ///   - profile: The profile to store the key as. Default: the client's, else `INFRAI_PROFILE`, else `default`.
    ///   - force: Asks for a key even where the profile has one; the old one is kept under another name.
    ///   - writeCredentials: Whether to store the key, in the Keychain on Apple platforms and in the credentials file elsewhere.
    /// - Throws: ``InfraiError/configuration(_:)`` when the profile belongs to another origin;
    ///   ``InfraiError/credentials(_:)``, before anything is sent, when the key could not be stored; else as every call.
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

    /// Any other route of the API, with the same key, retries, envelope and errors.
    ///
    /// ```swift
    /// let answer = try await client.request("GET", "/v1/models", query: [("kind", "video")])
    /// let models = try answer.decode([Model].self)
    /// ```
    ///
    /// - Parameters:
    ///   - method: `GET`, `POST`, ….
    ///   - path: Starts with exactly one `/` and goes below the base URL.
    ///   - query: Names and values, encoded in this order.
    ///   - body: Sent as canonical JSON.
    ///   - idempotencyKey: 1 to 255 visible ASCII characters. Default: a fresh one, unless it is `GET` or `HEAD`.
    /// - Throws: ``InfraiError/invalidRequest(_:)`` before anything is sent for a method, path or body that cannot be sent;
    ///   else as every call.
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
    /// Settings may hold secrets: none of them is shown.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// What an API call answered.
public struct APIResponse: Sendable, Hashable {
    /// The HTTP status.
    public let status: Int
    /// The envelope's data as JSON text, or the whole body where there was no envelope.
    public let json: String
    /// The envelope's metadata.
    public let metadata: Metadata

    /// The data as a type of your own.
    ///
    /// - Throws: `DecodingError` when it is not what the type wants.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self, using decoder: JSONDecoder = JSONDecoder()) throws -> Value {
        try decoder.decode(type, from: Data(json.utf8))
    }
}
