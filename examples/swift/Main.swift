// Runs the example that its argument names: `swift run InfraiExamples quickstart`.

@main
struct Main {
    static let examples: [String: @Sendable () async throws -> Void] = [
        "quickstart": quickstart, "batch": batch, "stopping": stopping, "errors": errors, "guide": guide,
    ]

    static func main() async throws {
        for name in CommandLine.arguments.dropFirst() {
            guard let example = examples[name] else { fatalError("there is no example \(name); there are \(examples.keys.sorted())") }
            try await example()
        }
    }
}
