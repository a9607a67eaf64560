// The Keychain as the place for keys, on Apple platforms.

#if canImport(Security)
    import Foundation
    import Security

    /// Keeps keys in the Keychain: generic passwords of one service, readable after the first unlock, on this device alone.
    ///
    /// The default of apps on Apple platforms. A Mac program without an application identifier (a command, a server, `swift run`)
    /// has no such Keychain and keeps keys in the file. What is stored outlives the app's deletion on iOS, as every
    /// Keychain item does.
    public struct KeychainStore: CredentialStore {
        /// The service that the items belong to.
        public let service: String
        /// The access group that the items are shared with; `nil`: written to the app's first, looked for in all of the app's.
        public let accessGroup: String?

        /// A store under this service, of this app alone unless an access group is named.
        public init(service: String = "cc.infrai.sdk", accessGroup: String? = nil) {
            self.service = service
            self.accessGroup = accessGroup
        }

        public var name: String { "the Keychain" }

        public func read(_ entry: String) throws -> String? {
            var query = item(entry)
            query[kSecReturnData] = true
            query[kSecMatchLimit] = kSecMatchLimitOne
            var found: CFTypeRef?
            let status = SecItemCopyMatching(query as CFDictionary, &found)
            if status == errSecItemNotFound { return nil }
            guard status == errSecSuccess else { throw KeychainError(status: status) }
            guard let data = found as? Data, let text = String(data: data, encoding: .utf8) else {
                throw KeychainError(status: errSecDecode)
            }
            return text
        }

        public func write(_ entry: String, _ text: String) throws {
            let value: [CFString: Any] = [
                kSecValueData: Data(text.utf8),
                kSecAttrAccessible: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
            ]
            var status = SecItemUpdate(item(entry) as CFDictionary, value as CFDictionary)
            if status == errSecItemNotFound {
                status = SecItemAdd(item(entry).merging(value) { _, new in new } as CFDictionary, nil)
                // Another process of the app was faster.
                if status == errSecDuplicateItem { status = SecItemUpdate(item(entry) as CFDictionary, value as CFDictionary) }
            }
            guard status == errSecSuccess else { throw KeychainError(status: status) }
        }

        /// Whether this process has a Keychain: a Mac program without an application identifier has none.
        static let isAvailable: Bool = {
            #if os(macOS)
                var query = KeychainStore().item("probe")
                query[kSecMatchLimit] = kSecMatchLimitOne
                return SecItemCopyMatching(query as CFDictionary, nil) != errSecMissingEntitlement
            #else
                true
            #endif
        }()

        private func item(_ entry: String) -> [CFString: Any] {
            var query: [CFString: Any] = [
                kSecClass: kSecClassGenericPassword,
                kSecAttrService: service,
                kSecAttrAccount: entry,
                // On macOS too the Keychain that iOS has, which asks the user nothing.
                kSecUseDataProtectionKeychain: true,
            ]
            if let accessGroup { query[kSecAttrAccessGroup] = accessGroup }
            return query
        }
    }

    /// What the Keychain answered.
    public struct KeychainError: LocalizedError, CustomStringConvertible {
        /// The Keychain's own code.
        public let status: OSStatus

        public var description: String {
            let text = SecCopyErrorMessageString(status, nil) as String? ?? "no text for it"
            return "\(text) (OSStatus \(status))"
        }
        public var errorDescription: String? { description }
    }
#endif
