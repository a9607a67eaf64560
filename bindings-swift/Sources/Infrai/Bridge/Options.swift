// Options as JSON text for the core.

import Foundation
internal import InfraiNative

/// A set of options by their names in the core. An option that is `nil` is left out, so that it has its default.
struct Options: Encodable {
    private let options: [String: (any Encodable)?]

    init(_ options: [String: (any Encodable)?]) { self.options = options }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Name.self)
        for case (let name, let option?) in options { try container.encode(option, forKey: Name(stringValue: name)) }
    }

    func text() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // The core refuses these by the option's name.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "NaN")
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// Timeout of a wait.
enum WaitTimeout {
    case standard, after(Duration?)

    /// The option's value: the core's default, no limit, or seconds.
    var option: (any Encodable)? {
        switch self {
        case .standard: nil
        case .after(nil): JSON.null
        case .after(let timeout?): timeout.seconds
        }
    }
}

extension Client {
    static func make(
        key: String?, callbacks: ClientCallbacks, baseURL: String?, options: ClientOptions
    ) throws -> Client {
        let polling = options.polling
        let text = try Options([
            "api_key": key,
            "base_url": baseURL,
            "profile": options.profile,
            "credentials_file": try options.credentialsFile.map { try filePath($0, "credentials_file") },
            "timeout": options.timeout?.seconds,
            "attempt_timeout": options.attemptTimeout?.seconds,
            "connect_timeout": options.connectTimeout?.seconds,
            "download_idle_timeout": options.downloadIdleTimeout?.seconds,
            "max_retries": options.maxRetries,
            "retry_base": options.retryBase?.seconds,
            "retry_cap": options.retryCap?.seconds,
            "max_connections": options.maxConnections,
            "routes": options.routes?.rawValue,
            "polling": Options([
                "request_cost": polling.requestCost,
                "min_interval": polling.minInterval?.seconds,
                "max_interval": polling.maxInterval?.seconds,
                "expected_duration": polling.expectedDuration?.seconds,
                "refresh": polling.refresh?.seconds,
                "jitter": polling.jitter,
                "max_requests_per_second": polling.maxRequestsPerSecond,
                "concurrency": polling.concurrency,
            ]),
            "default_headers": options.defaultHeaders,
            "proxy": options.proxy,
            "ca_file": try options.caFile.map { try filePath($0, "ca_file") },
            "user_agent_suffix": options.userAgentSuffix,
            "allow_insecure_http": options.allowInsecureHTTP,
        ]).text()
        return try Client(
            options: text, language: .swift, runtime: runtimeName, callbacks: callbacks.kinds, store: options.store.map(Store.init))
    }
}

extension ClientOptions {
    /// Returns the store to use. Apple platforms have one, unless the caller names a file.
    var store: (any CredentialStore)? {
        if let credentialStore { return credentialStore }
        #if canImport(Security)
            let named = ProcessInfo.processInfo.environment["INFRAI_CREDENTIALS_FILE"] ?? ""
            return credentialsFile == nil && named.isEmpty && KeychainStore.isAvailable ? KeychainStore() : nil
        #else
            return nil
        #endif
    }
}

extension JobReference {
    var native: JobRef {
        switch _jobReference {
        case .id(let id): .id(id: id)
        case .job(let job): .known(job: job.native)
        }
    }
}

extension Duration {
    /// The duration in seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }

    /// Returns a duration of a server's number of seconds. `Duration` traps on a number that it cannot hold. `nil` if the
    /// number is not a duration.
    init?(clamping seconds: Double) {
        guard seconds.isFinite, seconds >= 0 else { return nil }
        self = .seconds(Swift.min(seconds, 1e15))
    }
}

/// Returns the path of a file URL.
func filePath(_ file: URL, _ field: String) throws -> String {
    guard file.isFileURL else { throw InfraiError.refusal(field: field, got: file.absoluteString, expected: "a file URL") }
    return file.path
}

private var runtimeName: String {
    #if swift(>=6.2)
        "Swift 6.2"
    #elseif swift(>=6.1)
        "Swift 6.1"
    #else
        "Swift 6.0"
    #endif
}
