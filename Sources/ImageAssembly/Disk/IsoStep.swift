// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
public import BuildTools
public import DiskLayout
public import Hashing
import LapwingCore
import SystemPackage

/// The volume of an ISO: its label, and the time stamp that tools show as its UUID.
public struct IsoVolume: Sendable, Hashable, Codable {
    /// The label, at most 32 characters.
    public var label: String
    /// Sixteen digits: year, month, day, hour, minute, second, hundredth (ECMA-119, section 8.4.26.1).
    public var stamp: String

    /// The day is that of the epoch, the time of day comes from the seed, so that two images of one day differ.
    public init(label: String, epoch: Int64, seed: Seed) {
        self.label = label
        // Civil date from days since 1970, proleptic Gregorian; the year starts in March until the end.
        let days = max(0, epoch) / 86_400 + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let random = Int64(seed.bytes("iso volume").prefix(7).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 8_640_000)
        let numbers: [(value: Int64, width: Int)] = [
            (year, 4), (month, 2), (day, 2), (random / 360_000, 2), (random / 6000 % 60, 2), (random / 100 % 60, 2),
            (random % 100, 2),
        ]
        stamp = numbers.map { value, width in
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
        }.joined()
    }

    /// The UUID as `blkid` shows it: `2026-01-31-12-34-56-78`.
    public var uuid: String {
        let digits = Array(stamp)
        return ([String(digits[0..<4])] + stride(from: 4, to: 16, by: 2).map { String(digits[$0..<$0 + 2]) })
            .joined(separator: "-")
    }
}

extension DiskSteps {
    /// The ISO's own EFI system partition must be a multiple of this: El Torito counts its sectors in 16 bits, and
    /// firmware reads a count of zero as "all there is".
    static let isoEspUnit: UInt64 = 32 << 20

    private struct IsoSettings: Codable {
        var architecture: DiskArchitecture
        var volume: IsoVolume
        var seed: String
        var epoch: Int64
        var files: RootFiles
    }

    /// The hybrid ISO: starts under UEFI from a stick (as a GPT partition) and from an optical disc (El Torito), and
    /// carries the very files of the root that the disk image has.
    public static func iso(
        _ id: StepID = "iso", name: String, architecture: DiskArchitecture, volume: IsoVolume, seed: Seed, epoch: Int64,
        boot: StepID, root: StepID, files: RootFiles = RootFiles(), tools: StepID = ToolsTree.stepID
    ) throws -> Step {
        let settings = IsoSettings(
            architecture: architecture, volume: volume, seed: seed.digest.hex, epoch: epoch, files: files)
        return Step(
            id, title: "write the ISO image", version: 1,
            inputs: [
                "boot": .output(boot), "parts": .output(BootSteps.partsID), "root": .output(root),
                "tools": .output(tools), "name": .value(name),
                "settings": .value(try JSONText.string(settings, pretty: false)),
            ]
        ) { run in
            let root = try run.input("root")
            let efi = try run.input("boot").appending(BootSteps.file)
            let loader = try run.input("parts").appending(BootSteps.loader)
            let tools = ToolsTree(try run.input("tools"))
            let esp = run.scratch.appending("esp.img")
            let needed = try bytes(efi) + bytes(loader) + EspWriter.headroom + (4 << 20)
            let size = (needed + isoEspUnit - 1) / isoEspUnit * isoEspUnit
            try create(esp, size: size)
            let configuration = run.scratch.appending("loader.conf")
            try Files.write(loaderConfiguration, to: configuration)
            try await EspWriter(tools: tools, context: run.context, epoch: epoch).write(
                image: esp, offset: 0, size: size, volume: volumeNumber(seed, "iso"),
                files: [
                    ("EFI/BOOT/" + architecture.removableLoader, loader),
                    // No counter: a medium that cannot be written cannot count.
                    ("\(BootNames.directory)/lapwing-live.efi", efi), ("loader/loader.conf", configuration),
                ])
            let image = run.output.appending(name)
            let (data, verity) = (root.appending(files.data), root.appending(files.verity))
            try await run.context.runner.require(
                tools.command(
                    Command(
                        "xorriso",
                        [
                            "-no_rc", "-as", "mkisofs", "-quiet", "-iso-level", "3", "-r", "-V", volume.label,
                            "--modification-date=\(volume.stamp)", "--set_all_file_dates", volume.stamp, "-o",
                            image.string, "-e", "esp.img",
                            "-no-emul-boot", "-efi-boot-part", "--efi-boot-image", "-graft-points",
                            "esp.img=\(esp.string)", "lapwing/root.erofs=\(data.string)",
                            "lapwing/root.verity=\(verity.string)",
                        ], environment: ["SOURCE_DATE_EPOCH": String(epoch)]),
                    reads: [esp, data, verity], writes: [run.output]), "The ISO image could not be written.")
            run.metric("bytes", Double(try bytes(image)))
        }
    }
}
