// A server on this machine that answers what a test says, and remembers what it was asked.

import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A request that came.
struct Request: Sendable {
    let method: String
    let path: String
    let headers: [String: String]
    let body: String
}

/// What it is answered.
enum Reply: Sendable {
    case json(Int, String, headers: [String: String] = [:])
    case bytes([UInt8], headers: [String: String] = [:])
    /// Nothing, until the client goes away.
    case never

    /// An envelope with this data.
    static func ok(_ data: String) -> Reply {
        .json(200, #"{"ok":true,"data":\#(data),"error":null,"metadata":{"request_id":"req-1","cost_usd":0.01}}"#)
    }

    /// A failed envelope; `more` are further members of its error.
    static func fail(_ status: Int, _ code: String, _ more: String = "") -> Reply {
        .json(
            status,
            #"{"ok":false,"data":null,"error":{"code":"\#(code)","message":"because of \#(code)"\#(more)},"metadata":{"request_id":"req-2"}}"#)
    }

    /// A job in this state; `more` are further members of it.
    static func job(_ state: String, _ more: String = "") -> Reply {
        ok(#"{"job_id":"vid_1","state":"\#(state)"\#(more)}"#)
    }
}

/// Answers the n-th request, from 0, with what `answer` gives. Closes when it is dropped.
final class ScriptedServer: @unchecked Sendable {
    typealias Answer = @Sendable (_ number: Int, _ request: Request) -> Reply

    let url: String
    private let answer: Answer
    private let lock = NSLock()
    private var requests: [Request] = []
    private var count = 0
    private let remembers: Bool
    private var gone = 0
    private let connections = Connections()

    /// - Parameter remembers: Whether what came is kept, and not only counted.
    init(remembers: Bool = true, _ answer: @escaping Answer) {
        self.answer = answer
        self.remembers = remembers
        let accepting = socket(AF_INET, streamType, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                precondition(bind(accepting, address, length) == 0 && listen(accepting, 512) == 0, "no socket to listen on")
                getsockname(accepting, address, &length)
            }
        }
        url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        let connections = connections
        connections.add(accepting)
        let found = Weak(self)
        Thread.detachNewThread {
            defer { connections.end(accepting) }
            while true {
                let connection = accept(accepting, nil, nil)
                guard connection >= 0 else { return }
                connections.add(connection)
                Thread.detachNewThread {
                    ScriptedServer.serve(connection, { found.server })
                    connections.end(connection)
                }
            }
        }
    }

    deinit { connections.shutAll() }

    /// What came so far.
    var seen: [Request] { lock.withLock { requests } }

    /// How many requests were given up by their client before they were answered.
    var abandoned: Int { lock.withLock { gone } }

    /// How many came so far.
    var total: Int { lock.withLock { count } }

    /// Returns once so many requests have come.
    func arrived(_ count: Int) async throws { try await until { self.total >= count } }

    /// Returns once nothing has come for a quarter of a second.
    func quiet() async throws {
        let last = Box((count: total, since: ContinuousClock.now))
        try await until {
            last.change { last in
                if self.total != last.count { last = (self.total, .now) }
                return last.since.duration(to: .now) > .milliseconds(250)
            }
        }
    }

    private static func serve(_ connection: Int32, _ server: @Sendable () -> ScriptedServer?) {
        var buffer: [UInt8] = []
        while let request = read(connection, &buffer) {
            guard let now = server() else { return }
            let number = now.lock.withLock {
                if now.remembers { now.requests.append(request) }
                now.count += 1
                return now.count - 1
            }
            let reply = now.answer(number, request)
            guard case let (status, headers, body)? = reply.parts else {
                var byte: UInt8 = 0
                while recv(connection, &byte, 1, 0) > 0 {}
                if let server = server() { server.lock.withLock { server.gone += 1 } }
                return
            }
            var head = "HTTP/1.1 \(status) Told\r\ncontent-length: \(body.count)\r\n"
            for (name, value) in headers { head += "\(name): \(value)\r\n" }
            write(connection, Array((head + "\r\n").utf8) + body)
        }
    }

    /// The next request of a connection; `nil` when it has ended.
    private static func read(_ connection: Int32, _ buffer: inout [UInt8]) -> Request? {
        func more() -> Bool {
            var chunk = [UInt8](repeating: 0, count: 16384)
            let count = recv(connection, &chunk, chunk.count, 0)
            guard count > 0 else { return false }
            buffer += chunk[..<count]
            return true
        }
        let blank = Array("\r\n\r\n".utf8)
        var end: Int?
        while true {
            end = buffer.count < 4 ? nil : (0...buffer.count - 4).first { Array(buffer[$0..<$0 + 4]) == blank }
            if end != nil { break }
            guard more() else { return nil }
        }
        guard let end else { return nil }
        let lines = String(decoding: buffer[..<end], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        let length = headers["content-length"].flatMap(Int.init) ?? 0
        while buffer.count < end + 4 + length { guard more() else { return nil } }
        let body = String(decoding: buffer[(end + 4)..<(end + 4 + length)], as: UTF8.self)
        buffer.removeFirst(end + 4 + length)
        let words = lines[0].split(separator: " ")
        return Request(method: String(words[0]), path: String(words[1]), headers: headers, body: body)
    }

    private static func write(_ connection: Int32, _ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { send(connection, $0.baseAddress! + sent, bytes.count - sent, noSignal) }
            guard count > 0 else { return }
            sent += count
        }
    }
}

/// The sockets that are open. The thread that reads from one closes it, under the lock under which others shut it: the system
/// gives its number to another socket at once.
private final class Connections: @unchecked Sendable {
    private let lock = NSLock()
    private var open: Set<Int32> = []
    private var over = false

    func add(_ connection: Int32) {
        lock.withLock {
            open.insert(connection)
            if over { shutdown(connection, Int32(SHUT_RDWR)) }
        }
    }

    func end(_ connection: Int32) {
        lock.withLock {
            open.remove(connection)
            _ = close(connection)
        }
    }

    func shutAll() {
        lock.withLock {
            over = true
            for connection in open { shutdown(connection, Int32(SHUT_RDWR)) }
        }
    }
}

private final class Weak: @unchecked Sendable {
    private(set) weak var server: ScriptedServer?

    init(_ server: ScriptedServer) { self.server = server }
}

extension Reply {
    fileprivate var parts: (Int, [String: String], [UInt8])? {
        switch self {
        case .json(let status, let text, let headers):
            (status, headers.merging(["content-type": "application/json"]) { own, _ in own }, Array(text.utf8))
        case .bytes(let bytes, let headers): (200, headers, bytes)
        case .never: nil
        }
    }
}

#if canImport(Glibc)
    private let streamType = Int32(SOCK_STREAM.rawValue)
    private let noSignal = Int32(MSG_NOSIGNAL)
#else
    private let streamType = SOCK_STREAM
    private let noSignal: Int32 = 0
#endif

/// Returns when the condition holds; throws after a minute, which no test needs on the slowest machine.
func until(_ condition: @Sendable () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        guard ContinuousClock.now < end else { throw Hung() }
        try await Task.sleep(for: .milliseconds(2))
    }
}

struct Hung: Error, CustomStringConvertible {
    var description: String { "what the test waits for did not come within a minute" }
}
