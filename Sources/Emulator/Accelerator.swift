// SPDX-License-Identifier: Apache-2.0

/// How the emulated machine's processor runs.
public enum Accelerator: String, Sendable, Hashable, Codable, CaseIterable {
    /// On the host's own processor, through `/dev/kvm`.
    case kvm
    /// In QEMU's translator; works everywhere and is slower by an order of magnitude.
    case tcg

    /// The value of `-accel`.
    var argument: String {
        switch self {
        case .kvm: "kvm"
        case .tcg: "tcg,thread=multi"
        }
    }

    /// The value of `-cpu`. Under TCG, `qemu64` with SVM and nested paging runs Xen and its HVM guests; `max` offers
    /// features with which a PV dom0 crashes. What is added beyond that is for the sake of time, and laptops have it as
    /// well: without a random generator the kernel's is late, and without the extensions for SHA and AES each verified
    /// block and each block of the state is calculated in single emulated instructions. A start takes 12 % less so.
    func processor(_ architecture: Machine.Architecture) -> String {
        switch (self, architecture) {
        case (.kvm, _): "host"
        case (.tcg, .x86_64):
            "qemu64,+svm,+npt,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt,+aes,+pclmulqdq,+sha-ni"
        case (.tcg, .arm64): "cortex-a57"
        }
    }
}
