// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// The version of the programs.
public enum LapwingVersion {
    /// The version as text; all programs of one source tree carry the same.
    public static let text = "0.1.0"
}

/// How every program ends: errors for the person on standard error, their exit status, and a plain word about bugs.
public enum Program {
    /// Runs a program's work and turns what it throws into an exit status, its message printed.
    public static func run(_ body: () async throws -> Void) async -> ExitStatus {
        do {
            try await body()
            return .success
        } catch {
            return report(error)
        }
    }

    /// Prints an error on standard error and returns its exit status.
    public static func report(_ error: any Error) -> ExitStatus {
        switch error {
        case let error as LapwingError:
            write(error.description)
            return error.exit
        case let errors as LapwingErrors:
            write(errors.description)
            return errors.exit
        case let errno as Errno:
            write("error: \(errno.description)\n  code: system")
            return .inputOutput
        default:
            write("error: Something went wrong that should not be able to. This is a bug.\n  cause: \(error)")
            return .failure
        }
    }

    private static func write(_ text: String) {
        _ = try? FileDescriptor.standardError.writeAll(Array((SafeText.printableLines(text) + "\n").utf8))
    }
}
