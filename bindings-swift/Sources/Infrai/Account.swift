// The account: what is left on it, adding to it, and making a device one.

import Foundation
internal import InfraiNative

/// The calls about the account: ``InfraiClient/account``.
public struct Account: Sendable {
    let client: InfraiClient

    /// What is left on the account: `GET /v1/account/balance`.
    public func balance() async throws -> Balance {
        try await client.call { native, cancellation in
            Balance(try await native.balance(cancellation: cancellation))
        }
    }

    /// Adds to the account: `POST /v1/account/topup`. The record's ``TopupRecord/nextActionURL`` is where to pay.
    ///
    /// - Parameters:
    ///   - amountUSD: How much, in US dollars.
    ///   - returnURL: Where the payment page leads back to: an http(s) URL.
    ///   - idempotencyKey: 1 to 255 visible ASCII characters. Default: a fresh one.
    /// - Throws: ``InfraiError/invalidRequest(_:)`` before anything is sent for an amount that is no positive number or a
    ///   URL that is not http(s); else as every call.
    public func topup(amountUSD: Double, returnURL: URL? = nil, idempotencyKey: String? = nil) async throws -> TopupRecord {
        try await client.call { native, cancellation in
            let options = Options(["return_url": returnURL?.absoluteString, "idempotency_key": idempotencyKey])
            return TopupRecord(
                try await native.topup(amountUsd: amountUSD, options: try options.text(), cancellation: cancellation))
        }
    }
}

/// What is left on the account.
public struct Balance: Sendable, Hashable {
    /// In US dollars.
    public let balanceUSD: Double
    /// The currency the account is kept in, usually `USD`.
    public let currency: String?
    /// What the response said about itself.
    public let metadata: Metadata
    /// Everything that the API sent, as JSON text.
    public let json: String
}

/// A top-up as the API recorded it.
public struct TopupRecord: Sendable, Hashable {
    /// The top-up's id.
    public let topupID: String
    /// How much, in US dollars.
    public let amountUSD: Double?
    /// Where it stands, as the API wrote it.
    public let state: String?
    /// Where to go to complete the payment.
    public let nextActionURL: URL?
    /// What the response said about itself.
    public let metadata: Metadata
    /// Everything that the API sent, as JSON text.
    public let json: String
}

/// An account, and the key for it. Shown, it keeps the key to itself; ``primaryAPIKey`` holds all of it.
public struct ActivateResult: Sendable {
    /// The account.
    public let accountID: String?
    /// Its project.
    public let projectID: String?
    /// The project's key. Never log it.
    public let primaryAPIKey: String
    /// What the trial credit is, in US dollars; not known when nothing was sent.
    public let trialCreditUSD: Double?
    /// Where to add credit; not known when nothing was sent.
    public let checkoutURL: URL?
    /// Whether the profile already had a key, so that nothing was sent.
    public let reused: Bool
    /// The file that holds the key, if one does.
    public let credentialsFile: URL?
    /// The profile's name.
    public let profile: String
    /// What the response said about itself.
    public let metadata: Metadata
    /// Everything that the API sent, as JSON text, the key itself included.
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
                "checkoutURL": checkoutURL as Any, "reused": reused, "credentialsFile": credentialsFile as Any, "profile": profile,
                "primaryAPIKey": keyHint,
            ])
    }
}
