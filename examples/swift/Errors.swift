// What went wrong, and what to do about it.

import Infrai

func errors() async throws {
    let client = InfraiClient()
    do {
        _ = try await client.video.generate(prompt: "")
    } catch InfraiError.paymentRequired(let details) {
        print("pay at", details.checkoutURL?.absoluteString ?? "your account")
    } catch let error as InfraiError {
        print(error.localizedDescription, "-", error.recoverySuggestion ?? "")
    }
}
