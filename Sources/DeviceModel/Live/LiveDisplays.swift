// SPDX-License-Identifier: Apache-2.0

import CLibDRM
public import DeviceFacts
import SystemPackage

/// The connectors of graphics adapters as their drivers tell them now, by libdrm: with picture rates, which sysfs lacks.
public enum LiveDisplays {
    /// The connectors of a card such as `card0`, by name; nil when it cannot be opened or has no mode setting. The
    /// screens are not probed anew: what the driver knows is told, and nothing flickers.
    public static func connectors(card: String) -> [DisplayConnector]? {
        guard SystemTree.isPlain(card),
            let file = try? FileDescriptor.open(FilePath("/dev/dri/" + card), .readWrite, options: .closeOnExec)
        else { return nil }
        defer { try? file.close() }
        guard let resources = drmModeGetResources(file.rawValue) else { return nil }
        defer { drmModeFreeResources(resources) }
        return (0..<Int(max(0, resources.pointee.count_connectors))).compactMap { index in
            guard let id = resources.pointee.connectors?[index],
                let connector = drmModeGetConnectorCurrent(file.rawValue, id)
            else { return nil }
            defer { drmModeFreeConnector(connector) }
            return describe(connector.pointee)
        }.sorted { $0.name < $1.name }
    }

    private static func describe(_ connector: drmModeConnector) -> DisplayConnector {
        let type = drmModeGetConnectorTypeName(connector.connector_type).map { String(cString: $0) } ?? "Unknown"
        var result = DisplayConnector(name: "\(type)-\(connector.connector_type_id)")
        switch connector.connection {
        case DRM_MODE_CONNECTED: result.status = .connected
        case DRM_MODE_DISCONNECTED: result.status = .disconnected
        default: result.status = .unknown
        }
        result.enabled = connector.encoder_id != 0
        for index in 0..<Int(max(0, min(connector.count_modes, 512))) {
            guard let mode = connector.modes?[index] else { break }
            let total = Int(mode.htotal) * Int(mode.vtotal)
            // The clock is in kHz.
            result.modes.append(
                DisplayMode(
                    width: Int(mode.hdisplay), height: Int(mode.vdisplay),
                    millihertz: total > 0 ? Int(mode.clock) * 1_000_000 / total : nil))
        }
        return result
    }
}
