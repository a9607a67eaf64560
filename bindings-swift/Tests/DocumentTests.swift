// The documents show what is compiled and run: the files in examples/swift.

import Foundation
import Testing

@Suite("Documents", .timeLimit(.minutes(3))) struct DocumentTests {
    private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test("every example in the documents is the file that is compiled", arguments: ["docs/quickstart.md", "bindings-swift/README.md"])
    func examples(document: String) throws {
        let pieces = try text(document).components(separatedBy: "<!-- examples/swift/").dropFirst()
            // A part of a file, which its mark names, is compared by scripts/snippets.py.
            .filter { !$0.prefix { $0 != " " }.hasSuffix(":") }
        #expect(!pieces.isEmpty)
        for piece in pieces {
            let name = String(piece.prefix { $0 != " " })
            let block = try #require(piece.components(separatedBy: "```swift\n").dropFirst().first)
            let shown = block.components(separatedBy: "\n```")[0]
            let file = try text("examples/swift/\(name)")
            #expect(file.contains(shown), "\(document) shows another \(name)")
        }
    }
}
