// Where keys are kept in place of the credentials file.

import Foundation

/// A place for secrets in place of the credentials file: named entries of text.
///
/// The SDK decides the entries' names and what they hold; an entry with a key is never shown or logged. `KeychainStore` is
/// the one of Apple platforms. The methods are short, may block, and are called from any thread.
public protocol CredentialStore: Sendable {
    /// What errors call it, such as `the Keychain`.
    var name: String { get }

    /// The text of an entry; `nil` where there is none.
    ///
    /// - Throws: When the store cannot be read. The error's text becomes part of what the caller sees: it holds no secret.
    func read(_ entry: String) throws -> String?

    /// Puts this text in place of whatever the entry held, all of it or nothing.
    ///
    /// - Throws: When the store cannot be written.
    func write(_ entry: String, _ text: String) throws
}
