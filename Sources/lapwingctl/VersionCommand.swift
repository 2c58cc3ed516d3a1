// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlProtocol
import DeviceConfig
import LapwingCore
import SystemPackage

/// `lapwingctl version`
struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Show the versions of this program, the image and the daemon.",
        discussion: "Needs neither an image nor the daemon; what is not there is shown as such.")

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions
    @Option(help: ArgumentHelp("The daemon's socket.", valueName: "path"))
    var socket: String?

    struct Record: Encodable, Sendable {
        var part: String
        var version: String?
    }

    func run() async throws {
        try await finish {
            let image = try? ConfigLoader(device.paths).imageFacts()
            let daemon = try? ControlClient(socket: socket.map { FilePath($0) } ?? device.paths.socket, seconds: 5)
                .ask("version")
            let records = [
                Record(part: "lapwingctl", version: LapwingVersion.text),
                Record(part: "lapwingd", version: daemon?["version"]?.text),
                Record(part: "image", version: image.map { "\($0.name) \($0.version)" }),
                Record(part: "recipe", version: image?.recipeDigest.hex),
            ]
            let table = Listing(
                "versions", records,
                columns: [.init("PART") { $0.part }, .init("VERSION") { $0.version ?? "not there" }])
            print(try table.render(listing.format), terminator: "")
        }
    }
}
