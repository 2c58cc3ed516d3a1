// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage

/// Looks into directories, for suggestions only.
enum Directory {
    /// The names in a directory, sorted; none when it cannot be read.
    static func names(_ path: FilePath) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path.string)) ?? []).sorted()
    }
}
