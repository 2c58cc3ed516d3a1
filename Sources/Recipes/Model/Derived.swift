// SPDX-License-Identifier: Apache-2.0

extension Recipe {
    /// What the root is resolved from: the packages of dom0, the kernel and the hypervisor, sorted, each once.
    public var rootPackages: [String] {
        var names = Set(dom0.packages)
        names.insert(dom0.kernel)
        if hypervisor.source == .debian { names.insert(hypervisor.package) }
        names.remove("")
        return names.sorted()
    }

    /// Xen's command line options, in order: what the recipe's keys say, then its own `options`.
    public var xenOptions: [String] {
        let memory = dom0.memory.bytes >> 20
        var options = ["dom0_mem=\(memory)M,max:\(memory)M", "dom0_max_vcpus=\(dom0.vcpus)"]
        options.append("sched=\(hypervisor.scheduler.rawValue)")
        if let slop = power.timerSlop { options.append("timer_slop=\(slop)") }
        return options + hypervisor.options
    }
}
