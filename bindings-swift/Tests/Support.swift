// Shared helpers: clients of a scripted server, the sandbox command, and the error of a call.

import Foundation
import Infrai
import Testing

let key = "ifr_pk_proj_0123456789abcdefghijWXYZ"

/// A server that answers so, and a client of it that retries and polls within milliseconds.
func scripted(
    options: ClientOptions = ClientOptions(), remembers: Bool = true, _ answer: @escaping ScriptedServer.Answer
) -> (client: InfraiClient, server: ScriptedServer) {
    let server = ScriptedServer(remembers: remembers, answer)
    var options = options
    let hook = options.onRequest
    // The server stays for as long as its client.
    options.onRequest = { event in withExtendedLifetime(server) { hook?(event) } }
    return (InfraiClient(apiKey: key, baseURL: server.url, options: quick(options)), server)
}

/// These settings, with pauses of milliseconds and no store but a file that does not exist.
func quick(_ options: ClientOptions = ClientOptions()) -> ClientOptions {
    var options = options
    options.retryBase = options.retryBase ?? .milliseconds(1)
    options.retryCap = options.retryCap ?? .milliseconds(2)
    options.credentialsFile = options.credentialsFile ?? scratchFolder.appendingPathComponent("none")
    if options.polling == PollingOptions() {
        options.polling = PollingOptions(
            minInterval: .milliseconds(1), maxInterval: .milliseconds(5), expectedDuration: .milliseconds(5),
            maxRequestsPerSecond: 10_000, concurrency: 64)
    }
    return options
}

/// A path in a folder of its own, which exists until the tests are over.
func temporary(_ name: String) -> URL {
    let folder = scratch.appendingPathComponent(UUID().uuidString)
    try! FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder.appendingPathComponent(name)
}

private let scratch = {
    atexit { try? FileManager.default.removeItem(at: scratchFolder) }
    return scratchFolder
}()

private let scratchFolder = FileManager.default.temporaryDirectory.appendingPathComponent(
    "infrai-swift-\(ProcessInfo.processInfo.processIdentifier)")

/// What this throws, which has to be the SDK's error.
func failure(_ call: () async throws -> some Any, at location: SourceLocation = #_sourceLocation) async throws -> InfraiError {
    do {
        let value = try await call()
        Issue.record("it should have thrown, and gave \(value)", sourceLocation: location)
        throw Hung()
    } catch let error as InfraiError {
        return error
    }
}

/// What callbacks of any thread leave behind.
final class Box<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var held: Value

    init(_ value: Value) { held = value }

    var value: Value { lock.withLock { held } }

    @discardableResult
    func change<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&held) } }
}

/// The sandbox command, for as long as this lives.
final class Sandbox: Sendable {
    let url: String
    private let child: Process

    /// Starts one with these further words.
    init(_ words: [String] = []) throws {
        let command = ProcessInfo.processInfo.environment["INFRAI_CLI"]
        child = Process()
        child.executableURL = URL(fileURLWithPath: try #require(command, "run the tests with bindings-swift/run-tests"))
        child.arguments = ["sandbox", "--json", "--exit-with-parent", "--temporary"] + words
        let output = Pipe()
        child.standardInput = Pipe()
        child.standardOutput = output
        try child.run()
        var line = Data()
        while let byte = try output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8) { line += byte }
        url = try #require(try JSON(text: String(decoding: line, as: UTF8.self))["url"]?.string)
    }

    deinit { child.terminate() }

    /// A client of an account of its own.
    func client() async throws -> InfraiClient {
        let options = quick()
        let result = try await InfraiClient(baseURL: url, options: options).activate(writeCredentials: false)
        return InfraiClient(apiKey: result.primaryAPIKey, baseURL: url, options: options)
    }
}
