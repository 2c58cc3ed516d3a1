// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import FoundationEssentials
public import LapwingCore
import SystemPackage

/// Collects the status of the device from the files of the kernel and, on the live machine, from `xl` and systemd.
public struct StatusReader: Sendable {
    /// Where the files are; a captured tree serves as well as `/`.
    public var paths: DevicePaths
    /// Runs `xl` and `systemctl`; nil to ask no program, as for a captured tree.
    public var runner: (any ProcessRunner)?

    /// A reader of the files under a root.
    public init(paths: DevicePaths, runner: (any ProcessRunner)?) {
        self.paths = paths
        self.runner = runner
    }

    /// Collects the status. Nothing that is missing or unreadable fails it.
    public func read() async -> DeviceStatus {
        let facts = try? ConfigLoader(paths).load().configuration
        let failed = await failedUnits()
        return DeviceStatus(
            image: facts.map { "\($0.image.name) \($0.image.version)" },
            uptime: line("/proc/uptime").flatMap { Double($0.prefix { $0 != " " }) }.map { Int($0) },
            hypervisor: await hypervisor(), boot: BootFacts(commandLine: line("/proc/cmdline") ?? ""),
            stateEncryption: facts?.state.encryption, stateIsEncrypted: stateIsEncrypted(), batteries: batteries(),
            failedUnits: failed?.count, failedUnitNames: failed ?? [])
    }

    /// The first line of a small file, without trailing blanks.
    private func line(_ path: String) -> String? {
        guard let text = try? Files.text(paths.at(path), limit: 1 << 16) else { return nil }
        let line = text.prefix { $0 != "\n" }
        return line.isEmpty ? nil : String(line)
    }

    private func hypervisor() async -> DeviceStatus.Hypervisor? {
        guard line("/sys/hypervisor/type") == "xen", let major = line("/sys/hypervisor/version/major"),
            let minor = line("/sys/hypervisor/version/minor")
        else { return nil }
        let version = major + "." + minor + (line("/sys/hypervisor/version/extra") ?? "")
        var info: [String: String] = [:]
        if let result = await run("xl", ["info"]) { info = StatusReader.parseInfo(result) }
        return DeviceStatus.Hypervisor(
            version: version, memory: info["total_memory"].flatMap { Int($0) },
            freeMemory: info["free_memory"].flatMap { Int($0) }, cpus: info["nr_cpus"].flatMap { Int($0) },
            scheduler: info["xen_scheduler"])
    }

    /// Reads the `name : value` lines of `xl info`.
    static func parseInfo(_ text: String) -> [String: String] {
        var info: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            info[parts[0].trimmed] = parts[1].trimmed
        }
        return info
    }

    /// Looks whether the device that holds `/var` is a device-mapper crypt target: its `dm/uuid` begins with `CRYPT-`
    /// (cryptsetup), its own or that of a device underneath (LVM on LUKS).
    private func stateIsEncrypted() -> Bool? {
        guard let mounts = try? Files.text(paths.at("/proc/self/mountinfo"), limit: 1 << 20),
            let device = StatusReader.deviceNumber(of: "/var", mountinfo: mounts)
        else { return nil }
        var todo = [device]
        var seen: Set<String> = []
        while let number = todo.popLast(), seen.count < 64 {
            guard seen.insert(number).inserted else { continue }
            let directory = "/sys/dev/block/\(number)"
            guard Files.exists(paths.at(directory)) else { continue }
            if line(directory + "/dm/uuid")?.hasPrefix("CRYPT-") == true { return true }
            for name in names(directory + "/slaves") {
                if let next = line(directory + "/slaves/\(name)/dev") { todo.append(next) }
            }
        }
        return seen.isEmpty ? nil : false
    }

    /// The `major:minor` of the last mount on a mount point (proc_pid_mountinfo(5)).
    static func deviceNumber(of mountPoint: String, mountinfo: String) -> String? {
        var found: String?
        for line in mountinfo.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count > 5, fields[4] == mountPoint { found = String(fields[2]) }
        }
        return found
    }

    private func batteries() -> [DeviceStatus.Battery] {
        names("/sys/class/power_supply").compactMap { name in
            let directory = "/sys/class/power_supply/\(name)"
            // Batteries of mice and pens have the scope Device.
            guard line(directory + "/type") == "Battery", line(directory + "/scope") != "Device" else { return nil }
            let told = line(directory + "/capacity").flatMap { Int($0) }
            // Some batteries tell more than all.
            let percent = told.flatMap { (0...100).contains($0) ? $0 : nil }
            return DeviceStatus.Battery(name: SafeText.printable(name), percent: percent)
        }
    }

    private func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: paths.at(path).string)) ?? []).sorted()
    }

    private func failedUnits() async -> [String]? {
        guard let text = await run("systemctl", ["list-units", "--failed", "--plain", "--no-legend", "--no-pager"])
        else { return nil }
        return text.split(separator: "\n").compactMap { $0.split(separator: " ").first.map { String($0) } }.sorted()
    }

    private func run(_ program: String, _ arguments: [String]) async -> String? {
        let command = Command(
            program, arguments, environment: ["LC_ALL": "C.UTF-8"], timeLimit: .seconds(5))
        guard let result = try? await runner?.run(command), result.succeeded else { return nil }
        return result.text
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
