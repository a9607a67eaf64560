// The account: balance, top-ups and activation results.

import Foundation
internal import InfraiNative

/// Methods of the account: ``InfraiClient/account``.
public struct Account: Sendable {
    let client: InfraiClient

    /// Returns the balance: `GET /v1/account/balance`.
    public func balance() async throws -> Balance {
        try await client.call { native, cancellation in
            Balance(try await native.balance(cancellation: cancellation))
        }
    }

    /// Starts a payment: a person pays at the result's ``TopupRecord/nextActionURL``, and nothing is added before.
    /// `POST /v1/account/topup`.
    ///
    /// The API documents no route for the state of a top-up: ``waitForCredit(minUSD:)`` waits for its credit. The API may
    /// bound the amount; the sandbox takes 1 to 10,000.
    ///
    /// ```swift
    /// do {
    ///     job = try await client.video.generate(prompt: "a red kite", idempotencyKey: "order-1")
    /// } catch InfraiError.paymentRequired {
    ///     let before = try await client.account.balance().balanceUSD
    ///     let topup = try await client.account.topup(amountUSD: 20)
    ///     print("pay at \(topup.nextActionURL!)")
    ///     try await client.account.waitForCredit(minUSD: before + 20)
    ///     job = try await client.video.generate(prompt: "a red kite", idempotencyKey: "order-1")
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - amountUSD: Amount in US dollars, more than 0.
    ///   - returnURL: The http(s) URL that the payment page leads back to. Default: none.
    ///   - idempotencyKey: 1 to 255 visible ASCII characters. Default: a new one per call.
    /// - Throws: ``InfraiError/invalidRequest(_:)`` before any request if the amount is not a positive number or the
    ///   URL is not http(s).
    public func topup(amountUSD: Double, returnURL: URL? = nil, idempotencyKey: String? = nil) async throws -> TopupRecord {
        try await client.call { native, cancellation in
            let options = Options(["return_url": returnURL?.absoluteString, "idempotency_key": idempotencyKey])
            return TopupRecord(
                try await native.topup(amountUsd: amountUSD, options: try options.text(), cancellation: cancellation))
        }
    }

    /// Waits until the balance is at least this high, at most 30 minutes, and returns it. Polls `GET /v1/account/balance`.
    ///
    /// The first pause between two polls is 1 second, the longest 15 seconds. Cancelling the task ends the wait.
    ///
    /// - Parameter minUSD: Balance in US dollars, more than 0.
    /// - Throws: ``InfraiError/invalidRequest(_:)`` before any request if the amount is not a positive number,
    ///   ``InfraiError/waitTimeout(_:)``, and the error of a poll that cannot be retried.
    @discardableResult
    public func waitForCredit(minUSD: Double) async throws -> Balance {
        try await waitForCredit(minUSD, .standard)
    }

    /// Waits until the balance is at least this high, at most this long. As ``waitForCredit(minUSD:)``.
    ///
    /// - Parameter timeout: Timeout of the wait, which polls once more before it ends. `nil`: no limit.
    @discardableResult
    public func waitForCredit(minUSD: Double, timeout: Duration?) async throws -> Balance {
        try await waitForCredit(minUSD, .after(timeout))
    }

    private func waitForCredit(_ minUSD: Double, _ timeout: WaitTimeout) async throws -> Balance {
        let text = try Options(["timeout": timeout.option]).text()
        return try await client.call { native, cancellation in
            Balance(try await native.waitForCredit(minUsd: minUSD, options: text, cancellation: cancellation))
        }
    }
}

/// Balance of the account.
public struct Balance: Sendable, Hashable {
    /// Balance in US dollars.
    public let balanceUSD: Double
    /// Currency of the account, usually `USD`.
    public let currency: String?
    /// Metadata of the response.
    public let metadata: Metadata
    /// All fields that the API sent, as JSON text.
    public let json: String
}

/// A top-up as the API recorded it.
public struct TopupRecord: Sendable, Hashable {
    /// Id of the top-up.
    public let topupID: String
    /// Amount in US dollars.
    public let amountUSD: Double?
    /// State when the API answered: `pending` until a person has paid; any other is the API's.
    public let state: String?
    /// URL of the page on which a person pays this top-up. The checkout URL of a 402 is the account's page instead, for any
    /// amount.
    public let nextActionURL: URL?
    /// Metadata of the response.
    public let metadata: Metadata
    /// All fields that the API sent, as JSON text.
    public let json: String
}

/// An account and its key. Its description has the redacted key.
public struct ActivateResult: Sendable {
    /// Id of the account.
    public let accountID: String?
    /// Id of the account's project.
    public let projectID: String?
    /// Key of the project. Never log it.
    public let primaryAPIKey: String
    /// Trial credit in US dollars. `nil` if the key was ``reused``, or with an ``existingProfile``.
    public let trialCreditUSD: Double?
    /// URL of the page that adds credit. `nil` if the key was ``reused``.
    public let checkoutURL: URL?
    /// Whether the profile already had a key, so that the client sent nothing.
    public let reused: Bool
    /// Another profile of this origin with a key of the same account: a device has one account per origin, with one
    /// balance.
    public let existingProfile: String?
    /// The credentials file that holds the key. `nil` if another store or no store holds it.
    public let credentialsFile: URL?
    /// Name of the profile.
    public let profile: String
    /// Metadata of the response.
    public let metadata: Metadata
    /// All fields that the API sent, as JSON text. It contains the key.
    public let json: String

    let keyHint: String
}

extension ActivateResult: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        "ActivateResult(account \(accountID ?? "unknown"), profile \(profile), key \(keyHint)\(reused ? ", stored before" : ""))"
    }
    public var debugDescription: String { description }
    public var customMirror: Mirror {
        Mirror(
            self,
            children: [
                "accountID": accountID as Any, "projectID": projectID as Any, "trialCreditUSD": trialCreditUSD as Any,
                "checkoutURL": checkoutURL as Any, "reused": reused, "existingProfile": existingProfile as Any,
                "credentialsFile": credentialsFile as Any, "profile": profile, "primaryAPIKey": keyHint,
            ])
    }
}
