// Settings and options in the form that the native surface takes.

import Foundation
internal import InfraiNative

extension NativeClient {
    static func make(
        key: String?, provider: (@Sendable () async throws -> String)?, baseURL: String?, options: ClientOptions
    ) throws -> NativeClient {
        let settings = NativeSettings(
            apiKey: key,
            baseUrl: baseURL,
            profile: options.profile,
            credentialsFile: try options.credentialsFile.map { try filePath($0, "credentials_file") },
            timeout: options.timeout?.seconds,
            attemptTimeout: options.attemptTimeout?.seconds,
            connectTimeout: options.connectTimeout?.seconds,
            downloadIdleTimeout: options.downloadIdleTimeout?.seconds,
            maxRetries: options.maxRetries.map(Int64.init),
            retryBase: options.retryBase?.seconds,
            retryCap: options.retryCap?.seconds,
            polling: NativePolling(
                requestCost: options.polling.requestCost,
                minInterval: options.polling.minInterval?.seconds,
                maxInterval: options.polling.maxInterval?.seconds,
                expectedDuration: options.polling.expectedDuration?.seconds,
                refresh: options.polling.refresh?.seconds,
                jitter: options.polling.jitter,
                maxRequestsPerSecond: options.polling.maxRequestsPerSecond,
                concurrency: options.polling.concurrency.map(Int64.init)),
            defaultHeaders: pairs(options.defaultHeaders),
            proxy: options.proxy,
            caFile: try options.caFile.map { try filePath($0, "ca_file") },
            userAgentSuffix: options.userAgentSuffix,
            allowInsecureHttp: options.allowInsecureHTTP)
        return try NativeClient(
            settings: settings,
            caller: NativeCaller(language: "swift", version: nativeVersion(), runtime: runtimeName),
            key: provider.map(KeyFunction.init),
            hooks: Hooks(options),
            store: options.store.map(Store.init))
    }

    func with(timeout: Duration?, maxRetries: Int?, headers: [String: String]) throws -> NativeClient {
        try withOptions(
            options: NativeCallOptions(timeout: timeout?.seconds, maxRetries: maxRetries.map(Int64.init), headers: pairs(headers)))
    }
}

extension ClientOptions {
    /// The store that is used: Apple platforms have one, and a file is used there only by those who name it.
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

extension GenerateRequest {
    var native: NativeGenerate {
        NativeGenerate(
            prompt: prompt, referenceImageUrl: referenceImageURL?.absoluteString, durationSeconds: durationSeconds,
            aspect: aspect?.rawValue, resolution: resolution?.rawValue, prefer: prefer?.rawValue, model: model, vendor: vendor,
            idempotencyKey: idempotencyKey)
    }
}

extension JobReference {
    var native: NativeJobRef {
        switch _jobReference {
        case .id(let id): .id(id: id)
        case .job(let job): .seen(json: job.json)
        }
    }
}

extension NativePatience {
    init(_ timeout: Duration?) { self = timeout.map { .seconds(seconds: $0.seconds) } ?? .forever }
}

extension Duration {
    /// In seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }

    /// So many seconds, whatever a server says: `Duration` traps where it cannot hold a number. `nil` for what is no time.
    init?(clamping seconds: Double) {
        guard seconds.isFinite, seconds >= 0 else { return nil }
        self = .seconds(Swift.min(seconds, 1e15))
    }
}

/// A file's path; other URLs name none.
func filePath(_ file: URL, _ field: String) throws -> String {
    guard file.isFileURL else { throw InfraiError.refusal(field: field, got: file.absoluteString, expected: "a file URL") }
    return file.path
}

/// In the order of their names, so that the same headers are the same bytes.
private func pairs(_ headers: [String: String]) -> [NativePair] {
    headers.sorted { $0.key < $1.key }.map { NativePair(name: $0.key, value: $0.value) }
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
