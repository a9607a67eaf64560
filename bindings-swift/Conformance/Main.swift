// Plays the conformance scenarios with the Swift package and says how many kept their promise.
//
//   InfraiConformance --server PROGRAM [WORDS]
//
// Plays the scenarios whose names contain the words, or all. PROGRAM is the scripted server.

import Foundation
import Infrai

let language = "swift"
/// How many scenarios are played at once.
let atOnce = 16
/// The argument that makes a process play one scenario, which it reads from its input.
let playOne = "--play-one"
/// Set for the process that makes the calls: its environment is the scenario's alone.
let clean = "INFRAI_CONFORMANCE_CLEAN"
let kept = ["PATH", "LD_LIBRARY_PATH", "TMPDIR"]

@main
struct Main {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        var arguments = Array(CommandLine.arguments.dropFirst())
        if environment[clean] == nil { exit(try runClean(arguments, environment)) }
        if arguments.first == playOne {
            let start = try JSON(text: String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self))
            print(try JSON.array(await play(start)).text())
            return
        }
        guard arguments.count >= 2, arguments.removeFirst() == "--server" else {
            print("usage: InfraiConformance --server PROGRAM [WORDS]")
            exit(2)
        }
        let program = arguments.removeFirst()
        do {
            exit(try await run(program, arguments.joined(separator: " ")))
        } catch {
            print("\(error)\n0 passed, 1 failed")
            exit(1)
        }
    }

    /// Runs this program again without the caller's home, keys, settings and proxies.
    static func runClean(_ arguments: [String], _ environment: [String: String]) throws -> Int32 {
        let home = FileManager.default.temporaryDirectory.appendingPathComponent("infrai-conformance-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: home) }
        let child = Process()
        child.executableURL = program
        child.arguments = arguments
        child.environment = environment.filter { kept.contains($0.key) }.merging(["HOME": home.path, clean: "1"]) { _, new in new }
        try child.run()
        child.waitUntilExit()
        return child.terminationStatus
    }

    static func run(_ program: String, _ words: String) async throws -> Int32 {
        let server = try ScenarioServer(program)
        let listed = try await server.ask("GET", "/scenarios")["scenarios"]
        guard case .array(let all)? = listed else { fatalError("the scripted server lists no scenarios") }
        let chosen = all.filter { words.isEmpty || $0["name"]!.string!.contains(words) }
        let exempt = chosen.filter { $0["exempt"]?[language] != nil }
        for scenario in exempt { print("EXEMPT \(scenario["name"]!.string!): \(scenario["exempt"]![language]!.string!)") }
        let due = chosen.filter { $0["exempt"]?[language] == nil }

        var failed = 0
        await withTaskGroup(of: (String, String?).self) { group in
            var waiting = due.makeIterator()
            func next() {
                guard let scenario = waiting.next() else { return }
                group.addTask { (scenario["name"]!.string!, await difference(server, scenario)) }
            }
            for _ in 0..<atOnce { next() }
            for await (name, difference) in group {
                if let difference {
                    failed += 1
                    print("FAILED \(name)\n\(difference)")
                }
                next()
            }
        }
        server.end()
        if !exempt.isEmpty { print("\(exempt.count) exempt") }
        print("Swift conformance: \(due.count - failed) passed, \(failed) failed")
        return failed == 0 && !due.isEmpty ? 0 : 1
    }

    /// What differs from what the scenario promises; nothing if it holds.
    static func difference(_ server: ScenarioServer, _ scenario: JSON) async -> String? {
        do {
            let path = scenario["path"]!.string!
            let start = try await server.ask("POST", "\(path)/start")
            let own = scenario["own_process"]?.bool == true
            let outcomes = own ? try await elsewhere(start) : .array(await play(start))
            let verdict = try await server.ask("POST", "\(path)/finish", ["language": .string(language), "outcomes": outcomes])
            if verdict["pass"]?.bool == true { return nil }
            return verdict["difference"]?.string ?? "  no difference was told"
        } catch {
            return "  \(error)"
        }
    }

    /// Plays a scenario in a process of its own, which has the environment that the scenario asks for.
    static func elsewhere(_ start: JSON) async throws -> JSON {
        let child = Process()
        child.executableURL = program
        child.arguments = [playOne]
        var environment = ProcessInfo.processInfo.environment
        if case .object(let own)? = start["env"] {
            for (name, value) in own { environment[name] = value.string }
        }
        child.environment = environment
        let (input, output) = (Pipe(), Pipe())
        child.standardInput = input
        child.standardOutput = output
        try child.run()
        let text = try start.text()
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                input.fileHandleForWriting.write(Data(text.utf8))
                try? input.fileHandleForWriting.close()
                let told = output.fileHandleForReading.readDataToEndOfFile()
                child.waitUntilExit()
                continuation.resume(with: Result { try JSON(text: String(decoding: told, as: UTF8.self)) })
            }
        }
    }

    static var program: URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).standardizedFileURL
    }
}
