// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import LapwingCore
import SystemPackage

/// The temperature of the hottest place that dom0 can see: its thermal zones (`/sys/class/thermal`) and the sensors of its
/// devices (`/sys/class/hwmon`), both in thousandths of a degree Celsius (Linux, Documentation/hwmon/sysfs-interface.rst).
/// The processor's own sensors are Xen's, so on many machines only the firmware's zones are there.
public struct Thermometer: Sendable {
    private let paths: DevicePaths
    /// What is below or above is a sensor that is not connected, or a lie.
    static let believable = -40_000...150_000
    static let sensorLimit = 256

    /// A thermometer over the kernel's files under a root.
    public init(_ paths: DevicePaths) {
        self.paths = paths
    }

    /// The temperature in whole degrees Celsius, rounded down; nil when no sensor says anything believable.
    public func hottest() -> Int? {
        var sensors: [FilePath] = []
        for (directory, zone) in [("/sys/class/thermal", true), ("/sys/class/hwmon", false)] {
            let base = paths.at(directory)
            for name in names(base) where name.hasPrefix(zone ? "thermal_zone" : "hwmon") {
                if zone {
                    sensors.append(base.appending(name).appending("temp"))
                } else {
                    for input in names(base.appending(name))
                    where input.hasPrefix("temp") && input.hasSuffix("_input") {
                        sensors.append(base.appending(name).appending(input))
                    }
                }
            }
        }
        let read = sensors.prefix(Self.sensorLimit).compactMap(thousandths)
        return read.max().map { Int((Double($0) / 1000).rounded(.down)) }
    }

    private func names(_ directory: FilePath) -> [String] {
        ((try? Files.names(in: directory)) ?? []).sorted()
    }

    private func thousandths(_ path: FilePath) -> Int? {
        guard let bytes = try? Files.read(path, limit: 4096) else { return nil }
        let text = ToolText.trimmed(Substring(String(decoding: bytes, as: UTF8.self).prefix { !$0.isNewline }))
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard let number = Digits.number(digits) else { return nil }
        let value = text.hasPrefix("-") ? -number : number
        return Self.believable.contains(value) ? value : nil
    }
}
