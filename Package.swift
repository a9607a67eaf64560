// swift-tools-version: 6.0
// The Swift package `Infrai`: it stands at the repository's root, because SwiftPM takes packages from there alone.

import Foundation
import PackageDescription

let sources = "bindings-swift/Sources"

/// A release's native library for Apple platforms; bindings-swift/release writes it here. None: one that was built from this checkout.
let released: (url: String, checksum: String)? = nil

/// What bindings-swift/release builds for Apple platforms, if it was run here.
let framework = "bindings-swift/build/Infrai.xcframework"
let hasFramework = FileManager.default.fileExists(atPath: "\(Context.packageDirectory)/\(framework)")

/// Where a library lies that is to be taken, whatever else there is.
let named = Context.environment["INFRAI_LIBRARY_DIR"].flatMap { $0.isEmpty ? nil : $0 }
/// Where cargo puts it: `cargo build --release -p infrai-uniffi`.
let libraries = named ?? "\(Context.packageDirectory)/target/release"

#if os(macOS)
    let isApple = true
#else
    let isApple = false
#endif

var binaries: [Target] = []
// What the library itself needs of the system.
var linked: [LinkerSetting] = [
    .linkedFramework("Security", .when(platforms: [.iOS, .macOS])),
    .linkedFramework("CoreFoundation", .when(platforms: [.iOS, .macOS])),
    .linkedFramework("SystemConfiguration", .when(platforms: [.macOS])),
    .linkedLibrary("iconv", .when(platforms: [.iOS, .macOS])),
]
if named == nil && isApple && hasFramework {
    binaries = [.binaryTarget(name: "InfraiLibrary", path: framework)]
} else if named == nil && isApple, let released {
    binaries = [.binaryTarget(name: "InfraiLibrary", url: released.url, checksum: released.checksum)]
} else {
    linked.append(.linkedLibrary("infrai_ffi"))
    // A released package has no unsafe flags, which nobody could depend on: there the library is where the linker looks.
    if named != nil || released == nil {
        linked.append(.unsafeFlags(["-L\(libraries)", "-Xlinker", "-rpath", "-Xlinker", libraries]))
    }
}

// Resources make a bundle, which nobody but Apple's tools asks for.
#if os(macOS)
    let privacy: [Resource] = [.copy("PrivacyInfo.xcprivacy")]
    let excluded: [String] = []
#else
    let privacy: [Resource] = []
    let excluded = ["PrivacyInfo.xcprivacy"]
#endif

let package = Package(
    name: "Infrai",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Infrai", targets: ["Infrai"])],
    targets: binaries + [
        // Generated from bindings-uniffi: the C header, and Swift over it.
        .target(
            name: "InfraiFFI",
            dependencies: binaries.map { .target(name: $0.name) },
            path: "\(sources)/InfraiFFI",
            linkerSettings: linked
        ),
        .target(
            name: "InfraiNative",
            dependencies: ["InfraiFFI"],
            path: "\(sources)/InfraiNative",
            swiftSettings: [.swiftLanguageMode(.v5)]
        ),
        // What people see.
        .target(
            name: "Infrai",
            dependencies: ["InfraiNative"],
            path: "\(sources)/Infrai",
            exclude: excluded,
            resources: privacy
        ),
        .executableTarget(name: "InfraiConformance", dependencies: ["Infrai"], path: "bindings-swift/Conformance"),
        .executableTarget(name: "InfraiExamples", dependencies: ["Infrai"], path: "examples/swift"),
        .testTarget(name: "InfraiTests", dependencies: ["Infrai", "InfraiNative"], path: "bindings-swift/Tests"),
    ]
)
