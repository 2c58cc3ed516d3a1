// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Testing

@testable import DiskLayout

@Suite struct LayoutTests {
    let hash = Digest(hex: "00112233445566778899aabbccddeeff" + "0f1e2d3c4b5a69788796a5b4c3d2e1f0")

    private func layout() throws -> Layout {
        let hash = try #require(hash)
        var count: UInt8 = 0
        let identifiers = LayoutIdentifiers(rootHashes: [.a: hash]) { _ in
            count += 1
            return GUID(bigEndian: [UInt8](repeating: count, count: 16))
        }
        return Layout(
            architecture: .amd64, sizes: LayoutSizes(esp: 100 << 20, root: (600 << 20) + 1, state: 64 << 20),
            identifiers: identifiers)
    }

    @Test func `partition types are those of the specification`() {
        #expect(PartitionTypes.esp.text == "c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
        #expect(PartitionTypes.rootAMD64.text == "4f68bce3-e8cd-4db1-96e7-fbcaf984b709")
        #expect(PartitionTypes.rootVerityAMD64.text == "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5")
        #expect(PartitionTypes.rootARM64.text == "b921b045-1df0-41c3-af44-4c6f280d3fae")
        #expect(PartitionTypes.rootVerityARM64.text == "df3300ce-d69f-4c92-978c-9bfb0f38d820")
        #expect(PartitionTypes.variable.text == "4d21b016-b534-45c2-a9fb-5c16e091fd2d")
    }

    @Test func `slot A takes its UUIDs from the root hash`() throws {
        let layout = try layout()
        #expect(layout.partition(.root(.a))?.uuid.text == "00112233-4455-6677-8899-aabbccddeeff")
        #expect(layout.partition(.verity(.a))?.uuid.text == "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")
        #expect(Set(layout.partitions.map(\.uuid)).count == layout.partitions.count)
    }

    @Test func `partitions are aligned, in order and do not overlap`() throws {
        let layout = try layout()
        #expect(
            layout.partitions.map(\.role.name) == ["esp", "root-a", "verity-a", "root-b", "verity-b", "state"])
        var end = Layout.alignment
        for partition in layout.partitions {
            #expect(partition.offset == end)
            #expect(partition.size % Layout.alignment == 0)
            end = partition.end
        }
        #expect(layout.size == end + Layout.alignment)
        #expect(layout.partition(.root(.a))?.size == 601 << 20)
    }

    @Test func `the verity area has the size veritysetup makes`() {
        // Superblock and levels: 1 + 2048 + 16 + 1 blocks for 1 GiB.
        #expect(Layout.veritySize(data: 1 << 30) == 2066 * 4096)
        #expect(Layout.veritySize(data: 4096) == 2 * 4096)
        #expect(Layout.veritySize(data: 128 * 4096) == 2 * 4096)
        #expect(Layout.veritySize(data: 129 * 4096) == 4 * 4096)
    }

    @Test func `names of boot files are read back with their counters`() throws {
        #expect(BootNames.bootFile(.a) == "EFI/Linux/lapwing-a+3.efi")
        let counted = try #require(BootNames.parse("EFI/Linux/lapwing-b+2-1.efi"))
        #expect(counted == (.b, 2, 1))
        let good = try #require(BootNames.parse("lapwing-a.efi"))
        #expect(good == (.a, nil, nil))
        for name in [
            "lapwing-c.efi", "lapwing-a+.efi", "lapwing-a+1-2-3.efi", "other.efi", "lapwing-a+x.efi", "lapwing-.efi",
        ] {
            #expect(BootNames.parse(name) == nil, "\(name)")
        }
    }

    @Test func `a GUID keeps its bytes through the form on disk`() throws {
        let guid = try #require(GUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B"))
        #expect(guid.onDisk.prefix(4) == [0x28, 0x73, 0x2a, 0xc1])
        #expect(GUID(onDisk: guid.onDisk) == guid)
        #expect(GUID("c12a7328f81f11d2ba4b00a0c93ec93b") == nil)
        #expect(GUID("g12a7328-f81f-11d2-ba4b-00a0c93ec93b") == nil)
    }

    @Test func `the checksum is the common CRC-32`() {
        #expect(CRC32.of("123456789".utf8) == 0xcbf4_3926)
    }

    @Test func `a damaged partition table is refused with its reason`() {
        #expect(throws: LapwingError.self) { try PartitionTable(reading: [], subject: "x") }
        var bytes = [UInt8](repeating: 0, count: PartitionTable.length)
        bytes.replaceSubrange(512..<520, with: "EFI PART".utf8)
        bytes[524] = 92
        #expect {
            try PartitionTable(reading: bytes, subject: "disk.raw")
        } throws: {
            ($0 as? LapwingError)?.code == "disk.bad-partition-table"
        }
    }
}
