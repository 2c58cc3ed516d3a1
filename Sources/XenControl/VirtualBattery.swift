// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import DomainDefinitions
import LapwingCore
import SystemPackage

/// The virtual battery of HVM domains: a process for each of them answers its ACPI tables (decision 1200). No failure in
/// here keeps a domain from running.
extension DomainManager {
    /// Has a domain's battery served, before it runs. A file that is there for a `fresh` domain is of another one that had
    /// its number long ago.
    func serveBattery(_ definition: DomainDefinition, _ id: Int, fresh: Bool) async {
        guard definition.settings.type == .hvm, definition.settings.battery == .virtual else { return }
        let name = definition.name
        guard Files.exists(paths.at(XLConfiguration.powerTables)) else {
            return tell("no-battery", name, "the image has no \(XLConfiguration.powerTables)", bad: true)
        }
        if fresh, Files.exists(batteryFile(id)) { await endBattery(id) }
        do {
            try await xen.startBattery(id)
        } catch {
            await endBattery(id)
            let known = error as? LapwingError
            let said = [known?.message ?? "\(error)", known?.cause].compactMap { $0 }.joined(separator: " ")
            tell("no-battery", name, said.split(separator: "\n").first.map(String.init), bad: true)
        }
    }

    /// The same for a domain that runs already and somebody else started.
    func serveBattery(_ name: String) async {
        guard let definition = store.load().definitions[name], let uuid = try? files.identity(name)?.uuid,
            let domain = try? await xen.domains().first(where: { $0.uuid == uuid }), !domain.dying,
            domain.ending == nil,
            definition.settings.type == .hvm, definition.settings.battery == .virtual,
            !Files.exists(batteryFile(domain.id))
        else { return }
        do {
            // Its guest has its events enabled already: a word to the process, which would take it for a new one.
            try Files.makeDirectory(paths.acpiRun)
            try Files.write(Self.runningText, to: batteryFile(domain.id))
        } catch {
            return tell("no-battery", name, "\(error)".split(separator: "\n").first.map(String.init), bad: true)
        }
        await serveBattery(definition, domain.id, fresh: false)
    }

    /// As `StateFile.runningText` of `VirtualACPI` reads it.
    static let runningText = "lapwing-acpi running\n"

    /// Ends what served domains that are gone. The files are listed before Xen is asked: a domain that is made meanwhile
    /// is then among Xen's.
    func sweepBatteries() async {
        let served = (try? Files.names(in: paths.acpiRun))?.compactMap { Int($0) } ?? []
        guard !served.isEmpty, let present = try? await xen.domains().map(\.id) else { return }
        for id in served where !present.contains(id) { await endBattery(id) }
    }

    private func endBattery(_ id: Int) async {
        await xen.stopBattery(id)
        try? Files.remove(batteryFile(id))
        // What a process that was killed had begun to write.
        try? Files.remove(paths.acpiRun.appending("\(id).new"))
    }

    private func batteryFile(_ id: Int) -> FilePath { paths.acpiRun.appending(String(id)) }
}
