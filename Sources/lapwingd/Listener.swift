// SPDX-License-Identifier: Apache-2.0

import CLinux
import LapwingCore
import SystemPackage

/// The listening socket: the one systemd hands over (sd_listen_fds(3): descriptor 3), or one made here.
struct Listener {
    /// The descriptor.
    let descriptor: CInt
    /// The path to remove at the end; nil when the socket is systemd's.
    let ownPath: FilePath?

    init(environment: [String: String], path: FilePath, group: String, progress: any Progress) throws {
        if environment["LISTEN_PID"] == String(lapwing_process_id()), environment["LISTEN_FDS"] == "1" {
            descriptor = 3
            ownPath = nil
            return
        }
        try Files.makeDirectory(path.removingLastComponent())
        let id = lapwing_group_id(group)
        if id < 0 {
            progress.warning("there is no group \(group); only the daemon's own user may talk to it")
        }
        // The mode gives the group its access only when it is the right group.
        let raw = lapwing_socket_listen(path.string, id < 0 ? 0o600 : 0o660, id < 0 ? -1 : CInt(id))
        guard raw >= 0 else {
            let errno = Errno(rawValue: -raw)
            throw LapwingError(
                errno == .addressInUse ? "daemon.running" : "daemon.no-socket",
                exit: errno == .addressInUse ? .busy : errno == .permissionDenied ? .notPermitted : .inputOutput,
                errno == .addressInUse ? "Another daemon serves this socket." : "The socket could not be made.",
                subject: path.string, cause: errno.description)
        }
        descriptor = raw
        ownPath = path
    }
}
