// The scripted server, and the three requests that a runner makes of it.

import Foundation
import Infrai

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The scripted server, for as long as its input is open.
final class ScenarioServer: Sendable {
    private let address: String
    private let input: Pipe
    private let session: URLSession

    init(_ program: String) throws {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: program)
        let output = Pipe()
        input = Pipe()
        child.standardInput = input
        child.standardOutput = output
        try child.run()
        var line = Data()
        while let byte = try output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8) { line += byte }
        address = String(decoding: line, as: UTF8.self)
        if address.isEmpty { throw Unexpected(text: "the scripted server \(program) ended without its address") }
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = 120
        configuration.httpMaximumConnectionsPerHost = 2 * atOnce
        session = URLSession(configuration: configuration)
    }

    /// Ends it.
    func end() { try? input.fileHandleForWriting.close() }

    func ask(_ method: String, _ path: String, _ body: JSON? = nil) async throws -> JSON {
        var request = URLRequest(url: URL(string: address + path)!)
        request.httpMethod = method
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = try body.map { Data(try $0.text().utf8) } ?? (method == "POST" ? Data() : nil)
        let (data, response) = try await session.data(for: request)
        let text = String(decoding: data, as: UTF8.self)
        guard (response as? HTTPURLResponse)?.statusCode == 200 else { throw Unexpected(text: "\(method) \(path): \(text)") }
        return try JSON(text: text)
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}
