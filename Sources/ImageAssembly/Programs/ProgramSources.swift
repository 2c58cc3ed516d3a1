// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import LapwingCore
public import SystemPackage

/// What the device programs are made of: modules of the checkout, and the packages they use, as SwiftPM checked them
/// out for the host program. A small package of its own is written from this, so that nothing of the host side (its
/// YAML reader, its cryptography) can get into a device program or change when it has to be built anew.
public struct ProgramSources: Sendable, Hashable {
    /// A module of the checkout.
    struct Module: Sendable, Hashable {
        enum Kind: Sendable {
            case c, system, library, program
            /// A program that needs nothing of the system it runs on, and has no options to make pages and completions of.
            case freestanding
            /// A program that is linked as the others and has no options to make pages and completions of either.
            case plain
        }
        var name: String
        var kind: Kind
        var modules: [String] = []
        var products: [String] = []
    }

    /// The modules in the order of their dependencies. A test compares them with what the sources import.
    static let modules: [Module] = [
        Module(name: "CLinux", kind: .c),
        Module(name: "CCrypt", kind: .system),
        Module(name: "CLibDRM", kind: .system),
        Module(name: "CLibPCI", kind: .system),
        Module(name: "CLibUSB", kind: .system),
        Module(name: "CXen", kind: .system),
        Module(
            name: "LapwingCore", kind: .library, modules: ["CLinux"], products: ["SystemPackage", "Subprocess"]),
        Module(name: "XenChannel", kind: .library, modules: ["CLinux"]),
        Module(name: "USBChannel", kind: .library, modules: ["CLinux", "XenChannel"]),
        Module(name: "PowerFacts", kind: .library),
        Module(name: "VirtualACPI", kind: .library, modules: ["PowerFacts", "CXen"]),
        Module(name: "DeviceConfig", kind: .library, modules: ["LapwingCore"], products: ["SystemPackage"]),
        Module(name: "DeviceFacts", kind: .library, modules: ["LapwingCore"]),
        Module(name: "DevicePolicy", kind: .library, modules: ["LapwingCore", "DeviceFacts"]),
        Module(
            name: "Battery", kind: .library, modules: ["LapwingCore", "PowerFacts", "CLinux"],
            products: ["SystemPackage"]),
        Module(
            name: "Power", kind: .library, modules: ["LapwingCore", "DeviceConfig", "PowerFacts"],
            products: ["SystemPackage"]),
        Module(
            name: "DeviceModel", kind: .library,
            modules: ["LapwingCore", "DeviceFacts", "CLinux", "CLibDRM", "CLibPCI", "CLibUSB"],
            products: ["SystemPackage"]),
        Module(
            name: "ControlProtocol", kind: .library, modules: ["LapwingCore", "CLinux"], products: ["SystemPackage"]),
        Module(
            name: "DeviceAccess", kind: .library, modules: ["LapwingCore", "DeviceConfig", "CLinux", "CCrypt"],
            products: ["SystemPackage"]),
        Module(
            name: "Diagnostics", kind: .library, modules: ["LapwingCore", "DeviceConfig"],
            products: ["SystemPackage"]),
        Module(
            name: "Passthrough", kind: .library, modules: ["LapwingCore", "DeviceFacts", "DevicePolicy"],
            products: ["SystemPackage"]),
        Module(
            name: "DeviceHiding", kind: .library,
            modules: ["LapwingCore", "DeviceFacts", "DeviceModel", "DevicePolicy", "Passthrough"],
            products: ["SystemPackage"]),
        Module(
            name: "DomainDefinitions", kind: .library, modules: ["LapwingCore", "DeviceConfig"],
            products: ["SystemPackage"]),
        Module(
            name: "XenControl", kind: .library,
            modules: ["LapwingCore", "CLinux", "DeviceConfig", "DomainDefinitions", "XenChannel"],
            products: ["SystemPackage"]),
        Module(
            name: "DeviceManagement", kind: .library,
            modules: [
                "LapwingCore", "DeviceConfig", "DeviceFacts", "DeviceModel", "DevicePolicy", "Passthrough",
                "XenControl", "USBChannel",
            ],
            products: ["SystemPackage"]),
        Module(
            name: "TargetInstall", kind: .library, modules: ["LapwingCore", "DeviceConfig"],
            products: ["SystemPackage"]),
        Module(
            name: "lapwingctl", kind: .program,
            modules: [
                "LapwingCore", "DeviceConfig", "ControlProtocol", "DeviceAccess", "DeviceFacts", "DeviceHiding",
                "DeviceModel", "DevicePolicy", "Diagnostics", "DomainDefinitions", "Passthrough", "CLinux", "Battery",
                "Power", "PowerFacts",
            ],
            products: ["SystemPackage", "ArgumentParser"]),
        Module(
            name: "lapwingd", kind: .program,
            modules: [
                "LapwingCore", "DeviceConfig", "ControlProtocol", "DeviceFacts", "DeviceManagement", "DeviceModel",
                "Diagnostics", "CLinux", "XenControl", "Battery", "Power", "PowerFacts",
            ],
            products: ["SystemPackage", "ArgumentParser"]),
        Module(
            name: "lapwing-install", kind: .program, modules: ["LapwingCore", "DeviceConfig", "TargetInstall"],
            products: ["SystemPackage", "ArgumentParser"]),
        Module(name: "lapwing-usb", kind: .freestanding, modules: ["CLinux", "USBChannel", "XenChannel"]),
        Module(name: "lapwing-acpi", kind: .plain, modules: ["CLinux", "VirtualACPI"]),
    ]
    /// The package that holds each product.
    static let packages = [
        "SystemPackage": "swift-system", "Subprocess": "swift-subprocess", "ArgumentParser": "swift-argument-parser",
    ]
    /// The programs.
    public static let programs = modules.filter { [.program, .freestanding, .plain].contains($0.kind) }.map(\.name)
    /// Those that tell of their options.
    static let describedPrograms = modules.filter { $0.kind == .program }.map(\.name)

    /// The checkout.
    public var source: FilePath
    /// Where SwiftPM checked the packages out, one directory each.
    public var checkouts: FilePath

    /// The sources of a checkout. Without `checkouts` they are taken from its `.build`.
    public init(source: FilePath, checkouts: FilePath? = nil) throws {
        self.source = source
        self.checkouts = checkouts ?? source.appending(".build/checkouts")
        for package in Self.packages.values.sorted()
        where !Files.exists(self.checkouts.appending(package).appending("Package.swift")) {
            throw LapwingError(
                "programs.no-checkout", exit: .unavailable, "A package the device programs use is not checked out.",
                subject: self.checkouts.appending(package).string,
                hint: "Run \"swift package resolve\" in \(source.string).")
        }
    }

    /// The trees that go into the programs, by a name that is the place they get.
    var trees: [String: FilePath] {
        var trees: [String: FilePath] = [:]
        for module in Self.modules { trees["Sources/" + module.name] = source.appending("Sources/" + module.name) }
        for package in Set(Self.packages.values) {
            let checkout = checkouts.appending(package)
            trees["Packages/\(package)/Sources"] = checkout.appending("Sources")
        }
        return trees
    }

    /// Single files that go into the programs.
    var files: [String: FilePath] {
        var files: [String: FilePath] = [:]
        for package in Set(Self.packages.values) {
            files["Packages/\(package)/Package.swift"] = checkouts.appending(package).appending("Package.swift")
        }
        return files
    }

    /// The versions of the packages, as SwiftPM noted them beside the checkouts; those it does not know are left out.
    var versions: [String: String] {
        let state = checkouts.removingLastComponent().appending("workspace-state.json")
        guard let bytes = try? Files.read(state, limit: 1 << 24),
            let json = try? JSONText.decode(JSONValue.self, from: bytes, file: state.string)
        else { return [:] }
        var versions: [String: String] = [:]
        for item in json["object"]?["dependencies"]?.elements ?? [] {
            guard let name = item["packageRef"]?["identity"]?.text, Self.packages.values.contains(name),
                let version = item["state"]?["checkoutState"]?["version"]?.text
            else { continue }
            versions[name] = version
        }
        return versions
    }

    /// What is added to the manifest of each package: only its libraries are built, and without the optimizer, like our
    /// own modules (decision 0501).
    static let manifestTail = """

        package.products.removeAll { !($0 is Product.Library) }
        package.targets.removeAll { ![.regular, .system].contains($0.type) }
        for target in package.targets where target.type == .regular {
            target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-Onone"])]
        }

        """

    private static let freestandingFlag = ".unsafeFlags([\"-static-executable\"])"

    /// The manifest of the package that is built.
    static func manifest() -> String {
        func list(_ names: [String]) -> String { names.map { "\"\($0)\"" }.joined(separator: ", ") }
        var text = """
            // swift-tools-version: 6.2
            import PackageDescription

            let settings: [SwiftSetting] = [
                .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"), .unsafeFlags(["-Onone"]),
            ]
            let freestanding: [SwiftSetting] = [\(freestandingFlag)]

            let package = Package(
                name: "lapwing-device",
                dependencies: [
                    .package(path: "Packages/swift-system"),
                    .package(path: "Packages/swift-argument-parser"),
                    .package(path: "Packages/swift-subprocess", traits: []),
                ],
                targets: [

            """
        for module in modules {
            switch module.kind {
            case .c: text += "        .target(name: \"\(module.name)\"),\n"
            case .system: text += "        .systemLibrary(name: \"\(module.name)\"),\n"
            case .library, .program, .freestanding, .plain:
                let products = module.products.map {
                    ".product(name: \"\($0)\", package: \"\(packages[$0] ?? $0)\")"
                }
                let dependencies = module.modules.map { "\"\($0)\"" } + products
                text += """
                            .\(module.kind == .library ? "target" : "executableTarget")(
                                name: "\(module.name)", dependencies: [\(dependencies.joined(separator: ", "))],
                                swiftSettings: settings\(module.kind == .freestanding ? " + freestanding" : ""),
                                linkerSettings: [\(module.kind == .freestanding ? freestandingFlag : "")]),

                    """
            }
        }
        return text + "    ])\n"
    }
}
