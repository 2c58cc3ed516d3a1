// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import Testing

@testable import DeviceModel

/// Bytes as devices send them, made for these tests.
enum Samples {
    /// A stick that is also a keyboard in a second configuration, and has a hidden setting.
    static let stick: [UInt8] =
        [18, 1, 0x10, 0x02, 0, 0, 0, 64, 0x81, 0x07, 0x81, 0x55, 0x00, 0x01, 1, 2, 3, 2]
        + [9, 2, 41, 0, 1, 1, 0, 0x80, 100]
        + [9, 4, 0, 0, 2, 8, 6, 0x50, 0] + [7, 5, 0x81, 2, 0, 2, 0] + [7, 5, 2, 2, 0, 2, 0]
        + [9, 4, 0, 1, 0, 0xFF, 1, 2, 0]
        + [9, 2, 34, 0, 1, 2, 0, 0xE0, 50]
        + [9, 4, 0, 0, 1, 3, 1, 1, 0] + [9, 0x21, 0x11, 1, 0, 1, 0x22, 63, 0] + [7, 5, 0x81, 3, 8, 0, 10]

    /// The header of an endpoint with power management at 0x40, PCI Express with reset at 0x50, ACS at 0x100 and a
    /// serial number at 0x140.
    static let endpoint: [UInt8] = {
        var space = [UInt8](repeating: 0, count: 4096)
        func put(_ offset: Int, _ bytes: UInt8...) {
            for (index, byte) in bytes.enumerated() { space[offset + index] = byte }
        }
        put(0x00, 0x86, 0x80, 0x25, 0x27)
        put(0x06, 0x10, 0x00)
        put(0x08, 0x1A, 0x00, 0x80, 0x02)
        put(0x0E, 0x80)
        put(0x2C, 0x86, 0x80, 0x24, 0x00)
        put(0x34, 0x40)
        put(0x40, 0x01, 0x50, 0x03, 0x00, 0x00, 0x00)
        put(0x50, 0x10, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x10)
        put(0x5C, 0x12, 0x04, 0x00, 0x00)
        put(0x62, 0x11, 0x00)
        put(0x100, 0x0D, 0x00, 0x01, 0x14, 0x1D, 0x00, 0x0C, 0x00)
        put(0x140, 0x03, 0x00, 0x01, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88)
        return space
    }()

    /// A screen of 1920x1080 at 60 Hz with name and serial number.
    static let screen: [UInt8] = {
        var block = [UInt8](repeating: 0, count: 128)
        func put(_ offset: Int, _ bytes: [UInt8]) {
            for (index, byte) in bytes.enumerated() { block[offset + index] = byte }
        }
        put(0, [0, 255, 255, 255, 255, 255, 255, 0, 0x10, 0xAC, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 7, 32, 1, 4])
        put(21, [52, 29])
        put(54, [0x02, 0x3A, 0x80, 0x18, 0x71, 0x38, 0x2D, 0x40, 0x58, 0x2C, 0x45, 0, 0x09, 0x25, 0x21, 0, 0, 0x1E])
        put(72, [0, 0, 0, 0xFC, 0] + Array("DELL U2720Q\n ".utf8))
        put(90, [0, 0, 0, 0xFF, 0] + Array("SECRET-77\n   ".utf8))
        block[127] = 0 &- block[..<127].reduce(UInt8(0)) { $0 &+ $1 }
        return block
    }()
}

@Suite struct ParserTests {
    @Test func `every interface of every configuration is seen`() throws {
        let found = try #require(USBDescriptors(Samples.stick))
        #expect(!found.damaged)
        #expect(found.vendor == 0x0781 && found.product == 0x5581 && found.usbVersion == 0x0210)
        #expect(found.interfaces.map(\.classCode.description) == ["08:06:50", "ff:01:02", "03:01:01"])
        #expect(found.interfaces.map(\.configuration) == [1, 1, 2])
        #expect(found.interfaces.map(\.endpoints) == [2, 0, 1])
        #expect(found.configurations.map(\.milliamperes) == [200, 100])
        #expect(found.configurations.map(\.selfPowered) == [false, true])
    }

    @Test(arguments: [
        Array(Samples.stick.dropLast(3)),  // cut short
        Array(Samples.stick.prefix(18)),  // no configuration at all
        Samples.stick + [9, 2, 9],  // more than is claimed
        Samples.stick.enumerated().map { $0.offset == 27 ? 0 : $0.element },  // a descriptor of length 0
        Samples.stick.enumerated().map { $0.offset == 27 ? 200 : $0.element },  // one longer than its configuration
        Samples.stick.enumerated().map { $0.offset == 22 ? 9 : $0.element },  // interfaces that are not there
    ])
    func `descriptors that do not hold together say so and lose nothing that could be read`(bytes: [UInt8]) throws {
        let found = try #require(USBDescriptors(bytes))
        #expect(found.damaged)
        #expect(found.product == 0x5581)
    }

    @Test func `what does not begin with a device descriptor is none`() {
        #expect(USBDescriptors([]) == nil)
        #expect(USBDescriptors(Array(Samples.stick.prefix(17))) == nil)
        #expect(USBDescriptors([17] + Samples.stick.dropFirst()) == nil)
    }

    @Test func `config space gives ids, lists, resets and isolation`() throws {
        let space = try #require(ConfigSpace(Samples.endpoint))
        #expect(space.vendor == 0x8086 && space.device == 0x2725 && space.classCode.description == "028000")
        #expect(space.capabilities.map(\.name) == ["PM", "PCIe", "ACS", "DSN"])
        #expect(space.multifunction && !space.isIncomplete)
        let express = try #require(space.express)
        #expect(express.type == .endpoint && express.functionLevelReset)
        #expect(express.maximumGeneration == 2 && express.maximumWidth == 1 && express.generation == 1)
        #expect(space.accessControl?.capable.letters == ["SV", "RR", "CR", "UF"])
        #expect(space.accessControl?.enabled.letters == ["RR", "CR"])
        #expect(space.powerManagementReset)
        #expect(space.subsystem?.device == 0x24)
    }

    @Test func `lists that run in a circle or out of the space end, and what ordinary users get is marked incomplete`()
        throws
    {
        var circle = Samples.endpoint
        circle[0x51] = 0x40
        circle[0x143] = 0x10
        let space = try #require(ConfigSpace(circle))
        #expect(space.capabilities.map(\.name) == ["PM", "PCIe", "ACS", "DSN"])
        let short = try #require(ConfigSpace(Array(Samples.endpoint.prefix(64))))
        #expect(short.isIncomplete && short.capabilities.isEmpty)
        #expect(try #require(ConfigSpace(Array(Samples.endpoint.prefix(256)))).isIncomplete)
        #expect(ConfigSpace(Array(repeating: 0xFF, count: 256)) == nil)
        #expect(ConfigSpace(Array(Samples.endpoint.prefix(63))) == nil)
    }

    @Test func `root ports of Intel's 100 series are read where they keep their control register`() throws {
        var space = Samples.endpoint
        (space[2], space[3]) = (0x10, 0x9D)
        space[0x52] = 0x42
        space[0x108] = 0x1D
        #expect(try #require(ConfigSpace(space)).accessControl?.enabled.letters == ["SV", "RR", "CR", "UF"])
    }

    @Test func `a screen tells maker, name, size and best mode`() throws {
        let screen = try #require(EDID.parse(Samples.screen))
        #expect(screen.manufacturer == "DEL" && screen.product == 0x1234)
        #expect(screen.name == "DELL U2720Q" && screen.serial == "SECRET-77" && screen.year == 2022)
        #expect(screen.preferred == DisplayMode(width: 1920, height: 1080, millihertz: 60000))
        #expect(screen.widthMillimetres == 521 && screen.heightMillimetres == 293)
        #expect(!screen.damaged)
        var wrong = Samples.screen
        wrong[20] ^= 1
        #expect(try #require(EDID.parse(wrong)).damaged)
        #expect(EDID.parse(Array(Samples.screen.dropLast())) == nil)
    }

    @Test(arguments: 0..<8)
    func `mutated descriptors, config spaces and screens never crash, and every word is safe to print`(seed: Int) {
        var dice = Dice(state: UInt64(seed) &* 65_537)
        for _ in 0..<1500 {
            if let found = USBDescriptors(dice.mutate(Samples.stick)) {
                #expect(found.interfaces.count <= USBDescriptors.interfaceLimit)
            }
            if let space = ConfigSpace(dice.mutate(Array(Samples.endpoint.prefix(512)))) {
                #expect(
                    Set(space.capabilities.map { [UInt16($0.extended ? 1 : 0), $0.offset] }).count
                        == space.capabilities.count)
                _ = (space.express, space.accessControl, space.virtualFunctions, space.subsystem, space.bridge)
                _ = (space.powerManagementReset, space.advancedFeaturesReset)
            }
            if let screen = EDID.parse(dice.mutate(Samples.screen)) {
                let words = [screen.manufacturer, screen.name, screen.serial].compactMap { $0 }.joined()
                #expect(words.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 })
            }
            let text = String(
                decoding: dice.mutate(Array("0x0000000080000000 0x00000000ffffffff 0x0000000000140204\n".utf8)),
                as: UTF8.self)
            _ = PCIReader.resources(text)
        }
    }

    @Test func `a configuration of nothing but settings of one interface stays bounded`() throws {
        var bytes = Array(Samples.stick.prefix(18))
        let one: [UInt8] = [9, 4, 0, 0, 0, 3, 1, 1, 0]
        for _ in 0..<8 {
            bytes += [9, 2, 0xFC, 0xFF, 1, 1, 0, 0x80, 50]
            for _ in 0..<((0xFFFC - 9) / 9) { bytes += one }
            bytes += Array(repeating: 0, count: (0xFFFC - 9) % 9)
        }
        let found = try #require(USBDescriptors(bytes))
        #expect(found.damaged && found.interfaces.count == USBDescriptors.interfaceLimit)
    }

    @Test func `resources are read in the kernel's notation`() throws {
        let text = """
            0x00000000fe800000 0x00000000fe803fff 0x0000000000140204
            0x0000000000000000 0x0000000000000000 0x0000000000000000
            0x000000000000e000 0x000000000000e0ff 0x0000000000040101
            0xffffffffffffffff 0x0000000000000000 0x0000000000040200
            """
        let found = PCIReader.resources(text)
        #expect(found.map(\.kind) == [.memory64, .io])
        #expect(found.map(\.size) == [16384, 256])
        #expect(found.map(\.index) == [0, 2])
    }
}
