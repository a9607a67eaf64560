// Jobs as values.

import Foundation
import Infrai
import Testing

@Suite("Jobs", .timeLimit(.minutes(3))) struct JobTests {
    private let text = #"{"job_id":"vid_1","state":"failed","error":{"code":"NSFW","message":"no"},"seed":18446744073709551615,"progress":1.0}"#

    @Test("a job is encoded as the API wrote it, and read back")
    func codable() async throws {
        let text = text
        let (client, _) = scripted { _, _ in .ok(text) }
        let job = try await client.video.status("vid_1")
        let data = try JSONEncoder().encode(job)
        let again = try JSONDecoder().decode(VideoJob.self, from: data)
        #expect(again == job && again.hashValue == job.hashValue)
        #expect(again.error?.code == "NSFW" && again.error?.message == "no" && again.isTerminal && !again.isSuccess)
        #expect(again.extra == ["seed": .unsigned(18_446_744_073_709_551_615)])
        #expect(again.metadata.requestID == "req-1")
        #expect(!String(decoding: data, as: UTF8.self).contains("ifr_pk"))
    }

    @Test("numbers that no time and no percentage can hold are none", arguments: ["1e300", "-1", "1e18"])
    func numbers(number: String) async throws {
        let (client, _) = scripted { _, _ in
            .json(200, #"{"ok":true,"data":{"job_id":"vid_1","state":"running","progress":\#(number)},"error":null,"metadata":{"latency_ms":\#(number)}}"#)
        }
        let job = try await client.video.status("vid_1")
        #expect(["VideoJob vid_1: running, 100 %", "VideoJob vid_1: running, 0 %"].contains("\(job)"))
        if let latency = job.metadata.latency { #expect(latency.components.seconds <= 1_000_000_000_000_000) }
    }

    @Test("a decoded job has no client, and says what to use instead")
    func withoutClient() async throws {
        let job = try JSONDecoder().decode(VideoJob.self, from: Data(text.utf8))
        for call: () async throws -> Any in [
            { try await job.wait() }, { try await job.cancel() }, { try await job.status() }, { try job.watch() },
            { try await job.download(to: temporary("a.mp4")) },
        ] {
            let error = try await failure { try await call() }
            #expect(error.kind == "invalid_request" && error.message.contains("client.video"))
        }
    }

    @Test("what is no job cannot be decoded")
    func noJob() throws {
        #expect(throws: InfraiError.self) { try JSONDecoder().decode(VideoJob.self, from: Data(#"{"state":"queued"}"#.utf8)) }
    }

    @Test("a job's methods use the client that made it")
    func methods() async throws {
        let (client, server) = scripted { number, request in
            request.path.hasSuffix("/cancel") ? .ok(#"{"ok":true}"#) : .job(number < 3 ? "queued" : "succeeded")
        }
        let job = try await client.video.generate(prompt: "a cat")
        #expect(try await job.status().state == .queued)
        #expect(try await job.cancel().ok)
        #expect(try await job.wait().state == .succeeded)
        #expect(server.seen.map(\.method) == ["POST", "GET", "POST", "GET"])
    }

    @Test("JSON values keep every digit of a whole number")
    func json() throws {
        let text = #"{"a":-9223372036854775808,"b":18446744073709551615,"c":2.5,"d":[null,true,"x"]}"#
        let value = try JSON(text: text)
        #expect(try value.text() == text)
        #expect(value["b"] == .unsigned(.max) && value["d"]?[2]?.string == "x" && value["d"]?[3] == nil && value["e"] == nil)
        let written: JSON = ["a": 1, "b": [2.5, nil], "c": ["d": false]]
        #expect(try written.text() == #"{"a":1,"b":[2.5,null],"c":{"d":false}}"#)
    }
}
