// SPDX-License-Identifier: Apache-2.0

/// The exit codes every Lapwing program uses. They stand in each manual page.
///
/// The values above 63 are those of `sysexits.h`.
public enum ExitStatus: Int32, Sendable, Codable, CaseIterable {
    /// Done, or nothing to do.
    case success = 0
    /// The work failed.
    case failure = 1
    /// The command line could not be understood.
    case usage = 64
    /// An input file (recipe, lock, policy, image) is bad.
    case badInput = 65
    /// Something that is needed is not there: no Xen, no IOMMU, no tool.
    case unavailable = 69
    /// Reading or writing failed.
    case inputOutput = 74
    /// Busy; try again.
    case busy = 75
    /// Not permitted.
    case notPermitted = 77

    /// What the code means, as the manual pages print it.
    public var meaning: String {
        switch self {
        case .success: "done, or nothing to do"
        case .failure: "the work failed"
        case .usage: "the command line could not be understood"
        case .badInput: "an input file is bad"
        case .unavailable: "something that is needed is not there"
        case .inputOutput: "reading or writing failed"
        case .busy: "busy; try again"
        case .notPermitted: "not permitted"
        }
    }
}
