// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
public import DomainDefinitions

/// What the daemon tells of a domain; it travels as JSON over the control socket.
public struct DomainReport: Codable, Sendable, Hashable {
    /// Its name.
    public var name: String
    /// `running`, `paused`, `starting`, `stopping`, `stopped` or `crashed`.
    public var state: String
    /// Why, when there is more to say.
    public var reason: String?
    /// Xen's number for it, while it is there.
    public var id: Int?
    /// Its UUID, once it has one.
    public var uuid: String?
    /// Where its definition comes from; nil for a domain nobody here defined.
    public var origin: DomainDefinition.Origin?
    /// The file of the definition.
    public var file: String?
    /// What it is defined as.
    public var settings: DomainSettings?
    /// Its memory in Xen, in MiB.
    public var memory: Int?
    /// Its virtual CPUs in Xen.
    public var vcpus: Int?
    /// Processor seconds it has used.
    public var seconds: Double?
    /// How often the daemon restarted it by itself lately.
    public var restarts: Int
    /// Images made for it, by the disk's name.
    public var images: [String: String]
    /// The socket its screen is shown on.
    public var screen: String?
}

/// Something that happened to a domain.
public struct DomainEvent: Codable, Sendable, Hashable {
    /// What, such as `domain.started`.
    public var name: String
    /// The domain.
    public var domain: String
    /// When, in seconds since 1970.
    public var time: Double
    /// Why, or how it went.
    public var reason: String?
    /// The user id of who asked; nil when nobody did.
    public var user: UInt32?
    /// True for what somebody should look at.
    public var bad: Bool
}
