// SPDX-License-Identifier: Apache-2.0

import CLinux
import LapwingCore
import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// Puts another program in this one's place, so that the terminal is all its own.
enum ConsoleProgram {
    /// Returns only when that failed, with why.
    static func replaceSelf(_ words: [String]) -> LapwingError {
        let path = "/usr/sbin/" + (words.first ?? "")
        let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        let failed = lapwing_exec(path, arguments)
        return LapwingError(
            "domain.no-console", exit: .unavailable, "The console program could not be started.", subject: path,
            cause: Errno(rawValue: -failed).description)
    }
}
