// SPDX-License-Identifier: Apache-2.0

/// What of a package's documentation goes into a root.
public enum DocumentationPolicy: String, Sendable, Codable, Hashable, CaseIterable {
    /// Everything.
    case all
    /// The copyright files alone, which licences ask to be kept.
    case licences

    /// True when a package's path (no leading slash) stays out. Directories stay, so that links into them hold.
    public func leavesOut(_ path: String, isDirectory: Bool) -> Bool {
        guard self == .licences, path.hasPrefix("usr/share/"), !isDirectory else { return false }
        let parts = path.split(separator: "/")
        guard parts.count > 3 else { return false }
        switch parts[2] {
        case "doc": return parts.count > 4 && !parts[4].hasPrefix("copyright")
        case "man", "info", "lintian", "doc-base", "locale", "help", "bug": return true
        default: return false
        }
    }
}
