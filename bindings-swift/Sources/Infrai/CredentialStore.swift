// Stores that replace the credentials file.

import Foundation

/// Store of secrets that replaces the credentials file: named entries of text.
///
/// The SDK chooses the names and the content of the entries, and never logs an entry. `KeychainStore` is the store of Apple
/// platforms. The methods may block for a short time, and the SDK calls them from any thread.
public protocol CredentialStore: Sendable {
    /// Name of the store in errors, such as `the Keychain`.
    var name: String { get }

    /// Returns the text of an entry. `nil` if there is none.
    ///
    /// - Throws: If the store cannot be read. The SDK's error repeats the description, which must not contain a secret.
    func read(_ entry: String) throws -> String?

    /// Replaces the text of an entry atomically.
    ///
    /// - Throws: If the store cannot be written.
    func write(_ entry: String, _ text: String) throws
}
