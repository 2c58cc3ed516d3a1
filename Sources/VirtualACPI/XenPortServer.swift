// SPDX-License-Identifier: Apache-2.0

import CXen
import Glibc

/// An I/O request server of Xen for the ports of `PowerDevice` in one domain.
///
/// Xen keeps the server when the process that made it ends, with the requests that were not answered; the virtual CPUs
/// wait. The next process finds it by its ports and goes on. Only the domain's end destroys it.
public final class XenPortServer: PortServer {
    /// ACPI's interrupt line in an HVM guest: the SCI.
    private static let line: UInt8 = 9

    private let domain: UInt16
    private let model: OpaquePointer
    private let memory: OpaquePointer
    private let channels: OpaquePointer
    private var mapping: OpaquePointer?
    private var page: UnsafeMutableRawPointer?
    private var ports: [UInt32] = []
    private var id: UInt16 = 0
    /// True when an earlier process made the server.
    public private(set) var continues = false

    /// Makes the server, or takes up the one an earlier process made, and limits this process to the domain.
    /// `acpi.gone` when there is no such domain.
    public init(domain: UInt16) throws(ACPIError) {
        self.domain = domain
        func need(_ handle: OpaquePointer?, _ what: String) throws(ACPIError) -> OpaquePointer {
            guard let handle else { throw ACPIError("acpi.xen", what, errno) }
            return handle
        }
        let model = try need(xendevicemodel_open(nil, 0), "/dev/xen/privcmd")
        let memory: OpaquePointer
        do {
            memory = try need(xenforeignmemory_open(nil, 0), "/dev/xen/privcmd")
        } catch {
            xendevicemodel_close(model)
            throw error
        }
        do {
            channels = try need(xenevtchn_open(nil, 0), "/dev/xen/evtchn")
        } catch {
            xenforeignmemory_close(memory)
            xendevicemodel_close(model)
            throw error
        }
        (self.model, self.memory) = (model, memory)
        // From here on `deinit` closes what is open.
        if let found = try find() {
            (id, continues) = (found, true)
            try begin()
        } else {
            id = UInt16(
                truncatingIfNeeded: try ACPIError.check(
                    Int64(lapwing_xen_server_make(model, domain)), "Xen makes no server for the domain's ports"))
            do {
                try begin()
            } catch {
                // Nobody would answer what the guest asks.
                _ = lapwing_xen_server_drop(model, domain, id)
                throw error
            }
        }
    }

    deinit {
        if let mapping { _ = xenforeignmemory_unmap_resource(memory, mapping) }
        xenevtchn_close(channels)
        xenforeignmemory_close(memory)
        xendevicemodel_close(model)
    }

    /// The server that has the ports already: a range cannot be added to a server twice. Other servers, QEMU's among
    /// them, get the range for a moment, in which ours answers still.
    private func find() throws(ACPIError) -> UInt16? {
        let (first, last) = (PowerDevice.window.lowerBound, PowerDevice.window.upperBound)
        for id in (0..<UInt16(LAPWING_XEN_SERVERS)).reversed() {
            switch lapwing_xen_ports_add(model, domain, id, first, last) {
            case -EEXIST: return id
            case -ESRCH: throw .gone
            case 0:
                try ACPIError.check(
                    Int64(lapwing_xen_ports_remove(model, domain, id, first, last)),
                    "Xen does not take ports away from another server")
            default: continue
            }
        }
        return nil
    }

    private func begin() throws(ACPIError) {
        var code: Int32 = 0
        mapping = lapwing_xen_requests_map(memory, domain, id, &page, &code)
        try ACPIError.check(Int64(code), "the page of requests cannot be mapped")
        guard let page else { throw ACPIError("acpi.xen", "the page of requests is nowhere") }
        for range in PowerDevice.ranges {
            let result = lapwing_xen_ports_add(model, domain, id, range.lowerBound, range.upperBound)
            if result != -EEXIST { try ACPIError.check(Int64(result), "Xen does not give the ports") }
        }
        try ACPIError.check(Int64(lapwing_xen_server_start(model, domain, id)), "the server does not start")
        for slot in 0..<lapwing_xen_slots() {
            let offered = lapwing_xen_slot_event(page, slot)
            if offered == 0 { break }
            let port = try ACPIError.check(
                lapwing_xen_event_bind(channels, UInt32(domain), offered), "an event channel cannot be bound")
            ports.append(UInt32(truncatingIfNeeded: port))
        }
        guard !ports.isEmpty else { throw ACPIError("acpi.xen", "the domain has no virtual CPU") }
        try ACPIError.check(Int64(lapwing_xen_restrict(domain)), "this process cannot be limited to the domain")
    }

    /// Readable when something came.
    public var events: Int32 { xenevtchn_fd(channels) }
    /// How many virtual CPUs have a request.
    public var processors: Int { ports.count }

    /// Takes one event, and lets its channel tell again.
    public func drain() throws(ACPIError) {
        let port = lapwing_xen_event_take(channels)
        if port == -Int64(EAGAIN) || port == -Int64(EINTR) { return }
        try ACPIError.check(port, "/dev/xen/evtchn")
        try ACPIError.check(
            Int64(lapwing_xen_event_unmask(channels, UInt32(truncatingIfNeeded: port))), "/dev/xen/evtchn")
    }

    /// A copy of the request.
    public func take(_ processor: Int) -> PortRequest? {
        guard let page, ports.indices.contains(processor) else { return nil }
        let request = lapwing_xen_slot_take(page, UInt32(processor))
        guard request.state == UInt8(STATE_IOREQ_READY) || request.state == UInt8(STATE_IOREQ_INPROCESS) else {
            return nil
        }
        guard request.type == UInt8(IOREQ_TYPE_PIO) else { return .other }
        return .access(
            PortAccess(
                port: request.address, size: request.size, isWrite: request.reads == 0, value: request.data,
                count: request.count, isPointer: request.points != 0))
    }

    /// Answers, and wakes the virtual CPU.
    public func answer(_ processor: Int, _ value: UInt64) throws(ACPIError) {
        guard let page, ports.indices.contains(processor) else { return }
        lapwing_xen_slot_answer(page, UInt32(processor), value)
        try ACPIError.check(Int64(lapwing_xen_event_send(channels, ports[processor])), "/dev/xen/evtchn")
    }

    /// Wakes all virtual CPUs; one that waits for nothing does not mind.
    public func wakeAll() throws(ACPIError) {
        for port in ports {
            try ACPIError.check(Int64(lapwing_xen_event_send(channels, port)), "/dev/xen/evtchn")
        }
    }

    /// ISA interrupt 9 of the domain.
    public func setLine(_ up: Bool) throws(ACPIError) {
        try ACPIError.check(
            Int64(lapwing_xen_line(model, domain, Self.line, up ? 1 : 0)), "Xen does not set the interrupt line")
    }

    /// Destroys the server.
    public func withdraw() { _ = lapwing_xen_server_drop(model, domain, id) }

    /// Asks Xen for the server.
    public func isThere() -> Bool { lapwing_xen_server_there(model, domain, id) == 0 }
}
