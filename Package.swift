// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// One module per concern; what a module may import is the table of the design document.
func module(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// A program that needs nothing of the system it runs on, not even a C library.
func freestandingProgram(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, swiftSettings: strict + [.unsafeFlags(["-static-executable"])],
        linkerSettings: [.unsafeFlags(["-static-executable"])])
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, resources: resources,
        swiftSettings: strict)
}

let package = Package(
    name: "lapwing",
    products: [
        .executable(name: "lapwing", targets: ["lapwing"]),
        .executable(name: "lapwingctl", targets: ["lapwingctl"]),
        .executable(name: "lapwingd", targets: ["lapwingd"]),
        .executable(name: "lapwing-install", targets: ["lapwing-install"]),
        .executable(name: "lapwing-usb", targets: ["lapwing-usb"]),
        .executable(name: "lapwing-acpi", targets: ["lapwing-acpi"]),
        .executable(name: "lapwing-agent", targets: ["lapwing-agent"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    ],
    targets: [
        // Shared by host and device
        .target(name: "CLinux", path: "Sources/CLinux"),
        module(
            "LapwingCore",
            ["CLinux", systemPackage, .product(name: "Subprocess", package: "swift-subprocess")]),
        module("DiskLayout", ["LapwingCore"]),
        module("DeviceConfig", ["LapwingCore", systemPackage]),
        module("DeviceFacts", ["LapwingCore"]),
        module("PowerFacts"),
        module("DevicePolicy", ["LapwingCore", "DeviceFacts"]),
        module("ControlProtocol", ["LapwingCore", "CLinux", systemPackage]),
        // Device
        .systemLibrary(name: "CCrypt", path: "Sources/CCrypt"),
        .systemLibrary(name: "CLibUSB", path: "Sources/CLibUSB", pkgConfig: "libusb-1.0"),
        .systemLibrary(name: "CLibPCI", path: "Sources/CLibPCI", pkgConfig: "libpci"),
        .systemLibrary(name: "CLibDRM", path: "Sources/CLibDRM", pkgConfig: "libdrm"),
        .systemLibrary(name: "CXen", path: "Sources/CXen"),
        module(
            "DeviceModel",
            ["LapwingCore", "DeviceFacts", "CLinux", "CLibUSB", "CLibPCI", "CLibDRM", systemPackage]),
        module("DeviceAccess", ["LapwingCore", "DeviceConfig", "CLinux", "CCrypt", systemPackage]),
        module("Diagnostics", ["LapwingCore", "DeviceConfig", systemPackage]),
        module("Battery", ["LapwingCore", "PowerFacts", "CLinux", systemPackage]),
        module("Passthrough", ["LapwingCore", "DeviceFacts", "DevicePolicy", systemPackage]),
        module(
            "DeviceHiding", ["LapwingCore", "DeviceFacts", "DeviceModel", "DevicePolicy", "Passthrough", systemPackage]),
        module("Power", ["LapwingCore", "DeviceConfig", "PowerFacts", systemPackage]),
        module("DomainDefinitions", ["LapwingCore", "DeviceConfig", systemPackage]),
        module(
            "XenControl",
            ["LapwingCore", "CLinux", "DeviceConfig", "DomainDefinitions", "XenChannel", systemPackage]),
        module(
            "DeviceManagement",
            [
                "LapwingCore", "DeviceConfig", "DeviceFacts", "DeviceModel", "DevicePolicy", "Passthrough",
                "XenControl", "USBChannel",
                systemPackage,
            ]),
        module("TargetInstall", ["LapwingCore", "DeviceConfig", systemPackage]),
        // Host
        .systemLibrary(name: "CLibCrypto", path: "Sources/CLibCrypto", pkgConfig: "libcrypto"),
        module("Hashing", ["LapwingCore", "CLibCrypto", systemPackage]),
        module("Recipes", ["LapwingCore", "DevicePolicy", systemPackage, "Yams"]),
        module("DebianArchive", ["LapwingCore", "Hashing", systemPackage]),
        module("BuildEngine", ["LapwingCore", "Hashing", systemPackage]),
        module("BuildTools", ["LapwingCore", "DebianArchive", "BuildEngine", systemPackage]),
        module(
            "HypervisorBuild",
            ["LapwingCore", "Hashing", "DebianArchive", "BuildEngine", "BuildTools", systemPackage]),
        module(
            "ImageAssembly",
            [
                "CLinux", "LapwingCore", "Hashing", "Recipes", "DebianArchive", "BuildEngine", "BuildTools",
                "HypervisorBuild", "DiskLayout",
                "DeviceConfig", systemPackage,
            ]),
        module("XenTrace", ["LapwingCore"]),
        module("Emulator", ["LapwingCore", "XenTrace", systemPackage]),
        // The scheduler simulator (Benchmarks/SchedulerSimulator)
        .target(name: "CSchedulerImage", path: "Benchmarks/SchedulerSimulator/Sources/CSchedulerImage"),
        .target(
            name: "SchedulerSimulation", dependencies: ["LapwingCore", "CSchedulerImage", "XenTrace", systemPackage],
            path: "Benchmarks/SchedulerSimulator/Sources/SchedulerSimulation", swiftSettings: strict),
        // The policy's part of Benchmarks/device
        .executableTarget(
            name: "policy-benchmark", dependencies: ["LapwingCore", "DeviceFacts", "DevicePolicy"],
            path: "Benchmarks/device/policy-benchmark", swiftSettings: strict),
        // What an access of a guest to its virtual battery costs
        .executableTarget(
            name: "acpi-benchmark", dependencies: ["PowerFacts", "VirtualACPI"],
            path: "Benchmarks/device/acpi-benchmark", swiftSettings: strict),
        // Between dom0 and guests: the C library and nothing else
        module("XenChannel", ["CLinux"]),
        module("USBChannel", ["CLinux", "XenChannel"]),
        module("VirtualACPI", ["PowerFacts", "CXen"]),
        // Inside an emulated machine
        module("GuestAgent", ["CLinux", "XenChannel"]),
        // Programs
        program(
            "lapwing",
            [
                "LapwingCore", "Recipes", "DebianArchive", "BuildEngine", "BuildTools",
                "ImageAssembly", "DiskLayout", "Emulator",
                systemPackage, arguments,
            ]),
        program(
            "lapwingctl",
            [
                "LapwingCore", "DeviceConfig", "ControlProtocol", "DeviceAccess", "DeviceFacts", "DeviceHiding",
                "DeviceModel", "DevicePolicy", "Diagnostics", "DomainDefinitions", "Passthrough", "CLinux", "Battery",
                "Power", "PowerFacts", systemPackage, arguments,
            ]),
        program(
            "lapwingd",
            [
                "LapwingCore", "DeviceConfig", "ControlProtocol", "DeviceFacts", "DeviceManagement", "DeviceModel",
                "Diagnostics", "CLinux", "Battery", "Power", "PowerFacts",
                "XenControl", systemPackage, arguments,
            ]),
        program(
            "lapwing-install", ["LapwingCore", "DeviceConfig", "TargetInstall", systemPackage, arguments]),
        // Runs in dom0 and in guests of any make.
        freestandingProgram("lapwing-usb", ["CLinux", "USBChannel", "XenChannel"]),
        program("lapwing-acpi", ["CLinux", "VirtualACPI"]),
        // Brought into throw-away copies of images by a cpio archive, and into guests of any make.
        freestandingProgram("lapwing-agent", ["GuestAgent"]),
        .executableTarget(
            name: "scheduler-simulator",
            dependencies: ["LapwingCore", "SchedulerSimulation", systemPackage, arguments],
            path: "Benchmarks/SchedulerSimulator/Sources/scheduler-simulator", swiftSettings: strict),
        // Tests
        tests("LapwingCore", []),
        tests("XenChannel", ["CLinux"]),
        tests("USBChannel", ["CLinux", "LapwingCore", "XenChannel"]),
        tests("VirtualACPI", ["PowerFacts", "LapwingCore", systemPackage]),
        tests("SchedulerSimulation", ["LapwingCore", systemPackage]),
        tests("DeviceConfig", ["LapwingCore", systemPackage]),
        tests("ControlProtocol", ["LapwingCore"]),
        tests("DeviceFacts", ["LapwingCore"]),
        tests("PowerFacts", []),
        tests("Battery", ["LapwingCore", "PowerFacts", "DeviceModel", "CLinux", systemPackage]),
        tests("DeviceModel", ["LapwingCore", "DeviceFacts", systemPackage]),
        tests(
            "DevicePolicy", ["LapwingCore", "DeviceFacts", systemPackage], resources: [.copy("Corpus")]),
        tests("DeviceAccess", ["LapwingCore", "DeviceConfig", systemPackage]),
        tests("Diagnostics", ["LapwingCore", "DeviceConfig", systemPackage]),
        tests("Passthrough", ["LapwingCore", "DeviceFacts", "DevicePolicy", systemPackage]),
        tests(
            "DeviceHiding", ["LapwingCore", "DeviceFacts", "DeviceModel", "DevicePolicy", "Passthrough", systemPackage]),
        tests(
            "DeviceManagement",
            [
                "LapwingCore", "DeviceConfig", "DeviceFacts", "DeviceModel", "DevicePolicy", "Passthrough",
                "XenControl", "USBChannel",
                systemPackage,
            ]),
        tests("TargetInstall", ["LapwingCore", "DeviceConfig", systemPackage]),
        tests("Power", ["LapwingCore", "DeviceConfig", "PowerFacts", systemPackage]),
        tests("DomainDefinitions", ["LapwingCore", "DeviceConfig", systemPackage]),
        tests("XenControl", ["LapwingCore", "DeviceConfig", "DomainDefinitions", systemPackage]),
        tests("DebianArchive", ["LapwingCore", "Hashing", systemPackage]),
        .executableTarget(
            name: "engine-probe", dependencies: ["LapwingCore", "BuildEngine", systemPackage],
            path: "Tests/EngineProbe",
            swiftSettings: strict),
        tests("BuildEngine", ["LapwingCore", "Hashing", "engine-probe", systemPackage]),
        tests(
            "ImageAssembly", ["LapwingCore", "Hashing", "Recipes", "BuildEngine", "DeviceConfig", systemPackage]),
        tests(
            "HypervisorBuild", ["LapwingCore", "Hashing", "BuildEngine", "BuildTools", "DebianArchive", systemPackage]),
        tests("DiskLayout", ["LapwingCore"]),
        tests("Hashing", ["LapwingCore", systemPackage]),
        .testTarget(
            name: "DeviceProgramsTests", dependencies: ["LapwingCore", "lapwingctl", "lapwingd", systemPackage],
            swiftSettings: strict),
        tests("GuestAgent", []),
        tests("XenTrace", ["LapwingCore"]),
        tests("Emulator", ["LapwingCore", "GuestAgent", systemPackage]),
        tests("Recipes", ["LapwingCore", systemPackage], resources: [.copy("Corpus")]),
    ]
)
