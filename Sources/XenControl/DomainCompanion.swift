// SPDX-License-Identifier: Apache-2.0

/// Who gives domains their devices, as the one who makes domains needs it.
public protocol DomainCompanion: Sendable {
    /// True when PCI devices can be given to domains here: an IOMMU is in use.
    func canGiveFunctions() async -> Bool
    /// Throws when the domain must not start, before anything is made.
    func mayStart(_ domain: String) async throws
    /// The domain is there and paused: its devices join. Throws when one fails that it cannot do without.
    func join(_ domain: String) async throws
    /// A domain came or went.
    func domainsChanged() async
}
