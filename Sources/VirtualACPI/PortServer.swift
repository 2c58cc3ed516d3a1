// SPDX-License-Identifier: Apache-2.0

/// Where accesses come from and the line goes to: Xen, or a test.
public protocol PortServer {
    /// Readable when something came.
    var events: Int32 { get }
    /// How many virtual CPUs there are, each with at most one request at a time.
    var processors: Int { get }
    /// True when an earlier process served the domain and left its requests behind.
    var continues: Bool { get }
    /// Takes what `events` told of off it. To be called when it is readable only.
    func drain() throws(ACPIError)
    /// The request of a virtual CPU, also one that an earlier process took and did not answer; nil when it has none.
    func take(_ processor: Int) -> PortRequest?
    /// Answers a request that was taken.
    func answer(_ processor: Int, _ value: UInt64) throws(ACPIError)
    /// Tells every virtual CPU that something was answered: an earlier process may have ended before it did.
    func wakeAll() throws(ACPIError)
    /// Raises or lowers the interrupt line.
    func setLine(_ up: Bool) throws(ACPIError)
    /// Gives the ports up, so that nobody waits for an answer. Only for a server that was never ready.
    func withdraw()
    /// False when the domain, or what it is served by, is gone.
    func isThere() -> Bool
}

/// What a virtual CPU waits for.
public enum PortRequest: Sendable, Hashable {
    /// An access to ports.
    case access(PortAccess)
    /// Something else that wants an answer and no more, such as a word to forget mappings of the guest's memory.
    case other
}
